"""The command line: parses, calls, prints."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
import typer.core

from neuroalign import cli_options as options
from neuroalign import cli_words as words
from neuroalign.cli_cache import Loader
from neuroalign.cli_cache import cache as cache_commands
from neuroalign.cli_disperse import disperse
from neuroalign.cli_outputs import folder_names, output_file, run_folder, run_name
from neuroalign.cli_rivals import (
    asked_model,
    layers_of_rival,
    load_rivals,
    names_own_module,
    rivals_of,
)
from neuroalign.errors import NeuroalignError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from neuroalign.data.dataset import BrainDataset
    from neuroalign.models.protocol import Model

DEMO_MODEL, DEMO_DATASET = "efficientnet-lite0", "simulated-v4"


class _Interrupted(Exception):
    """Ctrl-C, under a name that typer does not answer by itself."""


class _Commands(typer.core.TyperGroup):
    def invoke(self, ctx: Any) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise _Interrupted from stop


app = typer.Typer(
    cls=_Commands,
    help="Score models against brain recordings, with noise ceilings and honest intervals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    """Keep the options that belong to every command; `main` looks at --debug itself."""
    del debug


@app.command()
def score(
    model: words.Model = DEMO_MODEL,
    dataset: words.Dataset = DEMO_DATASET,
    metric: words.Metric = None,
    beside: words.Beside = None,
    layers: words.Layers = None,
    subjects: words.Names = None,
    roi: words.Names = None,
    by: words.By = None,
    n_folds: words.Folds = None,
    delays: words.Delays = None,
    seed: words.Seed = 0,
    device: words.Device = "cpu",
    cache: words.Cache = False,
    option: words.OfDataset = None,
    model_option: words.OfModel = None,
    metric_option: words.OfMetric = None,
    against: words.Against = None,
    guards: words.Guards = None,
    out: words.RunFolder = None,
) -> None:
    """Score a model against a dataset, beside the models that it has to beat.

    Without arguments: an ImageNet-trained network on simulated V4 neurons, planted on one of its
    layers, so that the right answer is known and nothing is downloaded.
    """
    import neuroalign as na
    from neuroalign.numerics.device import check_device

    check_device(device)
    measure = metric or ("ridge" if beside is None else "banded")
    of_metric = options.read_pairs(metric_option, "--metric-option")
    kind = options.named_metric(measure, device, of_metric)
    options.check_beside(measure, beside)
    if (model, dataset) == (DEMO_MODEL, DEMO_DATASET):
        typer.echo(f"Scoring the embedded case: {model} on {dataset}, whose truth is known.")
    lag = options.time_grid(delays)
    model, of_model = asked_model(model, model_option)
    folder = run_folder(out, run_name(model, beside, dataset, measure))
    of_data = options.dataset_options(dataset, option)
    load = Loader(device, cache)
    network = load(model, of_model)
    rivals = rivals_of(model, network.reads, against)
    looked_for = options.guards_of(guards, network.reads, rivals)
    data = na.load_dataset(dataset, subjects=options.split_names(subjects), **of_data)
    typer.echo(repr(data))
    rule = None if n_folds is None else options.fold_rule(data, n_folds)
    split, regions = tuple(options.split_names(by) or ()), options.split_names(roi)
    scored = options.Scorer(data, kind, beside, device, load, regions, rule, seed, split, lag)
    others = load_rivals(rivals, model, of_model, network, load)
    _report(scored, network, others, options.split_names(layers), looked_for, folder)
    if cache:
        typer.echo(load.report())


def _report(
    scored: options.Scorer,
    model: Model,
    rivals: Iterable[tuple[str, Model]],
    layers: list[str] | None,
    guards: list[str],
    folder: Path | None,
) -> None:
    """Score a model and its rivals, save each once it is there, and print and plot them all."""
    import neuroalign as na
    from neuroalign.report.console import print_summary

    scores = scored(model, layers, guards)
    table = na.summarize(scores, by=["layer"])
    if folder is not None:
        na.save_scores(scores, folder)
        table.to_csv(folder / "table.csv", index=False)
    others = {}
    for name, rival in rivals:
        # A twin chooses among the same layers; a model that has none of them keeps its own.
        others[name] = scored(rival, layers_of_rival(rival, layers), [])
        if folder is not None:
            na.save_scores(others[name], folder / "against" / folder_names([*others])[name])
    print_summary(scores, table, others)
    if folder is not None:
        short = folder_names([own := str(scores.attrs["model"]), *others])  # paths are long
        against = {short[name]: other for name, other in others.items()}
        shown = scores.assign_attrs(model=short[own])
        na.plot_profile(shown, against=against, path=folder / "profile.png")
        typer.echo(f"Scores, table and figure are in {folder}.")


@app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of runs on the same data; a single one is compared with what was scored "
            "against it."
        ),
    ],
    over: Annotated[
        str, typer.Option(help="What intervals generalize to: 'stimuli', or 'subjects' too.")
    ] = "stimuli",
    out: Annotated[Path | None, typer.Option(help="CSV file for the table.")] = None,
) -> None:
    """Compare saved runs, every two of them, paired by stimuli and neuroids."""
    import neuroalign as na
    from neuroalign.report.comparison import print_comparison, read_runs

    file = output_file(out)
    table = na.compare(read_runs(runs), over=over)
    print_comparison(table)
    if file is not None:
        table.to_csv(file, index=False)
        typer.echo(f"The table is in {out}.")


app.command()(disperse)
app.add_typer(cache_commands, name="cache")


@app.command()
def datasets() -> None:
    """List the datasets, with what they hold and where they come from."""
    from neuroalign.data.catalog import dataset_module, list_datasets
    from neuroalign.report.console import print_cards

    print_cards({name: dataset_module(name)[1].CARD for name in list_datasets()})


@app.command()
def models(
    model: Annotated[str | None, typer.Argument(help="A model whose layers are listed.")] = None,
    layers: words.Layers = None,
    model_option: words.OfModel = None,
) -> None:
    """List the models, and the families whose networks are known by name; or a model's layers."""
    import neuroalign as na
    from neuroalign.report.console import print_table
    from neuroalign.report.models import describe_layers, families_table

    if model is not None:
        of_model = options.read_pairs(model_option, "--model-option")
        network = options.named_model(model, "cpu", of_model)
        typer.echo(describe_layers(network, options.split_names(layers)))
        return
    for name in na.list_models():
        typer.echo(name)
    typer.echo(
        "\nNetworks of families have names like these; NAME-untrained is one before training:"
    )
    print_table(families_table())


