"""Simulated voxels: their truth agrees with what is measured on them."""

import numpy as np
import pandas as pd
import pytest
from simulate_cases import (
    agrees,
    correlations,
    estimated_share,
    layer_of,
    noise_over_truth,
    rows_of,
    shuffled,
)

import neuroalign as na

SMALL = {"shape": (3, 3, 2)}


def signal_of(recording):
    """Return the noiseless response to each stimulus, in order of the labels."""
    _, first = np.unique(recording["stimulus"].values, return_index=True)
    return recording["noiseless"].values[first]


def one(layer, **options):
    return na.simulate.fmri(layer, **{**SMALL, **options})["subject-1"]


@pytest.mark.parametrize(
    "options",
    [
        {"n_repetitions": 1},
        {"n_repetitions": (1, 5)},
        {"autocorrelation": 0.6, "n_repetitions": 3},
        {"smoothness": 3, "snr": 0.3},
    ],
    ids=str,
)
def test_the_true_ceiling_says_how_much_noise_is_left_in_averages(options):
    layer = layer_of(200, 20)
    ratios = [
        noise_over_truth(one(layer, seed=seed, **{"smoothness": 0, **options})).mean()
        for seed in range(150)
    ]
    assert agrees(ratios, 0.03)


def test_the_true_ceiling_agrees_with_the_estimated_one():
    layer, differences = layer_of(200, 20), []
    for seed in range(10):
        recording = one(layer, n_repetitions=(2, 5), snr=(0.1, 1.0), seed=seed)
        true = recording["true_ceiling"].values
        differences.append((estimated_share(recording) - true).mean())
    assert abs(np.mean(differences)) < 0.015


def test_signal_has_the_variance_asked_for():
    recording = one(layer_of(50, 20), snr=0.25)
    np.testing.assert_allclose(signal_of(recording).var(0, ddof=1), 0.25)
    np.testing.assert_allclose(recording["true_ceiling"], 0.25 / (0.25 + 1 / 3))


def test_signal_to_noise_is_drawn_evenly_on_a_logarithmic_scale():
    recording = one(layer_of(50, 20), snr=(0.01, 1.0), shape=(20, 20, 1))
    drawn = np.log10(signal_of(recording).var(0, ddof=1))
    assert -2 <= drawn.min() < -1.95
    assert -0.05 < drawn.max() <= 0
    assert drawn.mean() == pytest.approx(-1, abs=0.1)


def test_without_signal_nothing_is_explained():
    recording = one(layer_of(50, 20), snr=0)
    assert (recording["noiseless"] == 0).all()
    assert (recording["true_ceiling"] == 0).all()


def test_responses_are_weighted_sums_of_units():
    layer = layer_of(50, 20)
    signal = signal_of(one(layer))
    design = np.column_stack([np.ones(50), layer.values])
    guess = design @ np.linalg.lstsq(design, signal, rcond=None)[0]
    np.testing.assert_allclose(guess, signal, atol=1e-10)


@pytest.mark.parametrize("what", ["noise", "signal"])
def test_noise_and_signal_are_as_smooth_as_asked(what):
    found = []
    for seed in range(5):
        recording = one(layer_of(300, 40, seed=seed), shape=(6, 6, 4), snr=1.0, seed=seed)
        maps = recording["noiseless"].values
        maps = (recording.values - maps if what == "noise" else maps).reshape(-1, 6, 6, 4)
        for axis in (1, 2, 3):
            ahead, behind = (np.delete(maps, side, axis) for side in (0, -1))
            r = (ahead * behind).mean() / np.sqrt((ahead**2).mean() * (behind**2).mean())
            found.append(np.sqrt(-2 * np.log(2) / np.log(r)))
    assert np.mean(found) == pytest.approx(1.5, abs=0.06)


@pytest.mark.parametrize("shared", [0.0, 0.3, 1.0])
def test_signals_of_subjects_correlate_by_what_they_share(shared):
    people = na.simulate.fmri(layer_of(60, 20), n_subjects=3, shared=shared, **SMALL)
    signals = [signal_of(recording) for recording in people.values()]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(correlations(signals[a], signals[b]), shared, atol=1e-10)
    assert all((recording["true_shared"] == shared).all() for recording in people.values())


