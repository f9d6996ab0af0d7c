"""Regression problems on several feature spaces, and a slow search that solves them."""

import numpy as np
from sklearn.linear_model import Ridge

from neuroalign.numerics.banded_ridge import fit_banded
from neuroalign.numerics.banded_search import BandedSearch, draw_weights, restrict
from neuroalign.numerics.spaces import make_spaces

ALPHAS = np.logspace(-3, 3, 7)
SHAPES = [(60, (4, 9)), (60, (50, 30)), (48, (3, 60, 5))]  # rows; units of each space
TRAIN, TEST = slice(0, 36), slice(36, None)


class Problem:
    """Targets that read out the first space, all spaces, or nothing; units of spaces mixed up."""

    def __init__(self, n_rows, n_units, seed=0, n_targets=6):
        rng = np.random.default_rng(seed)
        self.spaces = [rng.normal(size=(n_rows, n)) * 10.0**k + k for k, n in enumerate(n_units)]
        shuffled = rng.permutation(sum(n_units))
        self.members = np.split(shuffled, np.cumsum(n_units)[:-1])
        self.features = np.empty((n_rows, sum(n_units)))
        for space, units in zip(self.spaces, self.members, strict=True):
            self.features[:, units] = space
        first = self.spaces[0][:, :2] @ rng.normal(size=(2, n_targets))
        whole = sum(
            space[:, :2] @ rng.normal(size=(2, n_targets)) / space.std() for space in self.spaces
        )
        self.responses = 3 + rng.normal(size=(n_rows, n_targets)) + whole
        self.responses[:, ::2] += 2 * first[:, ::2] - whole[:, ::2]
        rows = rng.permutation(n_rows)
        self.train, self.test = np.sort(rows[TRAIN]), np.sort(rows[TEST])
        self.inner = [(self.train[k != part], self.train[k == part])
                      for k in [np.arange(36) % 3] for part in range(3)]  # fmt: skip

    def made(self, **options):
        """Make the spaces."""
        return make_spaces(self.features, self.members, **options)

    def search(self, n_candidates=8, subsets=None, **options):
        """Draw candidates."""
        n = len(self.members)
        subsets = np.ones((1, n), dtype=bool) if subsets is None else subsets
        return BandedSearch(ALPHAS, *restrict(draw_weights(n, n_candidates, 0), subsets), **options)

    def fitted(self, **options):
        """Fit the training rows, and predict the test rows."""
        return fit_banded(
            self.made(), self.responses, self.train, self.test,
            inner=self.inner, search=self.search(**options),
        )  # fmt: skip


def scaled(spaces, weights, train):
    """Bring each space to the mean squared norm that its weight asks for, side by side."""
    parts = []
    for space, weight in zip(spaces, weights, strict=True):
        centered = space[train] - space[train].mean(0)
        parts.append(np.sqrt(weight / ((centered**2).sum() / len(train))) * space)
    return parts


def slow_search(problem, weights):
    """Fit every candidate and alpha by scikit-learn, and keep the best of each target."""
    best = {}
    for number, candidate in enumerate(weights):
        joined = np.hstack(scaled(problem.spaces, candidate, problem.train))
        for alpha in ALPHAS:
            errors = 0.0
            for train, held in problem.inner:
                model = Ridge(alpha, solver="svd").fit(joined[train], problem.responses[train])
                missed = problem.responses[held] - model.predict(joined[held])
                errors = errors + (missed**2).sum(0)
            for target, error in enumerate(errors):
                if target not in best or error < best[target][0]:
                    best[target] = error, number, alpha
    return best
