"""Dispersion of what repeats, for recordings with repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.repetitions import to_showings
from neuroalign.data.schema import is_stream
from neuroalign.dispersion.options import fit_options
from neuroalign.dispersion.systems import match_systems
from neuroalign.errors import DataError
from neuroalign.folds import FoldRule
from neuroalign.numerics.procrustes.noise_corrected import noise_corrected_dispersion
from neuroalign.progress import progress_bar, progress_wanted


def noise_corrected(
    recordings: Mapping[str, xr.DataArray],
    *,
    stimuli: pd.DataFrame | Sequence[str] | None = None,
    folds: FoldRule | None = None,
    scaling: str = "norm",
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float64",
    progress: bool = True,
) -> xr.Dataset:
    """Measure the dispersion of subjects without the noise of single repetitions.

    Noise moves the average response of each subject elsewhere and passes for dispersion. Here norms
    are estimated by inner products of different repetitions, which noise does not raise. Rotations
    are fitted to noisy averages, so the result still lies above the truth where subjects share
    something.

    Parameters
    ----------
    recordings : mapping of str to DataArray
        Subject -> recording of showings, or of events with repetitions; at least two subjects.
        A showing in which a neuroid has no response is left out.
    stimuli, folds, scaling, seed, device, dtype, progress
        As for `procrustes_dispersion`; with scaling "norm", what repeats has norm 1 on average.

    Returns
    -------
    Dataset
        (stimulus): `dispersion`, which may be below 0, and is NaN where a stimulus was shown once
        to some subject. (system, stimulus): `residual`; `squared_norm`, of what repeats.

    Examples
    --------
    >>> import neuroalign as na, numpy as np
    >>> random = np.random.default_rng(0)
    >>> signal = random.standard_normal((60, 1, 4))
    >>> recordings = {name: na.make_recording(signal + random.standard_normal((60, 3, 4)),
    ...     ("stimulus", "repetition", "neuroid"), subject=name, units="spikes/s",
    ...     stimulus=range(60), neuroid=range(4)) for name in ("m1", "m2")}
    >>> found = na.dispersion.noise_corrected(recordings)
    >>> bool(abs(found.dispersion.mean()) < 0.2)
    True
    """
    for name, recording in recordings.items():
        if not isinstance(recording, xr.DataArray) or "neuroid" not in recording.dims:
            message = (
                f"System {name!r} is not a recording; noise-corrected dispersion needs repetitions."
            )
            raise DataError(message)
        if is_stream(recording):
            message = (
                f"Recording {name!r} is a stream of samples, and noise-corrected dispersion is of "
                "stimuli with repetitions; average the samples of each stimulus."
            )
            raise DataError(message)
    systems = match_systems(recordings, stimuli)
    splits, rows = systems.split(folds, seed)
    repeated = [_repetitions(recordings[name], systems.labels) for name in systems.names]
    options = fit_options(systems, scaling=scaling, seed=seed, device=device, dtype=dtype)
    with progress_wanted(progress), progress_bar("Procrustes fits", len(rows)) as advance:
        found = noise_corrected_dispersion(repeated, rows, options=options, advance=advance)
    groups = {"group": ("stimulus", splits.groups[systems.labels].to_numpy(str))}
    return xr.Dataset(
        {
            "dispersion": ("stimulus", found.raw),
            "residual": (("system", "stimulus"), found.residual),
            "squared_norm": (("system", "stimulus"), found.squared_norm),
        },
        coords={
            "stimulus": systems.labels,
            "system": systems.names,
            **(groups if splits.grouped else {}),
        },
        attrs={
            "n_train": float(np.mean([len(train) for train, _ in rows])),
            "d": max(part.shape[2] for part in repeated),
            "K": len(systems.names),
            "scaling": scaling,
            "seed": seed,
        },
    )


def _repetitions(recording: xr.DataArray, labels: np.ndarray) -> np.ndarray:
    """Return the responses (repetitions, stimuli, units), NaN where there was none."""
    showings = to_showings(recording)
    place = pd.Index(labels).get_indexer(pd.Index(showings["stimulus"].values))
    showings = showings.isel(showing=place >= 0)
    place = place[place >= 0]
    number = pd.Series(place).groupby(place).cumcount().to_numpy()
    values = np.asarray(showings.values, dtype=float).reshape(len(place), -1)
    found = np.full((number.max() + 1, len(labels), values.shape[1]), np.nan)
    found[number, place] = values
    return found
