"""Find models by name, and load them."""

from __future__ import annotations

import functools
import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType

from neuroalign.errors import DataError, NeuroalignError, UnknownNameError, reason, unknown_name
from neuroalign.models.families import FAMILIES
from neuroalign.models.protocol import Model, PrecomputedModel, as_model

ENTRY_POINTS = "neuroalign.models"
UNTRAINED = "-untrained"
TABLES = (".csv", ".nc")
ARRAYS = (".npy", ".npz", ".h5", ".hdf5", ".zarr", ".pt", ".pth")
SHIPPED = {
    "content-free": "neuroalign.models.content_free:load",
    "efficientnet-lite0": "neuroalign.models.efficientnet:load",
    "gabor": "neuroalign.models.gabor:load",
    "minilm": "neuroalign.models.minilm:load",
    "mobile-sam": "neuroalign.models.mobile_sam:load",
    "motion-energy": "neuroalign.models.motion_energy:load",
    "pixels": "neuroalign.models.pixels:load",
    "random-features": "neuroalign.models.content_free:load_random",
    "resemblyzer": "neuroalign.models.resemblyzer:load",
    "smollm2": "neuroalign.models.smollm2:load",
    "spectrogram": "neuroalign.models.spectral:load",
    "word-frequency": "neuroalign.models.words:load_frequency",
    "word-length": "neuroalign.models.words:load_length",
    "word-rate": "neuroalign.models.words:load",
}
# Networks, whose loader takes `untrained`; each has a twin of that name with "-untrained".
NETWORKS = ("efficientnet-lite0", "minilm", "mobile-sam", "resemblyzer", "smollm2")


def list_models() -> list[str]:
    """List the names that `load_model` knows, sorted. Loads no model.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import neuroalign as na
    >>> na.list_models()[-2:]
    ['word-length', 'word-rate']
    """
    return sorted(_locations())


def list_families() -> list[str]:
    """List the families whose networks `load_model` finds by "family:name", sorted.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from neuroalign.models import list_families
    >>> list_families()
    ['hf', 'open_clip', 'static', 'timm', 'torchvision']
    """
    return sorted(FAMILIES)


def _locations() -> dict[str, str]:
    published = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}
    twins = {name + UNTRAINED: SHIPPED[name] for name in NETWORKS}
    return {**published, **SHIPPED, **twins}


def load_model(name: str | PathLike[str], **options: object) -> Model:
    """Load a model by name.

    Parameters
    ----------
    name : str or path
        One of `list_models()`; or a network of a family, as in "timm:resnet50" (see
        `list_families` and docs/families), or its untrained twin, as in
        "timm:resnet50-untrained"; or a function of your own that makes a model, as in
        "package.module:function", whose twin it makes if it has an option `untrained`; or a file
        of your own, ending in ".csv" or ".nc": a table of activations (or dissimilarities) with
        the labels of stimuli in its first column, or a DataArray with the coordinate "stimulus".
        Or one ending in ".npy", ".npz", ".h5", ".zarr" or ".pt", see `FileModel`.
    **options
        Passed on, as in ``load_model("efficientnet-lite0", device="cuda")``.

    Returns
    -------
    Model

    Examples
    --------
    >>> import neuroalign as na
    >>> na.load_model("pixels").layers
    ['pixels']
    """
    if not isinstance(name, (str, PathLike)):
        message = (
            f"load_model takes the name of a model, as in load_model('pixels'), but got a "
            f"{type(name).__name__}; wrap a torch module in TorchModel(module)."
        )
        raise DataError(message)
    name = str(fspath(name))
    load = model_loader(name)
    for option in options:
        if not takes_option(name, option):
            known = model_parameters(name)
            raise unknown_name(option, known, kind=f"option of model {name!r}")
    untrained = options.get("untrained", False)
    if (name in NETWORKS or name.partition(":")[0] in FAMILIES) and not isinstance(untrained, bool):
        message = f"untrained={untrained!r} of model {name!r} is neither True nor False."
        raise DataError(message)
    loaded = _called(name, load, options) if _is_own_code(name) else load(**options)
    if isinstance(loaded, Mapping):
        return PrecomputedModel(loaded, name=name)
    return as_model(loaded)


def _is_own_code(name: str) -> bool:
    """Tell whether the model of that name is made by a function that is not of this package."""
    own = name.removesuffix(UNTRAINED) not in SHIPPED and name.partition(":")[0] not in FAMILIES
    return own and not is_file_name(name)


def _called(name: str, load: Callable[..., object], options: Mapping[str, object]) -> object:
    """Call a function that makes a model; what it raises becomes one sentence."""
    try:
        return load(**options)
    except (NeuroalignError, MemoryError):
        raise
    except Exception as error:
        inside = traceback.extract_tb(error.__traceback__)[1:]  # empty where the call itself fails
        where = f" in line {inside[0].lineno} of {inside[0].filename!r}" if inside else ""
        message = (
            f"The function that makes model {name!r} failed{where} ({reason(error)}); mend it, or "
            "give it the options that it needs."
        )
        raise DataError(message) from error


