"""Localized units are those with planted effects, exactly as many as asked for, never stale."""

import numpy as np
import pandas as pd
import pytest
from localizer_cases import UNITS, N, chosen, localize, planted, stimuli
from scipy import stats

import neuroalign as na
from neuroalign.errors import DataError, NeuroalignError


def test_all_planted_units_are_found():
    found = localize(planted(20 * [0.8]), count=20)
    assert chosen(found) == {("late", number) for number in range(20)}


def test_the_sign_counts_unless_absolute_is_asked_for():
    model = planted(10 * [0.8] + 10 * [-0.8])
    truth = {("late", number) for number in range(20)}
    assert chosen(localize(model, count=20)) & truth == {("late", n) for n in range(10)}
    assert chosen(localize(model, count=20, sign="absolute")) == truth


@pytest.mark.parametrize("sign", ["positive", "absolute"])
def test_t_and_p_are_those_of_welch(sign):
    model = planted(20 * [0.8])
    model["late"].iloc[:N] *= 3  # variances differ
    found = localize(model, count=5, sign=sign).units
    alternative = {"positive": "greater", "absolute": "two-sided"}[sign]
    values = np.concatenate([model[layer].to_numpy() for layer in UNITS], axis=1)
    oracle = stats.ttest_ind(values[:N], values[N:], equal_var=False, alternative=alternative)
    np.testing.assert_allclose(found["t"], oracle.statistic, rtol=1e-9)
    np.testing.assert_allclose(found["p"], oracle.pvalue, rtol=1e-7)


def test_means_far_from_zero_do_not_blur_t():
    near, far = planted(20 * [0.8]), planted(20 * [0.8])
    far["late"] += 1e5
    one, two = (localize(model, count=20).units["t"] for model in (near, far))
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_the_effect_is_a_difference_in_standard_deviations():
    found = localize(planted(200 * [0.8]), count=20).units.query("layer == 'late'")
    assert found["effect"].iloc[:200].mean() == pytest.approx(0.8, abs=0.03)


def test_the_rule_says_whether_the_direction_counts():
    model = planted(10 * [-0.8])
    assert localize(model, count=10).rule == "10 units of the largest t, sentences > nonwords"
    assert localize(model, count=10, sign="absolute").rule == (
        "10 units of the largest |t|, sentences against nonwords"
    )


def test_the_order_of_stimuli_does_not_count():
    model, table = planted(20 * [0.3]), stimuli()
    shuffled = table.sample(frac=1, random_state=1)
    one, two = localize(model, table, count=50), localize(model, shuffled, count=50)
    pd.testing.assert_frame_equal(one.units, two.units, rtol=1e-9)
    pd.testing.assert_frame_equal(one.held_out, two.held_out, rtol=1e-9)


def test_conditions_that_are_not_named_are_left_out():
    table = stimuli()
    more = pd.concat([table, pd.DataFrame({"condition": ["rest"]}, ["x"])])
    assert chosen(localize(planted(20 * [0.8]), more, count=20)) == chosen(
        localize(planted(20 * [0.8]), count=20)
    )


def test_several_conditions_may_form_one_side():
    table = stimuli()
    table.iloc[N : N + 100, 0] = "strings"
    model = planted(20 * [0.8])
    found = localize(model, table, control=["nonwords", "strings"], count=20)
    pd.testing.assert_frame_equal(found.units, localize(model, count=20).units)


def test_ties_and_shares_give_exactly_as_many_as_asked_for():
    model = planted([])
    model["late"] = pd.concat(400 * [model["late"].iloc[:, :3]], axis=1)
    assert localize(model, count=7).units["selected"].sum() == 7
    assert localize(model, share=0.011).units["selected"].sum() == 22


def test_constant_units_are_never_chosen():
    model = planted(20 * [0.8])
    model["late"].iloc[:, 3] = 7.0
    noise = np.random.default_rng(5).choice([1, 1 + 1.2e-7], 2 * N)  # as batches round
    model["late"].iloc[:, 4] = noise
    found = localize(model, count=20)
    assert found.units.query("layer == 'late'")["t"].isna()[800 + np.array([3, 4])].all()
    assert not {("late", 3), ("late", 4)} & chosen(found)


def test_a_unit_that_tells_the_kinds_apart_without_spread_is_chosen_first():
    model = planted(20 * [0.8])
    model["late"].iloc[:, 30] = np.repeat([1.0, 0.0], N)
    found = localize(model, count=1)
    assert chosen(found) == {("late", 30)}
    assert found.units.loc[830, ["t", "effect", "p", "q"]].tolist() == [np.inf, np.inf, 0, 0]


