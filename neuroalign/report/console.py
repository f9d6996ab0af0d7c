"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr
from rich.table import Table

from neuroalign.data.cards import DatasetCard
from neuroalign.inference.intervals import difference_interval
from neuroalign.report.cards import table_of_cards
from neuroalign.report.similarity import print_similarity
from neuroalign.report.terminal import terminal
from neuroalign.results.tables import best_layer, summarize

ESTIMANDS = {
    "procedure": "expected score of fitting at this number of training stimuli, over new stimuli, "
    "for these neuroids (spread over folds, corrected for shared training stimuli)",
    "conditional": "score of this fitted predictor over new test stimuli, for these neuroids "
    "(jackknife over test blocks)",
}


def print_summary(
    scores: xr.Dataset, table: pd.DataFrame, beside: Mapping[str, xr.Dataset]
) -> None:
    """Print the layer profile, the comparison at the chosen layer, and what the numbers mean."""
    if "similarity" in scores:
        print_similarity(scores, table, beside)
        return
    console = terminal()
    attrs = scores.attrs
    profile = Table(title=f"{attrs['model']} on {attrs['dataset']}: median r over neuroids")
    bounds = {"ceiling r": "ceiling_r", "r / ceiling": "normalized_r"}
    if "inter_subject_r" in table:  # a lower bound, which nothing is divided by
        bounds = {"inter-subject r": "inter_subject_r"}
    for name in ("layer", "r", "95% interval", *bounds, "undefined"):
        profile.add_column(name, justify="left" if name == "layer" else "right")
    for row in table.to_dict("records"):
        profile.add_row(
            str(row["layer"]),
            _number(row["r"]),
            f"{_number(row['r_low'])} to {_number(row['r_high'])}",
            *(_number(row[column]) for column in bounds.values()),
            f"{row['n_undefined']} of {row['n_neuroids']}",
        )
    console.print(profile)
    console.print(_comparison(scores, beside))
    if attrs.get("planted_layer") in scores["layer"].values:
        found = _best_scoring(table)
        console.print(f"Truth: planted on {attrs['planted_layer']}. Found: {found} scores highest.")
    estimand = str(table["interval"].iloc[0])
    console.print(f"Interval: {ESTIMANDS[estimand]}.")
    console.print(f"Noise ceiling {attrs['noise_ceiling']}. {attrs['undefined']}.")
    for name in ("alpha_at_edge", "leakage"):
        if name in attrs:
            console.print(f"{attrs[name]}.")
    if "guards" in attrs:
        console.print(f"Guards, at the chosen layer (alarmed: {attrs['guards_alarmed']}):")
        for line in attrs["guards"].splitlines():
            console.print(f"  {line}.")


def _best_scoring(table: pd.DataFrame) -> str:
    """Name the layer of highest median r in a table."""
    defined = table.dropna(subset="r")
    return str(defined.iloc[int(defined["r"].argmax())]["layer"]) if len(defined) else "none"


def _comparison(scores: xr.Dataset, beside: Mapping[str, xr.Dataset]) -> Table:
    """Compare models at the layer that the training stimuli of each fold choose."""
    grid = Table(title="At the layer chosen on training folds")
    for name in ("model", "layer (folds)", "r", "95% interval", "ahead by", "95% interval"):
        grid.add_column(name, justify="left" if name in ("model", "layer (folds)") else "right")
    own = best_layer(scores)
    for name, values in {scores.attrs["model"]: scores, **beside}.items():
        chosen = best_layer(values)
        row = summarize(chosen).iloc[0]
        ahead = ("", "")
        if values is not scores and chosen.sizes["fold"] > 1:
            gap = difference_interval(own, chosen)
            ahead = (_number(gap.median), f"{_number(gap.low)} to {_number(gap.high)}")
        interval = f"{_number(row['r_low'])} to {_number(row['r_high'])}"
        grid.add_row(str(name), _choices(chosen), _number(row["r"]), interval, *ahead)
    return grid


def _choices(chosen: xr.Dataset) -> str:
    """Say in how many folds each layer was chosen, the two most frequent by name."""
    counts = pd.Series(chosen["chosen_layer"].values[:, 0]).value_counts()
    named = ", ".join(f"{layer} ({count})" for layer, count in counts[:2].items())
    return named if len(counts) <= 2 else f"{named}, others ({counts[2:].sum()})"


def print_cards(cards: Mapping[str, DatasetCard]) -> None:
    """Print what is known of datasets before their files are read."""
    table = table_of_cards(cards)
    print_table(table.drop(columns=["neuroids", "repetitions", "checked on", "citation"]))


def print_table(values: pd.DataFrame) -> None:
    """Print a table of words."""
    table = Table()
    for name in values.columns:
        table.add_column(str(name))
    for row in values.itertuples(index=False):
        table.add_row(*map(str, row))
    terminal().print(table)


def _number(value: object) -> str:
    return "-" if pd.isna(value) else f"{value:.3f}"  # type: ignore[call-overload]
