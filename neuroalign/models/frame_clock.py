"""Which samples of a sound the frames of a network stand for, and windows that share frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neuroalign.errors import DataError


class Piece(NamedTuple):
    """Samples of a sound that a network is given at once, and the frames that are kept of it."""

    start: int  # first sample
    stop: int
    skipped: int  # frames at its beginning, which earlier pieces give
    kept: int  # frames


@dataclass(frozen=True)
class FrameClock:
    """Frames that a network makes of samples, `hop` samples apart, each of `field` samples.

    Frame k is made of the samples from k hop on, and stands for their middle.

    Parameters
    ----------
    rate : int
        Samples a second.
    hop : int
        Samples from one frame to the next.
    field : int
        Samples that the convolutions of a frame see; 1 where sounds are padded on both sides, so
        that frame k is centered on sample k hop.
    longest : int, optional
        Samples that the network takes at most.

    Examples
    --------
    >>> from neuroalign.models.frame_clock import conv_clock
    >>> clock = conv_clock(16000, kernels=(10, 3, 3, 3, 3, 2, 2), strides=(5, 2, 2, 2, 2, 2, 2))
    >>> clock.field, clock.hop, clock.n_frames(16000)
    (400, 320, 49)
    """

    rate: int
    hop: int
    field: int = 1
    longest: int | None = None

    def n_frames(self, n_samples: int) -> int:
        """Return how many frames a sound has."""
        return max(0, (n_samples - self.field) // self.hop + 1)

    def centers(self, number: int) -> np.ndarray:
        """Return the centers (frame,) of the first frames, in s."""
        return (np.arange(number) * self.hop + (self.field - 1) / 2) / self.rate

    def pieces(
        self, n_samples: int, window: float | None = None, stride: float | None = None
    ) -> list[Piece]:
        """Cut a sound into what the network is given at once.

        Parameters
        ----------
        n_samples : int
        window : float, optional
            Seconds of the past that a frame is made of, at most; by default the whole sound is one
            piece.
        stride : float, optional
            Seconds by which the window moves: a frame is made of that much of its future at most.

        Returns
        -------
        list of Piece
            In order; their kept frames are all frames of the sound, each once.
        """
        number = self.n_frames(n_samples)
        if window is None or stride is None:
            return [Piece(0, n_samples, 0, number)]
        length, step = round(window * self.rate), round(stride * self.rate) // self.hop
        found = []
        for first in range(0, number, step):
            stop = (first + step - 1) * self.hop + max(self.field, self.hop)
            start = max(0, -((length - stop) // self.hop) * self.hop)
            kept = min(step, number - first)
            found.append(Piece(start, min(stop, n_samples), first - start // self.hop, kept))
        return found

    def check_windows(self, window: float | None, stride: float | None) -> None:
        """Refuse windows that the frames do not fit."""
        if window is None:
            if stride is not None:
                message = f"stride={stride} moves a window; give window= in seconds as well."
                raise DataError(message)
            return
        hop = self.hop / self.rate
        if stride is None:
            message = (
                f"window={window} needs a stride beside it, by which it moves; give stride= in "
                f"seconds, a multiple of the {hop:g} s between frames."
            )
            raise DataError(message)
        step = stride / hop
        if step < 0.999 or abs(step - round(step)) > 1e-6:
            message = (
                f"stride={stride} is not a multiple of the {hop:g} s between frames; give one."
            )
            raise DataError(message)
        least = (max(self.field, self.hop) - self.hop) / self.rate + float(stride)
        most = (self.longest or np.inf) / self.rate
        if not least + hop - 1e-9 <= window <= most:
            upto = f" to {most:g}" if self.longest else " or more"
            message = (
                f"window={window} s does not hold a stride of {stride} s and the samples of its "
                f"frames; give {least + hop:g}{upto} s."
            )
            raise DataError(message)


def conv_clock(rate: int, *, kernels: Sequence[int], strides: Sequence[int]) -> FrameClock:
    """Return the clock of convolutions without padding, one after the other.

    Parameters
    ----------
    rate : int
        Samples a second.
    kernels, strides : sequence of int
        Of each convolution, first to last.

    Returns
    -------
    FrameClock
    """
    field, hop = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return FrameClock(rate, hop, field)
