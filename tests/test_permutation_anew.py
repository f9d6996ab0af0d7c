"""Permutations in which the metric does all anew, and what of a metric can be tested."""

import re

import numpy as np
import pytest
import xarray as xr
from permutation_cases import dataset_of, labels, planted

import neuroalign as na
from neuroalign import NeuroalignError
from neuroalign.ceilings import mean_over_folds
from neuroalign.inference.exchange import plan_exchange
from neuroalign.preparation import Selection, prepare

TEST = na.inference.permutation_test
METRIC = na.RidgeEncoding(alphas=[0.1, 1, 10], inner_folds=2)
FOLDS = na.KFold(3)


def refusal(sentence):
    return pytest.raises(NeuroalignError, match=f"^{re.escape(sentence)}$")


def test_every_permutation_is_a_score_of_its_own():
    layers, responses, stimuli = planted(strength=0.4)
    responses[4:9, 1] = np.nan
    dataset = dataset_of(responses, stimuli)
    result = TEST(layers, dataset, METRIC, n_permutations=20, alphas="anew", folds=FOLDS)
    _, prepared = prepare(layers, dataset, Selection(folds=FOLDS))
    plan = plan_exchange(prepared, "auto", 20, 0)
    null = []
    for number in range(-1, 20):
        paired = responses.copy()
        for neuroid in range(5):
            shown = np.flatnonzero(np.isfinite(responses[:, neuroid]))
            if number >= 0:
                order = plan.orders(np.array(labels(40))[shown])[number]
                paired[shown, neuroid] = responses[shown[order], neuroid]
        scores = na.score(layers, dataset_of(paired, stimuli), METRIC, folds=FOLDS)
        null.append(mean_over_folds(scores))
    null = xr.concat(null, "permutation")
    np.testing.assert_allclose(result.r, null[0])
    p = (1 + (null[1:] >= null[0]).sum("permutation")) / 21
    np.testing.assert_allclose(result.p, p)


@pytest.mark.parametrize("wanted", [None, "*"])
def test_what_it_takes_is_said(wanted):
    layers, responses, stimuli = planted()
    result = TEST(
        layers, dataset_of(responses, stimuli), METRIC, n_permutations=19, alphas="anew",
        folds=na.KFold(2), layers=wanted,
    )  # fmt: skip
    assert result.attrs["alphas"] == "all chosen anew in every permutation"
    pattern = r"one fit takes [0-9.e-]+ s, and 40 fits about [0-9.]+ minutes"
    assert re.fullmatch(pattern, result.attrs["cost"])
    assert "alpha" not in result


def test_any_metric_with_an_r_can_be_tested():
    layers, responses, stimuli = planted(strength=5, n=30)
    metric = na.metrics.MappingEncoding(na.mappings.OneToOne())
    result = TEST(
        {"true": layers["true"][:, :3]}, dataset_of(responses, stimuli), metric,
        n_permutations=19, alphas="anew", folds=na.KFold(2),
    )  # fmt: skip
    assert result.r.notnull().all()
    assert (result.p >= 0.05).all()


def test_fixed_alphas_are_of_ridge_alone():
    layers, responses, stimuli = planted()
    with refusal(
        "alphas='fixed' is for RidgeEncoding, but the metric is MappingEncoding; use "
        "alphas='anew', which takes as long as that many scores."
    ):
        TEST(
            layers,
            dataset_of(responses, stimuli),
            na.metrics.MappingEncoding(na.mappings.OneToOne()),
        )


def test_a_shared_alpha_cannot_be_fixed():
    layers, responses, stimuli = planted()
    with refusal(
        "alphas='fixed' chooses an alpha for every neuroid, but the metric has shared_alpha=True; "
        "use alphas='anew', or RidgeEncoding without it."
    ):
        TEST(layers, dataset_of(responses, stimuli), na.RidgeEncoding(shared_alpha=True))


def test_what_is_no_metric_is_refused():
    layers, responses, stimuli = planted()
    with refusal("The class RidgeEncoding is not a metric; use one, as in RidgeEncoding()."):
        TEST(layers, dataset_of(responses, stimuli), na.RidgeEncoding)


def test_a_metric_without_r_is_refused():
    class Distance:
        def evaluate(self, *arguments):  # noqa: ARG002
            return xr.Dataset({"distance": 0.0})

    layers, responses, stimuli = planted()
    with refusal(
        "Metric Distance gives no r, which is what permutations are compared by; use an encoding "
        "metric."
    ):
        TEST(layers, dataset_of(responses, stimuli), Distance(), alphas="anew")


def test_what_does_not_fit_into_memory_is_refused():
    layers, responses, stimuli = planted()
    with refusal(
        "1000 permutations of 40 rows and 5 neuroids need about 1.17 MB, but 0.1 MB are allowed; "
        "raise memory_budget, or test fewer neuroids (neuroids=, roi=, subjects=) or fewer "
        "permutations."
    ):
        TEST(layers, dataset_of(responses, stimuli), na.RidgeEncoding(memory_budget=10**5))


def test_one_alpha_is_taken_as_it_is():
    layers, responses, stimuli = planted()
    result = TEST(layers, dataset_of(responses, stimuli), na.RidgeEncoding(alphas=[3]))
    assert (result.alpha == 3).all()
    assert result.attrs["alphas"] == "3, as asked for, in every permutation"
    scores = na.score(layers, dataset_of(responses, stimuli), na.RidgeEncoding(alphas=[3]))
    np.testing.assert_allclose(result.r, mean_over_folds(scores))
