"""Ceilings from other subjects: without blocks, beyond the subjects there are, and by a mapping."""

import re

import numpy as np
import oracles_ceilings as oracles
import pandas as pd
import pytest
from ceiling_cases import blocks_of

import neuroalign as na
from neuroalign.ceilings import (
    inter_subject,
    inter_subject_extrapolated,
    inter_subject_regression,
    mean_over_folds,
)
from neuroalign.numerics.inter_subject import (
    Others,
    correlate_with_mean,
    extrapolate,
    standardize,
)

LABELS = [f"s{number:03}" for number in range(60)]


def people(values):
    """Make one recording per subject, from an array (subject, stimulus, neuroid)."""
    return {
        f"m{number}": na.make_recording(
            own, ("stimulus", "neuroid"), subject=f"m{number}", units="z",
            stimulus=[f"s{k:03}" for k in range(len(own))],
            neuroid=range(own.shape[1]),
        )
        for number, own in enumerate(values)
    }  # fmt: skip


def shared_signal(seed, shape=(5, 60, 3), noise=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(1, *shape[1:])) + noise * rng.normal(size=shape)


@pytest.mark.parametrize("n_parts", [1, 4])
def test_without_a_block_the_leave_one_out_correlation_is_that_of_the_other_rows(n_parts):
    # Scaling does not see the block that is left out; with two subjects it has no say.
    recordings = people(shared_signal(0)[:2])
    parts = pd.Series(np.arange(60) * n_parts // 60, LABELS)
    blocks = pd.Series([f"b{k:02}" for k in range(20)], LABELS[::3]).reindex(LABELS).ffill()
    ceiling = inter_subject(recordings, parts=parts, blocks=blocks)
    assert ceiling.without["block"].values.tolist() == sorted(set(blocks))
    for block in ceiling.without["block"].values:
        rest = parts[blocks != block]
        expected = inter_subject(recordings, parts=rest).values
        np.testing.assert_allclose(ceiling.without.sel(block=block), expected, atol=1e-12)


def test_the_error_of_the_leave_one_out_correlation_is_its_spread_over_draws():
    found = inter_subject(people(shared_signal(0, (3, 400, 300))))
    spread = float(found.values[:300].std())
    assert float(found.error.median()) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_subjects", [3, 6])
def test_extrapolation_equals_the_slow_oracle(seed, n_subjects):
    values = shared_signal(seed, (n_subjects, 60, 3), noise=0.7)
    found = inter_subject_extrapolated(people(values)).values.values.reshape(n_subjects, 3)
    for subject in range(n_subjects):
        for neuroid in range(3):
            expected = oracles.extrapolated(values[:, :, neuroid], subject)
            assert found[subject, neuroid] == pytest.approx(expected, abs=1e-10)


def test_without_a_block_extrapolation_is_that_of_the_other_rows():
    values = shared_signal(0, (4, 60, 3))
    blocks = blocks_of(60, n_blocks=5)
    own, *others = (standardize(subject, blocks) for subject in values)

    def extrapolated(rows, blocks):
        """Extrapolate from some rows, as they were standardized with all."""
        target = own._replace(values=own.values[rows], present=own.present[rows])
        total, squares = (sum(o.values[rows] ** power for o in others) for power in (1, 2))
        every = Others(total, squares, np.full(total.shape, 3), np.full(3, 3))
        leave_one_out = correlate_with_mean(target, every, blocks)
        return extrapolate(target, every, blocks, leave_one_out)[0]

    found = extrapolated(np.arange(60), blocks)
    for block in range(5):
        rows = np.flatnonzero(blocks.of_row != block)
        expected = extrapolated(rows, blocks_of(48)).value
        np.testing.assert_allclose(found.without[block], expected, atol=1e-12)


@pytest.mark.parametrize("n_subjects", [3, 4, 10])
@pytest.mark.parametrize("own_noise", [0.5, 1.0, 2.0])
def test_extrapolation_recovers_what_a_perfect_model_would_reach(n_subjects, own_noise):
    values = shared_signal(n_subjects, (n_subjects, 400, 200))
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(400, 200))
    values = signal + rng.normal(size=(n_subjects, 400, 200))
    values[0] = signal + own_noise * rng.normal(size=(400, 200))
    ceiling = inter_subject_extrapolated(people(values)).values[:200]
    assert float(ceiling.median()) == pytest.approx(1 / np.sqrt(1 + own_noise**2), abs=0.015)
    assert float(ceiling["fit"].median()) > 0.9


def test_the_fit_is_low_where_others_differ_much():
    rng = np.random.default_rng(0)
    noise = np.array([1, 0.05, 0.05, 20, 20, 20])[:, None, None]
    unlike = rng.normal(size=(1, 400, 30)) + noise * rng.normal(size=(6, 400, 30))
    alike = shared_signal(0, (6, 400, 30))
    fits = [
        float(inter_subject_extrapolated(people(values)).values[:30]["fit"].median())
        for values in (unlike, alike)
    ]
    assert fits[0] < 0.8 < 0.95 < fits[1]


def test_extrapolation_with_missing_responses_recovers_the_truth():
    rng = np.random.default_rng(0)
    values = shared_signal(1, (6, 400, 100))
    values[rng.random(values.shape) < 0.3] = np.nan
    found = inter_subject_extrapolated(people(values)).values
    assert float(found.median()) == pytest.approx(np.sqrt(0.5), abs=0.02)


def test_the_error_of_extrapolation_is_its_spread_over_draws():
    found = inter_subject_extrapolated(people(shared_signal(0, (4, 400, 300))))
    spread = float(found.values[:300].std())
    assert float(found.error[:300].median()) == pytest.approx(spread, rel=0.12)


