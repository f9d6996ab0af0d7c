"""From labelled repetitions to arrays divided into blocks, and from estimates back to labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.ceilings.typed import Ceiling
from neuroalign.data.repetitions import to_showings
from neuroalign.data.streams import refuse_infinite
from neuroalign.errors import DataError, name_some
from neuroalign.numerics.blockwise import Blocks, Estimate, jackknife_error
from neuroalign.numerics.undefined import NO_REPETITIONS, TOO_FEW, flag_attributes

N_BLOCKS = 50  # where nobody says which stimuli belong together
CHUNK = 1_000_000  # values at a time: some ten arrays of 8 MB
ALL = "all repetitions"


@dataclass(frozen=True, eq=False)
class Divided:
    """Labels of stimuli in the order of their blocks.

    Parameters
    ----------
    labels : Index
    blocks : Blocks
        Of these labels.
    names : str array
        Of all blocks there are, in `labels` or not.
    place : int array
        Where each block of `blocks` stands in `names`.
    """

    labels: pd.Index
    blocks: Blocks
    names: np.ndarray
    place: np.ndarray


def divide(labels: np.ndarray, parts: pd.Series | None, blocks: pd.Series | None) -> Divided:
    """Put labels in the order of their parts and blocks; leave out those without either.

    Parameters
    ----------
    labels : str array
        Sorted and distinct.
    parts : Series, optional
        Label -> part, such as its fold; one part by default.
    blocks : Series, optional
        Label -> block of stimuli that are left out as one; by default about fifty stretches of the
        sorted labels, each within a part.
    """
    index = pd.Index(labels)
    for given in (parts, blocks):
        if given is not None:
            index = index[index.isin(given.dropna().index)]
    table = pd.DataFrame({"part": "" if parts is None else parts.loc[index]}, index=index)
    table["block"] = (_stretches(table["part"]) if blocks is None else blocks.loc[index]).astype(
        str
    )
    names = np.unique((table["block"] if blocks is None else blocks.dropna()).to_numpy(str))
    table = table.sort_values(["part", "block"], kind="stable")
    _, first, of_row = np.unique(table["block"], return_index=True, return_inverse=True)
    order = np.argsort(first)  # blocks in the order of their parts
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    part = np.unique(table["part"], return_inverse=True)[1]
    divided = Blocks(rank[of_row], part[np.sort(first)])
    if not np.array_equal(divided.part_of_row, part):
        split = table.groupby("block")["part"].nunique()
        several = split.index[split > 1]
        message = (
            f"{len(several)} blocks have stimuli in more than one part {name_some(several)}; a "
            "block lies within one part."
        )
        raise DataError(message)
    place = np.searchsorted(names, table["block"].to_numpy(str)[np.sort(first)])
    return Divided(table.index, divided, names, place)


def _stretches(part: pd.Series) -> pd.Series:
    """Cut the labels of each part into stretches, about fifty in all."""
    size = part.map(part.value_counts())
    n_blocks = np.minimum(size, np.maximum(np.rint(N_BLOCKS * size / max(len(part), 1)), 1))
    number: pd.Series = (part.groupby(part).cumcount() * n_blocks // size).astype(int)
    prefix = part.astype(str).where(part.astype(str) == "", part.astype(str) + "/")
    return prefix + number.map("{:02}".format).astype(str)  # also where there are none


@dataclass(frozen=True, eq=False)
class Rows:
    """Single responses as arrays, in the order of the blocks of their stimuli, and their labels.

    Parameters
    ----------
    values : array (showings, targets)
        As they were recorded; numbers of any kind.
    codes : int array (showings,)
        Number of the stimulus of each row, ascending.
    showings : DataArray
        The rows that the values are from.
    divided : Divided
    repetitions : str
        Which repetitions these are, in words.
    """

    values: np.ndarray
    codes: np.ndarray
    showings: xr.DataArray
    divided: Divided
    repetitions: str

    def ceiling(
        self, estimate: Callable[[np.ndarray, np.ndarray, Blocks], Estimate], **words: str
    ) -> Ceiling:
        """Estimate some columns at a time, and label the result.

        Parameters
        ----------
        estimate : callable
            Takes values (showings, some targets), codes and blocks.
        **words : str
            `method`, `bounds`, `role` and `of` of the ceiling.

        Returns
        -------
        Ceiling
        """
        n_targets = self.values.shape[1]
        if not len(self.codes) or np.bincount(self.codes).max() < 2:
            reason = NO_REPETITIONS if len(self.codes) else TOO_FEW
            found = undefined_estimate(n_targets, len(self.divided.blocks.part), reason)
        else:
            step = max(1, CHUNK // len(self.codes))
            some = (self.values[:, start : start + step] for start in range(0, n_targets, step))
            parts = [
                estimate(values.astype(float), self.codes, self.divided.blocks) for values in some
            ]
            found = Estimate(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))
        coords = {
            str(name): self.showings[name].values
            for name in ("neuroid", "time")
            if name in self.showings.dims
        }
        placed = self.divided.names, self.divided.place
        return labelled(found, coords, placed, repetitions=self.repetitions, **words)


def lay_out(recording: xr.DataArray, parts: pd.Series | None, blocks: pd.Series | None) -> Rows:
    """Lay out the single responses of a recording, and divide its stimuli into blocks."""
    showings = to_showings(recording)
    stimuli = showings["stimulus"].values.astype(str)
    divided = divide(np.unique(stimuli), parts, blocks)
    codes = divided.labels.get_indexer(pd.Index(stimuli))
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    showings = showings.isel(showing=order)
    values = showings.values
    refuse_infinite(values)
    repetitions = str(recording.attrs.get("repetitions", ALL))
    values = values.reshape(len(order), int(np.prod(values.shape[1:])))
    return Rows(values, codes[order], showings, divided, repetitions)


def undefined_estimate(n_targets: int, n_blocks: int, reason: int) -> Estimate:
    """Return an estimate that is undefined for one reason."""
    shape = (n_blocks, n_targets)
    return Estimate(
        np.full(n_targets, np.nan),
        np.full(shape, np.nan),
        np.zeros(shape),
        np.full(n_targets, reason, dtype=np.uint8),
    )


def labelled(
    found: Estimate,
    coords: dict[str, np.ndarray],
    placed: tuple[np.ndarray, np.ndarray],
    **words: str,
) -> Ceiling:
    """Put labels on an estimate.

    Parameters
    ----------
    found : Estimate
    coords : dict of str to array
        "neuroid", and "time" where there is one.
    placed : pair of arrays
        Names of all blocks, and where among them the blocks of the estimate stand.
    **words : str
        `method`, `bounds`, `role`, `repetitions` and `of`.
    """
    shape = [len(labels) for labels in coords.values()]
    error = jackknife_error(found.value, found.without, found.size)
    names, place = placed
    without = np.repeat(found.value[None], len(names), axis=0)
    without[place] = found.without  # other blocks hold nothing that could be left out

    def array(values: np.ndarray) -> xr.DataArray:
        return xr.DataArray(values.reshape(shape), coords, list(coords))

    return Ceiling(
        values=array(found.value),
        error=array(np.where(np.isfinite(found.value), error, np.nan)),
        without=xr.DataArray(
            without.reshape(-1, *shape),
            {"block": names, **coords},
            ["block", *coords],
        ),
        undefined=array(found.reason).assign_attrs(flag_attributes()),
        **words,
    )
