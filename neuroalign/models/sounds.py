"""Read the sound of a stimulus, whether it is an array or a path, as one channel at one rate."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from neuroalign.errors import DataError, MissingPackageError, reason

WAV = (".wav", ".wave")
LOUDEST = 32.0  # what floats of -1..1 never reach, 30 dB above full scale


class Sound(NamedTuple):
    """A sound in memory.

    Parameters
    ----------
    samples : ndarray (sample,) or (sample, channel)
        Floats of -1..1, or whole numbers of 8 (unsigned), 16 or 32 bits as WAV files have them.
    rate : int
        Samples a second.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.models.sounds import Sound
    >>> Sound(np.zeros(16000), 16000).rate
    16000
    """

    samples: np.ndarray
    rate: int

    def __eq__(self, other: object) -> bool:
        """Compare by content, since tuples of arrays cannot be compared."""
        return (
            isinstance(other, Sound)
            and self.rate == other.rate
            and np.array_equal(self.samples, other.samples)
        )

    def __ne__(self, other: object) -> bool:
        """Compare by content."""
        return not self == other


def stimulus_sound(stimuli: pd.DataFrame, label: str, *, rate: int | None = None) -> Sound:
    """Return the sound of one stimulus: one channel of float64, full scale at -1 and 1.

    Channels are averaged. A sound of n samples that is resampled has ceil(n x new / old), the
    first at the same moment; `scipy.signal.resample_poly` filters without delay.

    Parameters
    ----------
    stimuli : DataFrame
        With a column "audio": `Sound`, (samples, rate), or the path of a WAV file, or of any file
        that the package soundfile reads.
    label : str
    rate : int, optional
        Samples a second to resample to; by default the sound's own.

    Returns
    -------
    Sound

    Raises
    ------
    DataError
        If it cannot be read, or is empty, broken off, or not finite.
    MissingPackageError
        If the file needs soundfile, which is not installed.
    """
    value: Any = stimuli["audio"][label]
    who = f"The sound of stimulus {label!r}"
    given = _read(value, who) if isinstance(value, (str, Path)) else value
    pair = isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2
    samples, own = (np.asarray(given[0]), given[1]) if pair else (np.empty(0), None)
    if not pair or samples.ndim not in (1, 2) or samples.dtype.kind not in "iuf":
        message = (
            f"{who} is no sound; give a path, or Sound(samples, rate) with samples (sample,) or "
            "(sample, channel)."
        )
        raise DataError(message)
    if samples.ndim == 2 and 0 < len(samples) < samples.shape[1]:
        message = (
            f"{who} has {samples.shape[1]} channels of {len(samples)} samples; give samples as "
            "(sample, channel), as samples.T is."
        )
        raise DataError(message)
    own = _known_rate(own, who)
    mono = _scaled(samples, who).reshape(len(samples), -1).mean(axis=1)
    return Sound(resampled(mono, own, own if rate is None else rate), rate or own)


def resampled(samples: np.ndarray, old: int, new: int) -> np.ndarray:
    """Return the samples (sample,) at another rate; the first stays at its moment."""
    from scipy.signal import resample_poly

    if old == new:
        return samples
    common = math.gcd(old, new)
    return resample_poly(samples, new // common, old // common)


def _known_rate(rate: object, who: str) -> int:
    try:
        whole = int(rate)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        whole = 0
    if whole <= 0 or whole != rate:
        message = f"{who} has the rate {rate!r}; a whole number of samples a second is needed."
        raise DataError(message)
    return whole


def _scaled(samples: np.ndarray, who: str) -> np.ndarray:
    """Bring samples of any type to float64 of -1..1."""
    if not samples.size:
        message = f"{who} has no samples; leave the stimulus out."
        raise DataError(message)
    kind, width = samples.dtype.kind, samples.dtype.itemsize
    if kind == "i" or (kind == "u" and width == 1):
        middle = 128 if kind == "u" else 0  # WAV files of 8 bits have their zero there
        return (samples.astype(float) - middle) / 2.0 ** (8 * width - 1)
    if kind == "u":
        message = f"{who} is of type {samples.dtype}; give floats of -1..1, int16, int32 or uint8."
        raise DataError(message)
    scaled = samples.astype(float)
    if n_bad := int((~np.isfinite(scaled)).sum()):
        message = (
            f"{n_bad} of {scaled.size} samples of the sound{who.removeprefix('The sound')} are "
            "not finite numbers; mend them, or leave the stimulus out."
        )
        raise DataError(message)
    if (most := float(np.abs(scaled).max())) > LOUDEST:
        message = (
            f"{who} reaches {most:g}, but floats of -1..1 are needed; divide it by what stands "
            "for full scale."
        )
        raise DataError(message)
    return scaled


def _read(path: str | Path, who: str) -> tuple[np.ndarray, int]:
    try:
        if Path(path).suffix.lower() in WAV:
            return _read_wav(path)
        return _read_other(path, who)
    except (OSError, ValueError, RuntimeError, EOFError) as error:
        if isinstance(error, MissingPackageError):
            raise
        message = f"{who}, {str(path)!r}, cannot be read: {reason(error)}."
        raise DataError(message) from error


def _read_wav(path: str | Path) -> tuple[np.ndarray, int]:
    from scipy.io import wavfile

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        rate, samples = wavfile.read(path)
    # Chunks that scipy does not know hold no samples; what ends too early does.
    if any("EOF" in str(one.message) for one in said):
        message = "the file is shorter than its header says"
        raise ValueError(message)
    return samples, rate


def _read_other(path: str | Path, who: str) -> tuple[np.ndarray, int]:
    with Path(path).open("rb"):  # says what is wrong with a path better than soundfile
        pass
    try:
        soundfile: Any = importlib.import_module("soundfile")
    except (ImportError, OSError) as error:
        message = (
            f"{who}, {str(path)!r}, is no WAV file, which needs the package soundfile; run pip "
            "install soundfile, or save the sound as WAV."
        )
        raise MissingPackageError(message) from error
    samples, rate = soundfile.read(path, always_2d=True)
    return samples, rate
