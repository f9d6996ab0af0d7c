"""Which places in a network are its layers: by name, pattern, type, depth, or all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from neuroalign.errors import DataError, UnknownNameError, unknown_name

if TYPE_CHECKING:
    import torch

Wanted = str | type | Sequence[str | type] | None
ALL, DEPTH = "all", "depth:"
_ADDRESS = re.compile(r"(?P<path>.*?)(?:#(?P<call>[1-9]\d*))?(?P<members>(?:\[[^\[\]]+\])*)")
_WILD = re.compile(r"(\*\*|\*|\?|\[[^\[\]]+\])")
_RANGE = re.compile(r"\[[^\[\]]*[^\[\]]-[^\[\]]+\]")
_MEANING = {"**": ".*", "*": "[^.]*", "?": "[^.]"}


class Address(NamedTuple):
    """A place in a network: a submodule, which of its calls, and which member of what it returns.

    `grouped` places were found by a pattern, not named one by one; where they turn out to have no
    activations they are left out rather than refused.
    """

    path: str
    call: int | None = None
    members: tuple[str, ...] = ()
    grouped: bool = False

    def name(self, call: int | None = None) -> str:
        """Write the place as a user does, with the number of a call where one is given."""
        call = self.call or call
        number = f"#{call}" if call else ""
        return f"{self.path}{number}{''.join(f'[{member}]' for member in self.members)}"


def find_layers(wanted: Wanted, modules: Mapping[str, torch.nn.Module]) -> list[Address]:
    """Find the places that a selection means, in the order asked for, each once.

    Parameters
    ----------
    wanted : str, type, or sequence of them
        A path, as in "blocks.3"; with "#2" for the second call of a module that runs more than
        once, and with "[1]" or "[key]" for a member of what it returns; a pattern, in which "*"
        stands for anything up to the next point, "**" for anything at all, "?" for one letter and
        "[0-2]" for one of these; what could be a member, as in "blocks.1[0]", is one;
        "depth:2" for all paths of two parts; a type such as ``torch.nn.Conv2d``; or "all".
    modules : mapping of str to Module
        All submodules by path; see `submodules`.

    Returns
    -------
    list of Address

    Raises
    ------
    UnknownNameError
        For what means nothing in this network, with the nearest name.
    """
    found: dict[str, Address] = {}
    for item in listed(wanted):
        for address in _addresses(item, modules):
            known = found.setdefault(address.name(), address)
            if known.grouped and not address.grouped:
                found[address.name()] = address
    return list(found.values())


def listed(wanted: Wanted) -> list[str | type]:
    """Return a selection as a list, which must not be empty."""
    items = [wanted] if isinstance(wanted, (str, type)) else list(wanted or [])
    if not items:
        message = "An empty selection of layers was given; leave it out for the default layers."
        raise DataError(message)
    return items


def matching_names(pattern: str, known: Sequence[str]) -> list[str]:
    """Return the known names that "all", a name or a pattern means; one at least."""
    if pattern in known:
        return [pattern]
    if pattern == ALL:
        return list(known)
    if found := [name for name in known if matches(pattern, name)]:
        return found
    raise unknown_name(pattern, known, kind="layer")


def matches(pattern: str, name: str) -> bool:
    """Tell whether a name is the pattern, or fits it."""
    parts = _WILD.split(pattern)
    fitting = "".join(_meaning(part) for part in parts)
    return name == pattern or re.fullmatch(fitting, name) is not None


def _meaning(part: str) -> str:
    """Write a part of a pattern as a regular expression; brackets fit themselves as well."""
    literal = re.escape(part)
    if not (part.startswith("[") and part.endswith("]")):
        return _MEANING.get(part, literal)
    spans = re.findall(r"(.)-(.)|(.)", part[1:-1])
    letters = [
        re.escape(chr(code))
        for first, last, only in spans
        for code in range(ord(first or only), ord(last or only) + 1)
    ]
    return f"(?:{'|'.join([literal, *letters])})"


def submodules(module: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """Return all submodules by path; one that stands in several places has several paths."""
    found: dict[str, torch.nn.Module] = {}

    def walk(parent: torch.nn.Module, prefix: str, above: tuple[int, ...]) -> None:
        for name, child in parent._modules.items():  # named_children leaves out repeated ones
            if child is not None and id(child) not in above:  # a network may hold itself
                found[f"{prefix}{name}"] = child
                walk(child, f"{prefix}{name}.", (*above, id(child)))

    walk(module, "", (id(module),))
    return found


def block_outputs(module: torch.nn.Module) -> list[str]:
    """Name the blocks of a network in order, or its leaves where it has no blocks.

    A block is a composite member of a container (Sequential or ModuleList) that is not itself a
    mere container: ``layer2.1`` of a ResNet, ``blocks.3`` of a vision transformer. Blocks within
    blocks are not counted.
    """
    blocks: list[str] = []
    for path, child in module.named_modules():
        parent = module.get_submodule(path.rpartition(".")[0]) if path else None
        inside = any(path.startswith(f"{block}.") for block in blocks)
        if _is_container(parent) and not _is_container(child) and _is_composite(child):
            blocks += [] if inside else [path]
    leaves = [
        path
        for path, child in module.named_modules()
        if path and not _is_composite(child) and _can_run(child)
    ]
    return blocks or leaves


def _addresses(item: str | type, modules: Mapping[str, torch.nn.Module]) -> Iterator[Address]:
    if isinstance(item, type):
        yield from _group(_of_type(item, modules), modules)
        return
    text = str(item)
    if text in modules:
        yield Address(text)
        return
    if text.startswith(DEPTH):
        yield from _group(_at_depth(text, modules), modules)
        return
    parts = _ADDRESS.fullmatch(text)
    if parts is None:
        raise unknown_name(text, modules, kind="layer")
    path, call = parts["path"], int(parts["call"]) if parts["call"] else None
    members = tuple(re.findall(r"\[([^\[\]]+)\]", parts["members"]))
    known = path in (*modules, ALL) or any(matches(path, name) for name in modules)
    letters = [name for name in modules if members and matches(text, name)]
    if letters and (_RANGE.search(text) or not known):
        yield from _group(letters, modules)
        return
    if path in modules:
        yield Address(path, call, members)
        return
    pattern = text if members and not known else path
    for address in _group(matching_names(pattern, list(modules)), modules):
        yield address._replace(call=call, members=members)


def _group(paths: Sequence[str], modules: Mapping[str, torch.nn.Module]) -> Iterator[Address]:
    """Yield each module once, under its first path; those that can never run are left out."""
    seen = set()
    for path in paths:
        module = modules[path]
        if _can_run(module) and id(module) not in seen:
            seen.add(id(module))
            yield Address(path, grouped=True)


def _of_type(kind: type, modules: Mapping[str, torch.nn.Module]) -> list[str]:
    if found := [path for path, module in modules.items() if isinstance(module, kind)]:
        return found
    there = {type(module).__name__ for module in modules.values()}
    raise unknown_name(kind.__name__, there, kind="type of layer")


def _at_depth(text: str, modules: Mapping[str, torch.nn.Module]) -> list[str]:
    depths = {path: path.count(".") + 1 for path in modules}
    number = text.removeprefix(DEPTH)
    if found := [path for path, depth in depths.items() if str(depth) == number]:
        return found
    message = (
        f"No layer has the depth {number!r}; a depth is the number of parts of a path, here 1 to "
        f"{max(depths.values())}."
    )
    raise UnknownNameError(message)


def _can_run(module: torch.nn.Module) -> bool:
    """Tell whether a module has a forward pass; a ModuleList, say, only holds others."""
    return type(module).forward.__name__ != "_forward_unimplemented" or "forward" in vars(module)


def _is_container(module: torch.nn.Module | None) -> bool:
    import torch

    return isinstance(module, (torch.nn.Sequential, torch.nn.ModuleList))


def _is_composite(module: torch.nn.Module) -> bool:
    return next(module.children(), None) is not None
