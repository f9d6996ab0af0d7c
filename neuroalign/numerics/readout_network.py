"""What all readouts are: a network in standardized features and responses, and its surroundings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from neuroalign.errors import DataError
from neuroalign.numerics.device import check_device, exact_products, fetch
from neuroalign.numerics.readout_inputs import Inputs, Scaling, check_features


class Network(torch.nn.Module):
    """A readout in standardized features and responses.

    `forward` takes features (rows, channels, positions), and in training a random generator, and
    returns (rows, targets). Where `separate`, the first axis of every parameter numbers targets:
    these are independent problems, and each keeps its own best epoch.
    """

    separate = True

    def penalty(self) -> torch.Tensor:
        """Give what is added to the mean squared errors, (targets,) or (1,)."""
        return torch.zeros(1, dtype=torch.float32, device=next(self.parameters()).device)

    def constrain(self) -> None:
        """Put parameters back to where they may be, after each step."""


class Frame(NamedTuple):
    """How features and responses are shown to a network."""

    features: Scaling
    responses: Scaling
    shape: tuple[int, ...]  # of the map, or (tokens,)
    device: torch.device

    def show(self, scaling: Scaling, values: np.ndarray) -> torch.Tensor:
        """Standardize some rows of the features or of the responses."""
        return torch.from_numpy(scaling.apply(values)).to(self.device)

    def unscale(self, weights: np.ndarray) -> np.ndarray:
        """Turn weights (targets, channels) into units of the response per unit of the feature."""
        return weights * self.responses.scale[:, None] * self.features.inverse[:, 0]


class Task(NamedTuple):
    """What a network is to learn."""

    inputs: Inputs
    frame: Frame

    @property
    def n_targets(self) -> int:
        """How many responses there are to predict."""
        return self.inputs.responses.shape[1]

    def batch(self, rows: np.ndarray) -> torch.Tensor:
        """Standardize some rows of the features, (rows, channels, positions)."""
        return self.frame.show(self.frame.features, self.inputs.positions.values[rows])

    def batches(self, rows: np.ndarray, size: int) -> Iterator[torch.Tensor]:
        """Standardize rows of the features, `size` at a time."""
        return (self.batch(rows[start : start + size]) for start in range(0, len(rows), size))

    def answers(self, rows: np.ndarray) -> torch.Tensor:
        """Standardize some rows of the responses, (rows, targets)."""
        return self.frame.show(self.frame.responses, self.inputs.responses[rows])


class History(NamedTuple):
    """Mean squared error per epoch, in units of the variance of the training responses."""

    training: np.ndarray  # (epochs, targets), while the weights change
    validation: np.ndarray  # (epochs, targets), at the end of the epoch


@dataclass(frozen=True, eq=False)
class Trained:
    """A network at its best epoch, which answers in the original units.

    Parameters
    ----------
    network : Network
    frame : Frame
    batch_size : int
        Rows that are predicted at a time.
    copy : int array (targets,)
        Which copy of each target was kept.
    history : History
    """

    network: Network
    frame: Frame
    batch_size: int
    copy: np.ndarray
    history: History

    def batches(self, features: np.ndarray) -> Iterator[torch.Tensor]:
        """Standardize features, some rows at a time.

        Parameters
        ----------
        features : array (rows, channels, rows of map, columns) or (rows, tokens, channels)
            With the axes of the features of the fit.

        Yields
        ------
        Tensor (rows, channels, positions)
        """
        values, shape = check_features(features)
        n_channels = len(self.frame.features.mean)
        if (values.shape[1], shape) != (n_channels, self.frame.shape):
            message = (
                f"The readout was fitted on {n_channels} channels at positions of shape "
                f"{self.frame.shape}, but these features have {values.shape[1]} at {shape}."
            )
            raise DataError(message)
        for start in range(0, len(values), self.batch_size):
            rows = values[start : start + self.batch_size]
            yield self.frame.show(self.frame.features, rows)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict responses from features, float64 (rows, targets)."""
        return self.respond(self.batches(features))

    def respond(self, batches: Iterable[torch.Tensor]) -> np.ndarray:
        """Predict responses from standardized features, float64 (rows, targets)."""
        predicted = [np.empty((0, len(self.frame.responses.mean)))]
        with undisturbed():
            predicted += [fetch(self.network(batch)) for batch in batches]
        return self.frame.responses.undo(np.concatenate(predicted))


def make_task(inputs: Inputs, device: str, *, by_position: bool = True) -> Task:
    """Measure the scales of the training rows, in which the networks calculate.

    Parameters
    ----------
    inputs : Inputs
    device : str
    by_position : bool
        Center channels at each position, which spares readouts of fixed places an intercept;
        else over all positions, so that a value means the same wherever it is found.

    Returns
    -------
    Task
    """
    home = torch.device(check_device(device))
    values = inputs.positions.values
    features = Scaling.of_features(values, inputs.train, by_position=by_position)
    responses = Scaling.of_responses(inputs.responses[inputs.train])
    return Task(inputs, Frame(features, responses, inputs.positions.shape, home))


def read_maps(features: torch.Tensor, maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum map x weights x features over positions and channels.

    Parameters
    ----------
    features : Tensor (rows, channels, positions)
    maps : Tensor (targets, positions) or (rows, targets, positions)
    weights : Tensor (targets, channels)

    Returns
    -------
    Tensor (rows, targets)
    """
    # The longer axis is summed first: what is left in between is smaller.
    if features.shape[1] < features.shape[2]:
        return ((maps @ features.transpose(1, 2)) * weights).sum(2)
    return ((weights @ features) * maps).sum(2)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Set aside what the caller set for torch: gradients are recorded, products are exact."""
    with (
        torch.inference_mode(False),  # gradients are recorded, also within no_grad
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
        exact_products(),
    ):
        yield
