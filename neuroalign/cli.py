"""The command line: parses, calls, prints."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
import typer.core

from neuroalign.errors import NeuroalignError, unknown_name

if TYPE_CHECKING:
    import xarray as xr

    from neuroalign.models.protocol import Model

DEMO_MODEL, DEMO_DATASET = "efficientnet-lite0", "simulated-v4"
UNTRAINED, PIXELS = "-untrained", "pixels"


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
    metric: Annotated[str, typer.Option(help="Only 'ridge' so far.")] = "ridge",
    layers: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    subjects: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    roi: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    n_folds: Annotated[int, typer.Option(help="Folds of cross-validation.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of folds and split halves.")] = 0,
    device: Annotated[str, typer.Option(help="'cpu' or 'cuda'.")] = "cpu",
    option: Annotated[
        list[str] | None, typer.Option(help="Of the dataset, as in session=201025.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Models to beat, separated by commas, or 'none'. "
            "By default the untrained twin and the pixels."
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
    from neuroalign.report.console import print_summary

    if metric != "ridge":
        raise unknown_name(metric, ["ridge"], kind="metric")
    if (model, dataset) == (DEMO_MODEL, DEMO_DATASET):
        typer.echo(f"Scoring the embedded case: {model} on {dataset}, whose truth is known.")
    rivals = _rivals(model, against)
    target = _run_folder(out, model, dataset_module(dataset)[0])
    networks = {name: _load(name, device) for name in (model, *rivals)}
    data = na.load_dataset(dataset, subjects=_split(subjects), **_options_of(dataset, option))
    typer.echo(repr(data))

    def scored(name: str) -> xr.Dataset:
        # A twin chooses among the same layers; a model that has none of them keeps its own.
        wanted = _split(layers)
        if name != model and wanted is not None:
            wanted = [layer for layer in wanted if layer in networks[name].layers] or None
        return na.score(
            networks[name], data, layers=wanted, roi=_split(roi), folds=na.KFold(n_folds), seed=seed
        )

    scores = scored(model)
    table = na.summarize(scores, by=["layer"])
    if target is not None:
        na.save_scores(scores, target)
        table.to_csv(target / "table.csv", index=False)
    beside = {}
    for name in rivals:
        beside[name] = scored(name)
        if target is not None:
            na.save_scores(beside[name], target / "against" / name)
    print_summary(scores, table, beside)
    if target is not None:
        na.plot_profile(scores, against=beside, path=target / "profile.png")
        typer.echo(f"Scores, table and figure are in {target}.")


def _rivals(model: str, against: str | None) -> list[str]:
    """Name the models that are scored beside: those asked for, or what every network must beat."""
    import neuroalign as na

    known = na.list_models()
    if against is not None:
        rivals = [] if against == "none" else _split(against) or []
    else:
        rivals = [name for name in (model + UNTRAINED, PIXELS) if name in known and name != model]
    for name in (model, *rivals):
        if name not in known:
            raise unknown_name(name, known, kind="model")
    return rivals


def _load(name: str, device: str) -> Model:
    import inspect

    import neuroalign as na
    from neuroalign.models.catalog import model_loader

    takes_device = "device" in inspect.signature(model_loader(name)).parameters
    return na.load_model(name, **({"device": device} if takes_device else {}))


def _split(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def _options_of(dataset: str, pairs: list[str] | None) -> dict[str, object]:
    """Read name=value, as the type of the default that the dataset gives the option."""
    import inspect

    from neuroalign.data.catalog import dataset_module

    parameters = inspect.signature(dataset_module(dataset)[1].load).parameters
    found: dict[str, object] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            message = f"--option {pair!r} is not of the form name=value."
            raise NeuroalignError(message)
        default = parameters[name].default if name in parameters else None
        kind = type(default) if isinstance(default, (int, float)) else str
        try:
            found[name] = kind(value)
        except ValueError as error:
            message = f"--option {pair!r}: {value!r} is not a number, as {name!r} needs."
            raise NeuroalignError(message) from error
    return found


def _run_folder(out: Path | None, model: str, dataset: str) -> Path | None:
    """Choose the folder of this run, and refuse one that is taken before any work is done."""
    if out is None:
        return None
    folder = out / f"{model}_{dataset}_ridge"
    if folder.exists():
        message = f"Folder {str(folder)!r} exists already; remove it or choose another --out."
        raise NeuroalignError(message)
    there = next(parent for parent in out.absolute().parents if parent.is_dir())
    try:
        with tempfile.TemporaryDirectory(dir=out if out.is_dir() else there):
            return folder
    except OSError as error:
        message = f"Nothing can be written to --out {str(out)!r}: {(error.strerror or '').lower()}."
        raise NeuroalignError(message) from error


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
    import neuroalign as na
    from neuroalign.testing import check_dataset

    data = na.load_dataset(dataset, **_options_of(dataset, option))  # type: ignore[arg-type]
    check_dataset(data)
    typer.echo(f"{data!r}\nNo faults.")


@app.command()
def fetch(dataset: Annotated[str, typer.Argument(help="One of `neuroalign datasets`.")]) -> None:
    """Download and verify all files of a dataset."""
    from neuroalign.data.catalog import dataset_files

    files = dataset_files(dataset)
    for name in files:
        typer.echo(str(files[name]))
    typer.echo(f"{len(files)} files are there and verified.")


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
