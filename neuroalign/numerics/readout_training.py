"""Train a readout by gradient descent until the validation rows say to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from neuroalign.errors import DataError
from neuroalign.numerics.device import fetch
from neuroalign.numerics.moments import is_constant
from neuroalign.numerics.readout_network import History, Network, Task, Trained

# When patience is at its end, return to the best weights and go on in smaller steps, this often.
DECAYS = 2
DECAY = 0.3

# Adam divides gradients by their size. Those of standardized problems below this are rounding, and
# should not become steps.
EPSILON = 1e-6

# Share of the variance of the responses, averaged over targets, that counts as getting better.
LEAST_GAIN = 1e-4


class Options(Protocol):
    """What every readout lets its user choose about the training."""

    @property
    def batch_size(self) -> int:
        """Rows per step."""

    @property
    def learning_rate(self) -> float:
        """Size of the first steps of Adam, for parameters of about 1."""

    @property
    def max_epochs(self) -> int:
        """Most passes through the training rows."""

    @property
    def patience(self) -> int:
        """Passes without gain after which steps become smaller, and at last end."""


@dataclass(frozen=True, eq=False)
class FittedReadout:
    """What all trained readouts have.

    Parameters
    ----------
    inner_r2 : float array (targets,)
        1 - squared error / squared error of the training mean on the validation rows, which
        chose the epoch, and whatever else was chosen; NaN for a constant target.
    trained : Trained
    """

    inner_r2: np.ndarray
    trained: Trained

    @property
    def history(self) -> History:
        """Training and validation errors, (epochs, targets), at the penalty chosen."""
        return self.trained.history

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict responses from features like those of the fit, float64 (rows, targets)."""
        return self.trained.predict(features)


@dataclass(frozen=True, eq=False)
class PenalizedReadout(FittedReadout):
    """A readout whose targets chose a penalty each.

    Parameters
    ----------
    strength : float array (targets,)
        The penalty chosen.
    """

    strength: np.ndarray

    @property
    def hyperparameters(self) -> dict[str, np.ndarray]:
        """What was chosen for each target, by name."""
        return {"strength": self.strength}


def check_options(options: Options) -> None:
    """Refuse options that no training can follow, in one sentence."""
    for name in ("batch_size", "max_epochs", "patience"):
        if getattr(options, name) < 1:
            message = f"{name}={getattr(options, name)} must be 1 or more."
            raise DataError(message)
    if not 0 < options.learning_rate < np.inf:
        message = f"learning_rate={options.learning_rate} must be positive and finite."
        raise DataError(message)


def train(
    network: Network, task: Task, options: Options, generator: torch.Generator, copies: int = 1
) -> Trained:
    """Minimize the squared error on the training rows, and keep the best validation epoch.

    Nothing is fitted again on the validation rows afterwards.

    Parameters
    ----------
    network : Network
        Of copies x targets columns; is changed.
    task : Task
    options : Options
    generator : Generator
        On the CPU; draws the order of rows, and what the network draws.
    copies : int
        Each target keeps the best of its copies, which may differ in their penalties; ties go to
        the last.

    Returns
    -------
    Trained
    """
    network.to(task.frame.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, eps=EPSILON)
    best, patience = _Best(network, copies * task.n_targets), _Patience(options.patience)
    shown, hidden = (
        task.answers(rows).repeat(1, copies) for rows in (task.inputs.train, task.inputs.validation)
    )
    epochs: list[tuple[np.ndarray, np.ndarray]] = []
    while len(epochs) < options.max_epochs and not patience.at_end:
        errors = _step_through(network, task, shown, options.batch_size, optimizer, generator)
        held_out = _validate(network, task, hidden, options.batch_size)
        epochs.append((fetch(errors), fetch(held_out)))
        best.keep(held_out)
        if patience.is_spent(best.errors.mean().item()):
            best.restore()
            for group in optimizer.param_groups:
                group["lr"] *= DECAY
    best.restore()
    copy, columns = _keep_best_copies(network, best.errors, copies)
    history = History(*(np.stack(part)[:, columns] for part in zip(*epochs, strict=True)))
    network.requires_grad_(False)
    return Trained(network, task.frame, options.batch_size, copy, history)


