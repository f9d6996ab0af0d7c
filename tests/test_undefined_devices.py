"""What is undefined is so for the same reason on numpy, on torch and on a GPU."""

import numpy as np
import pandas as pd
import pytest
from ridge_cases import MACHINES

import neuroalign as na
from neuroalign.numerics.undefined import (
    CONSTANT_PREDICTION,
    CONSTANT_RESPONSE,
    DEFINED,
    REASONS,
    TOO_FEW,
)
from neuroalign.results.undefined import undefined_table

LABELS = [f"s{number:03}" for number in range(120)]


@pytest.fixture(scope="module")
def problem():
    """Make neuroids that are constant, mostly missing, missing, and lacking two responses."""
    rng = np.random.default_rng(0)
    units = rng.normal(size=(120, 200))
    responses = units[:, :10] @ rng.normal(size=(10, 8)) + rng.normal(size=(120, 8))
    responses[:, 1] = 1.5
    responses[5:, 2] = np.nan
    responses[:2, 4] = np.nan
    layers = {
        "varied": pd.DataFrame(units, index=LABELS),
        "constant": pd.DataFrame(np.full((120, 3), 0.1), index=LABELS),
    }
    return layers, na.make_dataset(responses, pd.DataFrame(index=LABELS))


def scored(problem, device, dtype):
    metric = na.RidgeEncoding(device=device, dtype=dtype)
    return na.score(*problem, metric, folds=na.KFold(5), guards=(), progress=False)


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
def test_reasons_and_scores_are_the_same_on_every_machine(problem, device, dtype):
    here, there = scored(problem, "cpu", "float64"), scored(problem, device, dtype)
    np.testing.assert_array_equal(there["undefined"], here["undefined"])
    np.testing.assert_array_equal(there["r"].isnull(), here["r"].isnull())
    np.testing.assert_allclose(there["r"], here["r"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(there["training_noise"], here["training_noise"], atol=1e-3)
    pd.testing.assert_frame_equal(undefined_table(there), undefined_table(here))


def test_every_reason_is_the_planted_one(problem):
    undefined = scored(problem, "cpu", "float64")["undefined"].isel(fold=0)
    varied, constant = (undefined.sel(layer=name).values for name in ("varied", "constant"))
    assert varied.tolist() == [DEFINED, CONSTANT_RESPONSE, TOO_FEW, *[DEFINED] * 5]
    assert constant[[0, 3, 4, 5, 6, 7]].tolist() == [CONSTANT_PREDICTION] * 6


def test_counts_and_labels_are_in_the_table(problem):
    table = undefined_table(scored(problem, "cpu", "float64"))
    row = table[(table["layer"] == "varied") & (table["reason"] == "constant response")]
    assert row["n_neuroids"].tolist() == [1]
    assert list(row["neuroids"].item()) == ["subject-1/1"]


def test_reasons_are_named_once():
    assert len(set(REASONS)) == len(REASONS)
