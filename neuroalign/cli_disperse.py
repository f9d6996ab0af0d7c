"""`neuroalign disperse`: on which stimuli layers of networks, and subjects, agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from neuroalign import cli_options as options
from neuroalign import cli_words as words
from neuroalign.cli_cache import Loader
from neuroalign.cli_outputs import new_folder
from neuroalign.errors import NeuroalignError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from neuroalign.data.dataset import BrainDataset
    from neuroalign.folds import FoldRule
    from neuroalign.models.protocol import Model

ROWS_PER_DIMENSION = 10  # training stimuli for each dimension that a rotation is fitted in


def disperse(
    dataset: words.Dataset,
    layers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL[:LAYER][,OPTION=VALUE]]...",
            help="Systems: a layer of a model each, by default its last, as in "
            "efficientnet-lite0:_blocks.8 or efficientnet-lite0-untrained:_blocks.8,seed=1. What "
            "follows the name is the layer, or a pattern, as in timm:resnet50:layer4.*.",
        ),
    ] = None,
    with_subjects: Annotated[
        bool, typer.Option("--with-subjects", help="The subjects are systems too.")
    ] = False,
    subjects: Annotated[
        str | None, typer.Option(help="Only these subjects, as systems; separated by commas.")
    ] = None,
    roi: Annotated[
        str | None, typer.Option(help="Only these regions of subjects, which are systems.")
    ] = None,
    n_folds: Annotated[int, typer.Option(help="Folds of cross-validation.")] = 5,
    dimensions: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Principal components kept of each system; 0: all units. By default one for ten "
            "training stimuli, as far as all systems have so many units.",
        ),
    ] = None,
    n_null: Annotated[int, typer.Option(min=0, help="Fits to shuffled stimuli, in a fold.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and shuffles.")] = 0,
    device: words.Device = "cpu",
    cache: words.Cache = False,
    option: words.OfDataset = None,
    out: Annotated[Path | None, typer.Option(help="New folder for values and figure.")] = None,
) -> None:
    """Show on which stimuli systems agree: layers of networks, subjects, or both."""
    import neuroalign as na
    from neuroalign.numerics.device import check_device
    from neuroalign.report.dispersion import plot_dispersion
    from neuroalign.report.dispersion_print import print_dispersion, save_dispersion

    check_device(device)
    named = read_layers(layers)
    with_subjects = with_subjects or subjects is not None or roi is not None
    folder = new_folder(out)
    data = na.load_dataset(
        dataset, subjects=options.split_names(subjects), **options.dataset_options(dataset, option)
    )
    chosen = data if roi is None else data.select(roi=options.split_names(roi))
    typer.echo(repr(data))
    load = Loader(device, cache)
    views, stimuli = gather_systems(named, chosen, load, with_subjects=with_subjects)
    if cache:
        typer.echo(load.report())
    rule = na.KFold(n_folds)
    found = na.dispersion.procrustes_dispersion(
        views, stimuli=stimuli, folds=rule, n_null=n_null, seed=seed, device=device,
        dimensions=kept_dimensions(dimensions, views, stimuli, rule),
    )  # fmt: skip
    if folder is not None:
        save_dispersion(found, stimuli, folder)
    print_dispersion(found, stimuli)
    if folder is not None:
        plot_dispersion(found, stimuli, path=folder / "dispersion.png")
        typer.echo(f"Values, table and figure are in {folder}.")


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


class NamedLayer(NamedTuple):
    """One layer of a model, as in ``minilm:layer.3,context=window``; None is its last layer."""

    model: str
    layer: str | None
    options: tuple[str, ...]


def read_layers(words: Sequence[str] | None) -> list[NamedLayer]:
    """Read layers of models; unknown models are refused before anything is loaded."""
    from neuroalign.models.catalog import check_model_name

    found = []
    for word in words or []:
        place, *pairs = word.split(",")
        model, layer = split_layer(place)
        check_model_name(model)
        options.read_pairs(pairs, f"Option of {model}")
        found.append(NamedLayer(model, layer or None, tuple(pairs)))
    return found


def split_layer(place: str) -> tuple[str, str]:
    """Part the name of a model from its layer, which may hold colons and slashes.

    A name that begins with a family or module holds one colon, others none; but the colons in the
    path of a file or folder that is there belong to it.
    """
    from neuroalign.models.catalog import UNTRAINED, has_prefix, list_models

    parts = place.split(":")
    prefixed = parts[0] not in list_models() and has_prefix(place)
    least = 2 if prefixed else 1
    for end in range(len(parts), least, -1):
        path = ":".join(parts[least - 1 : end]).removesuffix(UNTRAINED)
        if Path(path).expanduser().exists():
            least = end
            break
    return ":".join(parts[:least]), ":".join(parts[least:])


def gather_systems(
    layers: Sequence[NamedLayer], data: BrainDataset, load: Loader, *, with_subjects: bool
) -> tuple[dict[str, xr.DataArray], pd.DataFrame]:
    """Return layers of models, and all subjects if wanted, and the stimuli that all of them met."""
    import neuroalign as na
    from neuroalign.preparation import check_kind

    n_subjects = len(data.subjects) if with_subjects else 0
    patterns = any(set("*?") & set(one.layer or "") for one in layers)
    _check_number(len(layers) + n_subjects + patterns)
    views, stimuli = {}, data.stimuli
    if with_subjects:
        stimuli = stimuli.loc[na.shared_stimuli(data)]
        views = {name: na.average_repetitions(data.recordings[name]) for name in data.subjects}
    runs: dict[tuple[str, tuple[str, ...]], list[str | None]] = {}
    for one in layers:
        runs.setdefault((one.model, one.options), []).append(one.layer)
    for (name, pairs), wanted in runs.items():
        model = load(name, options.read_pairs([*pairs], f"Option of {name}"))
        check_kind(model, data)
        for layer, values in model.activations(stimuli, _named_layers(model, name, wanted)):
            views[",".join([f"{name}:{layer}", *pairs])] = values
    _check_number(len(views))
    return views, stimuli


def _check_number(n_systems: int) -> None:
    if n_systems < 2:
        message = (
            f"{n_systems} systems were named, where 2 are needed, and 3 tell more; name layers of "
            "models, as in efficientnet-lite0:_blocks.8, or add --with-subjects."
        )
        raise NeuroalignError(message)


def _named_layers(model: Model, name: str, wanted: Sequence[str | None]) -> list[str]:
    """Return names and patterns, which mean each layer once; no name is the last layer."""
    from neuroalign.models.protocol import selected_layers

    items = [model.layers[-1] if layer is None else layer for layer in wanted]
    named = [layer for item in items for layer in selected_layers(model, item)]
    if twice := next((layer for layer in named if named.count(layer) > 1), None):
        message = f"Layer {twice!r} of {name} is named twice; a system agrees with itself."
        raise NeuroalignError(message)
    return items
