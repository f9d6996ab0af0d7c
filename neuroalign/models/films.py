"""Read the film of a stimulus, whether it is an array or a path, frame by frame."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageSequence, UnidentifiedImageError

from neuroalign.errors import DataError, MissingPackageError, reason

ANIMATED = (".gif", ".png", ".apng", ".webp")
UNEVEN = 0.1  # of a frame's duration, by which the frames of a file may be early or late
FASTEST = 1000  # frames a second


class Film(NamedTuple):
    """A film in memory.

    Parameters
    ----------
    frames : ndarray (frame, row, column) or (frame, row, column, RGB), uint8
    rate : float
        Frames a second.

    Examples
    --------
    >>> import numpy as np
    >>> from neuroalign.models.films import Film
    >>> Film(np.zeros((30, 48, 64, 3), np.uint8), 15.0).rate
    15.0
    """

    frames: np.ndarray
    rate: float

    def __eq__(self, other: object) -> bool:
        """Compare by content, since tuples of arrays cannot be compared."""
        return (
            isinstance(other, Film)
            and self.rate == other.rate
            and np.array_equal(self.frames, other.frames)
        )

    def __ne__(self, other: object) -> bool:
        """Compare by content."""
        return not self == other


def stimulus_film(
    stimuli: pd.DataFrame, label: str, *, reduce: Callable[[Image.Image], np.ndarray] = np.asarray
) -> Film:
    """Return the film of one stimulus.

    Frames are read one at a time, so that only what `reduce` keeps of them is in memory. Where the
    frames of an animated image last differently long, each is repeated, so that all last equally.

    Parameters
    ----------
    stimuli : DataFrame
        With a column "video": `Film`, (frames, rate), or the path of an animated GIF, PNG or WebP,
        or of any file that the package av reads.
    label : str
    reduce : callable
        Turns an RGB image into an array; by default (row, column, RGB), uint8.

    Returns
    -------
    Film

    Raises
    ------
    DataError
        If it cannot be read, has no frames, or frames that do not follow each other evenly.
    MissingPackageError
        If the file needs av, which is not installed.
    """
    value: Any = stimuli["video"][label]
    who = f"The film of stimulus {label!r}"
    if not isinstance(value, (str, Path)):
        return _from_arrays(value, reduce, who)
    animated = Path(value).suffix.lower() in ANIMATED
    try:
        frames, rate = (_animated if animated else _decoded)(Path(value), reduce, who)
    except (OSError, ValueError, UnidentifiedImageError, EOFError) as error:
        if isinstance(error, (DataError, MissingPackageError)):
            raise
        message = f"{who}, {str(value)!r}, cannot be read: {reason(error)}."
        raise DataError(message) from error
    return Film(frames, rate)


def _from_arrays(value: Any, reduce: Callable[[Image.Image], np.ndarray], who: str) -> Film:
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    frames: np.ndarray = np.asarray(value[0] if pair else ())
    shaped = frames.ndim == 3 or (frames.ndim == 4 and frames.shape[-1] == 3)
    if not pair or not shaped or frames.dtype != np.uint8 or not frames.size:
        found = f" of type {frames.dtype} and shape {frames.shape}" if pair else ""
        message = (
            f"{who} is no film{found}; give a path, or Film(frames, rate) with frames (frame, row, "
            "column) or (frame, row, column, 3) of uint8 from 0 to 255."
        )
        raise DataError(message)
    rate = _known_rate(value[1], who)
    reduced = [reduce(Image.fromarray(frame).convert("RGB")) for frame in frames]
    return Film(np.stack(reduced), rate)


def _known_rate(rate: object, who: str) -> float:
    try:
        known = float(rate)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        known = np.nan
    if not 0 < known <= FASTEST:  # NaN too
        message = (
            f"{who} has the rate {rate!r}; frames a second are needed, more than 0 and at most "
            f"{FASTEST}."
        )
        raise DataError(message)
    return known


def _animated(
    path: Path, reduce: Callable[[Image.Image], np.ndarray], who: str
) -> tuple[np.ndarray, float]:
    """Read an animated image, whose frames last whole milliseconds."""
    frames, lasting = [], []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            frames.append(reduce(frame.convert("RGB")))
            lasting.append(round(frame.info.get("duration", 0)))  # WebP tells once it is loaded
    if min(lasting) <= 0:
        message = (
            f"{who}, {str(path)!r}, has {sum(n <= 0 for n in lasting)} frames without a duration; "
            "save it with one, or give Film(frames, rate)."
        )
        raise DataError(message)
    step = int(np.gcd.reduce(lasting))
    repeated = np.repeat(np.stack(frames), np.array(lasting) // step, axis=0)
    return repeated, 1000 / step


def _decoded(
    path: Path, reduce: Callable[[Image.Image], np.ndarray], who: str
) -> tuple[np.ndarray, float]:
    """Read a film by av, and refuse one whose frames do not follow each other evenly."""
    with path.open("rb"):  # says what is wrong with a path better than av
        pass
    try:
        av: Any = importlib.import_module("av")
    except ImportError as error:
        message = (
            f"{who}, {str(path)!r}, is no animated image, which needs the package av; run pip "
            "install av, or give Film(frames, rate)."
        )
        raise MissingPackageError(message) from error
    frames, times = [], []
    with av.open(str(path)) as container:
        stream = next(iter(container.streams.video), None)
        for frame in container.decode(stream) if stream is not None else ():
            frames.append(reduce(frame.to_image()))
            times.append(frame.time)
        stated = stream.average_rate if stream is not None else None
    if not frames or not stated:
        message = (
            f"{who}, {str(path)!r}, has no frames, or states no rate; give Film(frames, rate)."
        )
        raise DataError(message)
    rate = _known_rate(float(stated), who)
    if not _is_even(times, rate):
        message = (
            f"The frames of the film of {who.removeprefix('The film of ')}, {str(path)!r}, do not "
            f"follow each other every 1/{rate:g} s, as its rate says; save it with a constant rate."
        )
        raise DataError(message)
    return np.stack(frames), rate


def _is_even(times: Sequence[float | None], rate: float) -> bool:
    if any(time is None for time in times):
        return False
    places = (np.array(times, dtype=float) - float(times[0] or 0)) * rate
    return bool(np.abs(places - np.arange(len(times))).max() <= UNEVEN)
