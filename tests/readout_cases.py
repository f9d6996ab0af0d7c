"""Maps whose responses are known, and quick fits of readouts to them."""

from typing import NamedTuple

import numpy as np

KEY_HEIGHT = 5.0

# The only pair of training and validation rows of `problem`; rows from 80 are in neither.
INNER = [(np.arange(60), np.arange(60, 80))]


class Case(NamedTuple):
    """One draw of the two kinds of neuroids: the first half static, the second looked up."""

    features: np.ndarray  # (rows, channels, rows of map, columns)
    responses: np.ndarray  # (rows, targets), with noise
    held_out: np.ndarray  # features of further rows
    truth: np.ndarray  # (held-out rows, targets), without noise
    centers: np.ndarray  # (static targets, 2): row and column of the receptive fields
    inner: list  # one pair of training and validation rows


def planted(seed, n_rows=2000, n_held_out=2000, n_each=4, side=8, channels=16, noise=0.5):
    """Draw white maps, receptive fields of two by two pixels, and keys at random places.

    A static neuroid weighs the four pixels around a random point as bilinear interpolation does,
    and the channels at random. A looked-up neuroid has a key channel of its own that is high at
    one random pixel of each map, and responds with a weighted sum of the other channels there.
    All signals have a variance of 1.
    """
    rng = np.random.default_rng([seed, 0])
    features = rng.normal(size=(n_rows + n_held_out, channels, side, side))
    places = rng.integers(0, side, size=(2, n_each, len(features)))
    rows = np.arange(len(features))
    for key in range(n_each):
        features[rows, key, *places[:, key]] = KEY_HEIGHT
    weights = rng.normal(size=(2 * n_each, channels))
    weights[:, :n_each] = 0
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    centers = rng.uniform(0, side - 1, size=(n_each, 2))
    fields = np.stack([field(center, side) for center in centers])
    static = np.einsum("ncij,tij,tc->nt", features, fields, weights[:n_each], optimize=True)
    found = np.stack([features[rows, :, *places[:, key]] for key in range(n_each)], axis=1)
    truth = np.hstack([static, np.einsum("ntc,tc->nt", found, weights[n_each:])])
    responses = truth[:n_rows] + noise * rng.normal(size=(n_rows, 2 * n_each))
    inner = [(rows[: n_rows * 4 // 5], rows[n_rows * 4 // 5 : n_rows])]
    return Case(features[:n_rows], responses, features[n_rows:], truth[n_rows:], centers, inner)


def field(center, side):
    """Weigh pixels as bilinear interpolation at `center` does, with unit norm."""
    axis = np.arange(side)
    tents = [np.clip(1 - np.abs(axis - place), 0, None) for place in center]
    weights = np.outer(*tents)
    return weights / np.linalg.norm(weights)


def correlations(one, two):
    """Correlate columns with columns."""
    one, two = one - one.mean(0), two - two.mean(0)
    return (one * two).sum(0) / np.sqrt((one**2).sum(0) * (two**2).sum(0))


def problem(seed=0, n_rows=100, side=4, channels=5, n_targets=3, noise=0.3):
    """Draw white maps and targets that weigh four neighboring pixels and all channels."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, channels, side, side))
    fields = [field(center, side) for center in rng.uniform(0, side - 1, (n_targets, 2))]
    weights = rng.normal(size=(n_targets, channels)) / channels**0.5
    signal = np.einsum("ncij,tij,tc->nt", features, fields, weights, optimize=True)
    return features, signal + noise * rng.normal(size=signal.shape)


def fitted(kind, features, responses, seed=0, inner=INNER, **options):
    """Fit a few epochs: enough to compare fits, too few to be good."""
    options = {"max_epochs": 4, **options}
    return kind(**options).fit_arrays(features, responses, inner, seed=seed)


def as_tokens(maps):
    """Lay out maps as (row, token, channel)."""
    return maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1)
