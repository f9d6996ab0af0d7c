"""One pass of a network over stimuli, batch by batch, which leaves the network as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import pandas as pd
import torch

from neuroalign.errors import DataError, NeuroalignError, reason
from neuroalign.models.batches import BatchSize, collate, largest_step
from neuroalign.models.evaluation import (
    home_device,
    is_out_of_memory,
    measuring,
)
from neuroalign.models.hooks import Catch, watched
from neuroalign.models.inputs import read_stimulus
from neuroalign.models.layers import submodules
from neuroalign.progress import progress_bar

Preprocess = Callable[..., torch.Tensor | Mapping[str, torch.Tensor]]


@dataclass(frozen=True)
class Pass:
    """How a network is run; see `TorchModel`."""

    module: torch.nn.Module
    name: str
    reads: str
    preprocess: Preprocess
    device: torch.device
    precision: str
    seed: int
    batch_size: int | None

    def run_first(self, stimuli: pd.DataFrame) -> None:
        """Run the first stimulus, where the network is, so that it makes what it lacks."""
        device = home_device(self.module, self.device)
        with measuring(self.module, device, self.precision, self.seed):
            self._call(stimuli, [stimuli.index[0]], device)

    def run(self, stimuli: pd.DataFrame, catch: Catch, budget: int) -> bool:
        """Run all stimuli, and let `catch` store what the submodules return.

        Returns
        -------
        bool
            False where the first stimulus made the network grow: nothing else was run then.
        """
        labels, known = list(stimuli.index), set(self.module.modules())
        size = BatchSize(self.batch_size, self.device, budget)
        modules, start = submodules(self.module), 0
        with (
            measuring(self.module, self.device, self.precision, self.seed),
            watched({path: modules[path] for path in catch.paths}, catch.receive),
            progress_bar(f"{self.name}: activations", len(labels)) as advance,
        ):
            while start < len(labels):
                batch = labels[start : start + size.now]
                catch.begin(start, len(batch))
                measured = self.batch_size is None and start == 0
                with largest_step(self.module) if measured else nullcontext() as step:
                    fits = self._fits(stimuli, batch)
                if not fits:
                    size.halve(len(batch))
                    continue
                if start == 0:
                    if set(self.module.modules()) != known:
                        return False
                    size.learn(step.n_bytes if step else 0)
                catch.end()
                start += len(batch)
                advance(len(batch))
        return True

    def _fits(self, stimuli: pd.DataFrame, labels: list[str]) -> bool:
        """Run a batch; False where memory does not suffice for so many stimuli."""
        try:
            self._call(stimuli, labels, self.device)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(labels) == 1:
                message = (
                    f"Device {str(self.device)!r} has not enough memory for one stimulus in "
                    f"{self.name!r}; use another device, a lower precision or smaller stimuli."
                )
                raise DataError(message) from error
            return False
        return True

    def _call(self, stimuli: pd.DataFrame, labels: list[str], device: torch.device) -> None:
        made = [self._prepared(stimuli, label) for label in labels]
        numbers = (one for one in self.module.parameters() if one.is_floating_point())
        batch = collate(made, next(numbers, None), device)
        try:
            self.module(**batch) if isinstance(batch, dict) else self.module(batch)
        except (RuntimeError, TypeError, ValueError, LookupError) as error:
            if isinstance(error, NeuroalignError) or is_out_of_memory(error):
                raise
            named = batch.items() if isinstance(batch, dict) else [("a tensor", batch)]
            shapes = ", ".join(f"{name} {tuple(one.shape)}" for name, one in named)
            message = (
                f"Network {self.name!r} failed on its input, {shapes} ({reason(error)}); give the "
                "preprocess that it was trained with."
            )
            raise DataError(message) from error

    def _prepared(self, stimuli: pd.DataFrame, label: str) -> object:
        stimulus = read_stimulus(stimuli, label, self.reads)
        try:
            return self.preprocess(stimulus)
        except (NeuroalignError, MemoryError):
            raise
        except Exception as error:
            message = (
                f"The preprocess of model {self.name!r} failed on stimulus {str(label)!r} "
                f"({reason(error)})."
            )
            raise DataError(message) from error
