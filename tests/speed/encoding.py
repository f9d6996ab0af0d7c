"""Ridge with alpha chosen per target on inner folds: ours beside himalaya, on the same folds."""

import time

import numpy as np
import torch
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV
from himalaya.scoring import l2_neg_loss
from rich.console import Console
from rich.table import Table
from sklearn.model_selection import PredefinedSplit

from neuroalign.numerics import ridge
from neuroalign.numerics.nested_ridge import fit_split

# Training rows, test rows, units, targets, alphas.
SHAPES = [(1000, 100, 2000, 1000, 20), (1000, 100, 2000, 5000, 20), (576, 64, 9408, 50, 17)]
N_INNER = 5


def problem(n_train, n_test, n_units, n_targets):
    rng = np.random.default_rng(0)
    n = n_train + n_test
    features = rng.normal(size=(n, n_units))
    weights = rng.normal(size=(n_units, n_targets)) / np.sqrt(n_units)
    responses = features @ weights + rng.normal(size=(n, n_targets))
    return features, responses, rng.permutation(n_train) % N_INNER


def ours(features, responses, inner, alphas):
    train, test = np.arange(len(inner)), np.arange(len(inner), len(features))
    design = ridge.make_design(features)
    return fit_split(design, responses, train, test, inner=inner, alphas=alphas)


def theirs(kind, features, responses, inner, penalties):
    n = len(inner)
    mean_x, mean_y = features[:n].mean(0), responses[:n].mean(0)
    folds = list(PredefinedSplit(inner).split())
    # Centered once on all training rows: himalaya's own intercept costs it more. The loss is ours.
    parameters = {"score_func": l2_neg_loss} | ({"warn": False} if kind is RidgeCV else {})
    model = kind(alphas=penalties, cv=folds, solver_params=parameters)
    model.fit(features[:n] - mean_x, responses[:n] - mean_y)
    return model.predict(features[n:] - mean_x)


def median_seconds(call, runs):
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds), result


def compare(threads, runs):
    torch.set_num_threads(threads)
    title = f"float64, {threads} threads, {N_INNER} inner folds; seconds, median of {runs} (range)"
    table = Table(title=title)
    for name in ("rows x units x targets, alphas", "neuroalign", "himalaya", "peer / ours", "r"):
        table.add_column(name, justify="right")
    for n_train, n_test, n_units, n_targets, n_alphas in SHAPES:
        features, responses, inner = problem(n_train, n_test, n_units, n_targets)
        alphas = np.logspace(-4, 4, n_alphas)
        centered = features[:n_train] - features[:n_train].mean(0)
        penalties = alphas * (centered**2).sum() / n_train
        mine, result = median_seconds(lambda: ours(features, responses, inner, alphas), runs)  # noqa: B023
        for kind in (KernelRidgeCV, RidgeCV):
            peer, predicted = median_seconds(
                lambda: theirs(kind, features, responses, inner, penalties),  # noqa: B023
                runs,
            )
            agreement = np.corrcoef(predicted.ravel(), result.predictions.ravel())[0, 1]
            table.add_row(
                f"{n_train} x {n_units} x {n_targets}, {n_alphas}",
                spread(mine),
                f"{kind.__name__} {spread(peer)}",
                f"{np.median(peer) / np.median(mine):.2f}",
                f"{agreement:.6f}",
            )
    Console(width=110).print(table)


def spread(seconds):
    return f"{np.median(seconds):.2f} ({seconds[0]:.2f}-{seconds[-1]:.2f})"