def model_parameters(name: str) -> dict[str, inspect.Parameter]:
    """Return the options of a model, as the function that loads it declares them.

    Those that say which trained weights a network has are no options of its untrained twin.
    """
    parameters = dict(inspect.signature(model_loader(name)).parameters)
    if _is_twin(name):
        # Where weights have a file of their own, revisions are of weights alone.
        weights = ("checkpoint", "revision") if "checkpoint" in parameters else ()
        for option in ("untrained", *weights):
            parameters.pop(option, None)
    return parameters


def takes_option(name: str, option: str) -> bool:
    """Tell whether a model takes an option of that name."""
    parameters = model_parameters(name)
    others = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return option in parameters or (others and not (option == "untrained" and _is_twin(name)))


def twin_of(name: str) -> str | None:
    """Name the untrained twin of a model; None where it has none, or is one."""
    twin = name + UNTRAINED
    if twin in _locations():
        return twin
    has_twin = has_prefix(name) and not _is_twin(name)
    if has_twin and name.partition(":")[0] not in FAMILIES:
        has_twin = "untrained" in inspect.signature(model_loader(name)).parameters
    return twin if has_twin else None


def _is_twin(name: str) -> bool:
    """Tell whether a name means a network before training; not where a file has it."""
    if name.removesuffix(UNTRAINED) in NETWORKS:
        return name.endswith(UNTRAINED)
    before, _, own = name.partition(":")
    if not (has_prefix(name) and own.endswith(UNTRAINED)):
        return False
    return before not in FAMILIES or not Path(own).expanduser().exists()


def has_prefix(name: str) -> bool:
    """Tell whether a name begins with a family or module and a colon."""
    before, colon, after = name.partition(":")
    return bool(colon and after) and (before in FAMILIES or _is_module(before))


def check_model_name(name: str) -> None:
    """Refuse what is neither a known model nor a file that may be one. Loads nothing."""
    if name in (locations := _locations()):
        return
    if has_prefix(name):
        return
    before, colon, own = name.partition(":")
    if before in FAMILIES:
        example = FAMILIES[before].example
        message = f"Model {name!r} lacks the name of a network; give one, as in {example!r}."
        raise UnknownNameError(message)
    if before.endswith(".py"):
        message = (
            f"Model {name!r} names a file of Python; give the module and the function, as in "
            f"'{Path(before).stem}:{own or 'load'}', where the file lies."
        )
        raise UnknownNameError(message)
    if not own and _is_module(before):
        message = f"Model {name!r} lacks a function that makes it; name one, as '{before}:load'."
        raise UnknownNameError(message)
    if colon and not Path(name).exists():
        raise unknown_name(before, FAMILIES, kind="family of models, or module,")
    if is_file_name(name):
        if Path(name).expanduser().exists():
            return
        message = f"File {name!r} does not exist, so that it is no model."
        raise DataError(message)
    error = unknown_name(name, locations, kind="model")
    if Path(name).exists():
        message = f"{error} A file of activations of your own ends in {', '.join(TABLES + ARRAYS)}."
        raise UnknownNameError(message)
    raise error


def model_loader(name: str) -> Callable[..., object]:
    """Find the function that loads the model of that name."""
    locations = _locations()
    check_model_name(name)
    before, colon, after = name.partition(":")
    if name in locations:
        before, _, after = locations[name].partition(":")
    elif colon and before in FAMILIES:
        family = importlib.import_module(f"neuroalign.models.families.{before}")
        if _is_twin(name):
            return functools.partial(family.load, after.removesuffix(UNTRAINED), untrained=True)
        return functools.partial(family.load, after)
    elif not (colon and _is_module(before)):
        return _file_loader(name)
    own = after.removesuffix(UNTRAINED)  # no name of a function ends so
    function = getattr(_imported(before), own, None)
    if not callable(function):
        message = f"Module {before!r} has no function {own!r} that could make a model."
        raise UnknownNameError(message)
    if not _is_twin(name):
        return function
    if "untrained" not in inspect.signature(function).parameters:
        message = (
            f"Function {own!r} of module {before!r} makes no untrained twin; give it an option "
            "'untrained', as in def load(untrained=False)."
        )
        raise UnknownNameError(message)
    return functools.partial(function, untrained=True)


def _imported(module: str) -> ModuleType:
    """Import a module, which may be one of the user's own."""
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever its code raises
        message = f"Module {module!r} cannot be imported ({reason(error)}); mend it."
        raise DataError(message) from error


def _is_module(name: str) -> bool:
    """Tell whether a name could be imported."""
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        return bool(find_spec(name))
    except (ImportError, ValueError):
        return False
    except Exception:  # of the code of a package around it; importing tells what
        return True


def is_file_name(name: str) -> bool:
    """Tell whether a name is that of a file that could hold a model."""
    return Path(name).suffix.lower() in TABLES + ARRAYS


def _file_loader(name: str) -> Callable[..., object]:
    """Return what reads a file; that of arrays may need the labels of their rows."""
    if Path(name).suffix.lower() in ARRAYS:

        def load_arrays(*, labels: str | PathLike[str] | Sequence[object] | None = None) -> object:
            from neuroalign.models.activation_files import FileModel

            return FileModel(name, labels=labels)

        return load_arrays

    def load() -> object:
        from neuroalign.models.own_files import load_file

        return load_file(name)

    return load
