"""A network that tells voices apart, of three recurrent layers, from the package of its weights.

Wan et al. (2018), arXiv:1710.10467, trained on the speech of thousands of people: the encoder of
the package Resemblyzer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from neuroalign.models.audio import AudioModel, Place
from neuroalign.models.families.building import made_from, model_name, seeded, wrapped
from neuroalign.models.frame_clock import FrameClock
from neuroalign.models.packages import distribution_of
from neuroalign.models.spectral import triangles
from neuroalign.models.weights import weights_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "resemblyzer"
WEIGHTS = "resemblyzer"
INSTALL = "pip install --no-deps Resemblyzer==0.1.4"
FILE = "pretrained.pt"
RATE = 16_000  # samples a second
HOP = 160  # samples, 10 ms
N_FFT = 400  # samples, 25 ms
N_BANDS = 40
N_UNITS = 256
N_LAYERS = 3
LEVEL = 10 ** (-30 / 20)  # root mean square to which softer sounds are raised


class VoiceNetwork(torch.nn.Module):
    """Three recurrent layers over a mel spectrogram, and an embedding of the voice so far."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [N_BANDS] + [N_UNITS] * (N_LAYERS - 1)
        self.lstm = torch.nn.ModuleList(
            torch.nn.LSTM(size, N_UNITS, batch_first=True) for size in sizes
        )
        self.linear = torch.nn.Linear(N_UNITS, N_UNITS)
        self.embedding = torch.nn.Identity()

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the embedding (sound, frame, unit) of a voice, of length 1, up to each frame."""
        for layer in self.lstm:
            frames, _ = layer(frames)
        raw = torch.nn.functional.relu(self.linear(frames))
        return self.embedding(torch.nn.functional.normalize(raw, dim=-1))


def mel_power(samples: np.ndarray) -> torch.Tensor:
    """Return what the network reads of samples (sample,) of 16 kHz: (frame, band), float32.

    Sounds softer than -30 dB of full scale are raised to that. Frames of 25 ms, weighed by a Hann
    window, are centered on every 160th sample, with zeros around the sound. Bands are triangles of
    area 1, evenly spaced on the scale of Slaney (1998), Auditory Toolbox: linear to 1000 Hz,
    logarithmic above. Powers are taken as they are, without a logarithm.
    """
    level = float(np.sqrt(np.mean(samples.astype(float) ** 2)))
    raised = samples * (LEVEL / level) if 0 < level < LEVEL else samples
    padded = np.pad(raised.astype(float), N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    return torch.from_numpy((power @ _bands()).astype(np.float32))


def _bands() -> np.ndarray:
    """Return the weight of each frequency in each band (frequency, band)."""
    highest = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    mel = np.linspace(0, highest, N_BANDS + 2)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
    return triangles(edges, np.fft.rfftfreq(N_FFT, 1 / RATE)) * 2 / (edges[2:] - edges[:-2])


def load(
    *,
    untrained: bool = False,
    seed: int = 0,
    layers: Sequence[str] | str | None = None,
    window: float | None = None,
    stride: float | None = None,
    device: str = "cpu",
    batch_size: int = 8,
    precision: str = "float32",
) -> AudioModel:
    """Load the network; frames come every 10 ms, and depend on the sound up to them.

    The package is not imported, and what it would need is not needed: ``pip install --no-deps
    Resemblyzer==0.1.4``. It read 1.6 s at a time when it was trained.

    Parameters
    ----------
    untrained : bool
        Leave the weights at their random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    layers : str or sequence of str, optional
    window, stride : float, optional
        See `AudioModel`.
    device : str
    batch_size : int
    precision : {"float32", "float16", "bfloat16"}

    Returns
    -------
    AudioModel
        Layers ``lstm.0`` to ``lstm.2``, and ``embedding``.
    """
    with seeded(seed):
        network = VoiceNetwork()
    revision = None
    if not untrained:
        file = weights_folder(WEIGHTS, name=NAME, install=INSTALL) / FILE
        stored = torch.load(file, map_location="cpu", weights_only=True)["model_state"]
        network.load_state_dict(_renamed(stored))
        revision = distribution_of(WEIGHTS)
    places = {f"lstm.{number}": Place(layer) for number, layer in enumerate(network.lstm)}
    return wrapped(
        AudioModel,
        network,
        {**places, "embedding": Place(network.embedding)},
        mel_power,
        FrameClock(RATE, HOP),
        origin=made_from(NAME, untrained=untrained, seed=seed, checkpoint=FILE, revision=revision),
        name=model_name(NAME, untrained=untrained),
        layers=layers,
        window=window,
        stride=stride,
        device=device,
        batch_size=batch_size,
        precision=precision,
    )


def _renamed(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Name the weights of each recurrent layer by the layer, and leave out those of the loss."""
    found = {}
    for name, values in stored.items():
        part, _, rest = name.partition(".")
        if part == "lstm":
            kind, _, layer = rest.rpartition("_l")
            found[f"lstm.{layer}.{kind}_l0"] = values
        elif part == "linear":
            found[name] = values
    return found
