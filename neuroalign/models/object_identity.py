"""What objects consist of: values, elements, attributes, and what types written in C tell."""

from __future__ import annotations

import collections
import copyreg
import functools
import logging
import os
import types
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neuroalign.errors import DataError

# Of networks of transformers: where they were loaded from, and what was said about them.
OF_TRANSFORMERS = {
    "_name_or_path", "name_or_path", "_commit_hash", "transformers_version", "warnings_issued",
    "_is_hf_initialized", "_original_object_hash",
}  # fmt: skip
_LOCKS = ("lock", "RLock")  # of the module _thread: they hold no content


@dataclass(frozen=True)
class Parts:
    """What is hashed of an object: its kind, bytes, parts in order and parts in none."""

    kind: str
    data: list[Any] = field(default_factory=list)
    named: list[tuple[str, object]] = field(default_factory=list)
    unordered: list[object] = field(default_factory=list)


def place_of(where: list[str]) -> str:
    """Say where in an object something is, as in "blocks.0.scale, the global LOG"."""
    place = "".join(one if one[:1] in (".", "[") else f", {one}" for one in where[1:])
    return place.lstrip(", .")


def without_hash(thing: object, where: list[str]) -> DataError:
    """Build the error for what has no content that could be hashed."""
    place = f" (at {place_of(where)})" if where[1:] else ""
    return DataError(
        f"A {type(thing).__name__}{place} has no content that could be hashed; take it out, or use "
        "the model without a cache."
    )


def array_parts(thing: Any, where: list[str]) -> Parts:
    """Take an array, or a number of NumPy, apart."""
    kind = type(thing)
    if isinstance(thing, np.ndarray) and kind not in (np.ndarray, np.memmap):
        raise without_hash(thing, where)
    array = np.asarray(thing)
    word = "array" if isinstance(thing, np.ndarray) else "scalar"
    described = Parts(f"{word} {array.dtype.str} {array.shape}")
    if array.dtype.names is not None:
        described.named.extend((name, array[name]) for name in array.dtype.names)
    elif array.dtype.hasobject:
        described.named.append(("elements", array.ravel().tolist()))
    elif array.dtype.kind == "T":
        raise without_hash(thing, where)
    else:
        described.data.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return described


def parts_without_content(thing: object) -> Parts | None:
    """Describe what decides no number, or is known by its name."""
    kind = type(thing)
    if isinstance(thing, os.PathLike):
        return Parts("path", named=[("type", kind), ("path", os.fspath(thing))])
    if isinstance(thing, logging.Logger):
        return Parts("logger")
    if isinstance(thing, ContextVar):
        return Parts(f"context variable {thing.name}", named=_value_now(thing))
    if kind.__module__ == "_thread" and kind.__name__ in _LOCKS:
        return Parts("lock")
    if isinstance(thing, weakref.ReferenceType):
        return Parts("weak reference", named=[("to", thing())])
    if isinstance(thing, (types.MappingProxyType, types.CellType)):
        if isinstance(thing, types.CellType):
            return _cell(thing)
        return Parts("mapping", named=[("items", dict(thing))])
    if kind.__module__ == "torch._ops":  # an operator lists what was asked of it so far
        return Parts(f"operator {thing}")
    if kind.__module__ == "torch.utils.hooks":  # a handle has a number of the process
        return Parts("handle of a hook")
    return None


def _value_now(variable: ContextVar) -> list[tuple[str, object]]:
    try:
        return [("value", variable.get())]
    except LookupError:  # not set yet
        return []


def _cell(cell: types.CellType) -> Parts:
    try:
        return Parts("cell", named=[("value", cell.cell_contents)])
    except ValueError:  # not bound yet
        return Parts("cell", named=[])


def content_parts(thing: object) -> Parts:
    """Return the elements of a container, or the value of a number, of a subclass too."""
    if isinstance(thing, dict):
        named: list[tuple[str, object]] = []
        for key, value in thing.items():
            named += [("key", key), (_shown(key), value)]
        if isinstance(thing, collections.defaultdict):
            named.append(("default_factory", thing.default_factory))
        return Parts("dict", named=named)
    if isinstance(thing, (list, tuple)):
        kind = "list" if isinstance(thing, list) else "tuple"
        return Parts(kind, named=[(f"[{place}]", part) for place, part in enumerate(thing)])
    if isinstance(thing, (set, frozenset)):
        return Parts("set", unordered=list(thing))
    if isinstance(thing, str):
        return Parts("str", named=[("value", str.__str__(thing))])
    if isinstance(thing, bytes):
        return Parts("bytes", data=[bytes(memoryview(thing))])
    if isinstance(thing, int):
        return Parts("int", named=[("value", int.__int__(thing))])
    if isinstance(thing, float):
        return Parts("float", named=[("value", float.__float__(thing))])
    if isinstance(thing, complex):
        return Parts("complex", named=[("value", complex(thing.real, thing.imag))])
    return Parts("object")


def fields_of(thing: Any, where: list[str]) -> list[tuple[str, object]]:
    """Return the attributes of an object, and what its type, if written in C, says of it."""
    found: dict[str, object] = {}
    for base in type(thing).__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            place = f"_{base.__name__.lstrip('_')}{name}" if _private(name) else name
            if name not in ("__dict__", "__weakref__") and hasattr(thing, place):
                found[place] = getattr(thing, place)
    found.update(getattr(thing, "__dict__", {}))
    if any(base.__module__.startswith("transformers.") for base in type(thing).__mro__):
        found = {name: value for name, value in found.items() if name not in OF_TRANSFORMERS}
    own = sorted((f".{name}", value) for name, value in found.items())
    reduce = _reduced_in_c(thing)
    if reduce is None:
        return own
    try:
        return [*own, ("its state", reduce())]
    except (TypeError, AttributeError, RuntimeError, NotImplementedError) as error:
        raise without_hash(thing, where) from error


def _private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def _reduced_in_c(thing: Any) -> Callable[[], object] | None:
    """Return what tells the state that a type written in C keeps out of sight; None if none."""
    kind = type(thing)
    if isinstance(thing, (dict, list, tuple, set, frozenset, str, bytes, int, float, complex)):
        return None
    if kind in copyreg.dispatch_table:
        return functools.partial(copyreg.dispatch_table[kind], thing)
    own = False
    for name in ("__reduce_ex__", "__reduce__", "__getstate__"):
        method = getattr(kind, name)
        if isinstance(method, types.FunctionType):
            if not _is_c_within(kind):
                return None  # of a class written in Python: all its attributes count instead
            own = True
            break
        own = own or method is not getattr(object, name)
    # Without a way of its own, the attributes are all there is, or it refuses.
    return lambda: _listed(thing.__reduce_ex__(4)) if own else bool(object.__reduce_ex__(thing, 4))


def _is_c_within(kind: type) -> bool:
    """Tell whether a class has a base written in C, which may keep a state out of sight."""
    return any(
        isinstance(vars(base).get("__new__"), types.BuiltinFunctionType)
        for base in kind.__mro__[:-1]
    )


def _listed(state: str | tuple[Any, ...]) -> object:
    """Turn the iterators of what pickle makes an object from into lists."""
    if isinstance(state, str):
        return state
    return [list(part) if isinstance(part, Iterator) else part for part in state]


def _shown(key: object) -> str:
    """Name a place in a dictionary."""
    return f"[{key!r}]" if isinstance(key, (str, int)) else f"[{type(key).__name__}]"
