"""Readout at one learned point of the map per neuroid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from neuroalign.errors import DataError
from neuroalign.numerics.device import fetch
from neuroalign.numerics.mapping import Pairs, check_grid
from neuroalign.numerics.readout_inputs import Scaling, check_inputs
from neuroalign.numerics.readout_network import (
    Network,
    Task,
    make_task,
    read_maps,
    undisturbed,
)
from neuroalign.numerics.readout_training import (
    PenalizedReadout,
    check_options,
    train,
    validation_r2,
)

# Spread of the points that are read in training, at the start, in pixels.
WIDTH = 1.0

# Ridge penalties of the search for a first location, as shares of the variance of all channels.
ALPHAS = (0.01, 0.1, 1.0)


@dataclass(frozen=True)
class GaussianReadout:
    """Predict a response as a weighted sum of the channels at one point of the map.

    In training the point is drawn anew for every row, from a round Gaussian whose center and
    width are learned; predictions read the center. Values between pixels are interpolated. Each
    neuroid starts at the pixel whose channels predict the validation rows best by ridge regression:
    gradients only see neighboring pixels, and a start at the center of the map misses remote
    fields on maps that are not smooth. Nothing is shared between neuroids, so each keeps its own
    best validation epoch and penalty, and is not fitted again.

    Parameters
    ----------
    strengths : sequence of float
        Penalties on the sum of absolute weights to choose from, on features and responses of
        variance 1.
    learning_rate : float
        Of Adam; multiplied by .3, twice, where validation errors no longer fall.
    batch_size, max_epochs, patience : int
        Rows per step; most passes through the training rows; passes without gain until steps
        become smaller, and at last end.
    device : str
        "cpu" or "cuda". Calculates in float32.

    References
    ----------
    After Lurz et al. (2021), ICLR, doi:10.1101/2020.10.05.326256.
    """

    strengths: Sequence[float] = (0.003, 0.03, 0.1)
    learning_rate: float = 0.03
    batch_size: int = 64
    max_epochs: int = 200
    patience: int = 10
    device: str = "cpu"

    takes_maps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Sort the strengths, and refuse options that cannot be followed."""
        check_options(self)
        object.__setattr__(self, "strengths", check_grid("strengths", self.strengths))

    @undisturbed()
    def fit_arrays(
        self, features: np.ndarray, responses: np.ndarray, inner: Pairs, *, seed: int
    ) -> FittedGaussian:
        """Learn location and weights of every target.

        Parameters
        ----------
        features : array (rows, channels, rows of map, columns)
            Standardized inside.
        responses : float array (rows, targets)
            Complete; a constant is predicted where a target is constant.
        inner : sequence of pairs of int arrays
            The first holds the rows to train on and the validation rows, which choose the first
            location, the epoch and the penalty. Others are not read.
        seed : int
            Of the order of training rows, and of the points read.

        Returns
        -------
        FittedGaussian
        """
        inputs = check_inputs(features, responses, inner)
        if len(inputs.positions.shape) != 2:
            message = (
                "A Gaussian readout needs maps (row, channel, row of map, column), but these "
                "features are tokens; use a factorized or an attention readout."
            )
            raise DataError(message)
        task = make_task(inputs, self.device)
        generator = torch.Generator("cpu").manual_seed(seed)
        network = _Gaussian(task, self.strengths)
        trained = train(network, task, self, generator, len(self.strengths))
        return FittedGaussian(
            validation_r2(trained, task),
            trained,
            np.array(self.strengths)[trained.copy],
            fetch(network.location),
            fetch(network.width),
            trained.frame.unscale(fetch(network.scale * network.weights)),
        )


@dataclass(frozen=True, eq=False)
class FittedGaussian(PenalizedReadout):
    """Locations and weights of fitted neuroids.

    Parameters
    ----------
    location : float array (targets, 2)
        Row and column, in pixels; the center of the first pixel is 0.
    width : float array (targets,)
        Standard deviation of the points read in training, in pixels: how uncertain the location
        still was, and not the size of a receptive field.
    weights : float array (targets, channels)
        In units of the response per unit of the feature.
    """

    location: np.ndarray
    width: np.ndarray
    weights: np.ndarray