def test_a_share_is_not_rounded_up_for_the_sake_of_floating_point():
    model = {"top": planted([])["late"].iloc[:, :100]}
    assert localize(model, share=0.07).units["selected"].sum() == 7
    assert localize(model, share=0.071).units["selected"].sum() == 8


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_scale_of_activations_does_not_count(scale):
    model = planted(20 * [0.8])
    scaled = {layer: values * 2.0 ** round(np.log2(scale)) for layer, values in model.items()}
    pd.testing.assert_frame_equal(localize(scaled, count=5).units, localize(model, count=5).units)


@pytest.mark.parametrize(("dtype", "values"), [("i1", [-128, -127]), ("?", [0, 1])])
def test_whole_numbers_and_truth_values_are_contrasted_as_numbers(dtype, values):
    layer = np.random.default_rng(0).choice(np.array(values, dtype=dtype), (2 * N, 9))
    found = localize({"top": pd.DataFrame(layer, stimuli().index)}, count=1)
    number = layer.astype(float)
    expected = stats.ttest_ind(number[:N], number[N:], equal_var=False).statistic
    np.testing.assert_allclose(found.units["t"], expected)


def test_conditions_may_be_numbers():
    model = planted(20 * [0.8])
    table = stimuli().assign(condition=np.repeat([1, 0], N))
    by_number = localize(model, table, preferred=1, control=[0], count=20)
    assert chosen(by_number) == chosen(localize(model, count=20))


def test_q_alone_chooses_all_that_pass():
    model = planted(20 * [0.8])
    found = localize(model, q=0.05, correction="holm")
    assert chosen(found) >= {("late", number) for number in range(20)}
    assert found.units["selected"].sum() <= 22
    np.testing.assert_allclose(found.units["q"], na.inference.holm(found.units["p"]))
    assert (found.units["q"][found.units["selected"]] <= 0.05).all()


def test_where_nothing_is_to_be_found_corrected_p_chooses_next_to_nothing():
    with pytest.raises(DataError, match="0 of 2000 units"):
        localize(planted([], seed=3), q=0.05, correction="holm")


def test_every_option_takes_effect_at_once():
    """Masks are never kept: whatever is asked for next is what is returned."""
    model = planted(20 * [0.3])
    results = [
        chosen(localize(model, **options))
        for options in (
            {"count": 20},
            {"count": 30},
            {"share": 0.1},
            {"count": 20, "sign": "absolute"},
            {"count": 20, "layers": ["early"]},
            {"count": 20, "preferred": "nonwords", "control": "sentences"},
        )
    ]
    assert [len(result) for result in results] == [20, 30, 200, 20, 20, 20]
    assert len({frozenset(result) for result in results}) == len(results)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            "count=None and share=None were given; give one of them, or q alone for all units "
            "that pass.",
        ),
        (
            {"count": 3, "share": 0.1},
            "count=3 and share=0.1 were given; give one of them, or q alone for all units that "
            "pass.",
        ),
        ({"count": 0}, "count=0 is not a positive number of units."),
        ({"count": 3, "seed": -1}, "seed=-1 is not a whole number of 0 or more."),
        ({"count": 2.5}, "count=2.5 is not a positive number of units."),
        ({"share": 1.5}, "share=1.5 does not lie between 0 and 1."),
        ({"count": 3, "q": 5}, "q=5 does not lie between 0 and 1."),
        (
            {"count": 2001},
            "2000 of 2000 units of model 'precomputed activations' vary, but 2001 are wanted; "
            "choose fewer, or use more stimuli.",
        ),
        (
            {"count": 3, "sign": "absolut"},
            "No sign is called 'absolut'. Did you mean 'absolute'?",
        ),
        (
            {"count": 3, "correction": "hom"},
            "No correction is called 'hom'. Did you mean 'holm'?",
        ),
        (
            {"count": 3, "by": "kind"},
            "No column is called 'kind'. Known: 'condition'.",
        ),
        (
            {"count": 3, "preferred": "sentence"},
            "No condition is called 'sentence'. Did you mean 'sentences'?",
        ),
        (
            {"count": 3, "control": "sentences"},
            "Condition 'sentences' is preferred and control at once; give it to one.",
        ),
    ],
)
def test_what_cannot_be_localized_is_refused(options, message):
    with pytest.raises(NeuroalignError) as error:
        localize(planted([]), **options)
    assert str(error.value) == message


def test_stimuli_given_twice_are_refused():
    table = pd.concat([stimuli(), stimuli().iloc[:1]])
    with pytest.raises(DataError, match="1 stimuli have more than one row"):
        localize(planted([]), table, count=3)
