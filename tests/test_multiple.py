"""Corrections for several tests, against their definitions."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from oracles_permutation import benjamini_hochberg_by_definition, holm_by_definition

from neuroalign import NeuroalignError
from neuroalign.inference.multiple import benjamini_hochberg, holm

BOTH = [(holm, holm_by_definition), (benjamini_hochberg, benjamini_hochberg_by_definition)]


@pytest.mark.parametrize(("adjust", "definition"), BOTH)
@pytest.mark.parametrize("seed", range(5))
def test_adjusted_values_are_those_of_the_definition(adjust, definition, seed):
    rng = np.random.default_rng(seed)
    p = np.round(rng.uniform(size=12) ** 3, 2)  # with ties
    np.testing.assert_allclose(adjust(pd.Series(p)), definition(list(p)), rtol=1e-12)


def test_holm_reproduces_a_case_worked_by_hand():
    adjusted = holm(pd.Series([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_reproduces_a_case_worked_by_hand():
    adjusted = benjamini_hochberg(pd.Series([0.01, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize(("adjust", "definition"), BOTH)
def test_undefined_values_are_left_out_and_counted(adjust, definition):
    p = xr.DataArray([[0.01, np.nan, 0.5], [0.02, 0.3, np.nan]], dims=("layer", "neuroid"))
    before = p.copy(deep=True)
    adjusted = adjust(p)
    xr.testing.assert_identical(p, before)
    assert adjusted.attrs["tests"] == 4
    assert adjusted.attrs["undefined"] == 2
    np.testing.assert_array_equal(adjusted.isnull(), p.isnull())
    shown = p.notnull().values
    np.testing.assert_allclose(adjusted.values[shown], definition(list(p.values[shown])))


@pytest.mark.parametrize(("adjust", "definition"), BOTH)
def test_labels_are_kept_in_their_order(adjust, definition):
    p = xr.DataArray(
        [0.5, 0.01], {"neuroid": ["b", "a"], "roi": ("neuroid", ["V1", "V4"])}, "neuroid"
    )
    adjusted = adjust(p)
    assert adjusted.sel(neuroid="a") == definition([0.5, 0.01])[1]
    assert list(adjusted["roi"].values) == ["V1", "V4"]


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_adjusted_values_rise_with_p_and_never_pass_1(adjust):
    p = np.sort(np.random.default_rng(0).uniform(size=50))
    adjusted = adjust(pd.Series(p)).to_numpy()
    assert (np.diff(adjusted) >= 0).all()
    assert (adjusted >= p).all()
    assert adjusted.max() <= 1


def test_nothing_defined_is_nothing_tested():
    adjusted = holm(pd.Series([np.nan, np.nan]))
    assert adjusted.isna().all()
    assert adjusted.attrs["tests"] == 0


def test_values_that_are_no_probabilities_are_refused():
    with pytest.raises(NeuroalignError, match=re.escape(
        "2 p values lie outside 0 to 1 (first: 1.2)."
    )):  # fmt: skip
        holm(pd.Series([0.1, 1.2, -0.5]))


def test_plain_arrays_stay_plain_arrays():
    adjusted = holm(np.array([0.01, np.nan, 0.03]))
    assert type(adjusted) is np.ndarray
    np.testing.assert_allclose(adjusted, [0.02, np.nan, 0.03])


def test_anything_else_is_refused():
    message = "p values are given as a list; a DataArray, a Series or an array is needed."
    with pytest.raises(NeuroalignError, match=re.escape(message)):
        benjamini_hochberg([0.1])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_where_nothing_is_true_any_finding_is_as_rare_as_said(adjust):
    rng = np.random.default_rng(0)
    found = [adjust(pd.Series(rng.uniform(size=20))).min() <= 0.05 for _ in range(2000)]
    assert 0.038 <= np.mean(found) <= 0.0646  # holds in 99 % of such runs at 5 %
