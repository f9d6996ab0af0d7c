"""What the options of the command line mean."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DataError, NeuroalignError, unknown_name
from neuroalign.models.baselines import BASELINES

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from neuroalign.data.dataset import BrainDataset
    from neuroalign.folds import FoldRule
    from neuroalign.metrics.protocol import Metric
    from neuroalign.models.protocol import Model
    from neuroalign.similarity.sides import Measure

UNTRAINED = "-untrained"

ROWS_PER_DIMENSION = 10  # training stimuli for each dimension that a rotation is fitted in

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
    from neuroalign.models.catalog import model_loader

    parameters = inspect.signature(model_loader(name)).parameters
    placed = {"device": device} if "device" in parameters else {}
    return na.load_model(name, **placed, **typed(options, parameters))


@dataclass(frozen=True)
class Scorer:
    """Score models alike: the one in question, and those that it has to beat."""

    data: BrainDataset
    metric: Metric | Measure
    beside: str | None  # a model whose units are a second feature space
    device: str
    roi: list[str] | None
    folds: FoldRule | None
    seed: int
    by: tuple[str, ...] = ()  # what splits recordings, for measures of whole ones

    def __call__(
        self, model: Model, layers: list[str] | None, guards: Sequence[str] | None = None
    ) -> xr.Dataset:
        """Score a model; beside itself it is no second space, and has plain ridge."""
        import neuroalign as na

        pair, metric = model, self.metric
        if self.beside == model.name:
            metric = named_metric("ridge", self.device)
        elif self.beside is not None:
            second = named_model(self.beside, self.device, {})
            pair = na.models.JoinedModel({self.beside: second, model.name: model})
        settings: dict[str, Any] = {"roi": self.roi, "folds": self.folds, "seed": self.seed}
        settings["by"] = self.by
        if guards is not None:
            settings["guards"] = guards
        return na.score(pair, self.data, metric, layers=layers, **settings)


def check_beside(metric: str, beside: str | None) -> None:
    """Refuse a second feature space that does not exist, or that is missing."""
    from neuroalign.models.catalog import check_model_name

    if beside is not None:
        check_model_name(beside)
    if beside is None and metric in OF_SPACES:
        message = f"--metric {metric} needs two feature spaces; add --with MODEL."
        raise NeuroalignError(message)


def rivals_of(model: str, reads: str | None, against: str | None) -> list[str]:
    """Name the models that are scored beside: those asked for, or what every network must beat."""
    import neuroalign as na
    from neuroalign.models.catalog import check_model_name

    if against is None:
        known = na.list_models()
        wanted = (model + UNTRAINED, BASELINES.get(str(reads)))
        return [name for name in wanted if name in known and name != model]
    rivals = [] if against == "none" else split_names(against) or []
    for name in rivals:
        check_model_name(name)
    return rivals


def guards_of(guards: str | None, reads: str | None, rivals: Sequence[str]) -> list[str]:
    """Name the guards that are run: those asked for, or all; a baseline is not scored twice."""
    from neuroalign.guards import GUARDS, check_guards

    asked = [] if guards == "none" else split_names(guards)
    wanted = check_guards(GUARDS if asked is None else asked)
    beaten = BASELINES.get(str(reads)) in rivals
    return [name for name in wanted if not (name == "baseline" and beaten)]


def run_name(model: str, beside: str | None, dataset: str, metric: str) -> str:
    """Name the folder of a run."""
    from neuroalign.data.catalog import dataset_module

    joined = "+".join(short_name(name) for name in (model, beside) if name is not None)
    return f"{joined}_{dataset_module(dataset)[0]}_{metric}"


def short_name(model: str) -> str:
    """Name a model in the names of folders; a file goes without its folder and suffix."""
    from neuroalign.models.catalog import is_file_name

    return Path(model).stem if is_file_name(model) else model


def kept_dimensions(
    asked: int | None, views: Mapping[str, xr.DataArray], stimuli: pd.DataFrame, rule: FoldRule
) -> int | None:
    """Choose how many dimensions of each system to keep: so few that rotations can be fitted."""
    if asked is not None:
        return asked or None
    sizes = [dict(view.sizes) for view in views.values()]
    widths = [math.prod(n for dim, n in size.items() if dim != "stimulus") for size in sizes]
    n_train = min(len(fold.train) for fold in rule.split(stimuli, 0).folds)
    return max(1, min(n_train // ROWS_PER_DIMENSION, *widths))


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
    """Read values as the type of the default that a function gives each option."""
    found: dict[str, object] = {}
    for name, value in options.items():
        default = parameters[name].default if name in parameters else None
        kind: Callable[[str], object] = str
        if isinstance(default, bool):
            kind = _as_bool
        elif isinstance(default, (int, float)):
            kind = type(default)
        elif default is None and value.isdigit():
            kind = int
        try:
            found[name] = kind(value)
        except ValueError as error:
            message = f"Option {name}={value!r} is not a {_WORDS[kind]}, as {name!r} needs."
            raise NeuroalignError(message) from error
    return found


def _as_bool(value: str) -> bool:
    known = {"true": True, "yes": True, "false": False, "no": False}
    if value.lower() not in known:
        raise ValueError
    return known[value.lower()]


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
