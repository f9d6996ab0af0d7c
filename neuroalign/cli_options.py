"""What the options of the command line mean."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DataError, NeuroalignError, unknown_name
from neuroalign.models.baselines import BASELINES

if TYPE_CHECKING:
    import xarray as xr

    from neuroalign.data.dataset import BrainDataset
    from neuroalign.features import TimeGrid
    from neuroalign.folds import FoldRule
    from neuroalign.metrics.protocol import Metric
    from neuroalign.models.protocol import Model
    from neuroalign.similarity.sides import Measure

    Load = Callable[[str, Mapping[str, str]], Model]  # of a name and options

# Name on the command line -> class in `neuroalign.mappings`.
MAPPINGS = {
    "attention": "AttentionReadout",
    "factorized": "FactorizedReadout",
    "fractional-ridge": "FractionalRidge",
    "gaussian": "GaussianReadout",
    "kernel-ridge": "KernelRidge",
    "one-to-one": "OneToOne",
    "pcr": "PrincipalComponents",
    "pls": "PartialLeastSquares",
    "poisson": "Poisson",
    "soft-matching": "SoftMatching",
}
RIDGES = {"banded": "BandedRidgeEncoding", "ridge": "RidgeEncoding", "stacked": "StackedEncoding"}
# Name on the command line -> room and class; these compare whole recordings.
MEASURES = {
    "cka": ("similarity", "CKA"),
    "cycle-neighbors": ("similarity", "CycleNeighbors"),
    "held-out-cca": ("similarity", "HeldOutCCA"),
    "held-out-procrustes": ("similarity", "HeldOutProcrustes"),
    "mutual-neighbors": ("similarity", "MutualNeighbors"),
    "procrustes": ("similarity", "ProcrustesSimilarity"),
    "rsa": ("rsa", "RSA"),
    "unit-matching": ("similarity", "UnitMatching"),
}
METRICS = sorted([*MAPPINGS, *RIDGES, *MEASURES])
OF_SPACES = ("banded", "stacked")


def split_names(names: str | None) -> list[str] | None:
    """Read names separated by commas."""
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def named_metric(
    name: str, device: str, options: Mapping[str, str] | None = None
) -> Metric | Measure:
    """Make the metric of that name with its options, on a device if it can use one."""
    import neuroalign as na

    if name not in METRICS:
        raise unknown_name(name, METRICS, kind="metric")
    if name in MEASURES:
        room, of_room = MEASURES[name]
        kind = getattr(getattr(na, room), of_room)
    else:
        in_ridges = name in RIDGES
        kind = (
            getattr(na.metrics, RIDGES[name]) if in_ridges else getattr(na.mappings, MAPPINGS[name])
        )
    parameters = dict(inspect.signature(kind).parameters)
    placed = {} if parameters.pop("device", None) is None else {"device": device}
    made = kind(**placed, **typed(_known_options(options or {}, parameters, name), parameters))
    return na.metrics.MappingEncoding(made) if name in MAPPINGS else made


def _known_options(
    options: Mapping[str, str], parameters: Mapping[str, inspect.Parameter], metric: str
) -> Mapping[str, str]:
    """Refuse options that a metric does not have, or that are no single word or number."""
    single = [
        name
        for name, one in parameters.items()
        if one.default is None or isinstance(one.default, (bool, int, float, str))
    ]
    for name in options:
        if name not in single:
            raise unknown_name(name, single, kind=f"option of metric {metric!r}")
    return options


def named_model(name: str, device: str, options: Mapping[str, str]) -> Model:
    """Load a model on a device, with those options that it takes; others it must refuse."""
    import neuroalign as na
    from neuroalign.models.catalog import model_parameters

    parameters = model_parameters(name)
    for option in options:
        if option == "device":
            message = "The device of models is given by --device."
            raise NeuroalignError(message)
        if option in parameters and "Callable" in str(parameters[option].annotation):
            message = f"Option {option}= of model {name!r} is a function; load the model in Python."
            raise NeuroalignError(message)
        if option == "name":
            raise unknown_name(option, parameters, kind=f"option of model {name!r}")
    placed = {"device": device} if "device" in parameters else {}
    return na.load_model(name, **placed, **typed(options, parameters))


@dataclass(frozen=True)
class Scorer:
    """Score models alike: the one in question, and those that it has to beat."""

    data: BrainDataset
    metric: Metric | Measure
    beside: str | None  # a model whose units are a second feature space
    device: str
    load: Load
    roi: list[str] | None
    folds: FoldRule | None
    seed: int
    by: tuple[str, ...] = ()  # what splits recordings, for measures of whole ones
    features: TimeGrid | None = None

    def __call__(
        self, model: Model, layers: list[str] | None, guards: Sequence[str] | None = None
    ) -> xr.Dataset:
        """Score a model; beside itself it is no second space, and has plain ridge."""
        import neuroalign as na

        pair, metric = model, self.metric
        if self.beside == model.name:
            metric = named_metric("ridge", self.device)
        elif self.beside is not None:
            second = self.load(self.beside, {})
            pair = na.models.JoinedModel({self.beside: second, model.name: model})
        settings: dict[str, Any] = {"roi": self.roi, "folds": self.folds, "seed": self.seed}
        settings |= {"by": self.by, "features": self.features}
        if guards is not None:
            settings["guards"] = guards
        return na.score(pair, self.data, metric, layers=layers, **settings)


def time_grid(delays: str | None) -> TimeGrid | None:
    """Make the step that brings activations to the samples of a stream, with its delays in s."""
    if delays is None:
        return None
    import neuroalign as na

    try:
        seconds = [float(word) for word in delays.split(",")]
    except ValueError as error:
        message = f"--delays {delays!r} are no seconds; give numbers, as in --delays 0,0.1,0.2."
        raise NeuroalignError(message) from error
    return na.features.TimeGrid(delays=seconds)


def check_beside(metric: str, beside: str | None) -> None:
    """Refuse a second feature space that does not exist, or that is missing."""
    from neuroalign.models.catalog import model_loader

    if beside is not None:
        model_loader(beside)
    if beside is None and metric in OF_SPACES:
        message = f"--metric {metric} needs two feature spaces; add --with MODEL."
        raise NeuroalignError(message)


def guards_of(guards: str | None, reads: str | None, rivals: Sequence[str]) -> list[str]:
    """Name the guards that are run: those asked for, or all; a baseline is not scored twice."""
    from neuroalign.guards import GUARDS, check_guards

    asked = [] if guards == "none" else split_names(guards)
    wanted = check_guards(GUARDS if asked is None else asked)
    beaten = BASELINES.get(str(reads)) in rivals
    return [name for name in wanted if not (name == "baseline" and beaten)]


def read_pairs(pairs: list[str] | None, word: str) -> dict[str, str]:
    """Read options of the form name=value."""
    found: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            message = f"{word} {pair!r} is not of the form name=value."
            raise NeuroalignError(message)
        if name in found:
            message = (
                f"{word} {name}=... is given twice, as {found[name]!r} and {value!r}; keep one."
            )
            raise NeuroalignError(message)
        found[name] = value
    return found


def typed(
    options: Mapping[str, str], parameters: Mapping[str, inspect.Parameter]
) -> dict[str, object]:
    """Read values as the type that a function declares, or gives its default, for each option."""
    found: dict[str, object] = {}
    for name, value in options.items():
        kind = _kind(parameters[name], value) if name in parameters else _guess(value)
        try:
            found[name] = kind(value)
        except ValueError as error:
            message = f"Option {name}={value!r} is not a {_WORDS[kind]}, as {name!r} needs."
            raise NeuroalignError(message) from error
    return found


def _kind(parameter: inspect.Parameter, value: str) -> Callable[[str], object]:
    """Return what reads a value as the type of the default, or else as one that is declared."""
    default, declared = parameter.default, str(parameter.annotation)
    if isinstance(default, bool):
        return _as_bool
    if isinstance(default, (int, float)):
        return type(default)
    if default is not None:
        return str
    words = re.findall(r"\w+", declared)
    return str if "str" in words and "int" not in words else _guess(value)


def _guess(value: str) -> Callable[[str], object]:
    return int if value.isdigit() else str


def _as_bool(value: str) -> bool:
    if value.lower() not in TRUTH:
        raise ValueError
    return TRUTH[value.lower()]


TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_WORDS: dict[object, str] = {int: "number", float: "number", _as_bool: "true or false"}


def dataset_options(dataset: str, option: list[str] | None) -> dict[str, Any]:
    """Read the options of a dataset, as the type that its adapter gives each."""
    from neuroalign.data.catalog import dataset_module

    parameters = dict(inspect.signature(dataset_module(dataset)[1].load).parameters)
    parameters.pop("subjects", None)
    pairs = read_pairs(option, "--option")
    if "subjects" in pairs:
        message = "--option subjects=... is not an option of the dataset; use --subjects."
        raise DataError(message)
    return typed(pairs, parameters)


def fold_rule(dataset: BrainDataset, n_folds: int) -> FoldRule:
    """Make that many folds of the kind that the data have by default."""
    from neuroalign.features.steps import table_of_rows
    from neuroalign.folds import default_folds

    recordings = {name: dataset.recordings[name] for name in dataset.subjects[:1]}
    rule = default_folds(table_of_rows(dataset.stimuli, recordings))
    return replace(rule, n_folds=n_folds)  # type: ignore[type-var]
