"""Simulated intracranial sites: kinds, lags and noise are what they are said to be."""

import numpy as np
import pandas as pd
import pytest
from simulate_cases import (
    agrees,
    correlations,
    estimated_share,
    layer_of,
    mean_r,
    noise_over_truth,
    shuffled,
)

import neuroalign as na

KINDS = ["noise", "vision", "language", "additive", "integration"]


def spaces_of(n_stimuli=200, n_units=8):
    return {
        "vision": layer_of(n_stimuli, n_units),
        "language": layer_of(n_stimuli, n_units + 2, seed=1),
    }


def peaks_of(recording):
    """Return the noiseless response at the peak of each site, (stimulus, neuroid)."""
    noiseless = recording["noiseless"].values
    best = recording["true_ceiling"].values.argmax(1)
    return noiseless[:, np.arange(len(best)), best]


def explained(layer, responses):
    """Return the share of the variance of each column that least squares explains."""
    design = np.column_stack([np.ones(len(layer)), layer])
    rest = responses - design @ np.linalg.lstsq(design, responses, rcond=None)[0]
    return 1 - rest.var(0) / responses.var(0)


def test_sites_are_explained_by_the_spaces_of_their_kind():
    spaces = spaces_of(400)
    recording = na.simulate.seeg(spaces, n_sites=20)
    layer = na.simulate.multimodal_layer(spaces)
    vision, language = (space.values for space in spaces.values())
    both = np.column_stack([vision, language])
    peaks, kind = peaks_of(recording), recording["kind"].values
    shares = {
        name: {
            planted: float(np.mean(explained(design, peaks[:, kind == planted])))
            for planted in KINDS[1:]
        }
        for name, design in (
            ("vision", vision), ("language", language), ("both", both), ("all", layer.values)
        )
    }  # fmt: skip
    assert all(shares["all"][planted] == pytest.approx(1) for planted in KINDS[1:])
    assert all(shares["both"][planted] == pytest.approx(1) for planted in KINDS[1:4])
    # By chance, 18 units explain .045 of the products, and 8 units .02 of what is not theirs.
    assert shares["both"]["integration"] == pytest.approx(0.5, abs=0.04)
    assert shares["vision"]["vision"] == pytest.approx(1)
    assert shares["vision"]["language"] < 0.05
    assert shares["language"]["vision"] < 0.05
    assert shares["vision"]["additive"] == pytest.approx(0.5, abs=0.1)


def test_noise_sites_have_no_signal():
    recording = na.simulate.seeg(spaces_of(), n_sites=3)
    silent = recording.isel(neuroid=recording["kind"].values == "noise")
    assert (silent["noiseless"] == 0).all()
    assert (silent["true_ceiling"] == 0).all()


def test_products_have_the_share_asked_for():
    spaces = spaces_of(1000, 4)
    recording = na.simulate.seeg(spaces, n_repetitions=1, integration=0.2, n_sites=5)
    both = np.column_stack([space.values for space in spaces.values()])
    planted = peaks_of(recording)[:, recording["kind"].values == "integration"]
    np.testing.assert_allclose(explained(both, planted), 0.8, atol=0.02)


def test_only_the_layer_with_products_predicts_integration_sites_best():
    spaces = spaces_of(300, 5)
    recording = na.simulate.seeg(spaces, n_sites=4, n_repetitions=3, snr=2.0)
    layer = na.simulate.multimodal_layer(spaces)
    layers = {"all": layer, "sum": layer.isel(unit=layer["part"].values != "products")}
    dataset = na.BrainDataset(
        {"simulated": recording.sel(time=[0.25])},
        pd.DataFrame(index=layer["stimulus"].values),
    )
    scores = na.score(layers, dataset, progress=False)
    means = mean_r(scores).isel(time=0).groupby("kind").mean()
    gain = means.sel(layer="all") - means.sel(layer="sum")
    assert float(gain.sel(kind="integration")) > 0.15
    assert float(gain.sel(kind="additive")) < 0.02


def test_each_kind_has_as_many_sites_as_asked_for():
    recording = na.simulate.seeg(spaces_of(), n_sites=2)
    assert recording["kind"].values.tolist() == list(np.repeat(KINDS, 2))
    assert recording["neuroid"].values[:3].tolist() == [
        "simulated/noise-000", "simulated/noise-001", "simulated/vision-000",
    ]  # fmt: skip


def test_one_space_gives_sites_of_noise_and_its_own():
    recording = na.simulate.seeg({"sound": layer_of(50, 5)}, n_sites=2)
    assert recording["kind"].values.tolist() == ["noise", "noise", "sound", "sound"]


def test_responses_begin_after_the_lag_of_the_site_and_peak_in_the_middle():
    times = np.round(np.arange(-0.2, 0.8, 0.005), 3)
    recording = na.simulate.seeg(
        spaces_of(50), n_sites=3, n_repetitions=1, times=times, lag=(0.0, 0.3), snr=(0.1, 1.0)
    )
    for site in range(3, 15):
        size = recording["noiseless"].isel(neuroid=site).std("stimulus").values
        lag = float(recording["lag"][site])
        assert times[size > 0].min() == pytest.approx(lag, abs=0.006)
        assert times[size > 0].max() == pytest.approx(lag + 0.3, abs=0.006)
        assert times[size.argmax()] == pytest.approx(lag + 0.15, abs=0.004)
        np.testing.assert_allclose(
            (size / size.max())[size > 0],
            0.5 - 0.5 * np.cos(2 * np.pi * (times[size > 0] - lag) / 0.3),
            atol=0.001,
        )
    assert np.ptp(recording["lag"].values) > 0.15


