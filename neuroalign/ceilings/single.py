"""Noise ceilings of single responses, which scores of averages are not divided by."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from neuroalign.ceilings.rows import lay_out
from neuroalign.ceilings.typed import ESTIMATES, LOWER, SINGLE, UPPER, Ceiling
from neuroalign.numerics.single_shares import (
    conservative_oracle,
    explainable_share,
    jackknife_oracle,
)


def explainable_variance(
    recording: xr.DataArray,
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
) -> Ceiling:
    """Estimate the share of signal in the variance of single responses.

    (total - noise) / total: the yardstick of the fraction of explainable variance explained
    (FEVE). It is lower than the noise ceiling of averages, which hold less noise.

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
        Of the variance of single responses. Not clipped.

    References
    ----------
    Cadena et al. (2019), doi:10.1371/journal.pcbi.1006897.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> na.ceilings.explainable_variance(recording).of
    'single responses'
    """
    rows = lay_out(recording, parts, blocks)
    return rows.ceiling(
        explainable_share,
        method="explainable_variance",
        bounds="variance",
        role=ESTIMATES,
        of=SINGLE,
    )


def oracle_jackknife(
    recording: xr.DataArray,
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
) -> Ceiling:
    """Correlate single responses with the average of the others to the same stimulus.

    A lower bound of the correlation of the noiseless response with single responses, since the
    average of the others is noisy.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis. Stimuli shown once are left out.
    parts : Series, optional
        Label of a stimulus -> part, such as its fold. Stimuli without one are left out.
    blocks : Series, optional
        Label of a stimulus -> block of those that are left out as one for the standard error; by
        default about fifty stretches of the sorted labels.

    Returns
    -------
    Ceiling
        Of the correlation with single responses.

    References
    ----------
    Lurz et al. (2021), doi:10.1101/2020.10.05.326256. Form and name are those of the public package
    neuralpredictors.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> na.ceilings.oracle_jackknife(recording).role
    'lower bound'
    """
    rows = lay_out(recording, parts, blocks)
    return rows.ceiling(
        jackknife_oracle, method="oracle_jackknife", bounds="correlation", role=LOWER, of=SINGLE
    )


def oracle_conservative(
    recording: xr.DataArray,
    *,
    parts: pd.Series | None = None,
    blocks: pd.Series | None = None,
) -> Ceiling:
    """Divide the spread of averages by that of single responses, with the noise in both.

    An upper bound of the correlation of the noiseless response with single responses: some of the
    noise of the averages passes for signal. What is divided by it comes out low, hence its name.

    Parameters
    ----------
    recording : DataArray
        Showings, or events or a stream with a repetition axis. Stimuli shown once are left out.
    parts : Series, optional
        Label of a stimulus -> part, such as its fold. Stimuli without one are left out.
    blocks : Series, optional
        Label of a stimulus -> block of those that are left out as one for the standard error; by
        default about fifty stretches of the sorted labels.

    Returns
    -------
    Ceiling
        Of the correlation with single responses.

    References
    ----------
    Lurz et al. (2021), doi:10.1101/2020.10.05.326256. Form and name are those of the public package
    neuralpredictors.

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> na.ceilings.oracle_conservative(recording).role
    'upper bound'
    """
    rows = lay_out(recording, parts, blocks)
    return rows.ceiling(
        conservative_oracle,
        method="oracle_conservative",
        bounds="correlation",
        role=UPPER,
        of=SINGLE,
    )
