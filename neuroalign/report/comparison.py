"""Compare saved runs, and print or draw what came of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr
from rich.table import Table

from neuroalign.errors import DataError
from neuroalign.report.terminal import terminal
from neuroalign.results.store import ARRAYS, load_scores
from neuroalign.results.tables import best_layer

AGAINST = "against"  # where `neuroalign score` puts the models that it scored beside


def read_runs(folders: Sequence[Path]) -> dict[str, xr.Dataset]:
    """Read runs, each at the layer that its training stimuli choose.

    Parameters
    ----------
    folders : sequence of Path
        Of runs. A single one stands for itself and the models that were scored against it.

    Returns
    -------
    dict of str to Dataset
        By the name of the model, or of the folder where two runs are of the same model.
    """
    paths = [Path(folder) for folder in folders]
    if len(paths) == 1 and (paths[0] / ARRAYS).is_file():
        beside = sorted(path.parent for path in paths[0].glob(f"{AGAINST}/*/{ARRAYS}"))
        if not beside:
            message = (
                f"Folder {str(paths[0])!r} is one run, with nothing scored against it; name two "
                "runs or more."
            )
            raise DataError(message)
        paths += beside
    scores = [_at_one_layer(path) for path in paths]
    models = [
        str(one.attrs.get("model", path.name)) for one, path in zip(scores, paths, strict=True)
    ]
    named = models if len(set(models)) == len(models) else _without_common_folder(paths)
    if len(set(named)) < len(named):
        message = f"A run is named twice among {', '.join(map(str, paths))}."
        raise DataError(message)
    return dict(zip(named, scores, strict=True))


def _without_common_folder(paths: Sequence[Path]) -> list[str]:
    """Name paths by where they lie below the last folder that all of them are in."""
    common = Path(os.path.commonpath([path.parent.absolute() for path in paths]))
    return [str(path.absolute().relative_to(common)) for path in paths]


def _at_one_layer(folder: Path) -> xr.Dataset:
    """Read a run at the layer that training stimuli choose, or at the one that it has."""
    scores = load_scores(folder)
    if "similarity" not in scores:
        return best_layer(scores)
    if scores.sizes["layer"] > 1:
        message = (
            f"The run {str(folder)!r} compares {scores.sizes['layer']} layers by a measure that "
            "chooses none; score one of them, as in --layers "
            f"{scores['layer'].values[0]}."
        )
        raise DataError(message)
    return scores


def print_comparison(table: pd.DataFrame) -> None:
    """Print the table of `compare`, and what its numbers mean."""
    console = terminal()
    value, title = (
        "r",
        "Difference of median r over neuroids, at the layers chosen on training folds",
    )
    if "similarity_first" in table:
        value, title = "similarity", "Difference of mean similarity over views"
    grid = Table(title=title)
    for name in ("first", "second"):
        grid.add_column(name, overflow="fold")
    for name in (value, f"{value} of second", "difference", "95% interval", "p", "p (Holm)"):
        grid.add_column(name, justify="right")
    for row in table.to_dict("records"):
        grid.add_row(
            str(row["first"]),
            str(row["second"]),
            *(_number(row[name]) for name in (f"{value}_first", f"{value}_second", "difference")),
            f"{_number(row['low'])} to {_number(row['high'])}",
            *(_p(row[name]) for name in ("p", "p_holm")),
        )
    console.print(grid)
    meaning = {
        "procedure": "Intervals: over new stimuli, models fitted anew, for these neuroids.",
        "conditional": "Intervals: over new test stimuli, for these fitted models and neuroids.",
        "population": "Intervals: over new subjects and stimuli, models fitted anew.",
    }
    if "similarity_first" in table:  # nothing is fitted
        meaning = {
            "conditional": "Intervals: over new stimuli, for these neuroids and subjects.",
            "population": "Intervals: over new subjects and stimuli.",
        }
    console.print(meaning[str(table["interval"].iloc[0])])


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "-" if pd.isna(value) else ("<.0001" if value < 1e-4 else f"{value:.4f}")
