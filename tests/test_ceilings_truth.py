"""Planted truth: the noiseless response, unfitted, reaches ceilings that estimate the noise."""

import functools

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from ceiling_cases import noiseless_scores
from oracles_ceilings import leveling_off

import neuroalign as na
from neuroalign.ceilings import (
    cc_max,
    explainable_variance,
    inter_subject,
    inter_subject_extrapolated,
    inter_subject_regression,
    mean_over_folds,
    median_share,
    ncsnr,
    normalize_by_ceiling,
    oracle_conservative,
    oracle_jackknife,
    signal_power,
    split_half,
)
from neuroalign.ceilings.rows import lay_out
from neuroalign.numerics.moments import block_moments, correlation

KINDS = ("spikes", "fmri", "seeg")
ESTIMATES = ("split_half", "thirds", "anova", "signal_power", "cc_max", "ncsnr")
N_STIMULI, N_FOLDS, N_SEEDS, LOWEST = 300, 10, 20, 0.2


def layer_of(seed, n_stimuli=N_STIMULI):
    labels = [f"s{k:04}" for k in range(n_stimuli)]
    units = np.random.default_rng([seed, 99]).normal(size=(n_stimuli, 60))
    return xr.DataArray(units, {"stimulus": labels}, ("stimulus", "unit"))


def recordings_of(kind, seed, **options):
    layer = layer_of(seed)
    if kind == "spikes":
        own = na.simulate.spikes(layer, n_neuroids=340, n_repetitions=(2, 6), seed=seed)
    elif kind == "seeg":
        times = tuple(np.arange(0, 0.5, 0.1))
        own = na.simulate.seeg(
            {"vision": layer}, n_sites=190, n_repetitions=4, times=times, snr=(0.2, 2.0), seed=seed
        )
    else:
        return na.simulate.fmri(
            layer, shape=(8, 8, 5), n_repetitions=3, n_sessions=3, snr=(0.1, 1.0), seed=seed,
            **options,
        )  # fmt: skip
    return {"simulated": own}


def noiseless_of(recording):
    """Return the planted response to each stimulus, once."""
    planted = recording["noiseless"]
    if "showing" not in planted.dims:
        return planted
    first = np.unique(planted["stimulus"].values, return_index=True)[1]
    planted = planted.isel(showing=first)
    return planted.assign_coords(showing=planted["stimulus"].values).drop_vars("stimulus").rename(
        showing="stimulus"
    )  # fmt: skip


@functools.cache
def case(kind, seed):
    """Return the recording, splits, scores of the noiseless response, and who is strong enough."""
    recordings = recordings_of(kind, seed)
    splits = na.KFold(N_FOLDS).split(pd.DataFrame(index=layer_of(seed)["stimulus"].values), seed)
    ((subject, recording),) = recordings.items()
    noiseless = noiseless_of(recording)
    scores = noiseless_scores(recordings, splits, {subject: noiseless}, seed=seed)
    strong = recording["true_ceiling"] >= LOWEST
    return recording, splits, scores, strong.transpose(*scores["r"].dims[2:]).values, noiseless


