"""Score models against brain recordings, with noise ceilings and honest intervals.

The public names below are imported on first use, so that ``import neuroalign`` is quick and
loads neither torch nor any dataset.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuroalign import (
        ceilings,
        dispersion,
        features,
        folds,
        guards,
        inference,
        mappings,
        metrics,
        models,
        readers,
        rsa,
        similarity,
        simulate,
    )
    from neuroalign.ceilings import normalize_by_ceiling
    from neuroalign.data.cards import DatasetCard
    from neuroalign.data.catalog import list_datasets, load_dataset
    from neuroalign.data.dataset import BrainDataset, shared_stimuli
    from neuroalign.data.own_arrays import make_dataset
    from neuroalign.data.recordings import make_recording
    from neuroalign.data.repetitions import average_repetitions, split_repetitions, zscore
    from neuroalign.errors import NeuroalignError
    from neuroalign.folds.rules import KFold, TrainTest
    from neuroalign.inference.comparison import compare
    from neuroalign.metrics.encoding import RidgeEncoding
    from neuroalign.models.catalog import list_models, load_model
    from neuroalign.models.torch_model import TorchModel
    from neuroalign.report.profile import plot_profile
    from neuroalign.results.store import load_scores, save_scores
    from neuroalign.results.tables import best_layer, summarize
    from neuroalign.scoring import score

_HOMES = {
    "BrainDataset": "data.dataset",
    "DatasetCard": "data.cards",
    "KFold": "folds.rules",
    "NeuroalignError": "errors",
    "RidgeEncoding": "metrics.encoding",
    "TorchModel": "models.torch_model",
    "TrainTest": "folds.rules",
    "average_repetitions": "data.repetitions",
    "best_layer": "results.tables",
    "compare": "inference.comparison",
    "list_datasets": "data.catalog",
    "list_models": "models.catalog",
    "load_dataset": "data.catalog",
    "load_model": "models.catalog",
    "load_scores": "results.store",
    "make_dataset": "data.own_arrays",
    "make_recording": "data.recordings",
    "normalize_by_ceiling": "ceilings",
    "plot_profile": "report.profile",
    "save_scores": "results.store",
    "score": "scoring",
    "shared_stimuli": "data.dataset",
    "split_repetitions": "data.repetitions",
    "summarize": "results.tables",
    "zscore": "data.repetitions",
}

# What is wanted now and then has a room of its own, as in ``na.folds.ContiguousKFold``.
_ROOMS = (
    "ceilings",
    "dispersion",
    "features",
    "folds",
    "guards",
    "inference",
    "mappings",
    "metrics",
    "models",
    "readers",
    "rsa",
    "similarity",
    "simulate",
)

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    """Import a public name from its home."""
    if name in _ROOMS:
        return importlib.import_module(f"neuroalign.{name}")
    if name not in _HOMES:
        message = f"module 'neuroalign' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"neuroalign.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, *_ROOMS])