def test_the_shared_part_is_what_the_others_predict():
    found = []
    for seed in range(10):
        people = na.simulate.fmri(
            layer_of(300, 20, seed=seed), n_subjects=4, shared=0.6, snr=1.0, seed=seed, **SMALL
        )
        own, *others = (na.average_repetitions(r).values for r in people.values())
        found.append(correlations(own, np.mean(others, axis=0)).mean())
    # Three repetitions leave noise of 1/3; the mean of three others keeps a third of their own.
    own, others = 1 + 1 / 3, 0.6 + (0.4 + 1 / 3) / 3
    expected = 0.6 / np.sqrt(own * others)
    assert np.mean(found) == pytest.approx(expected, abs=0.01)


def test_noise_of_subjects_is_independent():
    people = na.simulate.fmri(layer_of(300, 20), n_subjects=2, n_repetitions=1, **SMALL)
    noise = [(r - r["noiseless"]).values[np.argsort(r["stimulus"].values)] for r in people.values()]
    assert np.abs(correlations(*noise)).mean() < 0.08


def test_more_subjects_leave_the_first_as_they_were():
    layer = layer_of(40, 20)
    few, many = (na.simulate.fmri(layer, n_subjects=n, **SMALL) for n in (1, 3))
    assert few["subject-1"].identical(many["subject-1"])


def test_subjects_have_the_same_voxels():
    people = na.simulate.fmri(layer_of(40, 20), n_subjects=2, **SMALL)
    names = [[name.split("/")[1] for name in r["neuroid"].values] for r in people.values()]
    assert names[0] == names[1]
    assert names[0][-1] == "02-02-01"
    last = people["subject-1"].isel(neuroid=-1)
    assert (float(last["x"]), float(last["y"]), float(last["z"])) == (4, 4, 2)


def test_a_run_holds_one_repetition_of_every_stimulus_in_random_order():
    recording = one(layer_of(40, 20), n_repetitions=3)
    orders = [part["stimulus"].values.tolist() for _, part in recording.groupby("run")]
    assert len(orders) == 3
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert orders[0] != orders[1] != orders[2]


def test_repetitions_of_a_stimulus_are_numbered_and_as_many_as_were_drawn():
    recording = one(layer_of(100, 20), n_repetitions=(2, 5))
    numbers = pd.Series(recording["repetition"].values).groupby(recording["stimulus"].values)
    assert all(sorted(own) == list(range(len(own))) for _, own in numbers)
    assert set(numbers.size()) == {2, 3, 4, 5}


def test_repetitions_are_dealt_out_to_sessions_in_turn():
    recording = one(layer_of(10, 20), n_repetitions=5, n_sessions=2)
    pairs = set(
        zip(recording["repetition"].values.tolist(), recording["session"].values, strict=True)
    )
    assert pairs == {(0, "01"), (1, "01"), (2, "01"), (3, "02"), (4, "02")}


def test_zscores_by_session_undo_the_drift_exactly():
    layer = layer_of(40, 20)
    steady, drifting = (one(layer, n_sessions=3, drift=drift) for drift in (0.0, 1.0))
    np.testing.assert_allclose(
        na.zscore(drifting, by="session"), na.zscore(steady, by="session"), atol=1e-10
    )
    for truth in ("noiseless", "true_ceiling"):
        assert drifting[truth].identical(steady[truth])


def test_every_session_scales_and_shifts_every_voxel_by_itself():
    layer = layer_of(40, 20)
    options = {"n_repetitions": 8, "n_sessions": 8, "shape": (10, 10, 2)}
    steady, drifting = (one(layer, drift=drift, **options) for drift in (0.0, 0.5))
    scales, offsets = [], []
    for session in np.unique(steady["session"].values):
        x, y = (r.values[r["session"].values == session] for r in (steady, drifting))
        scales.append(np.log(y.std(0) / x.std(0)))
        offsets.append(y.mean(0) - np.exp(scales[-1]) * x.mean(0))
    for drawn in (np.array(scales), np.array(offsets)):
        assert drawn.std() == pytest.approx(0.5, abs=0.03)
        assert drawn.mean() == pytest.approx(0, abs=0.05)
        # As much between the sessions of a voxel as between the voxels of a session.
        assert drawn.std(0).mean() == pytest.approx(0.5 * np.sqrt(7 / 8), abs=0.03)


