"""The command line: parses, calls, prints."""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
import typer.core

from neuroalign import cli_options as options
from neuroalign.errors import NeuroalignError

if TYPE_CHECKING:
    from neuroalign.data.dataset import BrainDataset

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
    model: Annotated[str, typer.Argument(help="One of `neuroalign models`.")] = DEMO_MODEL,
    dataset: Annotated[
        str, typer.Argument(help="One of `neuroalign datasets`, a file or a folder.")
    ] = DEMO_DATASET,
    metric: Annotated[
        str | None,
        typer.Option(
            help=f"One of {', '.join(options.METRICS)}. By default ridge, or banded --with "
            "another model."
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            "--with", help="Model whose units are a second feature space beside each layer."
        ),
    ] = None,
    layers: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    subjects: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    roi: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    by: Annotated[
        str | None,
        typer.Option(help="What splits recordings, such as roi, for rsa, cka and their like."),
    ] = None,
    n_folds: Annotated[
        int | None,
        typer.Option(help="Folds of cross-validation. [default: as the data allow]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and split halves.")] = 0,
    device: Annotated[str, typer.Option(help="'cpu' or 'cuda'.")] = "cpu",
    option: Annotated[
        list[str] | None, typer.Option(help="Of the dataset, as in session=201025.")
    ] = None,
    model_option: Annotated[
        list[str] | None, typer.Option(help="Of the model, as in context=window.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Models to beat, separated by commas, or 'none'. By default the untrained twin, "
            "and the pixels or the rate of words."
        ),
    ] = None,
    guards: Annotated[
        str | None,
        typer.Option(
            help="What is looked for beside the score, separated by commas, or 'none'. By default "
            "all that apply."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores, table, figure and provenance.")
    ] = None,
) -> None:
    """Score a model against a dataset, beside the models that it has to beat.

    Without arguments: an ImageNet-trained network on simulated V4 neurons, planted on one of its
    layers, so that the right answer is known and nothing is downloaded.
    """
    import neuroalign as na
    from neuroalign.data.catalog import dataset_module
    from neuroalign.numerics.device import check_device
    from neuroalign.report.console import print_summary

    check_device(device)
    measure = metric or ("ridge" if beside is None else "banded")
    kind = options.named_metric(measure, device)
    options.check_beside(measure, beside)
    if (model, dataset) == (DEMO_MODEL, DEMO_DATASET):
        typer.echo(f"Scoring the embedded case: {model} on {dataset}, whose truth is known.")
    stem, module = dataset_module(dataset)[:2]
    joined = "" if beside is None else f"+{beside}"
    target = options.run_folder(out, f"{model}{joined}_{stem}_{measure}")
    own = options.read_pairs(model_option, "--model-option")
    of_data = options.typed(
        options.read_pairs(option, "--option"), inspect.signature(module.load).parameters
    )
    network = options.named_model(model, device, own)
    rivals = options.rivals_of(model, network.reads, against)
    looked_for = options.guards_of(guards, network.reads, rivals)
    data = na.load_dataset(dataset, subjects=options.split_names(subjects), **of_data)
    typer.echo(repr(data))
    scored = options.Scorer(
        data,
        kind,
        beside,
        device,
        roi=options.split_names(roi),
        folds=None if n_folds is None else options.fold_rule(data, n_folds),
        seed=seed,
        by=tuple(options.split_names(by) or ()),
    )
    wanted = options.split_names(layers)
    scores = scored(network, wanted, looked_for)
    table = na.summarize(scores, by=["layer"])
    if target is not None:
        na.save_scores(scores, target)
        table.to_csv(target / "table.csv", index=False)
    others = {}
    for name in rivals:
        twin = name == model + options.UNTRAINED
        other = options.named_model(name, device, own if twin else {})
        # A twin chooses among the same layers; a model that has none of them keeps its own.
        same = [layer for layer in wanted or [] if layer in other.layers] or None
        others[name] = scored(other, same, [])
        if target is not None:
            na.save_scores(others[name], target / "against" / name)
    print_summary(scores, table, others)
    if target is not None:
        na.plot_profile(scores, against=others, path=target / "profile.png")
        typer.echo(f"Scores, table and figure are in {target}.")


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

    table = na.compare(read_runs(runs), over=over)
    print_comparison(table)
    if out is not None:
        table.to_csv(out, index=False)
        typer.echo(f"The table is in {out}.")


