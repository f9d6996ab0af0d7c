"""Noise ceilings as objects: what they say, how rows are divided, and their place in scores."""

import re

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.ceilings import (
    Ceiling,
    anova,
    cc_max,
    explainable_variance,
    join,
    ncsnr,
    oracle_conservative,
    oracle_jackknife,
    signal_power,
    split_half,
)

FROM_REPETITIONS = (
    split_half,
    anova,
    ncsnr,
    signal_power,
    cc_max,
    explainable_variance,
    oracle_jackknife,
    oracle_conservative,
)
LABELS = [f"s{number:02}" for number in range(30)]


def recording_of(values, *, subject="m1", stimulus=LABELS, **options):
    dims = ("stimulus", "repetition", "neuroid")
    return na.make_recording(
        values, dims, subject=subject, units="z", stimulus=stimulus,
        neuroid=range(values.shape[2]), **options,
    )  # fmt: skip


def noisy(seed=0, shape=(30, 4, 3), noise=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(shape[0], 1, shape[2])) + noise * rng.normal(size=shape)


def refused(sentence):
    return pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$")


def assert_same(one, two):
    """Compare all that two ceilings hold."""
    assert one.to_dataset().identical(two.to_dataset())


@pytest.mark.parametrize(
    ("estimate", "bounds", "role", "of"),
    [
        (split_half, "variance", "estimates the noise", "averaged responses"),
        (anova, "variance", "estimates the noise", "averaged responses"),
        (ncsnr, "variance", "estimates the noise", "averaged responses"),
        (signal_power, "variance", "estimates the noise", "averaged responses"),
        (cc_max, "correlation", "estimates the noise", "averaged responses"),
        (explainable_variance, "variance", "estimates the noise", "single responses"),
        (oracle_jackknife, "correlation", "lower bound", "single responses"),
        (oracle_conservative, "correlation", "upper bound", "single responses"),
    ],
)
def test_a_ceiling_says_what_it_bounds(estimate, bounds, role, of):
    ceiling = estimate(recording_of(noisy()))
    assert (ceiling.bounds, ceiling.role, ceiling.of) == (bounds, role, of)
    assert ceiling.method == estimate.__name__
    assert ceiling.repetitions == "all repetitions"
    assert ceiling.without.dims == ("block", "neuroid")
    assert np.isfinite(ceiling.error).all()


def test_a_ceiling_reads_as_a_sentence():
    text = repr(anova(recording_of(np.repeat(noisy()[:, :1], 3, axis=1))))
    assert text == (
        "<Ceiling anova: 3 neuroids, median 1.00 of variance of averaged responses, estimates the "
        "noise, from all repetitions>"
    )


@pytest.mark.parametrize("word", ["bounds", "role", "of"])
def test_a_ceiling_of_another_kind_is_refused(word):
    given = anova(recording_of(noisy()))
    fields = {name: getattr(given, name) for name in given.__dataclass_fields__}
    with pytest.raises(na.NeuroalignError, match=r"No kind of noise ceiling \(.*\) is called 'no'"):
        Ceiling(**{**fields, word: "no"})


@pytest.mark.parametrize("estimate", FROM_REPETITIONS)
def test_showings_events_and_streams_have_the_same_ceiling(estimate):
    values = noisy()
    events = estimate(recording_of(values))
    order = np.random.default_rng(0).permutation(120)
    showings = na.make_recording(
        values.reshape(120, 3)[order], ("showing", "neuroid"), subject="m1", units="z",
        stimulus=np.repeat(LABELS, 4)[order], repetition=np.tile(range(4), 30)[order],
        neuroid=range(3),
    )  # fmt: skip
    film = na.make_recording(
        values.transpose(1, 0, 2), ("repetition", "sample", "neuroid"), subject="m1", units="z",
        sampling_period=1.0, run="film", neuroid=range(3),
    )  # fmt: skip
    tolerance = 0.1 if estimate is split_half else 1e-12  # other showings go to either half
    np.testing.assert_allclose(estimate(showings).values, events.values, atol=tolerance)
    np.testing.assert_allclose(estimate(film).values, events.values, atol=1e-12)


