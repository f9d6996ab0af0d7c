"""Any torch module as a model: all layers in one pass, through forward hooks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import pandas as pd
import torch
import xarray as xr
from PIL import Image

from neuroalign.errors import DataError
from neuroalign.models.images import stimulus_image
from neuroalign.models.layers import block_outputs
from neuroalign.models.protocol import chosen_layers, label_layer
from neuroalign.models.spool import LayerStore, open_store
from neuroalign.progress import progress_bar

Preprocess = Callable[[Image.Image], torch.Tensor]


class TorchModel:
    """Yield the activations of the layers of a torch module.

    Parameters
    ----------
    module : torch.nn.Module
        Called on a batch; put into evaluation mode for the pass and back afterwards.
    name : str, optional
        By default the name of its class.
    preprocess : callable, optional
        Turns one PIL image (RGB) into the tensor, without batch axis, that the module takes. By
        default
        RGB (channel, row, column) in 0..1, size unchanged.
    layers : sequence of str, optional
        Names of submodules to score. By default the outputs of blocks: the composite members of
        containers, as in ``blocks.3`` or ``layer2.1``; without any, every leaf module.
    batch_size : int, optional
        Small batches suit the caches of a CPU; a GPU wants more.
    device : str, optional
        "cpu", or "cuda" where there is one.
    memory_budget : int, optional
        Bytes of activations to hold at most; more goes through a temporary store on disk. By
        default a quarter of the memory that is free.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, torch
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
    >>> model = na.TorchModel(network)
    >>> model.layers
    ['0', '1']
    """

    reads: str | None = "image"

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        name: str | None = None,
        preprocess: Preprocess | None = None,
        layers: Sequence[str] | None = None,
        batch_size: int = 8,
        device: str = "cpu",
        memory_budget: int | None = None,
    ) -> None:
        if not isinstance(module, torch.nn.Module):
            message = f"TorchModel wraps a torch.nn.Module, but got a {type(module).__name__}."
            raise DataError(message)
        if batch_size < 1:
            message = f"batch_size={batch_size} is not a positive number of stimuli."
            raise DataError(message)
        self._modules = {path: child for path, child in module.named_modules() if path}
        self.module = module
        self.name = name or type(module).__name__
        self.layers = chosen_layers(layers, block_outputs(module), list(self._modules))
        if not self.layers:
            message = (
                f"Module {self.name!r} has no submodules that could be its layers; wrap it, as in "
                "TorchModel(torch.nn.Sequential(module))."
            )
            raise DataError(message)
        self._preprocess = preprocess or _to_tensor
        self._batch_size, self._budget = batch_size, memory_budget
        self._device = known_device(device)

    def fingerprint(self) -> str:
        """Return the sha256 of all parameters and buffers, which the provenance records."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.module.state_dict().items()):
            digest.update(name.encode())
            values = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(values.view(torch.uint8).numpy().tobytes())  # numpy knows no bfloat16
        return digest.hexdigest()

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer with its activations, after one pass over the stimuli.

        Parameters
        ----------
        stimuli : DataFrame
            With a column "image".
        layers : sequence of str, optional
            Any submodules; by default `layers` of the model.

        Yields
        ------
        layer : str
        activations : DataArray, float32
        """
        wanted = chosen_layers(layers, self.layers, list(self._modules))
        labels = [str(label) for label in stimuli.index]
        with ExitStack() as stack:
            store = self._run(stimuli.set_axis(labels), labels, wanted, stack)
            for layer in wanted:
                yield layer, label_layer(store.take(layer), layer, labels, self.name)

    def _run(
        self, stimuli: pd.DataFrame, labels: list[str], layers: list[str], stack: ExitStack
    ) -> LayerStore:
        """Run all batches; keep what the hooks caught, in memory or on disk."""
        store: LayerStore | None = None
        shapes: dict[str, tuple[int, ...]] = {}
        with (
            evaluating(self.module, self._device),
            _hooked({layer: self._modules[layer] for layer in layers}) as caught,
            torch.inference_mode(),
            progress_bar(f"{self.name}: activations", len(labels)) as advance,
        ):
            for start, batch in _batches(labels, self._batch_size):
                caught.clear()
                self.module(self._batch(stimuli, batch))
                outputs = {layer: _output(layer, caught, len(batch)) for layer in layers}
                if store is None:
                    shapes = {layer: part.shape[1:] for layer, part in outputs.items()}
                    store = stack.enter_context(
                        open_store(
                            shapes,
                            len(labels),
                            batch_size=self._batch_size,
                            budget=self._budget,
                        )
                    )
                _check_shapes(outputs, shapes)
                for layer, part in outputs.items():
                    store.put(layer, start, part)
                advance(len(batch))
        if store is None:
            message = f"Model {self.name!r} was given no stimuli."
            raise DataError(message)
        return store

    def _batch(self, stimuli: pd.DataFrame, labels: list[str]) -> torch.Tensor:
        tensors = [self._preprocess(stimulus_image(stimuli, label)) for label in labels]
        if strange := {type(t).__name__ for t in tensors if not isinstance(t, torch.Tensor)}:
            message = f"preprocess returns a {strange.pop()}; a torch tensor is needed."
            raise DataError(message)
        shapes = {tuple(tensor.shape) for tensor in tensors}
        if len(shapes) > 1:
            message = (
                f"Images of different sizes {sorted(shapes)[:3]} do not fit into one batch; give "
                "TorchModel a preprocess that brings them to one size."
            )
            raise DataError(message)
        return torch.stack(tensors).to(self._device)


def _batches(labels: list[str], size: int) -> Iterator[tuple[int, list[str]]]:
    """Cut labels into batches; the last stimulus comes alone.

    A layer whose first axis is not the stimulus can pass unseen only where that axis happens to
    be as long as every batch.
    """
    for start in range(0, len(labels) - 1, size):
        yield start, labels[start : min(start + size, len(labels) - 1)]
    if labels:
        yield len(labels) - 1, labels[-1:]


def _check_shapes(outputs: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse batches whose activations differ in shape, which numpy might broadcast."""
    for layer, part in outputs.items():
        if part.shape[1:] != shapes[layer]:
            message = (
                f"Layer {layer!r} returns the shape {shapes[layer]} for some stimuli and "
                f"{part.shape[1:]} for others; give TorchModel a preprocess that brings them to "
                "one size."
            )
            raise DataError(message)