@app.command()
def disperse(
    dataset: Annotated[str, typer.Argument(help="Name, file or folder of a dataset.")],
    layers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL[:LAYER][,OPTION=VALUE]]...",
            help="Systems: a layer of a model each, by default its last, as in "
            "efficientnet-lite0:_blocks.8 or efficientnet-lite0-untrained:_blocks.8,seed=1.",
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
    device: Annotated[str, typer.Option(help="'cpu' or 'cuda'.")] = "cpu",
    option: Annotated[
        list[str] | None, typer.Option(help="Of the dataset, as in session=201025.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New folder for values and figure.")] = None,
) -> None:
    """Show on which stimuli systems agree: layers of networks, subjects, or both."""
    import neuroalign as na
    from neuroalign.numerics.device import check_device
    from neuroalign.report.dispersion import plot_dispersion
    from neuroalign.report.dispersion_print import print_dispersion, save_dispersion

    check_device(device)
    named = options.read_layers(layers)
    with_subjects = with_subjects or subjects is not None or roi is not None
    folder = None if out is None else options.run_folder(out.parent, out.name)
    data = _loaded(dataset, option, subjects=options.split_names(subjects))
    chosen = data if roi is None else data.select(roi=options.split_names(roi))
    typer.echo(repr(data))
    views, stimuli = options.gather_systems(named, chosen, device, with_subjects=with_subjects)
    rule = na.KFold(n_folds)
    found = na.dispersion.procrustes_dispersion(
        views, stimuli=stimuli, folds=rule, n_null=n_null, seed=seed, device=device,
        dimensions=options.kept_dimensions(dimensions, views, stimuli, rule),
    )  # fmt: skip
    if folder is not None:
        save_dispersion(found, stimuli, folder)
    print_dispersion(found, stimuli)
    if folder is not None:
        plot_dispersion(found, stimuli, path=folder / "dispersion.png")
        typer.echo(f"Values, table and figure are in {folder}.")


@app.command()
def datasets() -> None:
    """List the datasets, with what they hold and where they come from."""
    from neuroalign.data.catalog import dataset_module, list_datasets
    from neuroalign.report.console import print_cards

    print_cards({name: dataset_module(name)[1].CARD for name in list_datasets()})


@app.command()
def models() -> None:
    """List the models."""
    import neuroalign as na

    for name in na.list_models():
        typer.echo(name)


@app.command()
def check(
    dataset: Annotated[str, typer.Argument(help="Name, file or folder of a dataset.")],
    option: Annotated[list[str] | None, typer.Option(help="As in session=201025.")] = None,
) -> None:
    """Read a whole dataset and list its faults."""
    from neuroalign.testing import check_dataset

    data = _loaded(dataset, option)
    check_dataset(data)
    typer.echo(f"{data!r}\nNo faults.")


@app.command()
def advise(
    dataset: Annotated[str, typer.Argument(help="Name, file or folder of a dataset.")],
    n_folds: Annotated[int | None, typer.Option(help="Folds of cross-validation.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="As in session=201025.")] = None,
) -> None:
    """Say which folds, noise ceiling, interval and test fit a dataset, and why."""
    import neuroalign as na
    from neuroalign.report.console import print_table

    data = _loaded(dataset, option)
    folds = None if n_folds is None else options.fold_rule(data, n_folds)
    typer.echo(repr(data))
    print_table(na.inference.advise(data, folds=folds))


@app.command()
def fetch(dataset: Annotated[str, typer.Argument(help="One of `neuroalign datasets`.")]) -> None:
    """Download and verify all files of a dataset."""
    from neuroalign.data.catalog import dataset_files

    files = dataset_files(dataset)
    for name in files:
        typer.echo(str(files[name]))
    typer.echo(f"{len(files)} files are there and verified.")


def _loaded(
    dataset: str, option: list[str] | None, subjects: list[str] | None = None
) -> BrainDataset:
    """Load a dataset with its options."""
    import neuroalign as na
    from neuroalign.data.catalog import dataset_module

    parameters = inspect.signature(dataset_module(dataset)[1].load).parameters
    of_data = options.typed(options.read_pairs(option, "--option"), parameters)
    return na.load_dataset(dataset, subjects=subjects, **of_data)


def main() -> NoReturn:
    """Run the command line; an error is one sentence and a non-zero exit."""
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
