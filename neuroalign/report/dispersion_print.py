"""Dispersion in the terminal and in files: which stimuli systems agree on, and how much."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from rich.table import Table

from neuroalign.data.schema import CONDITION, STIMULUS_KINDS
from neuroalign.dispersion.confounding import confounds, form_values, from_most_agreed
from neuroalign.dispersion.differences import mean_interval
from neuroalign.report.terminal import terminal

ARRAYS, TABLE = "dispersion.nc", "table.csv"
LONGEST = 48  # characters of a text
WORDS = {
    "relative": "relative dispersion",
    "dispersion": "dispersion",
    "directional": "directional dispersion",
    "consensus_r2": "consensus R2",
}
WEAK = 0.1  # a rank correlation of which no direction is told


def dispersion_table(
    dispersion: xr.Dataset, stimuli: pd.DataFrame, *, form: str = "relative"
) -> pd.DataFrame:
    """List stimuli from the most to the least agreed.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.
    stimuli : DataFrame
        Index: labels of stimuli. What "text", "image" and such hold is told in a few words.
    form : {"relative", "dispersion", "directional", "consensus_r2"}
        What they are sorted by.

    Returns
    -------
    DataFrame
        `stimulus`, `shown`, `dispersion`, `relative`, `directional`, `consensus_r2`, `in_sample`,
        `null`, `norm` (root mean square over systems), `density`, `hubness` and the confounds
        given. Stimuli without a dispersion are left out.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> from neuroalign.report.dispersion_print import dispersion_table
    >>> random = np.random.default_rng(0)
    >>> views = {name: pd.DataFrame(random.standard_normal((60, 4))) for name in "abc"}
    >>> found = na.dispersion.procrustes_dispersion(views)
    >>> table = dispersion_table(found, pd.DataFrame({"text": ["a word"] * 60}))
    >>> bool(table.relative.is_monotonic_increasing), table.shown[0]
    (True, 'a word')
    """
    values = form_values(dispersion, form)
    known = stimuli.set_axis(stimuli.index.astype(str))
    labels = dispersion["stimulus"].values
    table = pd.DataFrame({"stimulus": labels, "shown": [shown(known, name) for name in labels]})
    for name in ("dispersion", "relative", "directional", "consensus_r2"):
        table[name] = dispersion[name].values
    table["in_sample"] = dispersion["dispersion_in_sample"].values
    table["null"] = dispersion["null"].values
    table["norm"] = np.sqrt((dispersion["norm"].values ** 2).mean(0))
    for name in confounds(dispersion)["confound"].values:
        if name not in table:
            table[name] = dispersion[name].values
    kept = np.flatnonzero(np.isfinite(values))
    rows = kept[from_most_agreed(values[kept], form)]
    return table.iloc[rows].reset_index(drop=True)


def shown(stimuli: pd.DataFrame, label: str, longest: int = LONGEST) -> str:
    """Tell in a few words what a stimulus is: its text, file, condition or size."""
    kinds = [name for name in STIMULUS_KINDS if name in stimuli]
    if label not in stimuli.index or not kinds:
        return ""
    value = stimuli.loc[label, kinds[0]]
    if isinstance(value, (str, Path)):
        words = str(value) if kinds[0] in ("text", CONDITION) else Path(value).name
        short = " ".join(words.split())
        return short if len(short) <= longest else f"{short[: longest - 3]}..."
    size = getattr(value, "size", None)
    if isinstance(value, np.ndarray):
        size = value.shape[1::-1] if value.ndim > 1 else value.shape
    return kinds[0] if size is None else f"{' x '.join(map(str, size))} {kinds[0]}"


class Bracket(NamedTuple):
    """Dispersion of stimuli in units of the mean squared norm, in which it reads 1 by chance.

    Held-out stimuli have less norm in the kept dimensions than those that dimensions were fitted
    to, so that each kind is divided by its own. Without a scale of systems nothing is divided.

    Parameters
    ----------
    held_out, in_sample, null : float arrays (stimuli,)
    residual : Series
        System -> how far it is from the others, held out.
    interval : Dataset
        Mean of `held_out` with its limits, as `mean_interval` returns it.
    unit : str
    """

    held_out: np.ndarray
    in_sample: np.ndarray
    null: np.ndarray
    residual: pd.Series
    interval: xr.Dataset
    unit: str


def bracket(dispersion: xr.Dataset) -> Bracket:
    """Bring held-out dispersion, in-sample dispersion and the null to one unit.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.

    Returns
    -------
    Bracket
    """
    raw, squares = dispersion["dispersion"], (dispersion["norm"] ** 2).mean("system")
    scale, fitted, unit = 1.0, 1.0, ""
    if dispersion.attrs["scaling"] == "norm":
        n = dispersion.attrs["n_train"]
        scale, fitted = float(squares.mean()), (n - 1) / (n + 1)  # what scaling makes of training
        unit = " / mean squared norm"
    # Both terms of the ratio of means scatter; to first order, this is what each stimulus adds.
    share = float(raw.mean()) / scale
    added = share + (raw - share * squares) / scale if unit else raw
    return Bracket(
        held_out=raw.values / scale,
        in_sample=dispersion["dispersion_in_sample"].values / fitted,
        null=dispersion["null"].values / scale,
        residual=dispersion["residual"].mean("stimulus").to_series() / scale,
        interval=mean_interval(dispersion.assign(dispersion=added)),
        unit=unit,
    )


def save_dispersion(dispersion: xr.Dataset, stimuli: pd.DataFrame, folder: Path) -> None:
    """Write the values (netCDF) and the table of stimuli into a folder, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        dispersion.to_netcdf(scratch / ARRAYS, engine="h5netcdf")
        dispersion_table(dispersion, stimuli).to_csv(scratch / TABLE, index=False)
        folder.mkdir()
        for name in (TABLE, ARRAYS):
            os.replace(scratch / name, folder / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def print_dispersion(
    dispersion: xr.Dataset, stimuli: pd.DataFrame, *, form: str = "relative", n: int = 6
) -> None:
    """Print the most and the least agreed stimuli, and what the numbers mean.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.
    stimuli : DataFrame
        With labels as its index.
    form : {"relative", "dispersion", "directional", "consensus_r2"}
        What stimuli are sorted by.
    n : int
        Stimuli of each kind.
    """
    console = terminal()
    table = dispersion_table(dispersion, stimuli, form=form)
    n = min(n, len(table) // 2)
    grid = Table(
        title=f"The {n} most and the {n} least agreed stimuli of {len(table)}, by {WORDS[form]}"
    )
    numbers = ("dispersion", "relative", "consensus_r2", "norm")
    for name in ("stimulus", "shown", *numbers):
        grid.add_column(name.replace("_r2", " R2"), justify="right" if name in numbers else "left")
    for rows in (table.iloc[:n], table.iloc[len(table) - n :]):
        for row in rows.to_dict("records"):
            grid.add_row(row["stimulus"], row["shown"], *(_number(row[c]) for c in numbers))
        grid.add_section()
    console.print(grid)
    console.print(_systems(dispersion))
    for sentence in summary_sentences(dispersion, form=form):
        console.print(sentence, highlight=False)


def summary_sentences(dispersion: xr.Dataset, *, form: str = "relative") -> list[str]:
    """Say in words how far systems agree, how well that is known, and what it goes with."""
    attrs = dispersion.attrs
    found = bracket(dispersion)
    mean, low, high = (float(found.interval[name]) for name in ("mean_dispersion", "low", "high"))
    over = "groups of stimuli" if "group" in dispersion.coords else "stimuli"
    interval = f"; {low:.3f} to {high:.3f} over new {over}, rotations as fitted"
    share = attrs["n_train"] / attrs["d"]
    sentences = [
        f"{attrs['K']} systems, {int(dispersion.dispersion.notnull().sum())} stimuli held out, "
        f"d = {attrs['d']} dimensions ({attrs['kept_variance']:.0%} of the variance of a system or "
        f"more), {attrs['n_train']:.0f} training stimuli: {share:.1f} for each dimension.",
        f"Mean dispersion{found.unit}: between {np.nanmean(found.in_sample):.3f} (stimuli that "
        f"rotations were fitted to) and {mean:.3f} (held out{interval if low == low else ''}). The "
        "further apart the two, the more they say of the number of stimuli.",
    ]
    if np.isfinite(found.null).any():
        null = np.nanmean(found.null)
        sentences.append(f"Systems that share nothing would read {null:.3f} (null).")
    if not attrs["converged"]:
        sentences.append("Some fits stopped before they had converged.")
    beside = confounds(dispersion).sel(form=form)
    weak = max(WEAK, 2 / np.sqrt(beside.attrs["n_stimuli"]))  # what chance does in 1 of 20
    partial = beside["partial"].to_series()
    told = [_told(str(name), float(value), weak) for name, value in partial.items()]
    sentences.append(
        f"{WORDS[form].capitalize()} is {'; '.join(told)} (partial rank correlations, the others "
        "held equal)."
    )
    return sentences


def _told(name: str, value: float, weak: float) -> str:
    """Say which way a confound goes."""
    if np.isnan(value):
        return f"undefined with {name}"
    if abs(value) < weak:
        return f"not clearly related to {name} ({value:+.2f})"
    return f"{'higher' if value > 0 else 'lower'} where {name} is larger ({value:+.2f})"


def _systems(dispersion: xr.Dataset) -> Table:
    """Say how far each system is from the others."""
    found = bracket(dispersion)
    grid = Table(title="How far each system is from the others")
    grid.add_column("system")
    grid.add_column(f"residual{found.unit}", justify="right")
    for name, value in found.residual.sort_values(kind="stable").items():
        grid.add_row(str(name), _number(value))
    return grid


def _number(value: object) -> str:
    return "-" if pd.isna(value) else f"{value:.3f}"  # type: ignore[call-overload]
