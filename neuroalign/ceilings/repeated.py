"""Noise ceilings of averaged responses, from their repetitions.

They estimate the share of signal in the variance of the averages: a perfect prediction of the
noiseless response reaches r = sqrt(ceiling).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.ceilings.rows import Rows, lay_out
from neuroalign.ceilings.typed import ESTIMATES, Ceiling
from neuroalign.data.repetitions import to_showings, zscore
from neuroalign.errors import DataError, name_some
from neuroalign.numerics.blockwise import Blocks, Estimate
from neuroalign.numerics.reliability import anova_share, ncsnr_share
from neuroalign.numerics.repetition_pairs import signal_power_share
from neuroalign.numerics.split_half import draw_splits, split_half_share
from neuroalign.numerics.undefined import CEILING_NOT_POSITIVE, DEFINED

N_SPLITS = 100
OF_VARIANCE = {"bounds": "variance", "role": ESTIMATES}


def split_half(
    recording: xr.DataArray,
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
    n_splits: int = N_SPLITS,
    n_parts: int = 2,
    seed: int = 0,
) -> Ceiling:
    """Estimate the noise ceiling from the correlation of random halves of the repetitions.

    The correlation within each part of the stimuli is averaged over parts, as scores are over
    folds, and over splits; then it is corrected once to the full number of repetitions, with the
    numbers of repetitions that the averages really have. Where it is not positive it stays
    uncorrected. Since it is computed as scores are, it holds for few stimuli in a fold, and for
    folds that differ in variance.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis.
    parts : Series, optional
        Label of a stimulus -> part, such as its fold. Stimuli without one are left out.
    blocks : Series, optional
        Label of a stimulus -> block of those that are left out as one for the standard error; by
        default about fifty stretches of the sorted labels.
    n_splits : int
        Random divisions of the repetitions.
    n_parts : int
        2 for halves; k for the correlation of k parts of the repetitions, pair by pair, corrected
        by k r / (1 + (k - 1) r). Stimuli with fewer repetitions enter through their number only.
    seed : int

    Returns
    -------
    Ceiling
        Of variance. NaN where fewer than three stimuli of every part repeat.

    References
    ----------
    Spearman (1910), doi:10.1111/j.2044-8295.1910.tb00206.x; Brown (1910),
    doi:10.1111/j.2044-8295.1910.tb00207.x.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> error = na.ceilings.split_half(recording).values - recording.true_ceiling
    >>> bool(abs(error.median()) < 0.05)
    True
    """
    for name, given, least in (("n_splits", n_splits, 1), ("n_parts", n_parts, 2)):
        if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < least:
            message = f"{name}={given!r} is not a whole number of {least} or more."
            raise DataError(message)
    rows = lay_out(recording, parts, blocks)
    if len(rows.codes):
        draws = draw_splits(rows.codes, n_splits, n_parts, [seed, 2])

    def estimate(values: np.ndarray, codes: np.ndarray, blocks: Blocks) -> Estimate:
        return split_half_share(values, codes, blocks, draws)[0]

    return rows.ceiling(estimate, method="split_half", **OF_VARIANCE)


def anova(
    recording: xr.DataArray,
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
) -> Ceiling:
    """Estimate the noise ceiling from the variance within and between stimuli.

    One minus the mean variance of the noise in an average, s_i^2 / k_i, over the variance of the
    averages, in each part of the stimuli; averaged over parts, and corrected for what few stimuli
    do to ratios of variances and to correlations. Not clipped, so it may fall below 0.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis.
    parts : Series, optional
        Label of a stimulus -> part, such as its fold. Stimuli without one are left out.
    blocks : Series, optional
        Label of a stimulus -> block of those that are left out as one for the standard error; by
        default about fifty stretches of the sorted labels.

    Returns
    -------
    Ceiling
        Of variance. NaN where no stimulus repeats, or no part has five stimuli.

    References
    ----------
    Allen et al. (2022), doi:10.1038/s41593-021-00962-x, for the form with equal k. The expectation
    of 1 / V of n normal values is (n - 1) / (n - 3) times 1 / its own; that of the correlation of n
    pairs, rho (1 - (1 - rho^2) / 2 / (n - 1)) to first order (Hotelling 1953,
    doi:10.1111/j.2517-6161.1953.tb00135.x).

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> error = na.ceilings.anova(recording).values - recording.true_ceiling
    >>> bool(abs(error.median()) < 0.05)
    True
    """
    rows = lay_out(recording, parts, blocks)
    return rows.ceiling(anova_share, method="anova", **OF_VARIANCE)


def ncsnr(
    recording: xr.DataArray, *, by: str | None = None, blocks: pd.Series | None = None
) -> Ceiling:
    """Estimate the noise ceiling as published with the Natural Scenes Dataset, clipped at 0.

    Responses are standardized within sessions; the variance of the noise is averaged over stimuli
    and then rooted; the signal is what is left of variance 1, and none where that is negative. The
    clipping biases weak neuroids upwards, on average from .04 to .06 with 200 stimuli of 4
    repetitions; `anova` is the form without it. The ratio of signal to noise itself (ncsnr) is no
    noise ceiling: r divided by it means nothing.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis.
    by : str, optional
        Coordinate of showings within whose levels to standardize, such as "session".
    blocks : Series, optional
        Label of a stimulus -> block of those that are left out as one for the standard error; by
        default about fifty stretches of the sorted labels.

    Returns
    -------
    Ceiling
        Of variance, for averages over as many repetitions as there are, of all stimuli together:
        where folds hold few stimuli or differ in variance, use `split_half`. 0 where there is more
        noise than variance.

    References
    ----------
    Allen et al. (2022), doi:10.1038/s41593-021-00962-x.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> bool((na.ceilings.ncsnr(recording).values >= 0).all())
    True
    """
    showings = to_showings(recording)
    standardized = zscore(showings, by=by)
    # A neuroid without variance stays there as a constant, which is the reason that is given.
    varies = standardized.notnull().any("showing")
    rows = lay_out(standardized.where(varies, showings), None, blocks)
    return rows.ceiling(ncsnr_share, method="ncsnr", **OF_VARIANCE)


def signal_power(
    recording: xr.DataArray,
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
) -> Ceiling:
    """Estimate the share of signal power in the variance of averages.

    Signal power is the variance of the averages without the noise that is left in them, which is
    known from differences of pairs of repetitions. As in `anova`, shares of parts are averaged and
    corrected for few stimuli, and nothing is clipped. The two differ where repetitions do: what a
    repetition adds to all stimuli alike, such as drift, is noise to `anova`, but none here. That is
    right where all stimuli have all repetitions, since it does not move r.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis. Repetitions of showings are numbered
        by their coordinate `repetition`, or in the order of the rows.
    parts : Series, optional
        Label of a stimulus -> part, such as its fold. Stimuli without one are left out.
    blocks : Series, optional
        Label of a stimulus -> block of those that are left out as one for the standard error; by
        default about fifty stretches of the sorted labels.

    Returns
    -------
    Ceiling
        Of variance. NaN where no stimulus repeats, or no part has five stimuli.

    References
    ----------
    Sahani & Linden (2003), How linear are auditory cortical responses? NIPS 15, 109-116.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> na.ceilings.signal_power(recording).bounds
    'variance'
    """
    rows = lay_out(recording, parts, blocks)
    numbers = _repetition_numbers(rows)

    def estimate(values: np.ndarray, codes: np.ndarray, blocks: Blocks) -> Estimate:
        return signal_power_share(values, codes, numbers, blocks)

    return rows.ceiling(estimate, method="signal_power", **OF_VARIANCE)


def cc_max(
    recording: xr.DataArray,
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
) -> Ceiling:
    """Estimate the correlation of the noiseless response with the averages: CC_max.

    The root of the share that is `signal_power`; a correlation divided by it is CC_norm.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis.
    parts : Series, optional
        Label of a stimulus -> part, such as its fold. Stimuli without one are left out.
    blocks : Series, optional
        Label of a stimulus -> block of those that are left out as one for the standard error; by
        default about fifty stretches of the sorted labels.

    Returns
    -------
    Ceiling
        Of correlation. NaN where the signal power is not positive.

    References
    ----------
    Schoppe et al. (2016), doi:10.3389/fncom.2016.00010.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> na.ceilings.cc_max(recording).bounds
    'correlation'
    """
    rows = lay_out(recording, parts, blocks)
    numbers = _repetition_numbers(rows)
    estimate = partial(_root_of_share, repetitions=numbers)
    return rows.ceiling(estimate, method="cc_max", bounds="correlation", role=ESTIMATES)


def _root_of_share(
    values: np.ndarray, codes: np.ndarray, blocks: Blocks, repetitions: np.ndarray
) -> Estimate:
    share = signal_power_share(values, codes, repetitions, blocks)
    with np.errstate(invalid="ignore"):
        negative = (share.reason == DEFINED) & ~(share.value > 0)
        value = np.where(negative, np.nan, np.sqrt(np.maximum(share.value, 0)))
        # Without a block, a share of 0 or less has the root 0: the error stays defined.
        without = np.sqrt(np.maximum(share.without, 0))
    reason = np.where(negative, CEILING_NOT_POSITIVE, share.reason).astype(np.uint8)
    return Estimate(value, without, share.size, reason)


def _repetition_numbers(rows: Rows) -> np.ndarray:
    """Return the repetition of each row, from 0; refuse one that a stimulus has twice."""
    order = pd.Series(rows.codes).groupby(rows.codes).cumcount().to_numpy()
    if "repetition" not in rows.showings.coords:
        return order
    numbers = np.unique(rows.showings["repetition"].values, return_inverse=True)[1]
    twice = pd.DataFrame({"code": rows.codes, "number": numbers}).duplicated()
    if twice.any():
        labels = rows.divided.labels[np.unique(rows.codes[twice])]
        message = (
            f"{len(labels)} stimuli have the same repetition twice {name_some(labels)}; number the "
            "showings of a stimulus one by one, or leave the coordinate 'repetition' out."
        )
        raise DataError(message)
    return numbers
