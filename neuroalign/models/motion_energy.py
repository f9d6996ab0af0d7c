"""Motion energy: how strongly patterns drift in each direction at each place of a film."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image
from scipy import fft

from neuroalign.errors import DataError
from neuroalign.models.films import Film, stimulus_film
from neuroalign.models.frames import frame_centers, label_frames, n_frames
from neuroalign.models.inputs import check_stimuli, inputs_hash
from neuroalign.models.packages import versions
from neuroalign.models.protocol import chosen_layers
from neuroalign.progress import progress_bar

SIZE = 64  # pixels of a side
BORDER = 16  # pixels of gray around, so that the left edge does not meet the right one
GRID = 4  # places along a side
EVERY = 2  # pixels: what filters let through is smoother than the film
RATE = 15.0  # frames a second of the activations
FREQUENCIES = (2.0, 4.0, 8.0, 16.0)  # cycles an image
HERTZ = (0.0, 2.0, 4.0)
DIRECTIONS = tuple(45.0 * number for number in range(8))  # degrees
OCTAVES = 1.0  # width of a filter at half its height
LUMINANCE = (0.299, 0.587, 0.114)  # of RGB, ITU-R BT.601
BLOCK = 64  # frames at a time
# Standard deviation of a filter of that width, as a share of its frequency.
SHARE = (2**OCTAVES - 1) / (2**OCTAVES + 1) / np.sqrt(2 * np.log(2))
REACH = 3.0  # standard deviations of a filter in time


class MotionEnergyModel:
    """Energy of Gabor filters in space and time: one layer, "motion-energy".

    A film is made gray, in 0..1, brought to 64 x 64 pixels, and each frame freed of its mean.
    Pairs of filters a quarter of a cycle apart, one octave wide in space and in time, see patterns
    of 2, 4, 8 and 16 cycles an image that drift in eight directions at 2 and 4 Hz, and, in four
    directions, those that stand still (0 Hz, as wide as at 2 Hz). The root of the sum of both
    squares is the energy, whatever the phase: a drifting grating has its own amplitude as energy
    in the channel it belongs to. What stands still has none at 2 and 4 Hz. Energies are averaged
    over 4 x 4 places.

    Activations come 15 times a second whatever the rate of the film, from frames up to 0.84 s
    before and after; the first and the last frame of a film go on beyond its ends.

    References
    ----------
    Energy: Adelson & Bergen (1985), doi:10.1364/JOSAA.2.000284. As a model of responses of visual
    cortex to films: Nishimoto et al. (2011), doi:10.1016/j.cub.2011.08.031, whose frequencies in
    time and directions these are; they take the logarithm of the energy.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from neuroalign.models.films import Film
    >>> from neuroalign.models.motion_energy import MotionEnergyModel
    >>> gray = Film(np.full((30, 48, 64), 128, np.uint8), 15.0)
    >>> stimuli = pd.DataFrame({"video": [gray]}, index=["gray"])
    >>> _, values = next(MotionEnergyModel().activations(stimuli))
    >>> dict(values.sizes), float(values.max())
    ({'stimulus': 1, 'time': 30, 'unit': 1280}, 0.0)
    """

    name = "motion-energy"
    reads: str | None = "video"

    def __init__(self) -> None:
        self.layers = ["motion-energy"]

    def ingredients(self, stimuli: pd.DataFrame) -> dict[str, str]:
        """Return all that activations depend on, each as a string: what a cache is keyed by."""
        check_stimuli(stimuli, "video", self.name)
        return {
            "network": self.name,
            "inputs": inputs_hash(stimuli, "video"),
            "options": json.dumps({}),
            "versions": versions("neuroalign", "numpy", "scipy", "pillow", "av"),
        }

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield the layer "motion-energy" (stimulus, time, unit), float32.

        What a unit is, its coordinates say: `frequency` (cycles an image), `hertz`, `direction`
        (degrees from rightward, counterclockwise; of 0 Hz that across the bars), `row` and
        `column` of the place. `time` is in s; what lies past the end of a shorter film is NaN.
        """
        labels = check_stimuli(stimuli, "video", self.name)
        wanted = chosen_layers(layers, self.layers, self.layers)
        table, values = stimuli.set_axis(labels), []
        with progress_bar(f"{self.name}: activations", len(labels)) as advance:
            for label in labels:
                film = stimulus_film(table, label, reduce=_gray)
                if film.rate <= 2 * max(HERTZ):
                    message = (
                        f"The film of stimulus {label!r} has {film.rate:g} frames a second; more "
                        f"than {2 * max(HERTZ):g} are needed to see motion of {max(HERTZ):g} Hz."
                    )
                    raise DataError(message)
                values.append(motion_energy(film))
                advance()
        time = frame_centers(max(map(len, values)), 1 / RATE)
        for layer in wanted:
            labelled = label_frames(values, time, layer, labels, self.name)
            yield layer, labelled.assign_coords(_unit_coords())


