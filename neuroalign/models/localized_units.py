"""The units that a contrast chose, and its controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.models.protocol import Model, as_model
from neuroalign.models.selected_units import SelectedUnits

Scored = Model | Mapping[str, xr.DataArray | pd.DataFrame]


@dataclass(frozen=True)
class LocalizedUnits:
    """The units that a contrast chose, with those of its controls.

    Attributes
    ----------
    units : DataFrame
        A row for each unit of each layer: `layer`, `number` (in the flattened layer), `t` and
        `effect` (difference of the means in standard deviations) of the contrast over all
        stimuli, `p`, `q` (p corrected for the number of units), `selected`. Constant units have
        NaN, and are never chosen; t and effect are infinite where a unit is constant within both
        kinds of stimuli, but differs between them.
    held_out : DataFrame
        A row for each half of the stimuli: `chosen`, units chosen on that half alone, fewer where
        fewer vary on it; `effect`, their mean effect on it, which choosing inflates;
        `held_out_effect`, their mean effect on the other half, which it does not, 0 for units
        that are constant there; `significant`, share of them with p <= .05 on the other half,
        which is .05 where there is nothing to find, and more where the stimuli of a group are
        alike; and `shared`, share of them that the other half chooses too.
    rule : str
        How they were chosen, in words.
    """

    units: pd.DataFrame
    held_out: pd.DataFrame
    rule: str
    _rank: np.ndarray = field(repr=False)  # of each row of `units`: what it was chosen by
    _network: str = field(repr=False)  # name of the model

    def select(self, model: Scored, *, name: str = "localized") -> SelectedUnits:
        """Return the model with the chosen units only, as one layer of that name."""
        return self._kept(model, self.units[self.units["selected"]], name)

    def random(self, model: Scored, *, seed: int = 0, name: str = "random") -> SelectedUnits:
        """Return the model with other units: as many of each layer, drawn at random.

        None of the chosen units is drawn, and none that is constant.
        """
        check_seed(seed)
        parts = []
        generator = np.random.default_rng(seed)
        for layer, rows in self.units.groupby("layer", sort=False):
            wanted = int(rows["selected"].sum())
            free = rows[~rows["selected"] & rows["t"].notna()]
            if wanted > len(free):
                message = (
                    f"Layer {layer!r} has {len(free)} units beside the {wanted} that were chosen, "
                    "too few for a random control; choose fewer units."
                )
                raise DataError(message)
            parts.append(free.iloc[np.sort(generator.choice(len(free), wanted, replace=False))])
        return self._kept(model, pd.concat(parts), name)

    def bottom(self, model: Scored, *, name: str = "bottom") -> SelectedUnits:
        """Return the model with as many units at the other end of the contrast.

        Those with the lowest t or, where the sign did not count, those nearest to 0.
        """
        wanted = int(self.units["selected"].sum())
        defined = np.flatnonzero(self.units["t"].notna() & ~self.units["selected"])
        if wanted > len(defined):
            message = (
                f"{len(defined)} units are left beside the {wanted} that were chosen, too few for "
                "a control; choose fewer units."
            )
            raise DataError(message)
        order = defined[np.argsort(self._rank[defined], kind="stable")]
        return self._kept(model, self.units.iloc[np.sort(order[:wanted])], name)

    def _kept(self, model: Scored, rows: pd.DataFrame, name: str) -> SelectedUnits:
        kept, sizes = rows.groupby("layer", sort=False), self.units["layer"].value_counts()
        return SelectedUnits(
            as_model(model),
            {str(layer): of["number"].to_numpy() for layer, of in kept},
            name=name,
            origin=self._network,
            sizes={str(layer): int(size) for layer, size in sizes.items()},
        )


def check_seed(seed: object) -> None:
    """Refuse what is no seed."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        message = f"seed={seed!r} is not a whole number of 0 or more."
        raise DataError(message)
