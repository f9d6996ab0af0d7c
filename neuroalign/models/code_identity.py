"""What functions, classes and modules consist of: code, and the globals that it refers to."""

from __future__ import annotations

import builtins
import dis
import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuroalign.errors import DataError
from neuroalign.models.object_identity import Parts, without_hash

_IN_C = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
# Of a class: what says nothing of what it does, or numbers the process gave.
_SKIPPED = {
    "__dict__", "__weakref__", "__module__", "__doc__", "__annotations__", "__qualname__",
    "__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl",
    "__dataclass_fields__", "__dataclass_params__", "__match_args__", "__parameters__",
    "__orig_bases__", "_backward_cls", "_autograd_function_id", "__annotate__", "__hash__",
    "__annotate_func__", "__annotations_cache__", "__protocol_attrs__",
    "__non_callable_proto_members__", "__subclasshook__",
}  # fmt: skip
_SITES = ("site-packages", "dist-packages")


def callable_parts(thing: Any, where: list[str]) -> Parts | None:
    """Take a function, method, property, module or code apart; None for what is none of them."""
    if isinstance(thing, types.FunctionType):
        return _function_parts(thing)
    if isinstance(thing, types.CodeType):
        return _code_parts(thing)
    if isinstance(thing, types.MethodType):
        return Parts("method", named=[("function", thing.__func__), ("self", thing.__self__)])
    if isinstance(thing, _IN_C):
        return _c_parts(thing)
    if isinstance(thing, property):
        return Parts("property", named=[("get", thing.fget), ("set", thing.fset)])
    if isinstance(thing, (staticmethod, classmethod)):
        return Parts(type(thing).__name__, named=[("function", thing.__func__)])
    if isinstance(thing, functools.cached_property):
        return Parts("cached property", named=[("function", thing.func)])
    if isinstance(thing, functools._lru_cache_wrapper):
        return Parts("cached function", named=[("function", thing.__wrapped__)])
    if isinstance(thing, _Used):
        return thing.parts()
    if isinstance(thing, types.ModuleType):
        return _module_parts(thing, where)
    return None


def class_parts(kind: type) -> Parts:
    """Take a class apart: of an installed package by its version, else by all it defines.

    A function that somebody else put into an installed class counts too.
    """
    package = package_of(kind.__module__)
    own: Mapping[str, Any] = vars(kind)
    if package is not None:
        own = {
            name: value
            for name, value in own.items()
            if isinstance(value, types.FunctionType) and _origin(value) is None
        }
    described = Parts(f"class {package or ''} {kind.__qualname__ if package else kind.__name__}")
    described.named.extend((name, own[name]) for name in sorted(own) if name not in _SKIPPED)
    bases = [base for base in kind.__bases__ if base is not object]
    described.named.append(("bases", bases))
    if type(kind) is not type:
        described.named.append(("metaclass", type(kind)))
    return described


def _function_parts(function: types.FunctionType) -> Parts:
    package = _origin(function)
    described = Parts(
        f"function {package or ''} {function.__qualname__ if package else function.__name__}",
        named=[
            ("code", function.__code__),
            ("defaults", function.__defaults__),
            ("keyword defaults", function.__kwdefaults__),
            ("closure", function.__closure__),
        ],
    )
    described.named.extend(sorted(vars(function).items()))
    if package is None:
        described.named.extend(_globals_of(function))
    return described