@app.command()
def check(
    dataset: words.Dataset,
    option: words.OfDataset = None,
) -> None:
    """Read a whole dataset and list all its faults, each with what to do about it."""
    import neuroalign as na
    from neuroalign.testing import dataset_remarks, load_and_check

    def load() -> BrainDataset:
        return na.load_dataset(dataset, **options.dataset_options(dataset, option))

    data = load_and_check(Path(dataset).resolve().name, load)
    typer.echo(repr(data))
    for remark in dataset_remarks(data):
        typer.echo(f"Note: {remark}.")
    typer.echo("No faults.")


@app.command()
def advise(
    dataset: words.Dataset,
    n_folds: words.Folds = None,
    option: words.OfDataset = None,
) -> None:
    """Say which folds, noise ceiling, interval and test fit a dataset, and why."""
    import neuroalign as na
    from neuroalign.report.console import print_table

    data = na.load_dataset(dataset, **options.dataset_options(dataset, option))
    folds = None if n_folds is None else options.fold_rule(data, n_folds)
    typer.echo(repr(data))
    print_table(na.inference.advise(data, folds=folds))


@app.command()
def fetch(
    dataset: Annotated[str, typer.Argument(help="One of `neuroalign datasets`.")],
    files: Annotated[
        list[str] | None, typer.Argument(help="Names or patterns such as '*.csv'; all by default.")
    ] = None,
) -> None:
    """Download and verify the files of a dataset, going on where that was cut off."""
    from neuroalign.data.catalog import dataset_files

    known = dataset_files(dataset)
    if not known:
        typer.echo(f"Dataset {dataset!r} has nothing to fetch; load it as it is.")
        return
    found = known.fetch(known.matching(files) if files else None)
    for path in found.values():
        typer.echo(str(path))
    count = "1 file is" if len(found) == 1 else f"{len(found)} files are"
    unknown = sum(not known.has_hash(name) for name in found)
    but = f", but {unknown} without a published hash to compare" if unknown else " and verified"
    typer.echo(f"{count} there{but}.")


@app.command()
def new_dataset(
    name: Annotated[str, typer.Argument(help="Of the dataset and its folder, as in author2024.")],
    folder: Annotated[Path, typer.Option("--in", help="Where the folder is made.")] = Path(),
) -> None:
    """Write the beginnings of a dataset: an adapter that runs, its files and a test."""
    from neuroalign.data.skeleton import write_skeleton

    for path in write_skeleton(name, folder):
        typer.echo(str(path))
    typer.echo(
        f"Change these to your data; `neuroalign check {folder / name}` lists what is wrong."
    )


def main() -> NoReturn:
    """Run the command line; an error is one sentence and a non-zero exit."""
    # Before the hub and transformers are imported: bars are for people, and faults are refused.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    if "" not in sys.path and any(map(names_own_module, sys.argv)):
        sys.path.append("")  # they are looked for where the command is given
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app()
    except NeuroalignError as error:
        _fail(str(error), 1)
    except _Interrupted:
        _fail("Interrupted; what was written before is whole.", 130)
    except MemoryError as error:
        _fail(f"Memory ran out ({error}); use fewer layers or stimuli.", 1)
    except OSError as error:
        _fail(f"The system refuses: {error}.", 1)
    sys.exit(0)


def _fail(sentence: str, code: int) -> NoReturn:
    if "--debug" in sys.argv:
        traceback.print_exc()
    typer.echo(f"Error: {sentence}", err=True)
    sys.exit(code)
