"""What tensors and networks consist of, as long as torch is loaded."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from neuroalign.errors import DataError
from neuroalign.models.object_identity import OF_TRANSFORMERS, Parts, place_of, without_hash

# Attributes of every module that do not decide what it returns, or are looked at by themselves.
_SKIPPED = {
    "training", "_parameters", "_buffers", "_modules", "_non_persistent_buffers_set",
    "_backward_pre_hooks", "_backward_hooks", "_is_full_backward_hook", "_forward_hooks",
    "_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs", "_state_dict_hooks", "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks", "_compiled_call_impl",
}  # fmt: skip
# Of a traced module: the graph that its code, which counts, was written from.
_OF_GRAPHS = {"_graph", "_lineno_map", "_prologue_start", "_tracer_cls", "_tracer_extras", "meta"}


# Of parameters and buffers: what a module does with them as it takes them.
_OF_TENSORS = {"_is_param", "_is_buffer", "persistent"}


def tensor_parts(thing: Any, where: list[str]) -> Parts | None:
    """Take a tensor apart: type, shape and bytes, on whichever device; None for other things."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(thing, torch.Tensor):
        return None
    if torch.nn.parameter.is_lazy(thing):
        message = (
            f"The weights at {place_of(where)} are made in the first pass of the network; run it "
            "once on a stimulus before its activations are kept."
        )
        raise DataError(message)
    tensor = thing.detach()
    plain = tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_nested
    if not plain or tensor.is_meta or hasattr(type(thing), "__tensor_flatten__"):
        raise without_hash(thing, where)
    kinds = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)
    named: list[tuple[str, object]] = [] if type(thing) in kinds else [("type", type(thing))]
    own = vars(thing).keys() - OF_TRANSFORMERS - _OF_TENSORS
    named.extend((f".{name}", vars(thing)[name]) for name in sorted(own))
    values = tensor.as_subclass(torch.Tensor).cpu().resolve_conj().resolve_neg().contiguous()
    data = values.reshape(-1).view(torch.uint8).numpy().data  # numpy knows no bfloat16
    return Parts(f"tensor {values.dtype} {tuple(values.shape)}", [data], named)


def module_parts(module: Any, where: list[str], evaluated: Collection[int]) -> Parts | None:
    """Take a network apart; None for what is none.

    The training flag counts, unless the module is to be run in evaluation mode: `evaluated` has
    its id.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        return None
    if isinstance(module, torch.jit.ScriptModule):
        return _script_parts(module, where, [] if id(module) in evaluated else _modes(module))
    own = vars(module)
    if "_orig_mod" in module._modules and type(module).__module__.startswith("torch._dynamo"):
        return Parts("compiled network", named=[("_orig_mod", module._orig_mod)])
    skipped = _SKIPPED
    if any(base.__module__.startswith("transformers.") for base in type(module).__mro__):
        skipped = skipped | OF_TRANSFORMERS
    if "torch.fx" in sys.modules and isinstance(module, torch.fx.GraphModule):
        skipped = skipped | _OF_GRAPHS
    described = Parts("network", named=[("type", type(module))])
    for name in ("_parameters", "_buffers", "_modules"):
        described.named.append((name, len(own[name])))
        described.named.extend((f".{one}", part) for one, part in own[name].items())
    described.named.extend((f".{name}", own[name]) for name in sorted(own.keys() - skipped))
    if id(module) not in evaluated:
        described.named.append((".training", module.training))
    described.named.extend(_hooks(own))
    if module.__dict__.get("_compiled_call_impl") is not None:
        described.named.append(("compiled", True))
    return described


def _hooks(own: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the forward hooks of a module in their order; their numbers are of the process."""
    for kind in ("_forward_pre_hooks", "_forward_hooks"):
        for number, hook in own[kind].items():
            options = [
                number in own.get(f"{kind}_{word}", {}) for word in ("with_kwargs", "always_called")
            ]
            yield f"a hook ({kind})", (hook, options)


def _modes(module: Any) -> list[bool]:
    return [child.training for child in module.modules()]


def _script_parts(module: Any, where: list[str], modes: list[bool]) -> Parts:
    """Take a scripted network apart as torch saves it, without the lines of its source."""
    saved = io.BytesIO()
    try:
        with _without_training(module):
            saved.write(module.save_to_buffer())
    except RuntimeError as error:
        raise without_hash(module, where) from error
    described = Parts("scripted network", named=[("training", modes)])
    with zipfile.ZipFile(saved) as files:
        for name in sorted(files.namelist()):
            inner = name.partition("/")[2]
            if not inner.endswith(".debug_pkl") and not inner.startswith("."):
                described.named.append((inner, files.read(name)))
    return described


@contextmanager
def _without_training(module: Any) -> Iterator[None]:
    """Switch the training flag off, which is saved with a scripted network."""
    modes = {child: child.training for child in module.modules()}
    try:
        module.eval()
        yield
    finally:
        for child, training in modes.items():
            child.training = training
