"""Readout by one map of where and one vector of what per neuroid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from neuroalign.numerics.device import fetch
from neuroalign.numerics.mapping import Pairs, check_grid
from neuroalign.numerics.readout_inputs import check_inputs
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

# Training rows that tell how much features vary once they are averaged over the map.
SAMPLE = 500


@dataclass(frozen=True)
class FactorizedReadout:
    """Predict a response as a sum over positions and channels of map x weights x features.

    The map (where) and the weights (what) of each neuroid are learned together, from a flat map;
    the penalty is the sum of absolute values of their product. Nothing is shared between
    neuroids, so each keeps its own best validation epoch and penalty, and is not fitted again.

    Parameters
    ----------
    strengths : sequence of float
        Penalties to choose from, on features and responses of variance 1.
    learning_rate : float
        Of Adam; multiplied by .3, twice, where validation errors no longer fall.
    batch_size, max_epochs, patience : int
        Rows per step; most passes through the training rows; passes without gain until steps
        become smaller, and at last end.
    device : str
        "cpu" or "cuda". Calculates in float32.

    References
    ----------
    After Klindt, Ecker, Euler & Bethge (2017), arXiv:1711.02653.
    """

    strengths: Sequence[float] = (0.003, 0.01, 0.03)
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
    ) -> FittedFactorized:
        """Learn map and weights of every target.

        Parameters
        ----------
        features : array (rows, channels, rows of map, columns) or (rows, tokens, channels)
            Standardized inside; tokens are a map of one axis.
        responses : float array (rows, targets)
            Complete; a constant is predicted where a target is constant.
        inner : sequence of pairs of int arrays
            The first holds the rows to train on and the validation rows, which choose the epoch
            and the penalty. Others are not read.
        seed : int
            Of the order of training rows.

        Returns
        -------
        FittedFactorized
        """
        task = make_task(check_inputs(features, responses, inner), self.device)
        generator = torch.Generator("cpu").manual_seed(seed)
        network = _Factorized(task, self.strengths)
        trained = train(network, task, self, generator, len(self.strengths))
        maps, weights = (fetch(part) for part in network.factors())
        sign = np.where(maps.sum(1, keepdims=True) < 0, -1.0, 1.0)
        return FittedFactorized(
            validation_r2(trained, task),
            trained,
            np.array(self.strengths)[trained.copy],
            (sign * maps).reshape(len(maps), *trained.frame.shape),
            trained.frame.unscale(sign * weights),
        )


@dataclass(frozen=True, eq=False)
class FittedFactorized(PenalizedReadout):
    """Maps and weights of fitted neuroids.

    Parameters
    ----------
    maps : float array (targets, rows of map, columns) or (targets, tokens)
        Of unit norm; their sum is not negative.
    weights : float array (targets, channels)
        In units of the response per unit of the feature.
    """

    maps: np.ndarray
    weights: np.ndarray


class _Factorized(Network):
    """Parameters start at 1 or grow towards 1, so that one learning rate serves any size."""

    def __init__(self, task: Task, strengths: Sequence[float]) -> None:
        super().__init__()
        _, n_channels, n_positions = task.inputs.positions.values.shape
        penalties = torch.tensor(strengths, dtype=torch.float32, device="cpu")
        penalties = penalties.repeat_interleave(task.n_targets)
        self.scale = _pooled_scale(task) / n_channels**0.5
        self.maps = torch.nn.Parameter(penalties.new_ones((len(penalties), n_positions)))
        self.weights = torch.nn.Parameter(penalties.new_zeros((len(penalties), n_channels)))
        self.penalties = torch.nn.Parameter(penalties, requires_grad=False)

    def forward(
        self,
        features: torch.Tensor,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> torch.Tensor:
        maps, weights = self.factors()
        return read_maps(features, maps, weights)

    def factors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return maps of unit norm, and weights, of standardized features."""
        return self.maps / self.maps.norm(dim=1, keepdim=True), self.scale * self.weights

    def penalty(self) -> torch.Tensor:
        maps, weights = self.factors()
        return self.penalties * maps.abs().sum(1) * weights.abs().sum(1)


def _pooled_scale(task: Task) -> float:
    """Return 1 / standard deviation of what a flat map of unit norm sees of a channel."""
    seen = task.batch(task.inputs.train[:SAMPLE])
    spread = (seen.sum(2).square().mean() / seen.shape[2]).sqrt().item()
    return 1 / spread if spread > 0 else 1.0