class _Gaussian(Network):
    def __init__(self, task: Task, strengths: Sequence[float]) -> None:
        super().__init__()
        n_channels = len(task.frame.features.mean)
        self.shape = task.frame.shape
        self.scale = n_channels**-0.5
        penalties = torch.tensor(strengths, dtype=torch.float32, device="cpu")
        penalties = penalties.repeat_interleave(task.n_targets)
        start = np.stack(np.unravel_index(_best_pixels(task), self.shape), axis=1)
        location = torch.from_numpy(start.astype(np.float32)).repeat(len(strengths), 1)
        self.location = torch.nn.Parameter(location)
        self.width = torch.nn.Parameter(torch.full_like(penalties, WIDTH))
        self.weights = torch.nn.Parameter(penalties.new_zeros((len(penalties), n_channels)))
        self.penalties = torch.nn.Parameter(penalties, requires_grad=False)

    def forward(
        self, features: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        points = self.location.unsqueeze(0)
        if generator is not None:
            points = points + self.width[:, None] * self._draw(len(features), generator)
        points = torch.minimum(points.clamp(min=0), self._last_pixel())
        return read_maps(features, self._tents(points), self.scale * self.weights)

    def _tents(self, points: torch.Tensor) -> torch.Tensor:
        """Weigh pixels as linear interpolation at the points does, (rows, targets, pixels)."""
        along = []
        for axis, length in enumerate(self.shape):
            pixels = torch.arange(length, dtype=torch.float32, device=points.device)
            along.append((1 - (pixels - points[..., [axis]]).abs()).clamp(min=0))
        return (along[0].unsqueeze(3) * along[1].unsqueeze(2)).flatten(2)

    def _draw(self, n_rows: int, generator: torch.Generator) -> torch.Tensor:
        """Draw one displacement per row, in widths, for all targets, which are separate."""
        shape = (n_rows, 1, 2)
        drawn = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
        return drawn.to(self.width.device)

    def _last_pixel(self) -> torch.Tensor:
        return self.location.new_tensor([length - 1 for length in self.shape])

    def penalty(self) -> torch.Tensor:
        return self.penalties * (self.scale * self.weights).abs().sum(1)

    def constrain(self) -> None:
        with torch.no_grad():
            self.location.copy_(torch.minimum(self.location.clamp(min=0), self._last_pixel()))
            self.width.clamp_(min=0)


def _best_pixels(task: Task) -> np.ndarray:
    """Find the pixel whose channels predict the validation rows best, for every target."""
    frame, (positions, _, train, validation) = task.frame, task.inputs
    answers, held_out = task.answers(train), task.answers(validation)
    errors = []
    for number in range(positions.values.shape[2]):
        scaling = Scaling(frame.features.mean[:, number], frame.features.scale[:, 0])
        here = positions.values[:, :, number]
        shown, hidden = (frame.show(scaling, here[rows]) for rows in (train, validation))
        errors.append(fetch(_least_errors(shown, hidden, answers, held_out)))
    return np.argmin(errors, axis=0)


def _least_errors(
    shown: torch.Tensor, hidden: torch.Tensor, answers: torch.Tensor, held_out: torch.Tensor
) -> torch.Tensor:
    """Return the squared error of ridge regression at its best alpha, (targets,)."""
    eigenvalues, vectors = torch.linalg.eigh(shown.T @ shown)
    loadings, projected = vectors.T @ (shown.T @ answers), hidden @ vectors
    eigenvalues = eigenvalues.clamp(min=0)[:, None]
    total = eigenvalues.sum().clamp(min=torch.finfo(torch.float32).tiny)
    errors = [
        (projected @ (loadings / (eigenvalues + alpha * total)) - held_out).square().sum(0)
        for alpha in ALPHAS
    ]
    return torch.stack(errors).amin(0)
