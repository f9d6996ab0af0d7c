"""Views: the parts of a dataset that are compared with a layer as a whole, such as IT of a subject.

A view holds responses (stimulus, neuroid, [time]), or dissimilarities where no responses exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.dissimilarities import column_dim, is_dissimilarities
from neuroalign.errors import DataError, unknown_name

SUBJECT = "subject"


@dataclass(frozen=True, eq=False, kw_only=True)
class View:
    """One part of a dataset.

    Parameters
    ----------
    levels : dict of str to str
        What sets it apart, as in ``{"subject": "m1", "roi": "IT"}``.
    labels : array of str (stimuli,)
        Sorted.
    values : float array (times, stimuli, neuroids) or (times, stimuli, stimuli)
        One time where there is no axis of time.
    paired : bool
        Tells that values are dissimilarities.
    neuroids : array of str
        Their labels; none of dissimilarities.
    n_neuroids : int
        0 where it is not known.
    left_out : tuple of str
        Neuroids with a response missing.
    """

    levels: Mapping[str, str]
    labels: np.ndarray
    values: np.ndarray
    paired: bool
    neuroids: np.ndarray
    n_neuroids: int
    left_out: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """Its levels, as in "m1/IT"."""
        return "/".join(self.levels.values())


def split_views(
    recordings: Mapping[str, xr.DataArray], by: str | Sequence[str] = (SUBJECT,)
) -> list[View]:
    """Split recordings into views.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> responses averaged over repetitions, or dissimilarities.
    by : str or sequence of str
        Coordinates whose levels get a view each, such as "roi"; "subject" always belongs to them.

    Returns
    -------
    list of View
        Neuroids that lack a response to a stimulus which others of the view have are left out.
    """
    if not isinstance(by, Iterable):
        message = f"by={by!r} is no coordinate; name one, as in by='roi', or several."
        raise DataError(message)
    names = [by] if isinstance(by, str) else list(by)
    names = list(dict.fromkeys([SUBJECT, *names]))
    return [
        view
        for subject, recording in recordings.items()
        for view in _views_of(subject, recording, names[1:])
    ]


def _views_of(subject: str, recording: xr.DataArray, names: list[str]) -> Iterator[View]:
    column = column_dim(recording)
    known = [str(name) for name, c in recording.coords.items() if c.dims == (column,)]
    for name in names:
        if name not in known:
            raise unknown_name(name, [SUBJECT, *known], kind="coordinate of recordings")
    n = recording.sizes[column]
    levels = pd.DataFrame({name: recording[name].values.astype(str) for name in names})
    groups = levels.groupby(names, sort=False).indices if names else {(): np.arange(n)}
    for rows in groups.values():
        own = {SUBJECT: subject, **{name: str(levels[name].iloc[rows[0]]) for name in names}}
        part = recording.isel({column: rows})
        yield (_of_pairs if is_dissimilarities(recording) else _of_responses)(own, part)


def _of_responses(levels: dict[str, str], part: xr.DataArray) -> View:
    part = part.transpose("stimulus", "neuroid", ...).sortby("stimulus")
    values = part.values.reshape(*part.shape[:2], -1)
    met = np.isfinite(values).any((1, 2))
    whole = np.isfinite(values[met]).all((0, 2))
    if not whole.any():
        message = (
            f"Every neuroid of view {'/'.join(levels.values())!r} lacks responses to some of its "
            f"{met.sum()} stimuli; select stimuli that all of some neuroids met."
        )
        raise DataError(message)
    return View(
        levels=levels,
        labels=part["stimulus"].values[met],
        values=np.moveaxis(values[met][:, whole], 2, 0),
        paired=False,
        neuroids=part["neuroid"].values[whole].astype(str),
        n_neuroids=int(whole.sum()),
        left_out=tuple(part["neuroid"].values[~whole].astype(str)),
    )


def _of_pairs(levels: dict[str, str], part: xr.DataArray) -> View:
    order = np.argsort(part["stimulus"].values)
    values = part.mean("rdm", skipna=True).values[np.ix_(order, order)]
    return View(
        levels=levels,
        labels=part["stimulus"].values[order],
        values=values[None],
        paired=True,
        neuroids=np.empty(0, dtype=str),
        n_neuroids=int(part["n_neuroids"].sum()) if "n_neuroids" in part.coords else 0,
    )