def motion_energy(film: Film) -> np.ndarray:
    """Return the energy (time, unit) of a gray film (frame, 64, 64)."""
    number = n_frames(len(film.frames) / film.rate, 1 / RATE)
    filters, centers = _spatial_filters(), frame_centers(number, 1 / RATE)
    energies = np.empty((number, len(filters), len(_channels()), GRID, GRID), dtype=np.float32)
    for start in range(0, number, BLOCK):
        block = slice(start, start + BLOCK)
        frames, weights = _block(film, centers[block])
        centered = frames - frames.mean(axis=(1, 2), keepdims=True)
        around = ((0, 0), (BORDER, BORDER), (BORDER, BORDER))
        spectrum = fft.fft2(np.pad(centered, around).astype(np.float32))
        for place, oriented in enumerate(filters):
            seen = [_inside(spectrum * one) for one in oriented]
            for channel, (hertz, turn, direction) in enumerate(_channels()):
                filtered = weights[hertz, turn] @ seen[direction]
                energies[block, place, channel] = _averaged(np.abs(filtered))
    return energies.reshape(number, -1)


def _channels() -> list[tuple[float, int, int]]:
    """List (hertz, turn, number of the spatial filter), for each channel of one frequency.

    What drifts against the direction of a spatial filter turns the other way round in time.
    """
    half = len(DIRECTIONS) // 2
    still = [(0.0, 1, number) for number in range(half)]
    moving = [
        (hertz, 1 if number < half else -1, number % half)
        for hertz in HERTZ[1:]
        for number in range(2 * half)
    ]
    return still + moving


def _unit_coords() -> dict[str, tuple[str, np.ndarray]]:
    half = len(DIRECTIONS) // 2
    kinds = [(hertz, DIRECTIONS[n + (half if t < 0 else 0)]) for hertz, t, n in _channels()]
    found = [
        (frequency, hertz, direction, row, column)
        for frequency in FREQUENCIES
        for hertz, direction in kinds
        for row in range(GRID)
        for column in range(GRID)
    ]
    names = ("frequency", "hertz", "direction", "row", "column")
    return {
        name: ("unit", np.array(axis))
        for name, axis in zip(names, zip(*found, strict=True), strict=True)
    }


def _spatial_filters() -> np.ndarray:
    """Return the filters by spatial frequency: (frequency, direction below 180, row, column).

    Each has a single lobe, so that what it lets through is complex, and turns as a pattern drifts.
    """
    steps = fft.fftfreq(SIZE + 2 * BORDER, 1 / SIZE)  # cycles an image
    down, right = np.meshgrid(steps, steps, indexing="ij")
    filters = []
    for frequency in FREQUENCIES:
        for angle in np.deg2rad(DIRECTIONS[: len(DIRECTIONS) // 2]):
            # Rows of pixels are counted downwards, and directions from rightward upwards.
            x, y = right - frequency * np.cos(angle), down + frequency * np.sin(angle)
            filters.append(2 * np.exp(-(x**2 + y**2) / (2 * (SHARE * frequency) ** 2)))
    shape = (len(FREQUENCIES), -1, *right.shape)
    return np.stack(filters).reshape(shape).astype(np.float32)


def _block(
    film: Film, centers: np.ndarray
) -> tuple[np.ndarray, dict[tuple[float, int], np.ndarray]]:
    """Return the frames that some moments see, and their weights (moment, frame) by channel."""
    reach = REACH / (2 * np.pi * SHARE * HERTZ[1])
    first = int(np.floor((centers[0] - reach) * film.rate))
    last = int(np.ceil((centers[-1] + reach) * film.rate))
    numbers = np.arange(first, last + 1)
    frames = film.frames[np.clip(numbers, 0, len(film.frames) - 1)]
    away = centers[:, None] - (numbers + 0.5) / film.rate
    weights = {}
    for hertz in HERTZ:
        spread = 1 / (2 * np.pi * SHARE * (hertz or HERTZ[1]))  # s
        envelope = np.exp(-(away**2) / (2 * spread**2)) * (np.abs(away) <= REACH * spread)
        envelope /= envelope.sum(axis=1, keepdims=True)
        for turn in (1, -1) if hertz else (1,):
            # A pattern that drifts turns the phase of what a spatial filter sees backwards.
            wave = np.exp(-2j * np.pi * hertz * turn * away)
            kernel = envelope * wave
            if hertz:  # blind to what stands still
                kernel -= envelope * kernel.sum(axis=1, keepdims=True)
            weights[hertz, turn] = kernel.astype(np.complex64)
    return frames, weights


def _inside(spectrum: np.ndarray) -> np.ndarray:
    """Return what a filter sees (frame, pixel) at every other pixel, without the border."""
    filtered = fft.ifft2(spectrum)[:, BORDER:-BORDER:EVERY, BORDER:-BORDER:EVERY]
    return filtered.reshape(len(filtered), -1)


def _averaged(energy: np.ndarray) -> np.ndarray:
    """Average (moment, pixel) over the pixels of each place."""
    side = SIZE // GRID // EVERY
    return energy.reshape(-1, GRID, side, GRID, side).mean(axis=(2, 4))


def _gray(image: Image.Image) -> np.ndarray:
    """Return the luminance (64, 64) of an RGB image, in 0..1."""
    scaled = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(scaled, dtype=np.float32) @ np.array(LUMINANCE, dtype=np.float32) / 255


def load() -> MotionEnergyModel:
    """Make the baseline of motion energy of films."""
    return MotionEnergyModel()
