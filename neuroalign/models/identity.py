"""What a network or another Python object is: a hash of its content, the same in every process."""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from neuroalign.errors import DataError
from neuroalign.models.code_identity import callable_parts, class_parts
from neuroalign.models.object_identity import (
    Parts,
    array_parts,
    content_parts,
    fields_of,
    parts_without_content,
)
from neuroalign.models.torch_identity import module_parts, tensor_parts

if TYPE_CHECKING:
    import torch

_DESCRIBED = (type(None), type(Ellipsis), type(NotImplemented), bool, int, complex)


def content_hash(thing: object) -> str:
    """Return the sha256 of an object by content, whatever it is called and wherever it lies.

    Arrays and tensors count by type, shape and bytes. Functions and classes count by their code,
    defaults and closures; where they are not of an installed package, also by all globals that
    they refer to, and so on. Code of installed packages counts by the version of the package.
    Dictionaries count in their order, sets without one. Nothing is imported.

    Code that is reached by a name made while it runs, as in ``getattr(module, name)``, is not
    seen, and neither is what a function reads from files or the environment.

    Parameters
    ----------
    thing : object

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    DataError
        If something in it has no content that could be hashed, such as an open file.

    Examples
    --------
    >>> from neuroalign.models.identity import content_hash
    >>> content_hash({"size": 224}) == content_hash({"size": 224})
    True
    >>> content_hash({"size": 224}) == content_hash({"size": 224.0})
    False
    """
    return _hash_of(thing)


def _hash_of(thing: object, evaluated: Collection[int] = ()) -> str:
    try:
        return _Walk(evaluated).digest(thing, "the object").hex()
    except RecursionError as error:
        message = f"A {type(thing).__name__} is nested too deeply to be hashed; flatten it."
        raise DataError(message) from error


def network_hash(module: torch.nn.Module) -> str:
    """Return the sha256 of all that decides what a network returns, whatever it is called.

    That is: every parameter, buffer (persistent or not), plain attribute and forward hook, the
    order of its submodules, and the code of every class; see `content_hash`. The training flag
    of its submodules, the device of weights and their gradients do not count.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    DataError
        If something in it has no content that could be hashed, or its weights are not made yet.

    Examples
    --------
    >>> import torch
    >>> from neuroalign.models.identity import network_hash
    >>> one, other = torch.nn.LeakyReLU(0.1), torch.nn.LeakyReLU(0.2)
    >>> network_hash(one) == network_hash(other)
    False
    """
    known = sys.modules.get("torch")
    if known is None or not isinstance(module, known.nn.Module):
        message = f"network_hash takes a torch.nn.Module, but got a {type(module).__name__}."
        raise DataError(message)
    everywhere = known.nn.modules.module
    hooks = [
        list(getattr(everywhere, name).values())
        for name in ("_global_forward_pre_hooks", "_global_forward_hooks")
    ]
    evaluated = {id(child) for child in module.modules()}
    return _hash_of((module, hooks) if any(hooks) else module, evaluated)


class _Walk:
    """Walks through an object, each part once, and remembers where it is for messages.

    Parts that refer to each other in a loop are numbered as they are met (Tarjan 1972, SIAM J.
    Comput. 1:146, finds them); a reference to one that was met counts by how much earlier.
    """

    def __init__(self, evaluated: Collection[int]) -> None:
        self._evaluated = evaluated  # ids of modules whose training flag does not count
        self._known: dict[int, bytes] = {}  # id -> digest
        self._kept: list[object] = []  # what was met, so that ids stay its own
        self._numbers: dict[int, int] = {}  # of what is not known yet, in the order of meeting it
        self._current, self._lowest = 0, 0
        self._where: list[str] = []

    def digest(self, thing: object, where: str) -> bytes:
        """Return the sha256 of one object; `where` is its place in the one around it."""
        if (plain := _plain(thing)) is not None:
            return hashlib.sha256(plain).digest()
        key = id(thing)
        if key in self._known:
            return self._known[key]
        if key in self._numbers:
            self._lowest = min(self._lowest, self._numbers[key])
            return hashlib.sha256(b"%d earlier" % (self._current - self._numbers[key])).digest()
        number = len(self._numbers)
        before = self._current, self._lowest
        self._current = self._lowest = self._numbers[key] = number
        self._kept.append(thing)
        self._where.append(where)
        digest = self._composed(_parts(thing, self._where, self._evaluated))
        self._where.pop()
        lowest = self._lowest
        self._current, self._lowest = before[0], min(before[1], lowest)
        if lowest == number:  # nothing in it refers to what was met before it
            self._known[key] = digest
            for _ in range(len(self._numbers) - number):
                self._numbers.popitem()
        return digest

    def _composed(self, parts: Parts) -> bytes:
        digest = hashlib.sha256(f"{parts.kind}:{len(parts.named)}:".encode())
        for data in parts.data:
            digest.update(data)
        for name, part in parts.named:
            digest.update(hashlib.sha256(name.encode()).digest())
            digest.update(self.digest(part, name))
        loose = [self.digest(part, "an element") for part in parts.unordered]
        for one in sorted(loose):
            digest.update(one)
        return digest.digest()


def _plain(thing: object) -> bytes | None:
    """Return what is hashed of an object without parts; None for others."""
    kind = type(thing)
    if kind is str:
        return b"str:" + thing.encode("utf-8", "surrogatepass")  # type: ignore[attr-defined]
    if kind is float:
        return b"float:" + struct.pack("<d", thing)  # tells -0.0 from 0.0
    if kind in _DESCRIBED:
        return f"{kind.__name__}:{thing!r}".encode()
    if kind in (bytes, bytearray, memoryview):
        return kind.__name__.encode() + b":" + bytes(thing)  # type: ignore[call-overload]
    return None


def _parts(thing: object, where: list[str], evaluated: Collection[int]) -> Parts:
    """Take an object apart."""
    if isinstance(thing, type):
        return class_parts(thing)
    if (parts := callable_parts(thing, where)) is not None:
        return parts
    if (parts := tensor_parts(thing, where)) is not None:
        return parts
    if (parts := module_parts(thing, where, evaluated)) is not None:
        return parts
    if isinstance(thing, (np.ndarray, np.generic)):
        return array_parts(thing, where)
    if (parts := parts_without_content(thing)) is not None:
        return parts
    content = content_parts(thing)
    if type(thing) in (list, tuple, dict, set, frozenset):
        return content
    content.named.append(("type", type(thing)))
    content.named.extend(fields_of(thing, where))
    return content