def _code_parts(code: types.CodeType) -> Parts:
    """Take code apart, without its file, lines and comments."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    table = getattr(code, "co_exceptiontable", b"")
    named = [
        ("names", names),
        ("counts", counts),
        ("handlers", table),
        ("a constant", code.co_consts),
    ]
    return Parts("code", data=[code.co_code], named=named)


def _c_parts(thing: Any) -> Parts:
    """Describe what is written in C by its name, its package, and what it is bound to."""
    owner = getattr(thing, "__self__", None) or getattr(thing, "__objclass__", None)
    described = Parts(f"in C {thing.__name__}")
    if isinstance(owner, types.ModuleType):
        described.named.append(("package", package_of(owner.__name__) or owner.__name__))
    else:
        described.named.append(("owner", owner))
    return described


def _globals_of(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """Yield the globals that the code of a function refers to, and what it imports as it runs."""
    names, attributes, imports = _referred(function.__code__)
    for name in sorted(names):
        if name in function.__globals__:
            value = function.__globals__[name]
            yield f"the global {name}", _narrowed(value, attributes)
        elif not hasattr(builtins, name):
            yield f"the global {name}", "is missing"
    for dots, name in sorted(imports):
        yield f"the import of {name}", _narrowed(_imported(dots, name, function), attributes)


def _referred(code: types.CodeType) -> tuple[set[str], set[str], set[tuple[int, str]]]:
    """Return the globals, attributes and modules (with dots) that code names, and code in it."""
    names: set[str] = set()
    attributes: set[str] = set()
    imports: set[tuple[int, str]] = set()
    steps = list(dis.get_instructions(code))
    for place, step in enumerate(steps):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            names.add(step.argval)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            attributes.add(step.argval)
        elif step.opname == "IMPORT_NAME":  # after two constants: how many dots, and what of it
            imports.add((steps[place - 2].argval, step.argval))
            attributes.update(step.argval.split("."))
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            more = _referred(inner)
            names, attributes, imports = names | more[0], attributes | more[1], imports | more[2]
    return names, attributes, imports


@dataclass(frozen=True)
class _Used:
    """The attributes of a module of the user that some code names."""

    module: types.ModuleType
    names: frozenset[str]

    def parts(self) -> Parts:
        """Take the module apart, as far as it is used."""
        found = [name for name in sorted(self.names) if hasattr(self.module, name)]
        return Parts(
            "module in use",
            named=[
                (f".{name}", _narrowed(getattr(self.module, name), self.names)) for name in found
            ],
        )


_used = functools.lru_cache(maxsize=1_000)(_Used)  # one object each: modules name each other


def _narrowed(value: object, names: Iterable[str]) -> object:
    """Keep of a module that is not of an installed package what code names."""
    if isinstance(value, types.ModuleType) and package_of(value.__name__) is None:
        return _used(value, frozenset(names))
    return value


def _imported(dots: int, name: str, function: types.FunctionType) -> object:
    """Return the module that code imports as it runs, or the installed package that it is of."""
    package = function.__globals__.get("__package__")
    with suppress(ImportError, ValueError):
        full = importlib.util.resolve_name("." * dots + name, package)
        if full in sys.modules:
            return package_of(full) or sys.modules[full]
        spec = importlib.util.find_spec(full.partition(".")[0])  # of the top: imports nothing
        if spec is not None and (installed := _package_at(spec.name, spec.origin)):
            return installed
    message = (
        f"Function {function.__name__!r} imports {'.' * dots + name!r} as it runs, so that what it "
        "will do is not known; import it before."
    )
    raise DataError(message)


def _module_parts(module: types.ModuleType, where: list[str]) -> Parts:
    package = package_of(module.__name__)
    if package is None:
        raise without_hash(module, where)
    return Parts(f"module {package} {module.__name__}")


def _origin(function: types.FunctionType) -> str | None:
    """Return the package of a function; None if somebody made it elsewhere, as by exec."""
    name = function.__globals__.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    if module is None or vars(module) is not function.__globals__:
        return None
    return package_of(module.__name__)


def package_of(name: str | None) -> str | None:
    """Return the installed package that a module is of, with its version; None for other code.

    Parameters
    ----------
    name : str or None
        Full name of a module that is loaded.

    Returns
    -------
    str or None
        As in "torch 2.4.0" or "Python 3.11.7".
    """
    module = sys.modules.get(name or "")
    if module is None or name == "__main__":
        return None
    spec = getattr(module, "__spec__", None)
    return _package_at(
        str(name), getattr(module, "__file__", None) or getattr(spec, "origin", None)
    )


@functools.lru_cache(maxsize=10_000)
def _package_at(name: str, file: str | None) -> str | None:
    top = name.partition(".")[0]
    if top == "neuroalign":
        return f"neuroalign {importlib.metadata.version(top)} {_own_code()}"
    if top in sys.builtin_module_names or file in ("built-in", "frozen"):
        return f"Python {platform.python_version()}"
    if file is None:
        return None
    folders = Path(file).parts
    if any(site in folders for site in _SITES):
        return _distribution(top)
    library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    if any(Path(file).is_relative_to(folder) for folder in library if folder):
        return f"Python {platform.python_version()}"
    return None


@functools.lru_cache(maxsize=1)
def _own_code() -> str:
    """Return a hash of the code that runs models, which changes more often than its version."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=1_000)
def _distribution(top: str) -> str | None:
    """Return the distribution that a package was installed by, with its version."""
    try:
        return f"{top} {importlib.metadata.version(top)}"
    except importlib.metadata.PackageNotFoundError:
        names = sorted(set(importlib.metadata.packages_distributions().get(top, ())))
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return ", ".join(versions) or None
