"""How often the intervals hold what they are about, on simulated recordings of known truth.

Run with `pytest -m slow -s tests/test_interval_coverage.py`; it prints the table of
docs/intervals.md.
"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.inference.intervals import median_interval

DRAWS = 400
METRIC = na.RidgeEncoding(alphas=np.logspace(-2, 2, 5), inner_folds=3)

# Stimuli, units, and the share of signal in the variance of the responses.
CASES = [(60, 10, 0.5), (100, 30, 0.2), (100, 200, 0.5), (200, 50, 0.5)]


def draw(rng, n, n_units, share, weights):
    """Draw stimuli anew for neurons that stay the same."""
    labels = [f"s{k:04}" for k in range(n)]
    units = rng.normal(size=(n, n_units))
    noise = rng.normal(size=(n, weights.shape[1]))
    responses = np.sqrt(share) * units @ weights + np.sqrt(1 - share) * noise
    layer = xr.DataArray(units, {"stimulus": labels}, ("stimulus", "unit"))
    return {"layer": layer}, na.make_dataset(responses, pd.DataFrame(index=labels))


def planted_weights(rng, n_units):
    weights = rng.normal(size=(n_units, 15))
    return weights / np.sqrt((weights**2).sum(0))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_units", "share"), CASES)
def test_procedure_intervals_cover_the_expected_score(n, n_units, share):
    rng = np.random.default_rng(0)
    weights = planted_weights(rng, n_units)
    intervals = []
    for _ in range(DRAWS):
        model, dataset = draw(rng, n, n_units, share, weights)
        scores = na.score(model, dataset, METRIC, progress=False)
        intervals.append(median_interval(scores.isel(layer=0)))
    medians, low, high = (
        np.array([getattr(i, k) for i in intervals]) for k in ("median", "low", "high")
    )
    truth = medians.mean()
    coverage = np.mean((low <= truth) & (truth <= high))
    # Half the width of the intervals over that of the central 95% of the estimates.
    ratio = np.mean(high - low) / np.diff(np.quantile(medians, [0.025, 0.975])).item()
    print(f"procedure   n={n} units={n_units} signal={share}: {coverage:.3f}, width x {ratio:.2f}")
    assert 0.93 <= coverage <= 0.99


@pytest.mark.slow
@pytest.mark.xfail(reason="the bootstrap of a median is too wide: .988-.995 seen", strict=False)
@pytest.mark.parametrize(("n", "n_units", "share"), CASES[1:])
def test_conditional_intervals_cover_the_score_of_the_fitted_predictor(n, n_units, share):
    rng = np.random.default_rng(0)
    weights = planted_weights(rng, n_units)
    held = 0
    for _ in range(DRAWS):
        model, dataset = draw(rng, n + 2000, n_units, share, weights)
        labels = dataset.stimuli.index
        test, fresh = labels[n // 2 : n], labels[n:]
        near, far = (
            na.score(
                model,
                na.make_dataset(
                    {"subject-1": dataset.recordings["subject-1"].sel(stimulus=kept)},
                    dataset.stimuli.loc[kept],
                ),
                METRIC,
                folds=na.TrainTest(test=list(held_out)),
                progress=False,
            ).isel(layer=0)
            for kept, held_out in (
                (labels[:n], test),
                (labels[: n // 2].append(fresh), fresh),
            )
        )
        interval = median_interval(near)
        held += interval.low <= float(far.r.median()) <= interval.high
    print(f"conditional n={n} units={n_units} signal={share}: {held / DRAWS:.3f}")
    assert 0.90 <= held / DRAWS <= 0.99
