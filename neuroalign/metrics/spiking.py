"""How well predicted rates describe spike counts: their likelihood, and their averages.

Predictions and recordings are matched by label. What is undefined is NaN; the coordinate
`undefined` holds the reason of each neuroid, and the attribute `undefined` counts them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.metrics.single_responses import Matched, match_responses
from neuroalign.numerics.spiking import Measured, average_r2, poisson_bits

EVALUATION = "evaluation"


def bits_per_spike(
    rates: xr.DataArray, counts: xr.DataArray, *, null: xr.DataArray | Literal["evaluation"]
) -> xr.DataArray:
    """Score predicted rates by the likelihood of spike counts, against a constant rate.

    (LL_model - LL_null) / (number of spikes x ln 2), with Poisson log likelihoods of single
    counts. Those of several counts that share a rate follow from their average and number alone,
    so that an averaged recording with the coordinate `n_repetitions` gives the same.

    Parameters
    ----------
    rates : DataArray (stimulus or sample, neuroid, [time])
        Expected counts, in the units of `counts`; 0 or more, as the Poisson mapping predicts.
    counts : DataArray
        Recording of one subject: spike counts; NaN where missing.
    null : DataArray (neuroid,) or "evaluation"
        Mean count of each neuroid in the training data. It may have the axes of the rows and of
        time too, where training data differ between folds. "evaluation" takes the mean of
        `counts` themselves, as Pei et al. do, which no model could know.

    Returns
    -------
    DataArray (neuroid, [time])
        0 is no better than the null, and below 0 worse. Undefined: without spikes in `counts`
        (silent_in_test); where a null of 0 meets a spike (silent_in_training), or a rate of 0 does
        (zero_rate_with_spikes), since minus infinity could not be averaged with anything; where a
        rate is missing though there is a count.

    References
    ----------
    Pillow et al. (2008), doi:10.1038/nature07140; Pei et al. (2021), arXiv:2109.04463.

    Examples
    --------
    >>> import neuroalign as na, xarray as xr
    >>> counts = na.make_recording([[1, 0], [3, 0]], ("stimulus", "neuroid"), subject="m1",
    ...     units="spikes", stimulus=["cat", "dog"], neuroid=["a", "b"])
    >>> null = xr.full_like(counts[0], 2, dtype=float)
    >>> na.metrics.bits_per_spike(counts, counts, null=null).undefined.values.tolist()
    [0, 5]
    """
    matched = match_responses(counts)
    return matched.labelled(
        bits_of(matched, matched.columns(rates, "The prediction"), _null_rates(matched, null)),
        "bits_per_spike",
        units="bits per spike",
        null="mean of the evaluated counts" if isinstance(null, str) else "as given",
    )


def bits_of(matched: Matched, rates: np.ndarray, null: np.ndarray) -> Measured:
    """Compute bits per spike of each target, and refuse what are no rates or counts."""
    responses = matched.responses
    for wrong, what, needed in (
        (
            (responses.averages < 0) & responses.shown,
            "responses are negative",
            "bits per spike needs spike counts, which are neither z-scored nor baseline-corrected",
        ),
        (
            (rates < 0) | np.isinf(rates),
            "predicted rates are negative or infinite",
            "bits per spike needs rates of 0 or more, which ridge does not give; use "
            "MappingEncoding(neuroalign.mappings.Poisson()), or psth_r2, feve and cc_norm",
        ),
        (
            ~((null >= 0) & np.isfinite(null)) & responses.shown,
            "rates of the null are negative or missing",
            "give the mean count of each neuroid in the training data",
        ),
    ):
        if wrong.any():
            names = dict.fromkeys(matched.names[wrong.any(0)])
            message = f"{wrong.sum()} of {wrong.size} {what} {name_some(names)}; {needed}."
            raise DataError(message)
    return poisson_bits(responses, rates, null)


def _null_rates(matched: Matched, null: object) -> np.ndarray:
    """Return the null for each row and target."""
    counts, averages = matched.responses.counts, matched.responses.averages
    if isinstance(null, str):
        if null != EVALUATION:
            raise unknown_name(null, [EVALUATION], kind="null")
        mean = (counts * averages).sum(0) / np.maximum(counts.sum(0), 1)
        return np.broadcast_to(mean, counts.shape)
    if not isinstance(null, xr.DataArray):
        message = (
            f"null={null!r} is no DataArray (neuroid,); give the mean count in the training data, "
            "as in na.average_repetitions(training).mean('stimulus')."
        )
        raise DataError(message)
    dims = {str(dim) for dim in null.dims} & set(matched.labels) | {"neuroid"}
    values = matched.values(null, "The null", dims)
    shape = [len(labels) if dim in dims else 1 for dim, labels in matched.labels.items()]
    full = [len(labels) for labels in matched.labels.values()]
    return np.broadcast_to(values.reshape(shape), full).reshape(counts.shape)


def psth_r2(prediction: xr.DataArray, recording: xr.DataArray) -> xr.DataArray:
    """Compute R2 of predicted rates against averaged responses (the PSTH), noise included.

    1 - squared error / squared deviation of the averages from their mean. Every stimulus counts
    once, whatever its number of repetitions. Noise in the averages keeps a perfect prediction
    below 1.

    Parameters
    ----------
    prediction : DataArray (stimulus or sample, neuroid, [time])
    recording : DataArray
        Of one subject, with repetitions or averaged.

    Returns
    -------
    DataArray (neuroid, [time])

    References
    ----------
    Pei et al. (2021), arXiv:2109.04463.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> recording = na.make_recording(np.eye(3), ("stimulus", "neuroid"), subject="m1",
    ...     units="spikes", stimulus=["cat", "cow", "dog"], neuroid=["a", "b", "c"])
    >>> na.metrics.psth_r2(recording, recording).values.tolist()
    [1.0, 1.0, 1.0]
    """
    matched = match_responses(recording)
    found = average_r2(matched.responses, matched.predicted(prediction))
    return matched.labelled(found, "psth_r2", of="averaged responses")
