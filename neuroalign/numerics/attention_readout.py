"""Readout by attention: where a neuroid looks depends on what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from neuroalign.errors import DataError
from neuroalign.numerics.device import fetch
from neuroalign.numerics.mapping import Pairs
from neuroalign.numerics.readout_inputs import check_inputs
from neuroalign.numerics.readout_network import (
    Network,
    Task,
    make_task,
    undisturbed,
)
from neuroalign.numerics.readout_training import FittedReadout, check_options, train, validation_r2

QUERIES = ("neuroid", "group")


@dataclass(frozen=True)
class AttentionReadout:
    """Predict responses from what learned queries find among tokens.

    One layer of cross-attention: a query weighs tokens by softmax(query . key / sqrt(width of a
    head)), and each neuroid weighs the values found by its query. Keys and values are linear maps
    of the tokens, shared by all queries; a learned vector per position is added to the keys, so
    that a query can also look at a fixed place. It is learned rather than made of sines because
    tokens need not lie on a grid; it starts at 0. Since keys and values are shared, all
    neuroids keep the same epoch, the best on average, and are not fitted again.

    Parameters
    ----------
    queries : str
        "neuroid" for a query each, or "group" for one per group of neuroids.
    n_heads : int
        Divides `width`. More heads find more than one thing, and overfit sooner.
    width : int
        Length of queries, keys and values over all heads.
    learning_rate : float
        Of Adam; multiplied by .3, twice, where validation errors no longer fall.
    batch_size, max_epochs, patience : int
        Rows per step; most passes through the training rows; passes without gain until steps
        become smaller, and at last end. Attention takes batch_size x queries x tokens x heads
        numbers a few times.
    device : str
        "cpu" or "cuda". Calculates in float32.

    References
    ----------
    After Adeli, Minni & Kriegeskorte (2025), arXiv:2505.17329, whose layer also has dropout and a
    feed-forward part.
    """

    queries: str = "neuroid"
    n_heads: int = 1
    width: int = 64
    learning_rate: float = 0.02
    batch_size: int = 64
    max_epochs: int = 200
    patience: int = 10
    device: str = "cpu"

    takes_maps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse options that cannot be followed."""
        check_options(self)
        if self.queries not in QUERIES:
            message = f"queries={self.queries!r} is not known; use 'neuroid' or 'group'."
            raise DataError(message)
        if self.n_heads < 1 or self.width < 1 or self.width % self.n_heads:
            message = (
                f"width={self.width} cannot be shared by n_heads={self.n_heads}; use a multiple "
                f"of the number of heads."
            )
            raise DataError(message)

    @undisturbed()
    def fit_arrays(
        self,
        features: np.ndarray,
        responses: np.ndarray,
        inner: Pairs,
        *,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> FittedAttention:
        """Learn queries, keys, values and the weights of every target.

        Parameters
        ----------
        features : array (rows, tokens, channels) or (rows, channels, rows of map, columns)
            Standardized inside; the pixels of a map are tokens, row by row.
        responses : float array (rows, targets)
            Complete; a constant is predicted where a target is constant.
        inner : sequence of pairs of int arrays
            The first holds the rows to train on and the validation rows, which choose the epoch.
            Others are not read.
        seed : int
            Of the first parameters and the order of training rows.
        groups : int array (targets,), optional
            Whose query each target uses; read where `queries` is "group".

        Returns
        -------
        FittedAttention
        """
        inputs = check_inputs(features, responses, inner)
        task = make_task(inputs, self.device, by_position=False)
        generator = torch.Generator("cpu").manual_seed(seed)
        query_of = self._query_of(groups, task.n_targets)
        network = _Attention(task, query_of, self.width, self.n_heads, generator)
        trained = train(network, task, self, generator)
        return FittedAttention(validation_r2(trained, task), trained, network)

    def _query_of(self, groups: np.ndarray | None, n_targets: int) -> np.ndarray:
        """Tell which query each target uses, by number."""
        if self.queries == "neuroid":
            return np.arange(n_targets)
        if groups is None or np.shape(groups) != (n_targets,):
            message = f"queries='group' needs groups, one number for each of {n_targets} targets."
            raise DataError(message)
        return np.unique(groups, return_inverse=True)[1]


@dataclass(frozen=True, eq=False)
class FittedAttention(FittedReadout):
    """Queries and weights of fitted neuroids.

    Parameters
    ----------
    network : Network
    """

    network: _Attention

    def attention(self, features: np.ndarray) -> np.ndarray:
        """Tell where each query looks, averaged over heads.

        Parameters
        ----------
        features : array (rows, tokens, channels) or (rows, channels, rows of map, columns)

        Returns
        -------
        float array (rows, queries, tokens)
            Sums to 1 over tokens; queries in the order of targets, or of ascending groups.
        """
        looked = [np.empty((0, len(self.network.queries), len(self.network.places)))]
        with undisturbed():
            batches = self.trained.batches(features)
            looked += [fetch(self.network.weigh(batch).mean(1)) for batch in batches]
        return np.concatenate(looked)


class _Attention(Network):
    """Parameters are about 1 and scaled where they are used, so that one learning rate fits all."""

    separate = False

    def __init__(
        self, task: Task, query_of: np.ndarray, width: int, n_heads: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        _, n_channels, n_tokens = task.inputs.positions.values.shape
        n_queries, n_targets = query_of.max() + 1, len(query_of)
        self.n_heads = n_heads
        self.keys = torch.nn.Parameter(_draw((n_channels, width), generator))
        self.values = torch.nn.Parameter(_draw((n_channels, width), generator))
        # From 0, so that attention starts even and follows the data from the first step: from
        # random queries and weights, 2 of 40 queries settled on fixed places before they had
        # found the key of their neuroid.
        self.places = torch.nn.Parameter(self.keys.new_zeros((n_tokens, width)))
        self.queries = torch.nn.Parameter(self.keys.new_zeros((n_queries, width)))
        self.weights = torch.nn.Parameter(self.keys.new_zeros((n_targets, width)))
        self.bias = torch.nn.Parameter(self.keys.new_zeros(n_targets))
        self.query_of: torch.Tensor
        self.register_buffer("query_of", torch.from_numpy(query_of))

    def forward(
        self,
        features: torch.Tensor,
        generator: torch.Generator | None = None,  # noqa: ARG002
    ) -> torch.Tensor:
        values = self._split(self._read(features, self.values))
        found = (self.weigh(features) @ values).transpose(1, 2).flatten(2)
        found = found[:, self.query_of] / found.shape[2] ** 0.5
        return (found * self.weights).sum(2) + self.bias

    def weigh(self, features: torch.Tensor) -> torch.Tensor:
        """Return how each head of each query weighs tokens, (rows, heads, queries, tokens)."""
        keys = self._split(self._read(features, self.keys) + self.places)
        queries = self._split(self.queries.unsqueeze(0))
        return torch.softmax(queries @ keys.transpose(2, 3) / keys.shape[3] ** 0.5, dim=3)

    @staticmethod
    def _read(features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Map tokens linearly, (rows, tokens, width)."""
        return features.transpose(1, 2) @ (weights / len(weights) ** 0.5)

    def _split(self, vectors: torch.Tensor) -> torch.Tensor:
        """Share vectors among heads, (rows, heads, vectors, width of a head)."""
        return vectors.unflatten(2, (self.n_heads, -1)).transpose(1, 2)


def _draw(shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
