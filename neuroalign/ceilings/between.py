"""Noise ceilings from how well other subjects tell the responses of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.ceilings.rows import ALL, Divided, divide, labelled
from neuroalign.ceilings.typed import ESTIMATES, LOWER, Ceiling, join
from neuroalign.data.repetitions import average_repetitions
from neuroalign.data.schema import row_dim
from neuroalign.numerics.blockwise import Estimate
from neuroalign.numerics.inter_subject import (
    Others,
    Standardized,
    correlate_with_mean,
    extrapolate,
    fit_of_curve,
    standardize,
)

N_SIZES, N_DRAWS = 5, 5  # numbers of other subjects that are tried, and how often each


@dataclass(frozen=True, eq=False)
class Aligned:
    """Averaged responses of subjects at the same rows, and which of their columns are the same.

    Parameters
    ----------
    averages : list of DataArray
    divided : Divided
        The rows.
    subjects : list of Standardized
    places : list of int array
        Of each subject: number of each column among all distinct ones.
    """

    averages: list[xr.DataArray]
    divided: Divided
    subjects: list[Standardized]
    places: list[np.ndarray]

    def others(self, subject: int, among: np.ndarray) -> Others:
        """Add up some subjects at the columns of one."""
        place = self.places[subject]
        shape = (len(self.divided.labels), len(place))
        total, squares, count = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=int)
        number = np.zeros(len(place), dtype=int)
        for other in among:
            _, here, there = np.intersect1d(place, self.places[other], return_indices=True)
            own = self.subjects[other]
            total[:, here] += own.values[:, there]
            squares[:, here] += own.values[:, there] ** 2
            count[:, here] += own.present[:, there]
            number[here] += own.present[:, there].any(0)
        return Others(total, squares, count, number)


def inter_subject(
    recordings: Mapping[str, xr.DataArray],
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
) -> Ceiling:
    """Correlate each neuroid with the mean of the same neuroid in the other subjects.

    A lower bound of the noise ceiling: with signal variance s that all N subjects share and noise
    variance e in each, it is sqrt(s / (s + e)) sqrt(s / (s + e / (N - 1))), where a perfect
    prediction reaches sqrt(s / (s + e)); what a subject does not share lowers it further. Responses
    are centered within parts and scaled to variance 1 first, since units differ between subjects.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> showings, events or stream. Neuroids are the same if their labels are, after
        the prefix of the subject; rows are matched by label too.
    parts : Series, optional
        Label of a stimulus or sample -> part, such as its fold. Rows without one are left out.
    blocks : Series, optional
        Label of a stimulus or sample -> block of those that are left out as one for the standard
        error; by default about fifty stretches of the sorted labels.

    Returns
    -------
    Ceiling
        Of correlation, within each part, averaged with their rows as weights. NaN where it is
        constant, or nobody else has it. The coordinate `n_others` of the values counts the subjects
        behind the mean; those in whom the neuroid is constant or missing are none of them.

    References
    ----------
    Nili et al. (2014), doi:10.1371/journal.pcbi.1003553.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> signal, labels = rng.normal(size=(200, 3)), [f"s{k:03}" for k in range(200)]
    >>> people = {name: na.make_recording(signal + rng.normal(size=(200, 3)),
    ...     ("stimulus", "neuroid"), subject=name, units="z", stimulus=labels, neuroid=range(3))
    ...     for name in ("ann", "bob", "eve")}
    >>> na.ceilings.inter_subject(people).role
    'lower bound'
    """
    aligned = _align(recordings, parts, blocks)
    found = [_leave_one_out(aligned, subject) for subject in range(len(aligned.subjects))]
    return join(
        [
            _ceiling(aligned, subject, estimate, others, method="inter_subject", role=LOWER)
            for subject, (estimate, others) in enumerate(found)
        ]
    )


def inter_subject_extrapolated(
    recordings: Mapping[str, xr.DataArray],
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
    seed: int = 0,
) -> Ceiling:
    """Extrapolate the inter-subject correlation to infinitely many other subjects.

    With signal variance S that all share and noise variance E of each one's own, the mean of s
    others correlates with a subject by r(s) = r / sqrt(1 + E / S / s). E / S is estimated from the
    others alone, r(s) is `inter_subject`, and r follows. What subjects do not share counts as
    noise: r is the best that a model of what they share can do, and one that is fitted to each
    subject may do better.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        As for `inter_subject`; of three subjects or more.
    parts : Series, optional
        Label of a stimulus or sample -> part, such as its fold. Rows without one are left out.
    blocks : Series, optional
        Label of a stimulus or sample -> block of those that are left out as one for the standard
        error; by default about fifty stretches of the sorted labels.
    seed : int
        Of the sets of subjects by which the fit is measured.

    Returns
    -------
    Ceiling
        Of correlation. NaN with fewer than two others, or where others share nothing. The
        coordinate `fit` of the values is the share of the variance of r(s) over numbers s of
        others, each the mean over random sets of them, that the formula explains; low where others
        differ much.

    References
    ----------
    Schrimpf et al. (2021), doi:10.1073/pnas.2105646118, extrapolate by v (1 - exp(-s / tau)), which
    levels off too soon; the form used here follows from signal and noise.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> signal, labels = rng.normal(size=(200, 3)), [f"s{k:03}" for k in range(200)]
    >>> people = {name: na.make_recording(signal + rng.normal(size=(200, 3)),
    ...     ("stimulus", "neuroid"), subject=name, units="z", stimulus=labels, neuroid=range(3))
    ...     for name in ("ann", "bob", "eve")}
    >>> round(float(na.ceilings.inter_subject_extrapolated(people).values.median()), 1)
    0.7
    """
    aligned = _align(recordings, parts, blocks)
    ceilings = []
    for subject, own in enumerate(aligned.subjects):
        estimate, others = _leave_one_out(aligned, subject)
        further, noise = extrapolate(own, others, aligned.divided.blocks, estimate)
        rng = np.random.default_rng([seed, 5, subject])
        fit = fit_of_curve(further.value, noise, *_curve(aligned, subject, rng))
        ceiling = _ceiling(
            aligned, subject, further, others, method="inter_subject_extrapolated", role=ESTIMATES
        )
        dims = ceiling.values.dims
        fitted = ceiling.values.assign_coords(fit=(dims, fit.reshape(ceiling.values.shape)))
        ceilings.append(replace(ceiling, values=fitted))
    return join(ceilings)


def _align(
    recordings: Mapping[str, xr.DataArray], parts: pd.Series | None, blocks: pd.Series | None
) -> Aligned:
    averages = [average_repetitions(recording) for recording in recordings.values()]
    met = [average[row_dim(average)].values.astype(str) for average in averages]
    known = np.unique(np.concatenate(met)) if parts is None else np.unique(parts.index)
    divided = divide(known, parts, blocks)
    subjects, places = [], []
    columns: dict[tuple, int] = {}
    for average, labels in zip(averages, met, strict=True):
        given = pd.Index(labels).get_indexer(divided.labels)
        values = average.values.reshape(len(labels), -1)[given]
        values[given < 0] = np.nan
        subjects.append(standardize(values, divided.blocks))
        names = [columns.setdefault(name, len(columns)) for name in _names(average)]
        places.append(np.array(names, dtype=int))
    return Aligned(averages, divided, subjects, places)


def _names(average: xr.DataArray) -> list[tuple]:
    """Return the label of each neuroid without its subject, and the time, of every column."""
    prefix = f"{average['subject'].item()}/"
    labels = [str(label).removeprefix(prefix) for label in average["neuroid"].values]
    times = average["time"].values.tolist() if "time" in average.dims else [None]
    return [(label, time) for label in labels for time in times]


def _leave_one_out(aligned: Aligned, subject: int) -> tuple[Estimate, Others]:
    among = np.delete(np.arange(len(aligned.subjects)), subject)
    others = aligned.others(subject, among)
    own = aligned.subjects[subject]
    return correlate_with_mean(own, others, aligned.divided.blocks), others


def _curve(
    aligned: Aligned, subject: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Correlate a subject with the means of random sets of the others, of several sizes."""
    among = np.delete(np.arange(len(aligned.subjects)), subject)
    sizes = np.unique(np.rint(np.geomspace(1, max(len(among), 1), N_SIZES)).astype(int))
    own, blocks = aligned.subjects[subject], aligned.divided.blocks
    observed = [
        np.mean(
            [
                correlate_with_mean(
                    own, aligned.others(subject, rng.permutation(among)[:size]), blocks
                ).value
                for _ in range(N_DRAWS if size < len(among) else 1)
            ],
            axis=0,
        )
        for size in sizes
    ]
    return sizes, np.array(observed)


def _ceiling(
    aligned: Aligned, subject: int, estimate: Estimate, others: Others, *, method: str, role: str
) -> Ceiling:
    average = aligned.averages[subject]
    coords = {str(dim): average[dim].values for dim in average.dims if dim in ("neuroid", "time")}
    repetitions = str(average.attrs.get("repetitions", ALL))
    ceiling = labelled(
        estimate,
        coords,
        (aligned.divided.names, aligned.divided.place),
        method=method,
        bounds="correlation",
        role=role,
        repetitions=repetitions,
    )
    n_others = others.number.reshape(len(coords["neuroid"]), -1).max(1)
    values = ceiling.values.assign_coords(n_others=("neuroid", n_others))
    return replace(ceiling, values=values)
