"""Problems for the tests of ridge regression, and the calls that these share."""

import numpy as np
import pytest

from neuroalign.numerics import ridge
from neuroalign.numerics.device import put
from neuroalign.numerics.nested_ridge import Search, choose_alphas, fit_split

GRID = np.logspace(-4, 4, 9)
SHAPES = [(40, 12), (40, 200), (30, 30)]  # tall, wide, square
# The variance of unit k falls as k^-2a: white, as in many networks, and steeper than those.
DECAYS = {"white": 0.0, "power": 0.7, "steep": 1.2}
CLOSED = ("leave-one-out", "gcv")

MACHINES = [
    ("cpu", "float64"),
    ("cpu", "float32"),
    ("torch", "float64"),
    ("torch", "float32"),
    pytest.param("cuda", "float64", marks=pytest.mark.gpu),
    pytest.param("cuda", "float32", marks=pytest.mark.gpu),
]


def problem(n_rows, n_units, seed=0, n_targets=4, decay=0.0):
    """Return features, responses that they explain in part, test rows and training rows."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, n_units)) * np.arange(1, n_units + 1) ** -decay + 3
    signal = features @ rng.normal(size=(n_units, n_targets))
    signal = (signal - signal.mean(0)) / signal.std(0)
    strength = np.exp(rng.normal(size=n_targets))
    responses = strength * signal + rng.normal(size=(n_rows, n_targets)) + 10
    rows = rng.permutation(n_rows)
    return features, responses, rows[: n_rows // 4], rows[n_rows // 4 :]


def dealt(rows, n_folds=3):
    """Deal rows into pairs of training and validation rows."""
    fold = np.arange(len(rows)) % n_folds
    return [(rows[fold != k], rows[fold == k]) for k in range(n_folds)]


def stretches(rows, n_folds=3, gap=2):
    """Cut rows into stretches, with a gap of rows around each that are in neither part."""
    pairs = []
    for held in np.array_split(np.arange(len(rows)), n_folds):
        kept = [k for k in range(len(rows)) if not held[0] - gap <= k <= held[-1] + gap]
        pairs.append((rows[kept], rows[held]))
    return pairs


def fitted(features, responses, train, test, **options):
    """Choose and fit in one call: `inner` pairs or a name, and options of design and search."""
    inner = options.pop("inner", None) or dealt(train)
    device, dtype = options.pop("device", "cpu"), options.pop("dtype", "float64")
    search = Search(np.asarray(options.pop("alphas", GRID)), **options)
    design = ridge.make_design(features, device=device, dtype=dtype)
    moved = put(responses, device, dtype)
    return fit_split(design, moved, train, test, inner=inner, search=search)


def chosen(features, responses, inner, alphas=GRID, **options):
    """Choose alphas on all rows."""
    device, dtype = options.pop("device", "cpu"), options.pop("dtype", "float64")
    design = ridge.make_design(features, device=device, dtype=dtype)
    rows, search = np.arange(len(features)), Search(np.asarray(alphas), **options)
    return choose_alphas(design, put(responses, device, dtype), rows, inner=inner, search=search)


def correlations(result):
    """Correlate what a fit predicts with what it held out."""
    columns = zip(result.predictions.T, result.held_out.T, strict=True)
    return np.array([np.corrcoef(one, two)[0, 1] for one, two in columns])