def test_two_subjects_cannot_be_extrapolated_and_one_has_no_others():
    two = inter_subject_extrapolated(people(shared_signal(0)[:2]))
    one = inter_subject_extrapolated(people(shared_signal(0)[:1]))
    for ceiling in (two, one):
        assert ceiling.values.isnull().all()
        assert set(reasons(ceiling)) == {"no_other_subject"}


def test_others_who_share_nothing_leave_the_extrapolation_undefined():
    rng = np.random.default_rng(0)
    ceiling = inter_subject_extrapolated(people(rng.normal(size=(4, 60, 40))))
    undefined = ceiling.values.isnull()
    assert 0 < int(undefined.sum()) < 160
    codes = ceiling.undefined.where(undefined, drop=True).values
    assert {"no_signal_power"} == {reason_of(ceiling, c) for c in codes[np.isfinite(codes)]}


def reasons(ceiling):
    return [reason_of(ceiling, code) for code in ceiling.undefined.values.ravel()]


def reason_of(ceiling, code):
    return ceiling.undefined.attrs["flag_meanings"].split()[int(code)]


def test_inter_subject_ceilings_are_undefined_for_a_reason():
    values = shared_signal(0)
    values[0, :, 0] = 7.0
    recordings = people(values)
    recordings["m1"] = recordings["m1"].isel(neuroid=[1, 2])
    recordings["m2"] = recordings["m2"].assign_coords(neuroid=["m2/x", "m2/1", "m2/2"])
    ceiling = inter_subject(recordings)
    known = dict(zip(ceiling.values["neuroid"].values, reasons(ceiling), strict=True))
    assert known["m0/0"] == "constant_response"
    assert known["m2/x"] == "no_other_subject"
    assert known["m1/1"] == "defined"
    few = inter_subject(people(values), parts=pd.Series(np.arange(60) // 2, LABELS))
    assert set(reasons(few)[1:]) == {"too_few_stimuli"}


def folds_of(n_rows=60, n_folds=5):
    return na.KFold(n_folds).split(pd.DataFrame(index=LABELS[:n_rows]), seed=0)


def test_regression_from_the_others_is_the_score_of_their_neuroids_as_a_model():
    recordings = people(shared_signal(0))
    ceiling = inter_subject_regression(recordings, folds_of())
    others = np.concatenate([recordings[f"m{k}"].values for k in (0, 1, 3, 4)], axis=1)
    layer = pd.DataFrame(others, index=LABELS)
    alone = na.BrainDataset({"m2": recordings["m2"]}, pd.DataFrame(index=LABELS))
    scores = na.score({"others": layer}, alone, folds=na.KFold(5), progress=False)
    expected = mean_over_folds(scores).sel(layer="others").values
    np.testing.assert_allclose(ceiling.values[6:9], expected, atol=1e-12)
    assert set(ceiling.values["n_units"].values) == {12}
    assert (ceiling.bounds, ceiling.role) == ("correlation", "lower bound")
    assert np.isfinite(ceiling.error).all()


def test_regression_takes_a_mapping_of_choice():
    recordings = people(shared_signal(0))
    one, two = (
        inter_subject_regression(recordings, folds_of(), metric=metric).values
        for metric in (None, na.RidgeEncoding(alphas=[1e6]))
    )
    assert not np.allclose(one, two)


def test_regression_leaves_out_rows_and_neuroids_that_not_everybody_has():
    values = shared_signal(0)
    recordings = people(values)
    recordings["m1"] = recordings["m1"].isel(stimulus=slice(10, 60))
    broken = recordings["m3"].copy()
    broken[30, 1] = np.nan
    recordings["m3"] = broken
    ceiling = inter_subject_regression(recordings, folds_of())
    counts = ceiling.values["n_units"].sel(neuroid=["m0/0", "m3/0"])
    assert counts.values.tolist() == [11, 12]
    assert np.isfinite(ceiling.values).all()


def test_regression_with_nobody_else_is_undefined():
    ceiling = inter_subject_regression(people(shared_signal(0)[:1]), folds_of())
    assert ceiling.values.isnull().all()
    assert set(reasons(ceiling)) == {"no_other_subject"}


def test_regression_of_people_who_met_nothing_in_common_is_refused():
    recordings = people(shared_signal(0)[:2])
    recordings = {
        "m0": recordings["m0"].isel(stimulus=slice(0, 30)),
        "m1": recordings["m1"].isel(stimulus=slice(30, 60)),
    }
    sentence = "No stimulus with a fold was met by every subject, so none predicts another."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        inter_subject_regression(recordings, folds_of())


def test_responses_over_time_predict_and_are_predicted():
    values = shared_signal(0, (3, 60, 6))
    evoked = {
        f"m{number}": na.make_recording(
            own.reshape(60, 2, 3), ("stimulus", "neuroid", "time"), subject=f"m{number}",
            units="uV", stimulus=LABELS, neuroid=["Cz", "Pz"], time=[0.0, 0.1, 0.2],
            attrs={"time_convention": "bin centers"},
        )
        for number, own in enumerate(values)
    }  # fmt: skip
    ceiling = inter_subject_regression(evoked, folds_of())
    assert ceiling.values.dims == ("neuroid", "time")
    assert set(ceiling.values["n_units"].values) == {12}
    flat = inter_subject_regression(people(values), folds_of()).values
    np.testing.assert_allclose(ceiling.values.values.ravel(), flat.values, atol=1e-12)
    further = inter_subject_extrapolated(evoked)
    assert further.values["fit"].dims == ("neuroid", "time")