def validation_r2(trained: Trained, task: Task) -> np.ndarray:
    """Measure what share of the error of the training mean is removed on the validation rows.

    Optimistic, since these rows chose the epoch and the penalty.

    Parameters
    ----------
    trained : Trained
    task : Task

    Returns
    -------
    float array (targets,)
        NaN for a target that does not vary.
    """
    _, responses, train, validation = task.inputs
    predicted = trained.respond(task.batches(validation, trained.batch_size))
    error = ((responses[validation] - predicted) ** 2).sum(0)
    baseline = ((responses[validation] - task.frame.responses.mean) ** 2).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1 - error / baseline
    return np.where(is_constant(responses[np.concatenate([train, validation])]), np.nan, share)


def _step_through(
    network: Network,
    task: Task,
    answers: torch.Tensor,
    batch_size: int,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> torch.Tensor:
    """Take one step per batch, of nearly equal sizes; return the mean squared errors (targets,)."""
    rows = task.inputs.train
    order = torch.randperm(len(rows), generator=generator, device="cpu")
    total = torch.zeros_like(answers[0])
    for part in torch.tensor_split(order, -(-len(rows) // batch_size)):
        squares = (network(task.batch(rows[part.numpy()]), generator) - answers[part]) ** 2
        optimizer.zero_grad()
        (squares.mean(0) + network.penalty()).sum().backward()
        optimizer.step()
        network.constrain()
        total += squares.detach().sum(0)
    return total / len(rows)


def _validate(network: Network, task: Task, answers: torch.Tensor, batch_size: int) -> torch.Tensor:
    with torch.no_grad():
        batches = task.batches(task.inputs.validation, batch_size)
        predicted = torch.cat([network(batch) for batch in batches])
    return ((predicted - answers) ** 2).mean(0)


class _Patience:
    """When steps become smaller, and when training ends."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.reference, self.waited, self.decays = np.inf, 0, 0

    @property
    def at_end(self) -> bool:
        return self.decays > DECAYS

    def is_spent(self, error: float) -> bool:
        """Tell whether `error`, the least so far, has not become less for long enough."""
        self.waited += 1
        if error < self.reference - LEAST_GAIN:
            self.reference, self.waited = error, 0
        if self.waited < self.epochs:
            return False
        self.waited, self.decays = 0, self.decays + 1
        return True


class _Best:
    """The parameters of the best epoch so far: of each target, where these are separate."""

    def __init__(self, network: Network, n_columns: int) -> None:
        self.network = network
        self.parameters = [parameter.detach().clone() for parameter in network.parameters()]
        self.errors = torch.full(
            (n_columns,), np.inf, dtype=torch.float32, device=self.parameters[0].device
        )

    def keep(self, errors: torch.Tensor) -> None:
        """Compare an epoch by its validation errors (columns,)."""
        if not self.network.separate:
            errors = errors.mean().expand_as(errors)
        better = errors < self.errors
        self.errors = torch.where(better, errors, self.errors)
        for kept, parameter in zip(self.parameters, self.network.parameters(), strict=True):
            if self.network.separate:
                kept[better] = parameter.detach()[better]
            elif better.all():
                kept.copy_(parameter.detach())

    def restore(self) -> None:
        """Put the best parameters back into the network."""
        with torch.no_grad():
            for kept, parameter in zip(self.parameters, self.network.parameters(), strict=True):
                parameter.copy_(kept)


def _keep_best_copies(
    network: Network, errors: torch.Tensor, copies: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which copy each target keeps, and the numbers of the columns that stay."""
    errors = errors.reshape(copies, -1)
    # The first of equals is found, hence from the last copy to the first.
    copy = copies - 1 - errors.flip(0).argmin(0)
    columns = copy * errors.shape[1] + torch.arange(errors.shape[1], device=errors.device)
    if copies > 1:
        for parameter in network.parameters():
            parameter.data = parameter.data[columns]
    return copy.cpu().numpy(), columns.cpu().numpy()
