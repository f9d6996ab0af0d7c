"""What functions, classes and modules consist of: code, and the globals that it refers to."""

from __future__ import annotations

import builtins
import dis
import functools
import importlib.util
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from neuroalign.errors import DataError
from neuroalign.models.object_identity import Parts, without_hash
from neuroalign.models.packages import package_at, package_of

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
_MOST_DEEP = 4  # modules within modules, as in torch.nn.functional
_MADE_AS_IT_RUNS = 1 << 9  # Py_TPFLAGS_HEAPTYPE


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

    A function that somebody else put into an installed class counts too; of a class that a
    function of the package made, everything.
    """
    package = package_of(kind.__module__)
    own: Mapping[str, Any] = vars(kind)
    if package is not None and _has_its_place(kind):
        own = {name: value for name, value in own.items() if _is_strange(value)}
    described = Parts(f"class {package or ''} {kind.__qualname__ if package else kind.__name__}")
    described.named.extend((name, own[name]) for name in sorted(own) if name not in _SKIPPED)
    bases = [base for base in kind.__bases__ if base is not object]
    described.named.append(("bases", bases))
    if type(kind) is not type:
        described.named.append(("metaclass", type(kind)))
    return described


def _has_its_place(kind: type) -> bool:
    """Tell whether a class is what its module has under its name; types in C need not be."""
    found: Any = sys.modules[kind.__module__]
    for name in kind.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found is kind or not kind.__flags__ & _MADE_AS_IT_RUNS


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
    owner = getattr(thing, "__self__", getattr(thing, "__objclass__", None))
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
    """The attributes of a module that some code names, and that no package accounts for."""

    module: types.ModuleType
    names: frozenset[str]

    def parts(self) -> Parts:
        """Take the module apart, as far as it is used."""
        package = package_of(self.module.__name__)
        names = self.names if package is None else frozenset(_strange_in(self.module, self.names))
        found = [name for name in sorted(names) if hasattr(self.module, name)]
        return Parts(
            f"module in use {package or ''}",
            named=[
                (f".{name}", _narrowed(getattr(self.module, name), self.names)) for name in found
            ],
        )


_used = functools.lru_cache(maxsize=1_000)(_Used)  # one object each: modules name each other


def _narrowed(value: object, names: Iterable[str]) -> object:
    """Keep of a module what code names; of an installed one, functions that others put there."""
    if not isinstance(value, types.ModuleType):
        return value
    if package_of(value.__name__) is None:
        return _used(value, frozenset(names))
    return _used(value, frozenset(names)) if any(_strange_in(value, names)) else value


def _is_strange(value: object) -> bool:
    return isinstance(value, types.FunctionType) and _origin(value) is None


def _strange_in(module: types.ModuleType, names: Iterable[str], depth: int = 0) -> Iterator[str]:
    """Yield the names in an installed module of functions that others put there, or within it."""
    for name in names:
        value: Any = vars(module).get(name)
        inner = isinstance(value, types.ModuleType) and depth < _MOST_DEEP and value is not module
        if _is_strange(value) or (inner and any(_strange_in(value, names, depth + 1))):
            yield name


def _imported(dots: int, name: str, function: types.FunctionType) -> object:
    """Return the module that code imports as it runs, or the installed package that it is of."""
    package = function.__globals__.get("__package__")
    with suppress(ImportError, ValueError):
        full = importlib.util.resolve_name("." * dots + name, package)
        if full in sys.modules:
            return package_of(full) or sys.modules[full]
        spec = importlib.util.find_spec(full.partition(".")[0])  # of the top: imports nothing
        if spec is not None and (installed := package_at(spec.name, spec.origin)):
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
