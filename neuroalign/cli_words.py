"""Arguments and options of the command line, with what their help says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroalign.cli_options import METRICS

Dataset = Annotated[str, typer.Argument(help="Name, file or folder of a dataset.")]
Model = Annotated[
    str,
    typer.Argument(
        help="One of `neuroalign models`, such as timm:resnet50.a1_in1k; or a file of activations "
        "(.csv, .nc, .npy, .npz, .h5, .zarr, .pt); or package.module:function."
    ),
]

OfDataset = Annotated[list[str] | None, typer.Option(help="Of the dataset, as in session=201025.")]
OfModel = Annotated[list[str] | None, typer.Option(help="Of the model, as in context=window.")]
OfMetric = Annotated[
    list[str] | None,
    typer.Option(help="Of the metric, as in dissimilarity=crossnobis or comparison=rho_a."),
]

Names = Annotated[str | None, typer.Option(help="Names, separated by commas.")]
Layers = Annotated[
    str | None,
    typer.Option(
        help="Names, patterns such as 'blocks.*', 'depth:2' or 'all', separated by commas; see "
        "`neuroalign models MODEL`."
    ),
]
Cache = Annotated[
    bool,
    typer.Option(
        "--cache",
        help="Keep activations on disk, and read those that are there. Off by default, since those "
        "of all layers are large; see `neuroalign cache`.",
    ),
]
Device = Annotated[str, typer.Option(help="'cpu' or 'cuda'.")]
Folds = Annotated[
    int | None,
    typer.Option(help="Folds of cross-validation.", show_default="as the data allow"),
]
Delays = Annotated[
    str | None,
    typer.Option(
        help="Seconds by which the responses of a stream lag, separated by commas.",
        show_default="2,4,6,8 where sampled every 0.5 s or slower",
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Of folds and split halves.")]

Metric = Annotated[
    str | None,
    typer.Option(
        help=f"One of {', '.join(METRICS)}. By default ridge, or banded --with another model."
    ),
]
Beside = Annotated[
    str | None,
    typer.Option("--with", help="Model whose units are a second feature space beside each layer."),
]
By = Annotated[
    str | None,
    typer.Option(help="What splits recordings, such as roi, for rsa, cka and their like."),
]
Against = Annotated[
    str | None,
    typer.Option(
        help="Models to beat, separated by commas, or 'none'. By default the untrained twin, as "
        "in timm:resnet50-untrained, and the baseline of what is read, as pixels of images."
    ),
]
Guards = Annotated[
    str | None,
    typer.Option(
        help="What is looked for beside the score, separated by commas, or 'none'. By default all "
        "that apply."
    ),
]
RunFolder = Annotated[
    Path | None, typer.Option(help="Folder for scores, table, figure and provenance.")
]
