"""Streams through `score`: the same call, the clock, leaks, and what is refused."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.features import RandomProjection, TimeGrid
from neuroalign.features.steps import table_of_rows
from neuroalign.folds import ContiguousKFold

PERIOD = 2.0
N_RUNS, N_SAMPLES, N_EVENTS = 4, 60, 150


def story(seed=0, *, lag=4.0, subjects=("a", "b"), noise=0.5, n_runs=N_RUNS):
    """Make people who hear events: each neuroid is a unit of the events, `lag` s later."""
    rng = np.random.default_rng(seed)
    seconds = N_SAMPLES * PERIOD
    rows = []
    for run in range(n_runs):
        onsets = np.sort(rng.uniform(0, seconds - 1, N_EVENTS))
        rows += [(f"run{run}/{k:03}", f"run{run}", onset) for k, onset in enumerate(onsets)]
    stimuli = pd.DataFrame(rows, columns=["label", "run", "onset"]).set_index("label")
    stimuli = stimuli.assign(duration=0.3, text="word")
    units = rng.normal(size=(len(stimuli), 3)).astype(np.float32)
    layer = xr.DataArray(units, {"stimulus": stimuli.index.values}, ("stimulus", "unit"))
    runs = np.repeat([f"run{run}" for run in range(n_runs)], N_SAMPLES)
    recordings = {}
    for subject in subjects:
        blank = na.make_recording(
            np.zeros((len(runs), 3)), ("sample", "neuroid"), subject=subject, units="z",
            sampling_period=PERIOD, run=runs, neuroid=["x", "y", "z"],
            attrs={"neuroids": "shared"},
        )  # fmt: skip
        signal = TimeGrid(delays=(lag,)).apply(layer, stimuli, blank).values
        signal = (signal - signal.mean(0)) / signal.std(0)
        recordings[subject] = blank.copy(data=signal + noise * rng.normal(size=signal.shape))
    return {"true": layer}, na.BrainDataset(recordings, stimuli, name="story")


def scored(model, dataset, **options):
    return na.score(model, dataset, progress=False, **options)


def test_a_stream_scores_through_the_same_call_by_whole_runs():
    model, dataset = story()
    scores = scored(model, dataset)
    assert scores.r.dims == ("layer", "fold", "neuroid")
    assert scores.sizes["fold"] == N_RUNS
    assert scores.neuroid.values.tolist() == [f"{s}/{n}" for s in "ab" for n in "xyz"]
    # The signal is 1 / (1 + .25) of the variance, and one of four delays is the true one.
    assert float(scores.r.mean()) == pytest.approx(np.sqrt(0.8), abs=0.05)


def test_each_fold_equals_an_explicit_fit_of_its_samples():
    model, dataset = story()
    metric = na.RidgeEncoding(alphas=[1.0])
    scores = scored(model, dataset, metric=metric, subjects="a")
    recording = dataset.recordings["a"]
    design = TimeGrid().apply(model["true"], dataset.stimuli, recording).values.astype(float)
    runs = recording["run"].values
    found = set()
    for run in np.unique(runs):
        x, y = design[runs != run], recording.values[runs != run]
        centered = x - x.mean(0)
        penalty = (centered**2).sum() / len(x)
        gram = centered.T @ centered + penalty * np.eye(x.shape[1])
        weights = np.linalg.solve(gram, centered.T @ (y - y.mean(0)))
        guess = (design[runs == run] - x.mean(0)) @ weights
        found.add(round(np.corrcoef(guess[:, 0], recording.values[runs == run, 0])[0, 1], 8))
    assert {round(float(r), 8) for r in scores.r.isel(layer=0, neuroid=0)} == found


@pytest.mark.parametrize("lag", [2.0, 4.0, 6.0])
def test_delays_recover_the_planted_lag(lag):
    model, dataset = story(lag=lag, noise=1.0)
    delays = (0.0, 2.0, 4.0, 6.0, 8.0)
    alone = {
        delay: float(scored(model, dataset, features=TimeGrid(delays=(delay,))).r.median())
        for delay in delays
    }
    assert max(alone, key=alone.get) == lag
    grid, recording = TimeGrid(delays=delays), dataset.recordings["a"]
    design = grid.apply(model["true"], dataset.stimuli, recording)
    fitted = na.RidgeEncoding().fit(design, recording)
    size = np.abs(fitted.coefficients.values).reshape(len(delays), 3, 3)
    assert delays[int(size[:, [0, 1, 2], [0, 1, 2]].mean(1).argmax())] == lag


def test_one_run_is_cut_into_stretches_as_far_apart_as_features_reach():
    model, dataset = story(n_runs=1)
    scores = scored(model, dataset)
    assert scores.sizes["fold"] == 5
    # 8 s of delay, and 6 s of interpolation: 3 lobes of 2 s.
    assert "ContiguousKFold(n_folds=5, gap=14.0)" in scores.attrs["provenance"]


def test_held_out_events_never_move_a_weight():
    model, dataset = story(n_runs=1, subjects=("a",))
    metric = na.RidgeEncoding(alphas=[0.1], keep_predictions=True)
    clean = scored(model, dataset, metric=metric)
    recording = dataset.recordings["a"]
    onsets = recording["onset"].values
    first = onsets < 0.2 * onsets[-1]  # the first of five stretches
    end = onsets[first][-1] + PERIOD
    poisoned = model["true"].copy(deep=True)
    poisoned[dataset.stimuli["onset"].values < end - PERIOD] *= 1000
    wild = recording.copy(deep=True)
    wild[first] += 1000
    dirty = scored({"true": poisoned}, na.BrainDataset({"a": wild}, dataset.stimuli), metric=metric)
    # What the first fold learned shows where it predicts: nothing there reads poisoned events.
    for scores in (clean, dirty):
        assert scores.fold_of_block.values.min() == 0
    spread = clean.train_sd.isel(fold=0).values
    np.testing.assert_allclose(dirty.train_sd.isel(fold=0).values, spread, rtol=1e-12)
    np.testing.assert_allclose(dirty.inner_r2.isel(fold=0), clean.inner_r2.isel(fold=0), rtol=1e-6)


def test_the_inter_subject_ceiling_stands_beside_and_divides_nothing():
    model, dataset = story(noise=1.0, subjects=("a", "b", "c"))
    scores = scored(model, dataset)
    # Signal and noise have variance 1: sqrt(1/2) sqrt(1 / (1 + 1/2)).
    assert float(scores.ceiling_inter_subject.mean()) == pytest.approx(0.577, abs=0.06)
    table = na.summarize(scores, by=["layer"])
    assert table.inter_subject_r.notna().all()
    assert table.normalized_r.isna().all()


def test_a_constant_neuroid_is_undefined_and_counted():
    model, dataset = story()
    recordings = {name: dataset.recordings[name].copy(deep=True) for name in "ab"}
    recordings["a"][:, 0] = 0
    scores = scored(model, na.BrainDataset(recordings, dataset.stimuli))
    assert (scores.undefined.sel(neuroid="a/x") == 2).all()
    assert scores.r.sel(neuroid="b/x").notnull().all()
    assert "1 neuroids have no score in any layer (first: 'a/x')" in scores.attrs["undefined"]


def test_projection_comes_before_the_grid():
    model, dataset = story(subjects=("a",))
    wide = {"wide": xr.concat([model["true"]] * 40, "unit")}
    steps = [RandomProjection(n_units=30), TimeGrid()]
    assert float(scored(wide, dataset, features=steps).r.median()) > 0.8


def refusal(sentence):
    return pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$")


def test_a_gap_that_features_reach_across_is_named():
    model, dataset = story(n_runs=1)
    near = scored(model, dataset, folds=ContiguousKFold(5, gap=2)).attrs["leakage"]
    assert near.startswith("stretches are 2 s apart, as asked for, but features reach ")
    for gap in (None, 16):
        assert "leakage" not in scored(model, dataset, folds=ContiguousKFold(5, gap=gap)).attrs


def test_what_does_not_fit_a_stream_is_refused(planted):
    model, dataset = story(n_runs=1)
    with refusal(
        "zscore_runs=True makes every sample depend on its whole run, but folds="
        "KFold(n_folds=5, part_groups=True) part run 'run0'; hold out whole runs, or leave "
        "zscore_runs out."
    ):
        folds = na.KFold(5, part_groups=True)
        scored(model, dataset, features=TimeGrid(zscore_runs=True), folds=folds)
    with refusal(
        "zscore_runs=True makes every sample depend on its whole run, so no stretch of a run can "
        "be held out; hold out whole runs with KFold(n), or leave zscore_runs out."
    ):
        scored(model, dataset, features=TimeGrid(zscore_runs=True))
    layers, events = planted
    with refusal("TimeGrid() is for streams, but the recordings have a row for each stimulus."):
        scored(layers, events, features=TimeGrid())
    with refusal(
        "features='lanczos' is not a step from activations to features; use TimeGrid() or "
        "RandomProjection() of neuroalign.features."
    ):
        scored(model, dataset, features="lanczos")


def passages(seed, n_passages=20, length=30):
    """Make responses that drift within passages, and features without content."""
    rng = np.random.default_rng(seed)
    group = np.repeat([f"p{k:02}" for k in range(n_passages)], length)
    drift = np.cumsum(rng.normal(size=(n_passages, length, 20)), axis=1).reshape(-1, 20)
    walk = np.cumsum(rng.normal(size=(n_passages, length, 10)), axis=1).reshape(-1, 10)
    labels = [f"{name}/{k % length:02}" for k, name in enumerate(group)]
    stimuli = pd.DataFrame({"group": group}, index=labels)
    layer = xr.DataArray(walk, {"stimulus": labels}, ("stimulus", "unit"))
    return {"walk": layer}, na.make_dataset(drift, stimuli)


def test_features_without_content_predict_nothing_over_whole_groups():
    medians = []
    for seed in range(20):
        model, dataset = passages(seed)
        medians.append(float(scored(model, dataset, folds=na.KFold(5), guards=()).r.median()))
    assert abs(np.median(medians)) < 0.03


def test_the_same_features_predict_once_groups_are_parted():
    medians, noted = [], set()
    for seed in range(5):
        model, dataset = passages(seed)
        scores = scored(model, dataset, folds=na.KFold(5, part_groups=True), guards=())
        medians.append(float(scores.r.median()))
        noted.add(scores.attrs["leakage"])
    assert np.median(medians) > 0.3
    assert noted == {
        "groups have rows in training and test sets, as asked for: what they share counts"
    }


def test_features_constant_within_groups_are_undefined_over_whole_groups(planted):
    layers, dataset = planted
    constant = {"constant": xr.full_like(layers["true"], 0.1)}
    scores = scored(constant, dataset)
    assert scores.r.isnull().all()
    assert "8 neuroids have no score in any layer" in scores.attrs["undefined"]


def test_a_film_shown_in_two_runs_stays_on_one_side():
    model, dataset = story(subjects=("a",), n_runs=6)
    films = {"run0": "A", "run1": "B", "run2": "A", "run3": "C", "run4": "D", "run5": "E"}
    stimuli = dataset.stimuli.assign(group=dataset.stimuli["run"].map(films))
    scores = scored(model, na.BrainDataset(dataset.recordings, stimuli), folds=na.KFold(5))
    record = json.loads(scores.attrs["provenance"])
    held_out = [{label.split("/")[0] for label in fold} for fold in record["test_stimuli"]]
    assert {"run0", "run2"} in held_out
    assert sorted(map(len, held_out)) == [1, 1, 1, 1, 2]


def peaks(seed):
    """Plant a hemodynamic response; return the curve of weights over delays, and the true one."""
    from neuroalign.numerics.hemodynamics import response

    model, dataset = story(seed, subjects=("a",))
    grid, recording = TimeGrid(resample="hrf"), dataset.recordings["a"]
    signal = grid.apply(model["true"], dataset.stimuli, recording).values
    rng = np.random.default_rng([seed, 1])
    signal = (signal - signal.mean(0)) / signal.std(0)
    noisy = recording.copy(data=signal + rng.normal(size=signal.shape))
    delays = tuple(np.arange(0.0, 16.0, PERIOD))
    design = TimeGrid(delays=delays).apply(model["true"], dataset.stimuli, noisy)
    fitted = na.RidgeEncoding().fit(design, noisy)
    weights = fitted.coefficients.values.reshape(len(delays), 3, 3)
    return weights[:, [0, 1, 2], [0, 1, 2]].mean(1), response(np.array(delays))


def check_lag(seed):
    curve, true = peaks(seed)
    assert np.corrcoef(curve, true)[0, 1] > 0.9
    assert abs(int(curve.argmax()) - int(true.argmax())) <= 1


@pytest.mark.parametrize("seed", range(2))
def test_delays_draw_the_planted_hemodynamic_response(seed):
    check_lag(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_delays_draw_the_planted_hemodynamic_response_in_twenty_draws(seed):
    """Seconds in all."""
    check_lag(seed)


def test_runs_that_share_a_film_by_a_detour_are_one_group():
    _, dataset = story(subjects=("a",), n_runs=4)
    stimuli = dataset.stimuli.copy()
    late = stimuli["onset"] > 60
    first = stimuli["run"].map({"run0": "A", "run1": "B", "run2": "D", "run3": "E"})
    second = stimuli["run"].map({"run0": "B", "run1": "C", "run2": "D", "run3": "E"})
    table = table_of_rows(stimuli.assign(group=first.where(~late, second)), dataset.recordings)
    groups = table.groupby("run")["group"].agg(set)
    assert groups["run0"] == groups["run1"] == {"A+B+C"}
    assert groups["run2"] == {"D"}