def normalized_median(kind, seed, name):
    """Take the median of the normalized score over neuroids (and times) that are strong."""
    recording, splits, scores, strong, _ = case(kind, seed)
    parts = splits.fold_of()
    ceiling = {
        "split_half": lambda: "split_half",
        "thirds": lambda: split_half(recording, n_parts=3, n_splits=20, parts=parts),
        "anova": lambda: "anova",
        "signal_power": lambda: signal_power(recording, parts=parts),
        "cc_max": lambda: cc_max(recording, parts=parts),
        "ncsnr": lambda: ncsnr(recording, by="session" if kind == "fmri" else None),
    }[name]()
    form = "r/ceiling" if name == "cc_max" else "r/sqrt(ceiling)"
    share = normalize_by_ceiling(scores, form=form, ceiling=ceiling)[0].where(strong)
    assert strong.sum() >= 300
    return median_share(share, mean_over_folds(scores)[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ESTIMATES)
def test_the_noiseless_response_normalizes_to_one(kind, name):
    assert normalized_median(kind, 0, name) == pytest.approx(1, abs=0.02)


def single_correlations(kind, seed):
    """Correlate the noiseless response with single responses, within folds."""
    recording, splits, _, strong, noiseless = case(kind, seed)
    rows = lay_out(recording, splits.fold_of(), None)
    shown = noiseless.transpose("stimulus", ...).sel(stimulus=rows.divided.labels[rows.codes])
    p, fold = shown.values.reshape(rows.values.shape), rows.divided.blocks.part_of_row[rows.codes]
    center = rows.values.mean(0)
    sums = block_moments(rows.values - center, p - center, fold, N_FOLDS)
    r, _ = correlation(sums, np.broadcast_to(rows.values.std(0), sums.shape[:-1]))
    options = {"parts": splits.fold_of()}
    return np.average(r, axis=0, weights=sums[:, 0, 0]), recording, options, strong.ravel()


@pytest.mark.parametrize("kind", KINDS)
def test_single_responses_have_a_ceiling_and_bounds_of_their_own(kind):
    r, recording, options, strong = single_correlations(kind, 0)
    share = explainable_variance(recording, **options).values.values.ravel()
    assert np.median(r[strong] / np.sqrt(share[strong])) == pytest.approx(1, abs=0.02)
    low = oracle_jackknife(recording, **options).values.values.ravel()
    high = oracle_conservative(recording, **options).values.values.ravel()
    assert (low < r)[strong].mean() > 0.95
    assert (high > r)[strong].mean() > 0.95


@functools.cache
def shared_case(seed, n_subjects=5):
    """Simulate people who share their whole signal; return r of it within folds, too."""
    recordings = recordings_of("fmri", seed, n_subjects=n_subjects, shared=1.0)
    splits = na.KFold(N_FOLDS).split(pd.DataFrame(index=layer_of(seed)["stimulus"].values), seed)
    noiseless = {name: noiseless_of(recording) for name, recording in recordings.items()}
    return recordings, splits, noiseless_scores(recordings, splits, noiseless)


def test_inter_subject_ceilings_bracket_the_noise_and_reach_it_beyond_all_subjects():
    recordings, splits, scores = shared_case(0)
    r, parts = mean_over_folds(scores)[0], splits.fold_of()
    assert float((r / inter_subject(recordings, parts=parts).values).median()) > 1.05
    further = inter_subject_extrapolated(recordings, parts=parts)
    share = normalize_by_ceiling(scores, form="r/ceiling", ceiling=further)[0]
    assert median_share(share, r) == pytest.approx(1, abs=0.02)
    some = {name: own.isel(neuroid=slice(0, 60)) for name, own in recordings.items()}
    mapped = inter_subject_regression(some, splits).values
    assert float((r.sel(neuroid=mapped["neuroid"]) / mapped).median()) > 1.05


@pytest.mark.parametrize("n_subjects", [4, 8, 20])
def test_a_curve_that_levels_off_exponentially_falls_short_of_the_truth(n_subjects):
    rng = np.random.default_rng(n_subjects)
    signal = rng.normal(size=(300, 60))
    values = signal + rng.normal(size=(n_subjects, 300, 60))
    recordings = {
        f"m{number}": na.make_recording(
            own, ("stimulus", "neuroid"), subject=f"m{number}", units="z",
            stimulus=layer_of(0)["stimulus"].values, neuroid=range(60),
        )
        for number, own in enumerate(values)
    }  # fmt: skip
    ours = float(inter_subject_extrapolated(recordings).values[:60].median())
    theirs = np.median([leveling_off(values[:, :, neuroid], 0) for neuroid in range(60)])
    assert ours == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert theirs < np.sqrt(0.5) - 0.025


def test_a_model_that_predicts_the_opposite_stays_negative():
    for form in ("r/sqrt(ceiling)", "r^2/ceiling"):
        _, _, scores, _, _ = case("spikes", 0)
        opposite = scores.assign(r=0 * scores["r"] - 0.3)
        assert (normalize_by_ceiling(opposite, form=form) < 0).all()


def test_dividing_by_a_share_or_by_ncsnr_itself_makes_a_perfect_model_better_than_perfect():
    r, share, ratio = peers_case()
    assert np.median(r / share) == pytest.approx(1.30, abs=0.03)
    assert np.median((r / share) ** 2) == pytest.approx(1.69, abs=0.06)
    assert np.median(r / ratio) == pytest.approx(1.28, abs=0.03)
    assert np.median(r / np.sqrt(share)) == pytest.approx(1.0, abs=0.01)


def peers_case():
    """Simulate 500 stimuli, 4 repetitions and neurons whose averages have .59 signal."""
    rng = np.random.default_rng(0)
    labels = [f"s{k:03}" for k in range(500)]
    signal = rng.normal(size=(500, 400))
    noise = 2 * np.sqrt(1 / 0.59 - 1) * rng.normal(size=(500, 4, 400))
    recording = na.make_recording(
        signal[:, None] + noise, ("stimulus", "repetition", "neuroid"), subject="m", units="z",
        stimulus=labels, neuroid=range(400),
    )  # fmt: skip
    average = recording.values.mean(1)
    r = np.array([np.corrcoef(*pair)[0, 1] for pair in zip(signal.T, average.T, strict=True)])
    share = split_half(recording, n_splits=20).values.values
    published = ncsnr(recording).values.values
    return r, share, np.sqrt(published / (1 - published) / 4)


@pytest.mark.slow  # 1 minute
@pytest.mark.parametrize("kind", KINDS)
def test_the_noiseless_response_normalizes_to_one_in_twenty_draws(kind):
    for name in ESTIMATES:
        medians = [normalized_median(kind, seed, name) for seed in range(N_SEEDS)]
        low, middle, high = np.min(medians), np.mean(medians), np.max(medians)
        print(f"| {kind} | {name} | {middle:.3f} | {low:.3f} to {high:.3f} |")
        assert abs(np.array(medians) - 1).max() < 0.02
    case.cache_clear()


@pytest.mark.slow  # 1 minute
def test_extrapolation_normalizes_the_noiseless_response_to_one_in_twenty_draws():
    medians = []
    for seed in range(N_SEEDS):
        recordings, splits, scores = shared_case(seed)
        ceiling = inter_subject_extrapolated(recordings, parts=splits.fold_of())
        share = normalize_by_ceiling(scores, form="r/ceiling", ceiling=ceiling)[0]
        medians.append(median_share(share, mean_over_folds(scores)[0]))
        shared_case.cache_clear()
    print(
        f"| fmri | inter_subject_extrapolated | {np.mean(medians):.3f} | {np.min(medians):.3f} to "
        f"{np.max(medians):.3f} |"
    )
    assert abs(np.array(medians) - 1).max() < 0.02
