"""Any torch module as a model: all layers in one pass, through forward hooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuroalign.errors import DataError, UnknownNameError, unknown_name
from neuroalign.models.axes import Axes, LayerAxes
from neuroalign.models.evaluation import (
    check_amounts,
    check_module,
    is_lazy,
    known_device,
    known_precision,
)
from neuroalign.models.hooks import Catch
from neuroalign.models.identity import content_hash, network_hash
from neuroalign.models.inputs import KINDS, check_stimuli, inputs_hash
from neuroalign.models.layers import Address, Wanted, block_outputs, find_layers, submodules
from neuroalign.models.packages import versions
from neuroalign.models.passes import Pass, Preprocess
from neuroalign.models.preprocessing import ImagePreprocessing
from neuroalign.models.protocol import label_layer
from neuroalign.models.spool import LayerStore, default_budget, open_store
from neuroalign.progress import announce


class TorchModel:
    """Yield the activations of the layers of a torch module.

    Activations of all layers come from one pass over the stimuli. The module is in evaluation
    mode for the pass, on `device`, and under a random state of its own; afterwards it has its
    modes, devices, tensors and hooks as before, whatever happens, and so has torch its random
    state. What a module only makes in its first pass (lazy layers, say) is made with the first
    stimulus, stays, and depends on `seed` alone.

    Parameters
    ----------
    module : torch.nn.Module
        Called on a batch.
    name : str, optional
        By default the name of its class.
    reads : {"image", "text", "audio", "video"}
        The column of the stimuli that `preprocess` is given.
    preprocess : callable, optional
        Turns one stimulus into the tensor, without batch axis, that the module takes; or into a
        mapping of tensors, which the module takes by keyword. It is given a PIL image (RGB), a
        str, or (samples, rate) of a sound, as one channel; of a film what the column holds. By
        default RGB images (channel, row, column) in 0..1, size unchanged.
    layers : str, type, or sequence of them, optional
        Layers to score: paths of submodules, "blocks.*", "depth:2", "all", a type such as
        ``torch.nn.Conv2d``; see `find_layers`. By default the outputs of blocks: the composite
        members of containers, as in ``blocks.3`` or ``layer2.1``; without any, every leaf module.
    axes : sequence of str, or mapping of str to sequence of str, optional
        Names of the axes of outputs, in the order of the network, as ("row", "column",
        "channel") of networks with the channel last, or ("token", "stimulus", "channel"). A
        sequence holds for all outputs with so many axes, a mapping for layers of that name or
        pattern. By default (stimulus, unit), (stimulus, token, channel) or (stimulus, channel,
        row, column), by their number.
    duration : float, optional
        Seconds of every preprocessed stimulus, where an axis is "time".
    batch_size : int, optional
        Stimuli that are run together, fewer where memory runs out. By default as many as memory
        allows, by the size of what the first stimulus makes; 8 at most on a CPU, whose caches
        like small batches.
    device : {"cpu", "cuda", "mps"}, optional
    precision : {"float32", "float16", "bfloat16"}
        Of products and convolutions, by autocast; the module keeps its weights as they are.
        float32 is exact on a GPU too (no TF32).
    memory_budget : int, optional
        Bytes of activations to hold at most, beside the layer that is being used; more goes
        through a temporary file. By default a quarter of the memory that is free.
    seed : int
        Of the random state of the pass.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, torch
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
    >>> model = na.TorchModel(network)
    >>> model.layers
    ['0', '1']
    >>> na.TorchModel(network, layers=torch.nn.ReLU).layers
    ['1']
    """

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        name: str | None = None,
        reads: str = "image",
        preprocess: Preprocess | None = None,
        layers: Wanted = None,
        axes: Axes | None = None,
        duration: float | None = None,
        batch_size: int | None = None,
        device: str = "cpu",
        precision: str = "float32",
        memory_budget: int | None = None,
        seed: int = 0,
    ) -> None:
        check_module(module)
        check_amounts(batch_size, memory_budget)
        if reads not in KINDS:
            raise unknown_name(reads, KINDS, kind="kind of stimulus")
        if preprocess is None and reads != "image":
            message = f"A model that reads {reads!r} needs a preprocess, which makes tensors of it."
            raise DataError(message)
        if not (preprocess is None or callable(preprocess)):
            message = (
                f"preprocess={preprocess!r} cannot be called; give a function from a stimulus to a "
                "tensor, for images ImagePreprocessing(...)."
            )
            raise DataError(message)
        self.module, self.reads = module, reads
        self.name = name or type(module).__name__
        self._default = block_outputs(module) if layers is None else layers
        if not submodules(module) or (layers is None and not self._default):
            message = (
                f"Module {self.name!r} has no submodules that could be its layers; wrap it, as in "
                "TorchModel(torch.nn.Sequential(module))."
            )
            raise DataError(message)
        self.layers = self.select(None)
        self._axes, self._duration, self._budget = LayerAxes(axes), duration, memory_budget
        if self._axes.have_time and duration is None:
            message = (
                "Layers with an axis of time need the duration of what the network is given, in "
                "seconds, as in TorchModel(..., duration=2.0)."
            )
            raise DataError(message)
        self._pass = Pass(
            module=module,
            name=self.name,
            reads=reads,
            preprocess=preprocess or ImagePreprocessing(),
            device=known_device(device),
            precision=known_precision(precision),
            seed=seed,
            batch_size=batch_size,
        )

    @property
    def preprocess(self) -> Preprocess:
        """What turns a stimulus into what the module takes."""
        return self._pass.preprocess

    def select(self, wanted: Wanted) -> list[str]:
        """Name the layers that a selection means, before any pass.

        Parameters
        ----------
        wanted : str, type, or sequence of them, optional
            See `find_layers`; by default `layers` of the model.

        Returns
        -------
        list of str
        """
        wanted = self._default if wanted is None else wanted
        return [address.name() for address in find_layers(wanted, submodules(self.module))]

    def fingerprint(self) -> str:
        """Return the sha256 of the network, which the provenance records."""
        return network_hash(self.module)

    def ingredients(self, stimuli: pd.DataFrame) -> dict[str, str]:
        """Return all that activations depend on, each as a string: what a cache is keyed by.

        Parameters
        ----------
        stimuli : DataFrame
            In the order in which they are run; their labels do not count.

        Returns
        -------
        dict of str to str
        """
        check_stimuli(stimuli, self.reads, self.name)
        if self._is_lazy():
            self._pass.run_first(stimuli)
        own = isinstance(self.preprocess, ImagePreprocessing)
        options = {
            "axes": repr(self._axes),
            "duration": self._duration,
            "precision": self._pass.precision,
            "seed": self._pass.seed,
        }
        return {
            "network": self.fingerprint(),
            "preprocessing": repr(self.preprocess) if own else content_hash(self.preprocess),
            "inputs": inputs_hash(stimuli, self.reads),
            "reads": self.reads,
            "options": json.dumps(options, sort_keys=True),
            "device": self._pass.device.type,
            "versions": versions("neuroalign", "torch", "numpy", "pillow"),
        }

    def activations(
        self, stimuli: pd.DataFrame, layers: Wanted = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer with its activations, after one pass over the stimuli.

        Parameters
        ----------
        stimuli : DataFrame
            With the column that the model reads.
        layers : str, type, or sequence of them, optional
            Any submodules, calls and members of outputs; see `find_layers`. By default `layers`
            of the model. Layers of a pattern that did not run, or return no activations, are
            left out; those that ran several times come as "path#1", "path#2" and so on.

        Yields
        ------
        layer : str
        activations : DataArray, float32
        """
        labels = check_stimuli(stimuli, self.reads, self.name)
        stimuli = stimuli.set_axis(labels)
        with ExitStack() as stack:
            budget = default_budget() if self._budget is None else self._budget
            # The rest is for what a batch makes within the network.
            store = stack.enter_context(open_store({}, len(labels), budget=budget - budget // 4))
            catch = self._run(stimuli, layers, store, budget)
            if not any(catch.found()):
                wanted = self._default if layers is None else layers
                message = (
                    f"None of the layers {wanted!r} of model {self.name!r} returns activations in "
                    "a pass; choose others."
                )
                raise DataError(message)
            if left_out := catch.left_out():
                announce(
                    f"{len(left_out)} submodules of {self.name!r} were left out, as they return no "
                    f"activations in a pass: {', '.join(left_out[:3])}."
                )
            for layer, stored, path in catch.found():
                yield layer, self._labelled(store.take(stored), layer, path, labels)

    def _run(self, stimuli: pd.DataFrame, layers: Wanted, store: LayerStore, budget: int) -> Catch:
        """Run all stimuli; anew where the first one has made the network build itself."""
        if self._is_lazy():
            self._pass.run_first(stimuli)
        for _ in range(3):
            addresses = self._addresses(stimuli, layers)
            finite = self._pass.precision == "float16"
            catch = Catch(addresses, self._axes, store, finite=finite)
            if self._pass.run(stimuli, catch, budget):
                return catch
        message = (
            f"Module {self.name!r} makes new submodules in every pass; make them when it is built."
        )
        raise DataError(message)

    def _addresses(self, stimuli: pd.DataFrame, wanted: Wanted) -> list[Address]:
        """Find the layers; those of a name not known yet may be made by the first stimulus."""
        wanted = self._default if wanted is None else wanted
        known = submodules(self.module)
        try:
            return find_layers(wanted, known)
        except UnknownNameError:
            self._pass.run_first(stimuli)
            if set(made := submodules(self.module)) == set(known):
                raise
            return find_layers(wanted, made)

    def _is_lazy(self) -> bool:
        parts = (*self.module.parameters(), *self.module.buffers())
        return any(is_lazy(part) for part in parts)

    def _labelled(
        self, values: np.ndarray, layer: str, path: str, labels: list[str]
    ) -> xr.DataArray:
        axes, time = self._axes.names(path, values.ndim), None
        if "time" in axes and self._duration is not None:
            n_frames = values.shape[1]
            time = (np.arange(n_frames) + 0.5) * self._duration / n_frames
        return label_layer(values, layer, labels, self.name, axes=axes, time=time)