def _to_tensor(image: Image.Image) -> torch.Tensor:
    pixels = np.array(image, dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)


def known_device(device: str) -> torch.device:
    """Return the device of that name, which must be there."""
    try:
        known = torch.device(device)
    except RuntimeError as error:
        message = f"Device {device!r} is not known to torch; use 'cpu' or 'cuda'."
        raise DataError(message) from error
    if known.type == "cuda" and not torch.cuda.is_available():
        message = f"Device {device!r} was asked for, but torch finds no CUDA device; use 'cpu'."
        raise DataError(message)
    return known


@contextmanager
def evaluating(module: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Put a module into evaluation mode on a device; afterwards all is as it was."""
    modes = {child: child.training for child in module.modules()}
    first = next(module.parameters(), None)
    home = first.device if first is not None else device
    try:
        module.eval().to(device)
        yield
    finally:
        module.to(home)
        for child, training in modes.items():
            child.training = training


@contextmanager
def _hooked(modules: dict[str, torch.nn.Module]) -> Iterator[dict[str, list[object]]]:
    """Catch what modules return; the hooks are removed whatever happens."""
    caught: dict[str, list[object]] = {}
    handles = [
        module.register_forward_hook(
            lambda _module, _inputs, output, layer=layer: caught.setdefault(layer, []).append(
                _first_tensor(output)
            )
        )
        for layer, module in modules.items()
    ]
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()


def _first_tensor(output: object) -> object:
    """Return the first of several outputs, copied, since later modules may change it in place."""
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    return output.clone() if isinstance(output, torch.Tensor) else output


def _output(layer: str, caught: dict[str, list[object]], n_stimuli: int) -> np.ndarray:
    calls = caught.get(layer, [])
    if len(calls) != 1:
        message = (
            f"Layer {layer!r} ran {len(calls)} times in one pass; a layer must run once, so name "
            "the layers to use, as in TorchModel(module, layers=[...])."
        )
        raise DataError(message)
    output = calls[0]
    if isinstance(output, torch.Tensor) and output.is_complex():
        message = f"Layer {layer!r} returns complex numbers, which have no order to be predicted."
        raise DataError(message)
    if not isinstance(output, torch.Tensor) or not 2 <= output.ndim <= 4:
        what = f"a {type(output).__name__}"
        if isinstance(output, torch.Tensor):
            what = f"the shape {tuple(output.shape)}"
        message = f"Layer {layer!r} returns {what}; a tensor with 2 to 4 axes is needed."
        raise DataError(message)
    if len(output) != n_stimuli:
        message = f"Layer {layer!r} returns {len(output)} rows for {n_stimuli} stimuli."
        raise DataError(message)
    return output.float().cpu().numpy()
