"""Banded ridge on two spaces: ours beside himalaya's random search, same weights and folds.

Each fit ends with weights for all rows. Seconds are those of the processor, all threads together,
which other work on the machine does not change.
"""

import time

import numpy as np
import torch
from encoding import DTYPE, N_INNER, pairs
from himalaya.kernel_ridge import MultipleKernelRidgeCV
from himalaya.ridge import GroupRidgeCV
from himalaya.scoring import l2_neg_loss
from measure import print_table, spread
from sklearn.model_selection import PredefinedSplit

from neuroalign.numerics.banded_ridge import banded_coefficients
from neuroalign.numerics.banded_search import BandedSearch
from neuroalign.numerics.spaces import make_spaces

# Rows, units of each of two spaces, targets, alphas, candidate weights.
SHAPES = [(1000, 1000, 5000, 20, 8)]


def problem(n, n_units, n_targets):
    """Make targets that read out the first space, the second, or both."""
    rng = np.random.default_rng(0)
    spaces = [rng.normal(size=(n, n_units)).astype(DTYPE) for _ in range(2)]
    share = np.linspace(0, 1, n_targets).astype(DTYPE)
    responses = rng.normal(size=(n, n_targets)).astype(DTYPE)
    for space, weight in zip(spaces, (share, 1 - share), strict=True):
        read_out = rng.normal(size=(n_units, n_targets)).astype(DTYPE) / np.sqrt(n_units)
        responses += np.sqrt(weight) * (space @ read_out)
    return spaces, responses, rng.permutation(n) % N_INNER


def candidates(n):
    """Draw positive weights: himalaya's group ridge divides by them."""
    drawn = np.random.default_rng(1).dirichlet([1.0, 1.0], n)
    return np.maximum(drawn, 1e-3) / np.maximum(drawn, 1e-3).sum(1, keepdims=True)


def ours(spaces, responses, inner, alphas, weights):
    features = np.concatenate(spaces, axis=1)
    members = np.split(np.arange(features.shape[1]), 2)
    search = BandedSearch(alphas, weights, np.ones((1, len(weights)), dtype=bool))
    parts = make_spaces(features, members, dtype=DTYPE)
    _, choice = banded_coefficients(
        parts, features, members, responses, inner=pairs(inner), search=search
    )
    return weights[choice.candidates[0], 0]


def theirs(kind, spaces, responses, inner, alphas, weights):
    # Scaled once on all rows; the intercept makes it center in each inner fold, as we do.
    centered = [space - space.mean(0) for space in spaces]
    scaled = [space / np.sqrt((space**2).sum() / len(space)) for space in centered]
    search = {
        "n_iter": weights.astype(DTYPE),
        "alphas": alphas.astype(DTYPE),
        "score_func": l2_neg_loss,
        "progress_bar": False,
    }
    settings = {
        "solver_params": search,
        "fit_intercept": True,
        "cv": list(PredefinedSplit(inner).split()),
    }
    if kind is GroupRidgeCV:
        search["warn"] = False
        deltas = kind(groups="input", **settings).fit(scaled, responses).deltas_
    else:
        kernels = np.stack([space @ space.T for space in scaled])
        model = kind(kernels="precomputed", solver="random_search", **settings)
        deltas = model.fit(kernels, responses).deltas_
    share = np.exp(deltas)
    return share[0] / share.sum(0)


def cpu_seconds(calls, runs):
    """Run each of several calls in turn, `runs` times: their seconds, sorted, and last results."""
    seconds, results = [[] for _ in calls], [None] * len(calls)
    for _ in range(runs):
        for number, call in enumerate(calls):
            start = time.process_time()
            results[number] = call()
            seconds[number].append(time.process_time() - start)
    return [sorted(values) for values in seconds], results


def compare(threads, runs, shapes=SHAPES, peers=(MultipleKernelRidgeCV, GroupRidgeCV)):
    torch.set_num_threads(threads)
    rows = []
    for n, n_units, n_targets, n_alphas, n_candidates in shapes:
        spaces, responses, inner = problem(n, n_units, n_targets)
        grid = np.logspace(-3, 3, n_alphas), candidates(n_candidates)
        calls = [lambda: ours(spaces, responses, inner, *grid)]  # noqa: B023
        calls += [
            lambda kind=kind: theirs(kind, spaces, responses, inner, *grid)  # noqa: B023
            for kind in peers
        ]
        (mine, *others), (chosen, *theirs_chosen) = cpu_seconds(calls, runs)
        for kind, seconds, found in zip(peers, others, theirs_chosen, strict=True):
            rows.append(
                (
                    f"{n} x 2 x {n_units} x {n_targets}, {n_alphas}, {n_candidates}",
                    spread(mine),
                    f"{kind.__name__} {spread(seconds)}",
                    f"{np.median(seconds) / np.median(mine):.2f}",
                    f"{np.mean(np.abs(found - chosen) < 1e-4):.2%}",
                )
            )
    print_table(
        f"{DTYPE}, {threads} threads, {N_INNER} inner folds; CPU seconds: median of {runs} (range)",
        (
            "rows x spaces x units x targets, alphas, weights",
            "neuroalign",
            "himalaya",
            "peer / ours",
            "same weights",
        ),
        rows,
    )
