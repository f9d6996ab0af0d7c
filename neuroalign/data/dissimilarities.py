"""Make dissimilarities from arrays, and check them: the same labels on both sides, in one order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some

DIMS = ("rdm", "stimulus", "stimulus_other")

# What is less than this share of the largest dissimilarity of an RDM is rounding.
ROUNDING = 1e-6


def make_dissimilarities(
    values: ArrayLike,
    *,
    stimulus: Iterable[object],
    dissimilarity: str,
    subject: str | int | Sequence[str | int] | None = None,
    session: str | int | Sequence[str | int] | None = None,
    roi: str | Sequence[str] | None = None,
    attrs: Mapping[str, str] | None = None,
) -> xr.DataArray:
    """Label the dissimilarities of a subject, or of a model.

    Parameters
    ----------
    values : array (stimuli, stimuli), (RDMs, stimuli, stimuli), (pairs,) or (RDMs, pairs)
        Square, symmetric with a diagonal of 0; or condensed, with the pairs in the order of
        ``scipy.spatial.distance.squareform``. 3 x 3 values of three stimuli are read as square.
        NaN where a pair is missing. Estimates without bias, such as crossnobis, may be negative.
    stimulus : sequence of str or int
        Labels of the stimuli in the order of the values, which is kept.
    dissimilarity : str
        How they were measured, as in "correlation" or "crossnobis".
    subject : str or int, or a sequence of them, optional
        Whose they are, one for all or one for each RDM. Left out for the one RDM of a model.
    session, roi : str or int, or a sequence of them, optional
        One for all, or one for each RDM.
    attrs : mapping, optional
        Further facts.

    Returns
    -------
    DataArray (rdm, stimulus, stimulus_other)
        Of floats, no fewer than 32 bits each, and exactly symmetric. Those of a model are
        (stimulus, stimulus_other).

    Raises
    ------
    DataError
        If values are not symmetric, infinite, or not 0 on the diagonal, beyond rounding (a
        millionth of the largest); if labels repeat, or do not fit.

    Examples
    --------
    >>> import neuroalign as na
    >>> from neuroalign.data.dissimilarities import make_dissimilarities
    >>> it = make_dissimilarities([0.9, 1.1, 0.2], stimulus=["face", "house", "shop"],
    ...     dissimilarity="correlation", subject="m1", roi="IT")
    >>> it.sel(stimulus="house", stimulus_other="shop").item()
    0.2
    """
    if not isinstance(dissimilarity, str) or not dissimilarity.strip():
        message = (
            f"dissimilarity={dissimilarity!r} does not say how the values were measured; give a "
            "name, as in dissimilarity='correlation'."
        )
        raise DataError(message)
    if not isinstance(stimulus, Iterable):
        message = f"stimulus={stimulus!r} is no list of labels; give one for each stimulus."
        raise DataError(message)
    labels = as_labels(stimulus, "stimulus")
    if twice := repeated(labels):
        message = f"{len(twice)} stimulus labels occur more than once {name_some(twice)}."
        raise DataError(message)
    square = _squares(_numbers(values), len(labels))
    coords: dict[str, object] = {"stimulus": labels, "stimulus_other": labels}
    for name, given in (("subject", subject), ("session", session), ("roi", roi)):
        if given is not None:
            coords[name] = ("rdm", _one_each(name, given, len(square)))
    if attrs is not None and not isinstance(attrs, Mapping):
        message = (
            f"attrs={attrs!r} are no facts by name; give a mapping, as in {{'task': 'n-back'}}."
        )
        raise DataError(message)
    facts = {"dissimilarity": dissimilarity, **(attrs or {})}
    made = xr.DataArray(square, dims=DIMS, coords=coords, attrs=facts)
    if faults := asymmetries(made):
        message = f"Dissimilarities cannot be made: {'; '.join(faults)}."
        raise DataError(message)
    made.values = _without_rounding(square)
    return made if subject is not None else _of_model(made)


def is_dissimilarities(recording: xr.DataArray) -> bool:
    """Tell whether values are of pairs of stimuli, and there are no responses of neuroids."""
    return "stimulus_other" in recording.dims


def column_dim(recording: xr.DataArray) -> str:
    """Return the dimension that has regions: neuroid, or rdm of dissimilarities."""
    return "rdm" if is_dissimilarities(recording) else "neuroid"


def check_responses(recording: xr.DataArray) -> None:
    """Refuse dissimilarities where responses are averaged, split or scaled."""
    if is_dissimilarities(recording):
        message = (
            "Dissimilarities were given where responses of neuroids are needed; compare "
            "dissimilarities with na.rsa."
        )
        raise DataError(message)


def dissimilarity_label_faults(
    dissimilarities: xr.DataArray, dims: tuple[str, ...] = DIMS
) -> list[str]:
    """List what is wrong with the dimensions, labels and attributes; values are not read.

    Parameters
    ----------
    dissimilarities : DataArray
    dims : tuple of str
        Those that are needed; those of a model lack "rdm".
    """
    if dissimilarities.dims != dims:
        return [f"dimensions are {dissimilarities.dims}, but {dims} in this order are needed"]
    sides = dims[-2:]
    if missing := [name for name in sides if name not in dissimilarities.coords]:
        return [f"coordinate {name!r} is missing" for name in missing]
    faults = []
    one, other = (dissimilarities[name].values for name in sides)
    if twice := repeated(one):
        faults.append(f"{len(twice)} stimulus labels occur more than once {name_some(twice)}")
    if not np.array_equal(one, other):
        faults.append("labels of stimulus and stimulus_other are not the same, in one order")
    if "rdm" in dims and not _on_rdm(dissimilarities, "subject"):
        faults.append("coordinate 'subject' of the RDMs is missing")
    if not dissimilarities.attrs.get("dissimilarity"):
        faults.append("the attribute 'dissimilarity' (say 'correlation') is missing")
    return faults


def dissimilarity_value_faults(dissimilarities: xr.DataArray) -> list[str]:
    """List what is wrong with the values of labelled dissimilarities. Reads all of them."""
    faults = asymmetries(dissimilarities)
    pairs = np.stack([_pairs(values) for values in _stack(dissimilarities)])
    lowest = np.nanmin(pairs, 1, initial=np.inf)
    highest = np.nanmax(pairs, 1, initial=-np.inf)
    for word, bad in (
        ("hold no dissimilarity at all", np.isnan(pairs).all(1)),
        ("hold equal dissimilarities only", lowest == highest),
    ):
        if bad.any():
            faults.append(f"{bad.sum()} of {len(bad)} RDMs {word}")
    return faults


def asymmetries(dissimilarities: xr.DataArray) -> list[str]:
    """List what keeps values from being dissimilarities of each stimulus with each other."""
    names = dissimilarities["stimulus"].values
    values = _stack(dissimilarities)
    if infinite := int(np.isinf(values).sum()):
        return [f"{infinite} values are infinite; use NaN for what is missing"]
    limit = ROUNDING * np.nanmax(np.abs(values), (1, 2), keepdims=True, initial=0)
    faults = []
    diagonal = np.diagonal(values, axis1=1, axis2=2)
    if (bad := ~(np.abs(diagonal) <= limit[..., 0])).any():
        found = diagonal[bad]
        extent = "NaN" if np.isnan(found).all() else f"{np.nanmin(found):g} to {np.nanmax(found):g}"
        named = name_some(names[bad.any(0)])
        faults.append(f"{bad.sum()} values on the diagonal are {extent}, but 0 is needed {named}")
    gap = np.abs(values - values.swapaxes(1, 2))
    one_sided = np.isnan(values) != np.isnan(values.swapaxes(1, 2))
    if (bad := np.triu(one_sided | (gap > limit))).any():
        _, first, second = np.argwhere(bad)[0]
        by = f" by up to {np.nanmax(gap[bad]):g}" if not one_sided[bad].all() else ""
        faults.append(
            f"{bad.sum()} pairs differ between the two halves{by} "
            f"(first: {str(names[first])!r} and {str(names[second])!r})"
        )
    return faults


def count_missing(dissimilarities: xr.DataArray) -> tuple[int, int]:
    """Count the pairs that are NaN, and all pairs, over all RDMs."""
    pairs = np.stack([_pairs(values) for values in _stack(dissimilarities)])
    return int(np.isnan(pairs).sum()), pairs.size


def _numbers(values: ArrayLike) -> np.ndarray:
    try:
        data = np.asarray(values)
    except ValueError as error:
        message = "Dissimilarities are not a rectangular array; their rows differ in length."
        raise DataError(message) from error
    if data.dtype.kind not in "biuf":
        message = f"Dissimilarities are numbers, but values of type {data.dtype} were given."
        raise DataError(message)
    # Half precision has three digits, and ties what differs.
    return data if data.dtype.kind == "f" and data.dtype.itemsize > 2 else data.astype(float)


def _squares(data: np.ndarray, n_stimuli: int) -> np.ndarray:
    """Return dissimilarities as (RDMs, stimuli, stimuli)."""
    n_pairs = n_stimuli * (n_stimuli - 1) // 2
    shape = data.shape
    if n_stimuli > 1 and 0 not in shape:
        if shape[-2:] == (n_stimuli, n_stimuli) and len(shape) in (2, 3):
            return data.reshape(-1, n_stimuli, n_stimuli)
        if shape[-1:] == (n_pairs,) and len(shape) in (1, 2):
            square = np.zeros((data.size // n_pairs, n_stimuli, n_stimuli), dtype=data.dtype)
            first, second = np.triu_indices(n_stimuli, 1)
            square[:, first, second] = square[:, second, first] = data
            return square
    message = (
        f"Values of shape {shape} are not dissimilarities of {n_stimuli} stimuli; give "
        f"{n_stimuli} x {n_stimuli} of them for each RDM, or {n_pairs} pairs."
    )
    raise DataError(message)


def _one_each(name: str, given: str | int | Sequence[str | int], n_rdms: int) -> np.ndarray:
    """Return the label of each RDM; one that is given stands for all."""
    values = [given] * n_rdms if np.ndim(given) == 0 else list(cast(Sequence, given))
    if len(values) != n_rdms:
        message = f"{len(values)} labels of {name} were given for {n_rdms} RDMs; give one for each."
        raise DataError(message)
    return as_labels(values, name)


def _without_rounding(square: np.ndarray) -> np.ndarray:
    """Return a new array with both halves exactly equal, and a diagonal of 0."""
    with np.errstate(invalid="ignore"):  # at NaN of any bits
        even = (square + square.swapaxes(1, 2)) / 2
    even[:, range(even.shape[1]), range(even.shape[1])] = 0
    return even


def _of_model(made: xr.DataArray) -> xr.DataArray:
    if made.sizes["rdm"] > 1:
        message = (
            f"{made.sizes['rdm']} RDMs without a subject were given; pass subject=..., or the one "
            "RDM of a model."
        )
        raise DataError(message)
    for name in ("session", "roi"):
        if name in made.coords:
            message = (
                f"Dissimilarities of a model have no {name}; pass subject=... or leave it out."
            )
            raise DataError(message)
    return made.isel(rdm=0)


def _on_rdm(dissimilarities: xr.DataArray, name: str) -> bool:
    return name in dissimilarities.coords and dissimilarities[name].dims == ("rdm",)


def _stack(dissimilarities: xr.DataArray) -> np.ndarray:
    """Return the values as (RDMs, stimuli, stimuli), also those of a model."""
    with np.errstate(invalid="ignore"):  # at NaN of any bits, as damaged files hold it
        values = np.asarray(dissimilarities.values, dtype=float)
    return values.reshape(-1, *values.shape[-2:])


def _pairs(square: np.ndarray) -> np.ndarray:
    return square[np.triu_indices(len(square), 1)]
