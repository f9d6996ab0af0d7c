"""What a model has to beat: pixels for images, the rate of words for text."""

from __future__ import annotations

import numpy as np
import xarray as xr

from neuroalign.data.schema import STIMULUS_KINDS
from neuroalign.guards.case import Case, Found, like_layer
from neuroalign.models.baselines import BASELINES
from neuroalign.models.catalog import load_model


def guard_baseline(case: Case) -> Found:
    """Score the low-level baseline of what the model reads, or else of what the stimuli are."""
    stimuli = case.prepared.stimuli
    kinds = [kind for kind in (case.model.reads, *STIMULUS_KINDS) if kind in stimuli]
    name = next((BASELINES[kind] for kind in kinds if kind in BASELINES), None)
    if name is None:
        known = " or ".join(BASELINES)
        return Found(f"does not apply: the stimuli have no column {known}")
    if case.model.name == name:
        return Found(f"does not apply: the model is the baseline {name!r} itself")
    ((_, activations),) = load_model(name).activations(stimuli)
    activations = like_layer(activations, case.chosen.sizes)

    def features(own: xr.DataArray) -> xr.DataArray:
        return case.prepared.features(activations, own)

    scores, cost = case.evaluate(features, activations[0].size)
    found = case.median_r(scores)
    sentence = f"baseline {name!r} predicts {found}"
    if case.layer is None or not np.isfinite(found.median):
        return Found(sentence, False, scores, cost)
    layer_r = case.layer_r(scores)
    ahead = bool(layer_r > found.median)
    verdict = "the layer is ahead" if ahead else "the layer is not ahead"
    sentence += f", layer {case.layer!r} {layer_r:.3f}: {verdict}"
    return Found(sentence, not ahead, scores, cost)
