"""From recordings and predictions, matched by label, to the arrays of spiking measures and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from neuroalign.data.repetitions import to_showings
from neuroalign.data.row_table import WORDS
from neuroalign.data.schema import as_labels, is_showings, is_stream, repeated
from neuroalign.errors import DataError, name_some
from neuroalign.numerics.spiking import Measured, Repetitions, count_repetitions
from neuroalign.numerics.undefined import REASONS, flag_attributes

MANY = {**WORDS, "neuroid": "neuroids", "time": "times"}


@dataclass(frozen=True, eq=False)
class Matched:
    """Responses of one subject as arrays (showings or stimuli, targets), and their labels.

    Parameters
    ----------
    labels : mapping of str to array
        Of the rows ("stimulus" or "sample", sorted), "neuroid", and "time" where there is one.
    responses : Repetitions
    coords : mapping
        What the recording says of its neuroids and times.
    """

    labels: Mapping[str, np.ndarray]
    responses: Repetitions
    coords: Mapping[str, xr.Variable]

    @property
    def rows(self) -> str:
        """What the rows are: "stimulus" or "sample"."""
        return next(iter(self.labels))

    def columns(self, array: object, what: str) -> np.ndarray:
        """Return the values for these rows and targets of an array with the same dimensions.

        Parameters
        ----------
        array : DataArray
            Labels may be in any order, and more than those of the recording.
        what : str
            Its name, for messages.

        Returns
        -------
        float array (rows, targets)
        """
        values = self.values(array, what, set(self.labels))
        return values.reshape(len(values), -1)

    def values(self, array: object, what: str, dims: set[str]) -> np.ndarray:
        """Return the values of an array for the labels of these dimensions, in their order."""
        given = array.dims if isinstance(array, xr.DataArray) else ()
        if not isinstance(array, xr.DataArray) or set(given) != dims:
            needed = ", ".join(dim for dim in self.labels if dim in dims)
            of = type(array).__name__
            has = f"has the dimensions ({', '.join(map(str, given))})" if given else f"is a {of}"
            message = f"{what} {has}, but a DataArray ({needed}) is needed."
            raise DataError(message)
        order = [dim for dim in self.labels if dim in dims]
        places = [_places(array, dim, self.labels[dim], what) for dim in order]
        return np.asarray(array.transpose(*order).values, dtype=float)[np.ix_(*places)]

    def predicted(self, prediction: object) -> np.ndarray:
        """Return predictions (rows, targets), which may be NaN but not infinite."""
        values = self.columns(prediction, "The prediction")
        if n := int(np.isinf(values).sum()):
            message = f"{n} of {values.size} predictions are infinite; they must be numbers."
            raise DataError(message)
        return values

    def labelled(self, found: Measured, name: str, **attrs: object) -> xr.DataArray:
        """Put labels back on a measure of each target, with the reasons where it is undefined."""
        dims = [dim for dim in self.labels if dim != self.rows]
        shape = [len(self.labels[dim]) for dim in dims]
        return xr.DataArray(
            found.values.reshape(shape),
            {**self.coords, "undefined": (dims, found.reason.reshape(shape), flag_attributes())},
            dims,
            name=name,
            attrs={**attrs, "undefined": undefined_sentence(found.reason, self.names)},
        )

    @property
    def names(self) -> np.ndarray:
        """Label of the neuroid of each target."""
        n_times = len(self.labels.get("time", [None]))
        return np.repeat(self.labels["neuroid"], n_times)


def match_responses(recording: xr.DataArray) -> Matched:
    """Lay out the responses of one subject, single ones where the recording has them.

    Parameters
    ----------
    recording : DataArray
        Showings, events or a stream, with repetitions or averaged; an average counts for as many
        responses as the coordinate `n_repetitions` says, or one.

    Returns
    -------
    Matched
    """
    if not isinstance(recording, xr.DataArray) or "neuroid" not in recording.dims:
        kind = type(recording).__name__
        message = f"A {kind} is not a recording; give that of one subject, as make_recording does."
        raise DataError(message)
    rows = "sample" if is_stream(recording) else "stimulus"
    coords = {
        str(name): coord.variable
        for name, coord in recording.coords.items()
        if set(coord.dims) <= {"neuroid", "time"}
    }
    single = _has_single(recording)
    table = to_showings(recording) if single else recording.sortby(rows)
    values = np.asarray(table.values, dtype=float)
    values = values.reshape(len(values), -1)
    names = table["stimulus" if single else rows].values
    if not len(names) or np.isinf(values).any():
        fault = "is infinite" if len(names) else "is there"
        message = f"{'A' if len(names) else 'No'} response {fault}; use NaN for what is missing."
        raise DataError(message)
    labels, codes = np.unique(names, return_inverse=True)
    located: dict[str, np.ndarray] = {
        rows: labels,
        **{dim: recording[dim].values for dim in ("neuroid", "time") if dim in recording.dims},
    }
    responses = count_repetitions(values, codes)
    if not single:
        counts = _given_counts(table).reshape(values.shape)
        responses = responses._replace(counts=responses.counts * counts)
    return Matched(located, responses, coords)


def match_single(recording: xr.DataArray, what: str) -> Matched:
    """Lay out single responses, and refuse averages of several, which hide their noise."""
    matched = match_responses(recording)
    if (matched.responses.counts > 1).any() and not _has_single(recording):
        message = (
            f"{what} needs single responses, but these are averages over repetitions; give the "
            "recording as it was before average_repetitions."
        )
        raise DataError(message)
    return matched


def _has_single(recording: xr.DataArray) -> bool:
    return is_showings(recording) or "repetition" in recording.dims


def _given_counts(average: xr.DataArray) -> np.ndarray:
    """Return how many responses are behind each average; 1 where the recording does not say."""
    ones = xr.ones_like(average, dtype=int)
    if "n_repetitions" not in average.coords:
        return ones.values
    return (
        (ones * average["n_repetitions"].drop_vars("n_repetitions")).transpose(*average.dims).values
    )


def _places(array: xr.DataArray, dim: str, wanted: np.ndarray, what: str) -> np.ndarray:
    """Find labels on an axis; refuse where one is missing or there twice."""
    if dim not in array.indexes:
        message = f"{what} carries no {dim} labels, by which it is matched with the recording."
        raise DataError(message)
    index = array.indexes[dim]
    if dim != "time":
        index = type(index)(as_labels(index, dim))
    if twice := repeated(index):
        message = f"{what} has {len(twice)} {MANY[dim]} more than once {name_some(twice)}."
        raise DataError(message)
    places = index.get_indexer(wanted)
    if (missing := wanted[places < 0]).size:
        message = (
            f"{missing.size} of {len(wanted)} {MANY[dim]} of the recording are missing from "
            f"{what[0].lower() + what[1:]} {name_some(missing)}."
        )
        raise DataError(message)
    return places


def undefined_sentence(reason: np.ndarray, names: np.ndarray) -> str:
    """Count the values that are undefined, by reason, and name neuroids of each."""
    wrong = reason > 0
    parts = []
    for number in np.unique(reason[wrong]):
        here = dict.fromkeys(names[reason == number])
        words = REASONS[number].replace("_", " ")
        parts.append(f"{(reason == number).sum()} {words} {name_some(here)}")
    sentence = f"{wrong.sum()} of {reason.size} values are undefined"
    return f"{sentence}: {', '.join(parts)}" if parts else sentence