@pytest.mark.parametrize("estimate", FROM_REPETITIONS)
def test_a_ceiling_does_not_depend_on_the_order_of_stimuli(estimate):
    recording = recording_of(noisy())
    shuffled = recording.isel(stimulus=np.random.default_rng(0).permutation(30))
    assert_same(estimate(shuffled), estimate(recording))


@pytest.mark.parametrize("estimate", FROM_REPETITIONS)
def test_times_are_estimated_one_by_one(estimate):
    values = noisy(shape=(30, 4, 6))
    evoked = na.make_recording(
        values.reshape(30, 4, 2, 3), ("stimulus", "repetition", "neuroid", "time"), subject="m1",
        units="uV", stimulus=LABELS, neuroid=["Cz", "Pz"], time=[0.0, 0.1, 0.2],
        attrs={"time_convention": "bin centers"},
    )  # fmt: skip
    found, flat = estimate(evoked), estimate(recording_of(values))
    assert found.without.dims == ("block", "neuroid", "time")
    np.testing.assert_allclose(found.values.values.ravel(), flat.values, atol=1e-12)
    np.testing.assert_allclose(found.error.values.ravel(), flat.error, atol=1e-12)


@pytest.mark.parametrize("estimate", FROM_REPETITIONS)
def test_recordings_are_left_as_they_were(estimate):
    recording = recording_of(noisy())
    before = recording.copy(deep=True)
    estimate(recording)
    assert recording.identical(before)


def test_many_columns_are_estimated_some_at_a_time_to_the_same_effect(monkeypatch):
    values = noisy(shape=(30, 4, 7))
    values[3, 1, 2] = np.nan
    whole = split_half(recording_of(values))
    monkeypatch.setattr("neuroalign.ceilings.rows.CHUNK", 3 * 30 * 4)
    found = split_half(recording_of(values))
    np.testing.assert_allclose(found.without, whole.without, atol=1e-13)


@pytest.mark.parametrize("estimate", FROM_REPETITIONS)
def test_one_time_that_was_selected_is_a_recording_without_time(estimate):
    values = noisy()
    evoked = na.make_recording(
        values[..., None], ("stimulus", "repetition", "neuroid", "time"), subject="m1", units="z",
        stimulus=LABELS, neuroid=range(values.shape[2]), time=[0.1],
        attrs={"time_convention": "bin centers"},
    )  # fmt: skip
    found = estimate(evoked.sel(time=0.1))
    np.testing.assert_array_equal(found.values, estimate(recording_of(values)).values)


