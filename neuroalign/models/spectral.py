"""The spectral baseline of sounds: how strong each band of frequencies is at each moment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy import fft
from scipy.signal import get_window

from neuroalign.errors import DataError
from neuroalign.models.frames import frame_centers, label_frames, n_frames
from neuroalign.models.inputs import check_stimuli, inputs_hash
from neuroalign.models.packages import versions
from neuroalign.models.protocol import chosen_layers
from neuroalign.models.sounds import stimulus_sound
from neuroalign.progress import progress_bar

RATE = 16_000  # samples a second
STEP = 160  # samples, 10 ms
WINDOW = 400  # samples, 25 ms
N_FFT = 1024
SILENCE = 1e-10  # mean square below which all is silence, 100 dB below that of full scale
BLOCK = 4096  # frames at a time


class SpectrogramModel:
    """Power of bands of frequencies in frames of 10 ms, in decibels above silence.

    One layer, "spectrogram". The sound becomes one channel of 16 kHz. The middle of frame k is at
    (k + 1/2) x 10 ms; its samples are weighed by a Hann window of 25 ms, with zeros before the
    onset and past the end. Bands are triangles of height 1 whose centers are evenly spaced in mel,
    2595 log10(1 + Hz / 700), each from the center of the band below to that of the band above. The
    powers of all bands add up to the mean square of the windowed samples: those of a tone of
    amplitude a to a^2 / 2, less where bands end (of 64, below 80 Hz and above 7.5 kHz). A unit is
    10 log10(max(power, 1e-10) / 1e-10): 0 in silence, and
    20 log10(2) = 6.02 more for twice the amplitude.

    Parameters
    ----------
    n_bands : int
        Between 0 and 8000 Hz.

    References
    ----------
    Scale: O'Shaughnessy (1987), Speech communication, p. 150. Triangles: Davis & Mermelstein
    (1980), doi:10.1109/TASSP.1980.1163420.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from neuroalign.models.sounds import Sound
    >>> from neuroalign.models.spectral import SpectrogramModel
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    >>> stimuli = pd.DataFrame({"audio": [Sound(tone, 16000)]}, index=["tone"])
    >>> _, values = next(SpectrogramModel().activations(stimuli))
    >>> dict(values.sizes)
    {'stimulus': 1, 'time': 100, 'unit': 64}
    >>> float(values.frequency[int(values[0, 50].values.argmax())].round())
    1007.0
    """

    name = "spectrogram"
    reads: str | None = "audio"

    def __init__(self, *, n_bands: int = 64) -> None:
        if isinstance(n_bands, bool) or not isinstance(n_bands, int) or not 1 <= n_bands <= 128:
            message = (
                f"n_bands={n_bands!r} is not a number of bands from 1 to 128, as many as 16 kHz "
                "and windows of 25 ms tell apart."
            )
            raise DataError(message)
        self.layers = ["spectrogram"]
        self._n_bands = n_bands

    def ingredients(self, stimuli: pd.DataFrame) -> dict[str, str]:
        """Return all that activations depend on, each as a string: what a cache is keyed by."""
        check_stimuli(stimuli, "audio", self.name)
        return {
            "network": self.name,
            "inputs": inputs_hash(stimuli, "audio"),
            "options": json.dumps({"n_bands": self._n_bands}),
            "versions": versions("neuroalign", "numpy", "scipy", "soundfile"),
        }

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "spectrogram" (stimulus, time, unit), float32, in decibels.

        The coordinate `time` is the middle of a frame in s, and `frequency` (unit) the center of
        a band in Hz. What lies past the end of a shorter sound is NaN.
        """
        labels = check_stimuli(stimuli, "audio", self.name)
        wanted = chosen_layers(layers, self.layers, self.layers)
        table, bands = stimuli.set_axis(labels), mel_bands(self._n_bands)
        values = []
        with progress_bar(f"{self.name}: activations", len(labels)) as advance:
            for label in labels:
                values.append(decibels(stimulus_sound(table, label, rate=RATE).samples, bands))
                advance()
        time = frame_centers(max(map(len, values)), STEP / RATE)
        for layer in wanted:
            labelled = label_frames(values, time, layer, labels, self.name)
            yield layer, labelled.assign_coords(frequency=("unit", band_edges(self._n_bands)[1:-1]))


def band_edges(n_bands: int) -> np.ndarray:
    """Return 0 Hz, the centers of the bands, and 8000 Hz (n_bands + 2,)."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    return 700 * (10 ** (np.linspace(0, highest, n_bands + 2) / 2595) - 1)


def mel_bands(n_bands: int) -> np.ndarray:
    """Return the weight of each frequency of the transform in each band (frequency, band)."""
    return triangles(band_edges(n_bands), fft.rfftfreq(N_FFT, 1 / RATE))


def triangles(edges: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return triangles of height 1 over frequencies, (frequency, band), all in Hz.

    Each rises from one of the edges (n_bands + 2,) to the next, and falls to the one after.
    """
    low, center, high, at = edges[:-2], edges[1:-1], edges[2:], frequencies[:, None]
    rising, falling = (at - low) / (center - low), (high - at) / (high - center)
    return np.clip(np.minimum(rising, falling), 0, None)


def decibels(samples: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Return the level (frame, band) of a sound (sample,) of 16 kHz, in dB above silence."""
    window = get_window("hann", WINDOW)  # of an even number of samples, whose peak is at the 201st
    number = n_frames(len(samples) / RATE, STEP / RATE)
    first = WINDOW // 2 - STEP // 2  # zeros before the onset, so that the peak is at 5 ms
    after = max(0, number * STEP + WINDOW - first - len(samples))
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (first, after)), WINDOW)
    framed = framed[::STEP][:number]
    scale = 2 / (N_FFT * (window**2).sum())  # Parseval, with the frequencies below 0
    levels = np.empty((number, bands.shape[1]), dtype=np.float32)
    for start in range(0, number, BLOCK):
        spectrum = fft.rfft(framed[start : start + BLOCK] * window, N_FFT)
        power = (np.abs(spectrum) ** 2) @ bands * scale
        levels[start : start + BLOCK] = 10 * np.log10(np.maximum(power, SILENCE) / SILENCE)
    return levels


def load(*, n_bands: int = 64) -> SpectrogramModel:
    """Make the spectral baseline of sounds."""
    return SpectrogramModel(n_bands=n_bands)