def test_signal_at_the_peak_has_the_variance_asked_for():
    times = np.arange(0, 0.4, 0.025)
    recording = na.simulate.seeg(spaces_of(), lag=(0.05, 0.05), times=times, snr=0.25)
    peaks = peaks_of(recording)[:, recording["kind"].values != "noise"]
    np.testing.assert_allclose(peaks.var(0, ddof=1), 0.25)


@pytest.mark.parametrize(
    "options",
    [
        {"n_repetitions": (1, 4)},
        {"trial_correlation": 0.6, "exponent": 0.0},
        {"exponent": 2.0},
    ],
    ids=str,
)
def test_the_true_ceiling_says_how_much_noise_is_left_in_averages(options):
    spaces = spaces_of(100, 4)
    ratios = [
        noise_over_truth(na.simulate.seeg(spaces, n_sites=8, seed=seed, **options)).mean()
        for seed in range(40)
    ]
    assert agrees(ratios, 0.03)


def test_the_true_ceiling_agrees_with_the_estimated_one():
    spaces, differences = spaces_of(200), []
    for seed in range(10):
        recording = na.simulate.seeg(spaces, n_repetitions=(2, 4), snr=1.0, n_sites=4, seed=seed)
        true = recording["true_ceiling"].values
        differences.append((estimated_share(recording) - true)[true > 0.2].mean())
    assert abs(np.mean(differences)) < 0.01


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_the_spectrum_of_noise_falls_with_frequency(exponent):
    times = np.arange(256) / 200
    recording = na.simulate.seeg(
        {"sound": layer_of(100, 3)}, n_sites=5, n_repetitions=2, times=times, exponent=exponent
    )
    noise = recording.values - recording["noiseless"].values[:, None]
    power = (np.abs(np.fft.rfft(noise * np.hanning(256))) ** 2).mean((0, 1, 2))
    slope = np.polyfit(np.log(np.arange(4, 100)), np.log(power[4:100]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.05)


def test_noise_is_independent_between_repetitions_and_sites():
    recording = na.simulate.seeg(spaces_of(), n_sites=4, n_repetitions=2)
    noise = recording.values - recording["noiseless"].values[:, None]
    first, second = noise[:, 0].reshape(-1, 20), noise[:, 1].reshape(-1, 20)
    assert np.abs(correlations(first, second)).mean() < 0.03
    assert np.abs(correlations(noise[:, 0, :-1, 5], noise[:, 0, 1:, 5])).mean() < 0.1


def test_noise_correlates_from_trial_to_trial_within_a_repetition():
    recording = na.simulate.seeg(
        spaces_of(300), n_sites=6, n_repetitions=(1, 2), trial_correlation=0.6
    )
    noise = recording.values - recording["noiseless"].values[:, None]
    for repetition in range(2):
        place = recording["trial"].values[:, repetition]
        shown = np.argsort(place)[: np.isfinite(place).sum()]
        assert sorted(place[shown]) == list(range(len(shown)))
        run = noise[shown, repetition]
        for distance in (1, 2):
            product = (run[distance:] * run[:-distance]).mean() / (run**2).mean()
            assert product == pytest.approx(0.6**distance, abs=0.05)


def test_stimuli_met_once_have_no_repetition_axis():
    recording = na.simulate.seeg(spaces_of(), n_repetitions=1)
    assert recording.dims == ("stimulus", "neuroid", "time")
    assert recording["trial"].dims == ("stimulus",)


def test_missing_repetitions_come_last():
    recording = na.simulate.seeg(spaces_of(), n_repetitions=(2, 5))
    present = np.isfinite(recording.values)
    assert (present == present[:, :, :1, :1]).all()
    counts = present[:, :, 0, 0].sum(1)
    assert set(counts) == {2, 3, 4, 5}
    assert (np.diff(present[:, :, 0, 0].astype(int), axis=1) <= 0).all()


def test_a_seed_gives_the_same_sites_again_and_another_gives_others():
    spaces = spaces_of(50)
    assert na.simulate.seeg(spaces, seed=3).identical(na.simulate.seeg(spaces, seed=3))
    one, other = (peaks_of(na.simulate.seeg(spaces, seed=seed))[:, 10:] for seed in (3, 4))
    assert np.abs(correlations(one, other)).mean() < 0.5


def test_sites_do_not_depend_on_the_order_of_the_stimuli():
    spaces = spaces_of(50)
    upset = {"vision": shuffled(spaces["vision"]), "language": spaces["language"]}
    assert na.simulate.seeg(upset).identical(na.simulate.seeg(spaces))
    layer = na.simulate.multimodal_layer(spaces)
    assert na.simulate.multimodal_layer(upset).identical(layer)


def test_the_multimodal_layer_holds_both_spaces_and_products_by_place():
    spaces = spaces_of(50, 3)
    layer = na.simulate.multimodal_layer(spaces)
    assert layer["part"].values.tolist() == ["vision"] * 3 + ["language"] * 5 + ["products"] * 3
    vision, language = (
        (space.values - space.values.mean(0)) / space.values.std(0, ddof=1)
        for space in spaces.values()
    )
    np.testing.assert_allclose(layer.values[:, :3], vision)
    np.testing.assert_allclose(layer.values[:, 8:], vision * language[:, :3])
