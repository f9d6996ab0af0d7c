"""The memory that ridge says it takes, the budget it keeps, and what a small one does."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import neuroalign as na

MEASURE = """
import json, sys, threading
import numpy as np, pandas as pd, psutil, xarray as xr
import neuroalign as na
from neuroalign.metrics import memory

n, p, t, dtype = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(0)
labels = np.array([f"s{k:05}" for k in range(n)])

def data(rows, units, neuroids):
    layer = xr.DataArray(rng.normal(size=(rows, units)).astype(np.float32),
                         {"stimulus": labels[:rows][::-1]}, ("stimulus", "unit"))
    names = [f"a/{k}" for k in range(neuroids)]
    recording = xr.DataArray(rng.normal(size=(rows, neuroids)),
                             {"stimulus": labels[:rows], "neuroid": names}, ("stimulus", "neuroid"))
    return layer, recording, na.KFold(5).split(pd.DataFrame(index=labels[:rows]), 0)

metric = na.RidgeEncoding(dtype=dtype, alphas=np.logspace(-4, 4, 20))
metric.evaluate(*data(100, 150, 20))
layer, recording, splits = data(n, p, t)
splits.blocks
sizes = memory.sizes_of(splits, (n, p), t, n_inner=5, n_alphas=20, feature_bytes=4,
                        itemsize=np.dtype(dtype).itemsize)
process, done = psutil.Process(), threading.Event()
before = highest = process.memory_info().rss

def watch():
    global highest
    while not done.wait(0.002):
        highest = max(highest, process.memory_info().rss)

watcher = threading.Thread(target=watch)
watcher.start()
metric.evaluate(layer, recording, splits)
done.set()
watcher.join()
print(json.dumps([memory.plan(sizes, None)[1], highest - before]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [
        (1000, 20000, 24000, "float64"),
        (1000, 2000, 30000, "float32"),
        (3600, 6000, 2000, "float64"),
        (12000, 600, 3000, "float64"),
    ],
    ids=str,
)
def test_the_estimate_holds_within_a_quarter_above_500_megabytes(shape):
    command = [sys.executable, "-c", MEASURE, *map(str, shape)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    estimated, measured = json.loads(printed)
    print(f"{shape}: estimated {estimated / 1e6:.0f} MB, measured {measured / 1e6:.0f} MB")
    assert measured > 500e6
    assert 0.75 < estimated / measured < 1.25


def parts(metric, monkeypatch, dataset, layers):
    """Score, and note how many neuroids were fitted at a time."""
    from neuroalign.metrics import encoding

    widths = []
    fit = encoding.fit_open
    monkeypatch.setattr(
        encoding, "fit_open", lambda split, y: widths.append(y.shape[1]) or fit(split, y)
    )
    return na.score(layers, dataset, metric, folds=na.KFold(3), progress=False), widths


def test_a_small_budget_fits_neuroids_in_parts_with_the_same_scores(planted, monkeypatch):
    layers, dataset = planted
    all_at_once, widths = parts(na.RidgeEncoding(), monkeypatch, dataset, layers)
    assert set(widths) == {8}
    # What stays and the decompositions take about 200 kB here, each neuroid about 2 kB.
    for budget in range(60_000, 400_000, 2_000):
        try:
            tight, widths = parts(
                na.RidgeEncoding(memory_budget=budget), monkeypatch, dataset, layers
            )
        except na.NeuroalignError:
            continue
        break
    assert max(widths) < 8
    np.testing.assert_allclose(tight.r, all_at_once.r, atol=1e-12)
    np.testing.assert_array_equal(tight.alpha, all_at_once.alpha)


def test_a_budget_that_is_too_small_is_one_sentence(planted):
    layers, dataset = planted
    pattern = (
        r"^Ridge on 60 rows, 30 units and 8 neuroids needs 0\.\d+ MB at least, but 0\.001 MB are "
        r"allowed; "
        + re.escape("raise memory_budget, or score fewer neuroids (neuroids=, roi=, subjects=).")
        + "$"
    )
    with pytest.raises(na.NeuroalignError, match=pattern):
        na.score(layers, dataset, na.RidgeEncoding(memory_budget=1000), progress=False)


@pytest.mark.parametrize("budget", [0, -5, 1.5, "1GB", True])
def test_a_budget_that_is_no_number_of_bytes_is_refused(budget):
    sentence = (
        f"memory_budget={budget!r} is not a whole, positive number of bytes, as in 2 * 10**9."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.RidgeEncoding(memory_budget=budget)


def test_nothing_is_announced_where_nobody_looks(planted, capsys):
    layers, dataset = planted
    na.score(layers, dataset, folds=na.KFold(3))
    assert capsys.readouterr().err == ""


def test_one_alpha_for_all_is_chosen_by_all_neuroids_at_once(planted, monkeypatch):
    layers, dataset = planted
    _, widths = parts(na.RidgeEncoding(shared_alpha=True), monkeypatch, dataset, layers)
    assert set(widths) == {8}
