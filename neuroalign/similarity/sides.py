"""The two sides of a comparison: activations of a layer, and responses of a view, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.errors import DataError, name_some
from neuroalign.features.matching import design_rows
from neuroalign.numerics.rdm.measure import RSA
from neuroalign.numerics.similarity.measure import Measure as Measure
from neuroalign.similarity.views import View


@dataclass(frozen=True, eq=False)
class Side:
    """Patterns (stimuli, units), or dissimilarities (stimuli, stimuli)."""

    values: np.ndarray
    paired: bool

    def take(self, rows: np.ndarray) -> Side:
        """Select or reorder stimuli."""
        index = np.ix_(rows, rows) if self.paired else rows
        return Side(self.values[index], self.paired)

    @property
    def varies(self) -> bool:
        """Tell whether stimuli differ at all."""
        if self.paired:
            return bool(np.nanmax(np.abs(self.values), initial=0) > 0)
        return bool((np.ptp(self.values, axis=0) > 0).any())


class Sides:
    """Make sides, and compare them by a measure; RSA takes dissimilarities once for all."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure

    def of_view(self, view: View) -> list[Side]:
        """Return a side for each time of a view."""
        if view.paired:
            return [Side(values, paired=True) for values in view.values]
        return [self._of_patterns(values) for values in view.values]

    def of_activations(self, activations: xr.DataArray, labels: np.ndarray) -> Side:
        """Match the activations of a layer, or its dissimilarities, with stimuli by label."""
        if not is_dissimilarities(activations):
            return self._of_patterns(design_rows(activations, labels))
        if not isinstance(self.measure, RSA):
            message = (
                f"The model gives dissimilarities, which {self.measure!r} cannot be computed from; "
                "use RSA()."
            )
            raise DataError(message)
        places = activations.indexes["stimulus"].get_indexer(labels)
        if (missing := labels[places < 0]).size:
            message = (
                f"{len(missing)} of {len(labels)} stimuli have no dissimilarities in layer "
                f"{str(activations['layer'].item())!r} {name_some(missing)}."
            )
            raise DataError(message)
        return Side(np.asarray(activations.values, float)[np.ix_(places, places)], paired=True)

    def _of_patterns(self, values: np.ndarray) -> Side:
        if isinstance(self.measure, RSA):
            return Side(self.measure.prepare_array(values), paired=True)
        return Side(values, paired=False)

    def compare(self, first: Side, second: Side) -> float:
        """Compare two sides of the same stimuli."""
        if isinstance(self.measure, RSA):
            return self.measure.compare_square(first.values, second.values)
        return self.measure.compare_arrays(first.values, second.values)

    def compare_part(self, first: Side, second: Side) -> float:
        """Compare some of the stimuli; NaN where they are too few for the measure."""
        try:
            return self.compare(first, second)
        except DataError:
            return float("nan")

    def count_lost(self, first: Side, second: Side) -> int:
        """Count the pairs of stimuli that are undefined on either side, and are left out."""
        if not first.paired:
            return 0
        return int(np.triu(np.isnan(first.values) | np.isnan(second.values), 1).sum())
