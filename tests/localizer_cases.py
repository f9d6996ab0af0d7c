"""Activations with planted effects, which units are localized in."""

import numpy as np
import pandas as pd

from neuroalign.models import localize_units

N = 240  # stimuli of each kind
UNITS = {"early": 800, "late": 1200}


def stimuli(n=N):
    labels = [f"s{number:04d}" for number in range(2 * n)]
    return pd.DataFrame({"condition": n * ["sentences"] + n * ["nonwords"]}, labels)


def planted(effects, seed=0, n=N):
    """Activations of unit variance, with effects added to the first units of the last layer."""
    generator = np.random.default_rng(seed)
    table = stimuli(n)
    layers = {
        layer: pd.DataFrame(generator.normal(size=(2 * n, count)), table.index)
        for layer, count in UNITS.items()
    }
    layers["late"].iloc[:n, : len(effects)] += effects
    return layers


def localize(model, table=None, **options):
    options = {"preferred": "sentences", "control": "nonwords", **options}
    return localize_units(model, stimuli() if table is None else table, **options)


def chosen(found):
    return {
        (layer, number)
        for layer, number in found.units.query("selected")[["layer", "number"]].itertuples(
            index=False
        )
    }
