"""How much of the explainable variance is predicted, and how much signal repetitions show."""

from __future__ import annotations

import xarray as xr

from neuroalign.errors import DataError
from neuroalign.metrics.single_responses import match_single
from neuroalign.numerics import signal_power as numerics


def feve(
    prediction: xr.DataArray, recording: xr.DataArray, *, fewest: float = 0.15
) -> xr.DataArray:
    """Compute the fraction of explainable variance explained (FEVE) of single responses.

    1 - (MSE - noise) / (total - noise). All N single responses weigh alike: MSE is the mean of
    their squared errors, total their variance, and noise the mean over stimuli, with weights
    k_i / N, of the variance of the k_i responses to stimulus i. A stimulus shown once takes the
    variance pooled over the others. The noiseless response reaches 1 on average, so that FEVE is
    normalized already, and not to be divided by a noise ceiling again.

    Parameters
    ----------
    prediction : DataArray (stimulus or sample, neuroid, [time])
    recording : DataArray
        Of one subject, with repetitions.
    fewest : float
        Share of explainable in total variance below which FEVE is undefined, as a ratio of noise.

    Returns
    -------
    DataArray (neuroid, [time])
        Not clipped. The coordinate `explainable` is that share, (total - noise) / total.

    References
    ----------
    Cadena et al. (2019), doi:10.1371/journal.pcbi.1006897.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(90, 9))
    >>> names = [f"s{number:02}" for number in range(90)]
    >>> layer = xr.DataArray(units, {"stimulus": names}, ("stimulus", "unit"))
    >>> recording = na.simulate.spikes(layer)
    >>> found = na.metrics.feve(recording.noiseless, recording)
    >>> round(float(found.median()), 1)
    1.0
    """
    if not 0 <= fewest < 1:
        message = f"fewest={fewest!r} is not a share of variance of 0 or more, and below 1."
        raise DataError(message)
    matched = match_single(recording, "feve")
    p = matched.predicted(prediction)
    found, explainable = numerics.explained_share(matched.responses, p, fewest=fewest)
    labelled = matched.labelled(found, "feve", of="single responses", fewest=fewest)
    share = (labelled.dims, explainable.reshape(labelled.shape))
    return labelled.assign_coords(explainable=share)


def cc_norm(prediction: xr.DataArray, recording: xr.DataArray) -> xr.DataArray:
    """Correlate predictions with averaged responses, relative to what their noise allows.

    cov(m, p) / sqrt(var(p) SP), m being the averages and SP the `signal_power`: r over the root of
    the share of signal in the variance of the averages. It is normalized already, and not to be
    divided by a noise ceiling again.

    Parameters
    ----------
    prediction : DataArray (stimulus or sample, neuroid, [time])
    recording : DataArray
        Of one subject, with repetitions.

    Returns
    -------
    DataArray (neuroid, [time])
        Signed and not clipped: beyond 1 by chance is beyond 1. Undefined where the signal power is
        not positive.

    References
    ----------
    Schoppe et al. (2016), doi:10.3389/fncom.2016.00010. Their code divides the covariance by the
    number of stimuli and the signal power by one less; here it is one less throughout.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(90, 9))
    >>> names = [f"s{number:02}" for number in range(90)]
    >>> layer = xr.DataArray(units, {"stimulus": names}, ("stimulus", "unit"))
    >>> recording = na.simulate.spikes(layer)
    >>> found = na.metrics.cc_norm(recording.noiseless, recording)
    >>> round(float(found.median()), 1)
    1.0
    """
    matched = match_single(recording, "cc_norm")
    found = numerics.normalized_correlation(matched.responses, matched.predicted(prediction))
    return matched.labelled(found, "cc_norm", of="averaged responses")


def signal_power(recording: xr.DataArray) -> xr.DataArray:
    """Estimate the variance over stimuli of the noiseless response.

    Variance of the averages, less the mean over stimuli of the variance of the noise that is left
    in them. For equal numbers of repetitions, whose numbering means nothing here, it is the
    estimate of Sahani & Linden averaged over all numberings. It is a variance, in squared units of
    the responses; `neuroalign.ceilings.signal_power` is the share of it in that of the averages,
    within folds, from repetitions that are numbered.

    Parameters
    ----------
    recording : DataArray
        Of one subject, with repetitions.

    Returns
    -------
    DataArray (neuroid, [time])
        Unbiased, hence below 0 for some neuroids without signal.

    References
    ----------
    Sahani & Linden (2003), How linear are auditory cortical responses? NIPS 15, 109-116.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, xarray as xr
    >>> units = np.random.default_rng(0).normal(size=(90, 9))
    >>> names = [f"s{number:02}" for number in range(90)]
    >>> layer = xr.DataArray(units, {"stimulus": names}, ("stimulus", "unit"))
    >>> recording = na.simulate.spikes(layer)
    >>> na.metrics.signal_power(recording).dims
    ('neuroid',)
    """
    matched = match_single(recording, "signal_power")
    units = f"({recording.attrs.get('units', 'unstated units')})^2"
    found = numerics.signal_power(matched.responses)
    return matched.labelled(found, "signal_power", of="noiseless responses", units=units)