def test_stimuli_without_a_part_or_a_block_are_left_out():
    recording = recording_of(noisy())
    parts = pd.Series(np.arange(24) % 3, LABELS[:24])
    some = anova(recording.isel(stimulus=slice(0, 24)), parts=parts)
    assert_same(anova(recording, parts=parts), some)
    blocks = pd.Series([f"b{k}" for k in np.arange(24) // 4], LABELS[:24])
    one = anova(recording, blocks=blocks)
    two = anova(recording.isel(stimulus=slice(0, 24)), blocks=blocks)
    assert_same(one, two)


def test_a_block_is_what_its_name_says_and_those_of_nothing_change_nothing():
    recording = recording_of(noisy())
    parts = pd.Series(np.repeat([2, 0, 1], 10), LABELS)
    blocks = pd.Series([f"{'cab'[p]}/{k % 3}" for k, p in enumerate(parts)], LABELS)
    blocks["unknown"] = "b/9"
    ceiling = anova(recording, parts=parts, blocks=blocks)
    assert ceiling.without["block"].values.tolist() == sorted(set(blocks))
    for name in sorted(set(blocks)):
        kept = blocks.index[blocks != name].intersection(LABELS)
        expected = anova(recording.sel(stimulus=kept), parts=parts).values
        np.testing.assert_allclose(ceiling.without.sel(block=name), expected, atol=1e-12)


def test_a_block_in_two_parts_is_refused():
    parts = pd.Series(np.repeat([0, 1, 2], 10), LABELS)
    blocks = pd.Series([f"b{k // 15}" for k in range(30)], LABELS)
    sentence = (
        "2 blocks have stimuli in more than one part (first: 'b0', 'b1'); a block lies within one "
        "part."
    )
    with refused(sentence):
        anova(recording_of(noisy()), parts=parts, blocks=blocks)


@pytest.mark.parametrize(("n_stimuli", "n_blocks"), [(30, 30), (120, 50)])
def test_there_are_about_fifty_blocks_where_nobody_says(n_stimuli, n_blocks):
    stimuli = [f"s{k:03}" for k in range(n_stimuli)]
    values = noisy(shape=(n_stimuli, 2, 1))
    ceiling = anova(recording_of(values, stimulus=stimuli))
    assert ceiling.without.sizes["block"] == n_blocks
    parts = pd.Series(np.arange(n_stimuli) // 10, stimuli)
    names = anova(recording_of(values, stimulus=stimuli), parts=parts).without["block"].values
    assert {name.partition("/")[0] for name in names} == set(map(str, range(n_stimuli // 10)))


@pytest.mark.parametrize("estimate", FROM_REPETITIONS)
def test_one_repetition_is_undefined_for_the_reason(estimate):
    recording = recording_of(noisy()[:, :1])
    for given in (recording, na.average_repetitions(recording)):
        ceiling = estimate(given)
        assert ceiling.values.isnull().all()
        assert ceiling.error.isnull().all()
        assert (ceiling.undefined == 8).all()
    assert ceiling.undefined.attrs["flag_meanings"].split()[8] == "no_repetitions"


@pytest.mark.parametrize("estimate", FROM_REPETITIONS)
def test_missing_repetitions_of_one_neuroid_leave_the_others(estimate):
    values = noisy()
    values[:, 1:, 0] = np.nan
    values[:, :, 1] = 7.0
    ceiling = estimate(recording_of(values))
    meanings = ceiling.undefined.attrs["flag_meanings"].split()
    reasons = [meanings[code] for code in ceiling.undefined.values]
    assert reasons == ["no_repetitions", "constant_response", "defined"]


def test_a_ceiling_of_no_stimuli_is_undefined():
    ceiling = anova(recording_of(noisy()), parts=pd.Series([0, 0], ["x", "y"]))
    assert ceiling.values.isnull().all()
    assert ceiling.undefined.attrs["flag_meanings"].split()[int(ceiling.undefined[0])] == (
        "too_few_stimuli"
    )


def test_infinite_responses_are_refused():
    values = noisy()
    values[0, 0, 0] = np.inf
    with refused("1 responses are infinite; use NaN for what is missing."):
        anova(recording_of(values))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_splits": 0}, "n_splits=0 is not a whole number of 1 or more."),
        ({"n_parts": 1}, "n_parts=1 is not a whole number of 2 or more."),
        ({"n_parts": 2.5}, "n_parts=2.5 is not a whole number of 2 or more."),
    ],
)
def test_split_halves_need_splits_and_parts(options, sentence):
    with refused(sentence):
        split_half(recording_of(noisy()), **options)


def test_ncsnr_standardizes_within_sessions():
    values = noisy()
    session = np.tile(["a", "a", "b", "b"], 30)
    scaled = values.reshape(120, 3) * np.where(session == "a", 1, 9)[:, None]
    scaled += np.where(session == "a", 0, 50)[:, None]
    showings = na.make_recording(
        scaled, ("showing", "neuroid"), subject="m1", units="z", neuroid=range(3),
        stimulus=np.repeat(LABELS, 4), session=session,
    )  # fmt: skip
    apart = ncsnr(showings, by="session").values
    np.testing.assert_allclose(apart, ncsnr(recording_of(values)).values, atol=0.1)
    assert (ncsnr(showings).values == 0).all()
    with refused(
        "zscore(by='sessions') needs a coordinate 'sessions' on 'showing', which is missing."
    ):
        ncsnr(showings, by="sessions")


def test_signal_power_refuses_a_repetition_that_comes_twice():
    showings = na.make_recording(
        np.ones((4, 1)), ("showing", "neuroid"), subject="m1", units="z", neuroid=["a"],
        stimulus=["x", "x", "y", "y"], repetition=[0, 0, 0, 1],
    )  # fmt: skip
    sentence = (
        "1 stimuli have the same repetition twice (first: 'x'); number the showings of a stimulus "
        "one by one, or leave the coordinate 'repetition' out."
    )
    with refused(sentence):
        signal_power(showings)


def test_cc_max_is_the_root_of_the_share_of_signal_power():
    recording = recording_of(noisy(noise=3.0, shape=(30, 4, 40)))
    power, root = signal_power(recording), cc_max(recording)
    positive = power.values > 0
    assert 0 < int(positive.sum()) < 40
    np.testing.assert_allclose(root.values[positive] ** 2, power.values[positive])
    assert root.values[~positive].isnull().all()
    assert (root.undefined[~positive] == 12).all()
    assert root.undefined.attrs["flag_meanings"].split()[12] == "ceiling_not_positive"


def test_an_interval_is_that_of_student_over_blocks():
    ceiling = anova(recording_of(noisy()))
    low, high = ceiling.interval()
    np.testing.assert_allclose(high - ceiling.values, 2.045 * ceiling.error, rtol=1e-3)
    np.testing.assert_allclose(ceiling.values - low, 2.045 * ceiling.error, rtol=1e-3)
    assert (ceiling.interval(level=0.5)[0] > low).all()


@pytest.mark.parametrize("estimate", [split_half, anova, signal_power, cc_max])
def test_the_error_is_the_spread_over_draws(estimate):
    recording = recording_of(noisy(shape=(150, 4, 400)), stimulus=[f"s{k:03}" for k in range(150)])
    options = {"n_splits": 20} if estimate is split_half else {}
    ceiling = estimate(recording, **options)
    assert float(ceiling.error.median()) == pytest.approx(float(ceiling.values.std()), rel=0.12)


def test_a_ceiling_survives_in_scores_and_on_disk(planted, tmp_path):
    scores = na.score(*planted, folds=na.KFold(4), progress=False)
    loaded = na.load_scores(na.save_scores(scores, tmp_path / "run"))
    for method in ("split_half", "anova"):
        found = Ceiling.from_scores(loaded, method)
        assert_same(found, Ceiling.from_scores(scores, method))
        assert (found.method, found.bounds, found.of) == (method, "variance", "averaged responses")
        assert found.without["block"].values.tolist() == scores["block"].values.tolist()
    dataset = planted[1]
    splits = na.KFold(4).split(dataset.stimuli, seed=0)
    blocks = splits.blocks.set_index("stimulus")["name"]
    alone = anova(dataset.recordings["subject-1"], parts=splits.fold_of(), blocks=blocks)
    np.testing.assert_allclose(found.without, alone.without, atol=1e-12)
    np.testing.assert_allclose(found.error, alone.error, atol=1e-12)


def test_a_ceiling_that_scores_lack_suggests_the_nearest(planted):
    scores = na.score(*planted, folds=na.KFold(4), progress=False)
    sentence = "No noise ceiling in these scores is called 'anovas'. Did you mean 'anova'?"
    with refused(sentence):
        Ceiling.from_scores(scores, "anovas")


def test_ceilings_of_subjects_are_joined_with_the_blocks_of_both():
    ann = anova(recording_of(noisy(), subject="ann"))
    bob = anova(
        recording_of(noisy(1, (40, 4, 2)), subject="bob", stimulus=[f"t{k}" for k in range(40)])
    )
    both = join([ann, bob])
    assert both.values["neuroid"].values.tolist()[2:4] == ["ann/2", "bob/0"]
    assert both.without.sizes == {"block": 40, "neuroid": 5}
    extra = both.without.sel(block="35", neuroid=["ann/0", "ann/1", "ann/2"])
    np.testing.assert_array_equal(extra, ann.values)
    np.testing.assert_array_equal(both.without[:30, :3], ann.without)
    np.testing.assert_array_equal(both.without[:, 3:], bob.without)


def test_ceilings_that_are_not_alike_are_not_joined():
    recording = recording_of(noisy())
    sentence = "Noise ceilings are joined if they are alike, but method is 'anova' and 'ncsnr'."
    with refused(sentence):
        join([anova(recording), ncsnr(recording)])
