"""What a guard looks at, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from neuroalign.ceilings import mean_over_folds
from neuroalign.features.row_order import RowOrder, read_order
from neuroalign.guards.chosen import ChosenLayer
from neuroalign.guards.median_r import MedianR, median
from neuroalign.metrics.protocol import Metric
from neuroalign.models.protocol import Model
from neuroalign.preparation import Prepared, side_by_side

# A guard is about a median over neuroids, which this many columns of responses tell well enough.
N_COLUMNS, FEWEST_NEUROIDS = 300, 10
NARROW = 64  # units; fewer take no less time

NO_LAYER = "does not apply: training stimuli chose no layer, since inner_r2 is undefined"
UNKNOWN_ORDER = (
    "does not apply: the {words} have no group, run, position or onset, so that their order is "
    "unknown"
)


class LeftOut(Exception):
    """There is no time left for what a guard would score."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A score, with all that guards need to look at it.

    Parameters
    ----------
    prepared : Prepared
    metric : Metric
    model : Model
    chosen : ChosenLayer
        That has seen all layers.
    scores : Dataset
        Of all layers.
    seed : int
    n_folds : float
        Of the layer, that a guard may take the time of; with none it is left out.
    """

    prepared: Prepared
    metric: Metric
    model: Model
    chosen: ChosenLayer
    scores: xr.Dataset
    seed: int
    n_folds: float = 1

    @property
    def words(self) -> str:
        """What many rows are called."""
        return self.prepared.splits.table.words

    @property
    def layer(self) -> str | None:
        """Return the name of the chosen layer, if there is one."""
        return self.chosen.name

    def activations(self) -> xr.DataArray:
        """Return those of the chosen layer."""
        return self.chosen.activations(self.model, self.prepared)

    def order(self) -> RowOrder | None:
        """Return the order in which rows were met, where it is known."""
        return read_order(self.prepared.stimuli, self.prepared.splits.table)

    def rng(self, guard: int) -> np.random.Generator:
        """Return the random numbers of one guard."""
        return np.random.default_rng([self.seed, 5, guard])

    def recordings(self) -> list[xr.DataArray]:
        """Return the averaged responses of some neuroids, evenly spread over all."""
        joined = self.prepared.joined
        n_neuroids = sum(own.sizes["neuroid"] for own in joined)
        wanted = max(N_COLUMNS // joined[0].sizes.get("time", 1), FEWEST_NEUROIDS)
        step = max(n_neuroids // wanted, 1)
        return [own.isel(neuroid=slice(None, None, step)) for own in joined]

    def evaluate(
        self, features: Callable[[xr.DataArray], xr.DataArray], n_units: int
    ) -> tuple[xr.Dataset, float]:
        """Score features like a layer, on some neuroids, and as many folds as may be.

        Inner folds are divided anew, where some of the folds are left out.

        Parameters
        ----------
        features : callable
            Takes a recording and returns its features.
        n_units : int
            Of the features, which says how much longer a fold takes than one of the layer.

        Returns
        -------
        scores : Dataset
            As the metric returns it; `fold` numbers the folds as in the scores.
        cost : float
            Work done, in folds of the layer.
        """
        if not self.n_folds:
            raise LeftOut
        splits = self.prepared.splits
        once, n_rows = splits.repeat.count(0), len(splits.table.labels)
        own_units = max(min(self.chosen.n_units, n_rows), NARROW)
        weight = max(min(n_units, n_rows) / own_units, 1.0)
        n_folds = min(max(int(self.n_folds / weight), 1), once)
        numbers = np.linspace(0, once - 1, n_folds).round().astype(int)
        folds = tuple(splits.folds[number] for number in numbers)
        some = replace(splits, folds=folds, repeat=(0,) * n_folds)
        parts = [self.metric.evaluate(features(own), own, some) for own in self.recordings()]
        return side_by_side(parts).assign_coords(fold=numbers), n_folds * weight

    def median_r(self, scores: xr.Dataset) -> MedianR:
        """Summarize scores of features that a guard made."""
        splits = self.prepared.splits
        tested = np.concatenate([splits.folds[number].test for number in scores["fold"].values])
        whole = splits.grouped and not splits.parted
        return MedianR.of(scores, len(splits.table.groups_of(tested) if whole else tested))

    def layer_r(self, like: xr.Dataset) -> float:
        """Return the median r of the chosen layer on the neuroids and folds of other scores."""
        same = self.scores[["r", "n_test"]].sel(fold=like["fold"], neuroid=like["neuroid"])
        return median(mean_over_folds(same.sel(layer=self.layer)).values)


@dataclass(frozen=True, eq=False)
class Found:
    """What a guard has to say.

    Parameters
    ----------
    sentence : str
        Without its full stop.
    alarmed : bool
        Whether the score may mean something else than it seems to.
    scores : Dataset, optional
        What was scored to find out.
    cost : float
        Work that was done for it, in folds of the layer.
    """

    sentence: str
    alarmed: bool = False
    scores: xr.Dataset | None = None
    cost: float = 0


def like_layer(features: xr.DataArray, sizes: Mapping[str, int]) -> xr.DataArray:
    """Give features (row, unit) the axes of a layer: a map of one place or a token, if it has any.

    Parameters
    ----------
    features : DataArray
        Others than of units are left alone.
    sizes : mapping of str to int
        Of the axes of the layer.

    Returns
    -------
    DataArray
    """
    if "channel" not in sizes or "unit" not in features.dims:
        return features
    single = [dim for dim in ("token", "row", "column") if dim in sizes]
    return features.rename(unit="channel").expand_dims(single, axis=list(range(2, 2 + len(single))))
