"""Halves of the stimuli: what is alike is in one of them, and noise has no effect on the other."""

import numpy as np
import pandas as pd
import pytest
from localizer_cases import N, localize, planted, stimuli
from scipy import stats

from neuroalign.errors import DataError
from neuroalign.models.localizer_halves import equal_content, equal_stimuli, first_half
from neuroalign.models.protocol import as_model


def halves(table, model=None):
    """Tell which stimuli are preferred, and which fall into the first half."""
    preferred = table["condition"] == "sentences"
    content = equal_content(as_model(model or planted([], n=2)), table)
    return preferred, first_half(table, content, preferred, 0)


def doubled(n=60, n_units=2000, seed=0):
    """Make a table that has each text twice in its condition, and activations that are noise."""
    noise = np.random.default_rng(seed).normal(size=(n, n_units))
    texts = 2 * [f"text {number}" for number in range(n)]
    table = pd.DataFrame({"text": texts}, [f"s{number:03}" for number in range(2 * n)])
    table["condition"] = 2 * (n // 2 * ["sentences"] + n // 2 * ["nonwords"])
    return {"top": pd.DataFrame(np.concatenate([noise, noise]), table.index)}, table


def test_choosing_inflates_effects_and_the_held_out_half_does_not():
    nothing = localize(planted([]), count=20).held_out
    assert (nothing["effect"] > 0.3).all()
    assert (nothing["held_out_effect"].abs() < 0.1).all()
    assert (nothing["significant"] <= 0.2).all()
    assert (nothing["shared"] <= 0.1).all()
    something = localize(planted(20 * [0.8]), count=20).held_out
    assert something["held_out_effect"].mean() == pytest.approx(0.8, abs=0.1)
    assert (something["significant"] >= 0.9).all()
    assert (something["shared"] >= 0.9).all()


def test_held_out_effects_keep_the_direction_of_the_choosing_half():
    found = localize(planted(10 * [0.8] + 10 * [-0.8]), count=20, sign="absolute")
    assert found.held_out["held_out_effect"].mean() == pytest.approx(0.8, abs=0.1)
    assert (found.held_out["significant"] >= 0.9).all()


def test_the_held_out_table_is_that_of_choosing_on_a_half_by_hand():
    model, table = planted(20 * [0.5]), stimuli()
    found = localize(model, count=30)
    first = _first_half_by_hand(model, table)
    effects = [found.held_out["effect"].iloc[0], found.held_out["held_out_effect"].iloc[0]]
    np.testing.assert_allclose(effects, first, rtol=1e-9)


def _first_half_by_hand(model, table):
    preferred, in_first = halves(table)
    assert in_first[preferred].sum() == in_first[~preferred].sum() == N // 2
    values = pd.concat(model.values(), axis=1).to_numpy()

    def cell(kind, half):
        return values[(kind & half).to_numpy()]

    t = stats.ttest_ind(cell(preferred, in_first), cell(~preferred, in_first), equal_var=False)
    best = np.argsort(-t.statistic)[:30]
    return [
        np.mean(
            [
                (one.mean() - two.mean()) / np.sqrt((one.var(ddof=1) + two.var(ddof=1)) / 2)
                for one, two in zip(
                    cell(preferred, half)[:, best].T, cell(~preferred, half)[:, best].T, strict=True
                )
            ]
        )
        for half in (in_first, ~in_first)
    ]


def test_whole_groups_fall_into_one_half():
    table = stimuli().assign(group=np.tile(np.arange(N // 2), 4))
    _, in_first = halves(table)
    assert in_first.groupby(table["group"]).nunique().eq(1).all()


def test_texts_given_twice_make_no_effect_of_noise():
    found = pd.concat(
        localize(*doubled(seed=seed), share=0.05, seed=seed).held_out for seed in range(8)
    )
    assert (found["effect"] > 0.5).all()
    assert abs(found["held_out_effect"].mean()) < 0.03
    assert found["significant"].mean() == pytest.approx(0.05, abs=0.02)


def test_texts_given_twice_count_once_in_p():
    model, table = doubled()
    twice = localize(model, table, count=5).units
    once = localize(model, table.iloc[:60], count=5).units
    pd.testing.assert_frame_equal(twice, once, rtol=1e-9)
    with pytest.raises(DataError, match=r"0 of 2000 units .* have a corrected p of 0.05 or less"):
        localize(model, table, q=0.05)


def test_only_content_that_the_model_reads_is_compared():
    table = stimuli(4).assign(text=8 * ["same"], image=[f"{number}.png" for number in range(8)])
    reader = as_model(planted([], n=4))
    assert equal_content(reader, table).is_unique
    reader.reads = "text"
    assert len(set(equal_content(reader, table))) == 1


def test_content_whose_activations_differ_is_as_many_stimuli():
    table = stimuli(4).assign(text=8 * ["the"])
    rows = np.array([0, 1, 0, 1, 2, 2.001, 2.003, 0])[:, None] * np.ones(3)
    model = as_model({"embeddings": pd.DataFrame(np.ones((8, 3)), table.index),
                      "top": pd.DataFrame(rows, table.index)})  # fmt: skip
    found = equal_stimuli(model, table, None)
    assert found.factorize()[0].tolist() == [0, 1, 0, 1, 2, 2, 3, 0]
    assert set(equal_stimuli(model, table, "embeddings")) == {0}


def test_words_in_context_that_groups_share_are_localized_by_what_they_do_there():
    rng = np.random.default_rng(0)
    words = rng.choice(["the", "is", "of", "on"], 160)
    table = pd.DataFrame({"text": words, "group": np.arange(160) // 4},
                         [f"w{number:03}" for number in range(160)])  # fmt: skip
    table["condition"] = np.where(np.arange(160) < 80, "sentences", "nonwords")
    rows = rng.normal(size=(160, 50)) + np.outer(np.arange(160) < 80, np.arange(50) == 7)
    found = localize({"top": pd.DataFrame(rows, table.index)}, table, count=1)
    assert found.units.query("selected")["number"].tolist() == [7]
    expected = stats.ttest_ind(rows[:80, 7], rows[80:, 7], equal_var=False).statistic
    assert found.units["t"][7] == pytest.approx(expected)


def test_stimuli_without_content_are_their_own():
    table = stimuli(2).assign(text=["one", None, None, "one"])
    assert equal_content(as_model(planted([], n=2)), table).factorize()[0].tolist() == [0, 1, 2, 0]


def test_groups_that_share_a_text_fall_into_one_half():
    chain = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    texts = [0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]  # link groups 0 to 3
    table = stimuli(8).assign(group=chain, text=[f"text {number}" for number in texts])
    _, in_first = halves(table)
    assert len(set(in_first[table["group"] < 4])) == 1
    assert in_first.groupby(table["group"]).nunique().eq(1).all()
    assert len(set(in_first)) == 2


def test_a_text_in_both_conditions_counts_once_in_each():
    model, table = doubled(n=40)
    table["condition"] = 40 * ["sentences"] + 40 * ["nonwords"]
    _, in_first = halves(table)
    assert in_first.groupby(table["text"]).nunique().eq(1).all()
    assert (localize(model, table, count=5).units["t"].abs() < 1e-9).all()


def test_different_stimuli_are_counted_where_some_are_equal():
    table = stimuli(8).assign(text=[f"text {number}" for number in [*range(8), *(8 * [8])]])
    layers = planted([], n=8)
    for values in layers.values():
        values.iloc[8:] = values.iloc[8].to_numpy()
    with pytest.raises(DataError) as error:
        localize(layers, table, count=3)
    assert str(error.value) == (
        "1 different stimuli are control, which leaves 0 in one of two halves, where equal ones "
        "and groups that share some are together; 2 in each are needed."
    )


def test_units_that_are_constant_on_a_half_have_no_effect_there():
    table = stimuli(8)
    values = pd.DataFrame(0.0, table.index, range(5))
    _, in_first = halves(table)
    noise = np.random.default_rng(0).normal(size=values.shape)
    values = values.where(~in_first.to_numpy()[:, None] | (values.columns > 2), noise)
    held_out = localize({"top": values}, table, count=3).held_out
    assert held_out["chosen"].tolist() == [3, 0]
    assert held_out.loc["first", ["held_out_effect", "significant", "shared"]].tolist() == [0, 0, 0]
    assert held_out.loc["second"].isna().tolist() == [False, True, True, True, True]


def test_a_stimulus_without_a_group_is_its_own():
    model = planted(20 * [0.8])
    alone = localize(model, count=20).held_out
    again = localize(model, stimuli().assign(group=np.nan), count=20).held_out
    pd.testing.assert_frame_equal(again, alone)


def test_too_few_stimuli_of_a_kind_are_refused():
    table = stimuli().iloc[: N + 3]
    with pytest.raises(DataError) as error:
        localize(planted([]), table, count=3)
    assert str(error.value) == (
        "3 stimuli are control, which leaves 1 in one of two halves; 2 in each are needed."
    )