def test_drift_hides_signal_until_sessions_are_zscored():
    recording = one(layer_of(100, 20), n_sessions=3, drift=1.0, snr=1.0)
    true = float(recording["true_ceiling"].mean())
    raw, mended = (
        estimated_share(r).mean() for r in (recording, na.zscore(recording, by="session"))
    )
    assert raw < true - 0.3
    assert mended == pytest.approx(true, abs=0.03)


def test_noise_correlates_from_showing_to_showing_within_runs_only():
    recording = one(layer_of(400, 20), n_repetitions=2, autocorrelation=0.7, smoothness=0)
    noise = (recording - recording["noiseless"]).values
    first, second = noise[:400], noise[400:]
    for distance in (1, 2, 3):
        r = np.mean(
            [(run[distance:] * run[:-distance]).mean() for run in (first, second)]
        ) / np.mean(noise**2)
        assert r == pytest.approx(0.7**distance, abs=0.04)
    assert abs((first[-1] * second[0]).mean()) < 0.7


def test_groups_are_shown_in_order_of_position_in_runs_of_their_own():
    layer = layer_of(12, 20)
    stimuli = pd.DataFrame(
        {"group": ["a", "b", "c"] * 4, "position": np.repeat([3, 1, 2, 0], 3)},
        index=layer["stimulus"].values,
    )
    recording = one(layer, stimuli=stimuli, n_repetitions=2)
    assert list(dict.fromkeys(recording["run"].values)) == [
        "01/a", "01/b", "01/c", "02/a", "02/b", "02/c",
    ]  # fmt: skip
    for run, part in recording.groupby("run"):
        table = stimuli.loc[part["stimulus"].values]
        assert table["group"].tolist() == [run[-1]] * 4
        assert table["position"].tolist() == [0, 1, 2, 3]


def test_noise_correlates_along_a_group_and_not_across():
    layer = layer_of(400, 20)
    stimuli = pd.DataFrame({"group": np.repeat(range(40), 10)}, index=layer["stimulus"].values)
    recording = one(
        layer, stimuli=stimuli, n_repetitions=1, autocorrelation=0.8, smoothness=0, seed=1
    )
    events = na.average_repetitions(recording)
    noise = events.values - signal_of(recording)
    products = noise[1:] * noise[:-1]
    border = np.arange(399) % 10 == 9
    assert products[~border].mean() == pytest.approx(0.8, abs=0.06)
    assert products[border].mean() == pytest.approx(0, abs=0.12)


def test_a_seed_gives_the_same_voxels_again_and_another_gives_others():
    layer = layer_of(40, 20)
    assert one(layer, seed=3).identical(one(layer, seed=3))
    other = signal_of(one(layer, seed=4))
    assert np.abs(correlations(signal_of(one(layer, seed=3)), other)).mean() < 0.5


@pytest.mark.parametrize("shape", [(20,), (3, 4, 4)])
def test_voxels_do_not_depend_on_the_order_of_the_stimuli(shape):
    layer = layer_of(30, *shape)
    stimuli = pd.DataFrame({"group": np.arange(30) % 3}, index=layer["stimulus"].values)
    for table in (None, stimuli):
        upset = None if table is None else table.iloc[::-1]
        assert one(shuffled(layer), stimuli=upset).identical(one(layer, stimuli=table))


def test_the_planted_layer_reaches_the_true_ceiling():
    layer = layer_of(300, 10)
    people = na.simulate.fmri(layer, n_subjects=2, snr=1.0, n_repetitions=2, **SMALL)
    dataset = na.BrainDataset(people, pd.DataFrame(index=layer["stimulus"].values))
    scores = na.score({"planted": layer}, dataset, progress=False)
    reached = scores["r"].mean("fold").isel(layer=0) / np.sqrt(scores["true_ceiling"])
    assert float(reached.median()) == pytest.approx(1, abs=0.04)


def test_every_showing_carries_its_noiseless_response():
    values, noiseless, codes = rows_of(one(layer_of(30, 20), snr=(50, 60)))
    for stimulus in range(30):
        assert np.ptp(noiseless[codes == stimulus], axis=0).max() == 0
    assert correlations(values, noiseless).min() > 0.95
