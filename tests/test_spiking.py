"""Spiking measures of labelled predictions: matching, forms of recordings, and refusals."""

import hashlib

import numpy as np
import oracles_spiking as oracles
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError

STIMULI = [f"s{number:02}" for number in range(20)]


@pytest.fixture
def recording():
    """Count spikes of 6 neurons; 20 stimuli are shown 2 to 5 times, one response is missing."""
    layer = xr.DataArray(
        np.random.default_rng(0).normal(size=(20, 10)), {"stimulus": STIMULI}, ("stimulus", "unit")
    )
    made = na.simulate.spikes(layer, n_neuroids=6, n_repetitions=(2, 5), subject="m1").copy()
    made[4, 0, 2] = np.nan
    return made


@pytest.fixture
def rates(recording):
    return recording.noiseless.reset_coords(drop=True) * 0.8 + 0.3


@pytest.fixture
def null(recording):
    return recording.noiseless.mean("stimulus").reset_coords(drop=True) * 1.1


def measures(rates, recording, null):
    return {
        "bits": na.metrics.bits_per_spike(rates, recording, null=null),
        "psth": na.metrics.psth_r2(rates, recording),
        "feve": na.metrics.feve(rates, recording, fewest=0),
        "cc": na.metrics.cc_norm(rates, recording),
    }


def as_showings(recording, seed=0):
    """Lay repetitions out as single rows in random order."""
    flat = recording.stack(showing=("stimulus", "repetition")).transpose("showing", "neuroid")
    rows = np.random.default_rng(seed).permutation(flat.sizes["showing"])
    return na.make_recording(
        flat.values[rows],
        ("showing", "neuroid"),
        subject="m1",
        units="spikes per bin",
        stimulus=flat["stimulus"].values[rows],
        neuroid=recording["neuroid"].values,
    )


def test_measures_of_labelled_responses_equal_loops(recording, rates, null):
    found = measures(rates, recording, null)
    for place, neuroid in enumerate(recording["neuroid"].values):
        lists = [row[~np.isnan(row)] for row in recording.sel(neuroid=neuroid).values]
        p = rates.sel(neuroid=neuroid).values
        base = np.full(20, float(null[place]))
        assert float(found["bits"][place]) == pytest.approx(oracles.bits(lists, p, base), rel=1e-12)
        assert float(found["psth"][place]) == pytest.approx(oracles.psth_r2(lists, p), rel=1e-12)
        assert float(found["cc"][place]) == pytest.approx(oracles.cc_norm(lists, p), rel=1e-12)
        both = float(found["feve"][place]), float(found["feve"].explainable[place])
        assert both == pytest.approx(oracles.feve(lists, p), rel=1e-12)


def test_predictions_and_nulls_are_matched_by_label(recording, rates, null):
    rng = np.random.default_rng(1)
    moved = rates.isel(stimulus=rng.permutation(20), neuroid=rng.permutation(6)).transpose()
    elsewhere = null.isel(neuroid=rng.permutation(6))
    for name, found in measures(moved, recording, elsewhere).items():
        xr.testing.assert_allclose(found, measures(rates, recording, null)[name], rtol=1e-12)


def test_more_stimuli_and_neuroids_than_were_recorded_may_be_predicted(recording, rates, null):
    part = recording.isel(stimulus=slice(3, 15), neuroid=[1, 4])
    alone = measures(rates.isel(stimulus=slice(3, 15), neuroid=[1, 4]), part, null[[1, 4]])
    for name, found in measures(rates, part, null).items():
        xr.testing.assert_identical(found, alone[name])


def test_showings_in_any_order_score_as_repetitions_do(recording, rates, null):
    showings = measures(rates, as_showings(recording), null)
    for name, found in measures(rates, recording, null).items():
        np.testing.assert_allclose(showings[name].values, found.values, rtol=1e-12)


def test_averages_with_their_counts_give_the_likelihood_of_single_responses(recording, rates, null):
    average = na.average_repetitions(recording)
    assert average.n_repetitions.dims == ("stimulus", "neuroid")
    for one, other in (
        (na.metrics.psth_r2(rates, average), na.metrics.psth_r2(rates, recording)),
        (
            na.metrics.bits_per_spike(rates, average, null=null),
            na.metrics.bits_per_spike(rates, recording, null=null),
        ),
    ):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-12)


def test_each_time_bin_is_scored_by_itself(recording, rates, null):
    bins = xr.concat([recording, recording[::-1].values + recording * 0], "time")
    made = na.make_recording(
        bins.transpose("stimulus", "repetition", "neuroid", "time"),
        ("stimulus", "repetition", "neuroid", "time"),
        subject="m1",
        units="spikes per bin",
        attrs={"time_convention": "bin centers"},
        stimulus=STIMULI,
        neuroid=recording["neuroid"].values,
        time=[0.1, 0.2],
    )
    guess = xr.concat([rates, 2 * rates], xr.Variable("time", [0.1, 0.2]))
    for name, found in measures(guess, made, null).items():
        assert found.dims == ("neuroid", "time")
        for place in range(2):
            alone = measures(guess[place], made.isel(time=place, drop=True), null)[name]
            np.testing.assert_array_equal(found.isel(time=place).values, alone.values)


def test_undefined_times_are_counted_under_the_neuroid_they_belong_to():
    counts = np.ones((3, 2, 2))
    counts[:, 1, 0] = 0  # the second neuroid is silent at the first time
    made = na.make_recording(
        counts,
        ("stimulus", "neuroid", "time"),
        subject="m1",
        units="spikes per bin",
        attrs={"time_convention": "bin centers"},
        stimulus=["a", "b", "c"],
        neuroid=["x", "y"],
        time=[0.1, 0.2],
    )
    found = na.metrics.bits_per_spike(made + 1, made, null=made[0, :, 0] * 0 + 1)
    assert found.attrs["undefined"] == (
        "1 of 4 values are undefined: 1 silent in test (first: 'm1/y')"
    )
    assert np.isnan(found.values).tolist() == [[False, False], [True, False]]


def test_samples_of_a_stream_are_scored_as_stimuli_are(recording, rates, null):
    stream = na.make_recording(
        recording.transpose("repetition", "stimulus", "neuroid").values,
        ("repetition", "sample", "neuroid"),
        subject="m1",
        units="spikes per bin",
        sampling_period=0.5,
        run="film",
        neuroid=recording["neuroid"].values,
    )
    guess = rates.rename(stimulus="sample").assign_coords(sample=stream["sample"].values)
    for name, found in measures(guess, stream, null).items():
        expected = measures(rates, recording, null)[name]
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-12)


def test_null_may_differ_between_rows(recording, rates, null):
    halves = xr.concat(
        [(null * 0.5).expand_dims(stimulus=STIMULI[:8]), null.expand_dims(stimulus=STIMULI[8:])],
        "stimulus",
    )
    found = na.metrics.bits_per_spike(rates, recording, null=halves)
    for place, neuroid in enumerate(recording["neuroid"].values):
        lists = [row[~np.isnan(row)] for row in recording.sel(neuroid=neuroid).values]
        expected = oracles.bits(lists, rates[:, place].values, halves[:, place].values)
        assert float(found[place]) == pytest.approx(expected, rel=1e-12)


def test_null_of_the_evaluated_counts_must_be_named_and_gives_their_mean_zero_bits(recording):
    mean = recording.mean(["stimulus", "repetition"])
    constant = mean.expand_dims(stimulus=STIMULI)
    found = na.metrics.bits_per_spike(constant, recording, null="evaluation")
    np.testing.assert_allclose(found.values, 0, atol=1e-15)
    assert found.attrs["null"] == "mean of the evaluated counts"
    with pytest.raises(UnknownNameError, match=r"^No null is called 'test'\. Known: 'evaluation'"):
        na.metrics.bits_per_spike(constant, recording, null="test")


def test_inputs_are_not_changed(recording, rates, null):
    recording[:, :, 0] = recording[:, :, 0] * 0  # silent
    rates[:, 1] = 0

    def fingerprint():
        parts = (recording.values, rates.values, null.values)
        return [hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest() for part in parts]

    before = fingerprint()
    measures(rates, recording, null)
    na.metrics.signal_power(recording)
    assert fingerprint() == before


def test_undefined_values_carry_their_reason_and_are_counted(recording, rates, null):
    recording[:, :, 0] = recording[:, :, 0] * 0
    null[2], rates[:, 3] = 0, 0
    found = na.metrics.bits_per_spike(rates, recording, null=null)
    assert np.isnan(found.values).tolist() == [True, False, True, True, False, False]
    names = found.undefined.attrs["flag_meanings"].split()
    assert [names[flag] for flag in found.undefined.values] == [
        "silent_in_test",
        "defined",
        "silent_in_training",
        "zero_rate_with_spikes",
        "defined",
        "defined",
    ]
    assert found.attrs["undefined"] == (
        "3 of 6 values are undefined: 1 silent in test (first: 'm1/000'), 1 silent in training "
        "(first: 'm1/002'), 1 zero rate with spikes (first: 'm1/003')"
    )


def test_neuroids_that_vary_too_little_by_the_stimulus_have_no_feve(recording, rates):
    found = na.metrics.feve(rates, recording, fewest=0.5)
    assert np.array_equal(np.isnan(found.values), found.explainable.values < 0.5)
    assert 0 < np.isnan(found.values).sum() < 6


def test_single_showings_allow_no_measure_that_needs_repetitions(recording, rates):
    once = recording.isel(repetition=0)
    for found in (
        na.metrics.feve(rates, once),
        na.metrics.cc_norm(rates, once),
        na.metrics.signal_power(once),
    ):
        assert "6 no repetitions" in found.attrs["undefined"]
    assert na.metrics.psth_r2(rates, once).notnull().all()


@pytest.mark.parametrize("seed", range(2))
def test_noiseless_response_of_simulated_neurons_reaches_one(seed):
    layer = xr.DataArray(
        np.random.default_rng(seed).normal(size=(150, 60)),
        {"stimulus": [f"s{number:03}" for number in range(150)]},
        ("stimulus", "unit"),
    )
    counts = na.simulate.spikes(layer, n_neuroids=300, n_repetitions=(3, 8), seed=seed)
    feve, cc = (f(counts.noiseless, counts) for f in (na.metrics.feve, na.metrics.cc_norm))
    assert float(feve.median()) == pytest.approx(1, abs=0.03)
    assert float(cc.median()) == pytest.approx(1, abs=0.03)


def test_infinite_rates_are_refused(recording, rates, null):
    broken = rates.where((rates.neuroid != "m1/005") | (rates.stimulus != "s03"), np.inf)
    with pytest.raises(DataError, match=r"^1 of 120 predicted rates are negative or infinite"):
        na.metrics.bits_per_spike(broken, recording, null=null)


def refusals(recording, rates, null):
    """Yield (message, call) pairs."""
    metrics = na.metrics
    average = na.average_repetitions(recording)
    yield (
        "1 of 120 predicted rates are negative or infinite (first: 'm1/005'); bits per spike "
        "needs rates of 0 or more, which ridge does not give; use "
        "MappingEncoding(neuroalign.mappings.Poisson()), or psth_r2, feve and cc_norm.",
        lambda: metrics.bits_per_spike(
            rates.where((rates.neuroid != "m1/005") | (rates.stimulus != "s03"), -1e-9),
            recording,
            null=null,
        ),
    )
    yield (
        "20 of 120 responses are negative (first: 'm1/001'); bits per spike needs spike counts, "
        "which are neither z-scored nor baseline-corrected.",
        lambda: metrics.bits_per_spike(
            rates, average.where(average.neuroid != "m1/001", -1.0), null=null
        ),
    )
    yield (
        "20 of 120 rates of the null are negative or missing (first: 'm1/002'); give the mean "
        "count of each neuroid in the training data.",
        lambda: metrics.bits_per_spike(rates, recording, null=null.where(null.neuroid != "m1/002")),
    )
    yield (
        "null=2.5 is no DataArray (neuroid,); give the mean count in the training data, as in "
        "na.average_repetitions(training).mean('stimulus').",
        lambda: metrics.bits_per_spike(rates, recording, null=2.5),
    )
    yield (
        "4 of 20 stimuli of the recording are missing from the prediction "
        "(first: 's00', 's01', 's02').",
        lambda: metrics.psth_r2(rates[4:], recording),
    )
    yield (
        "1 of 6 neuroids of the recording are missing from the null (first: 'm1/000').",
        lambda: metrics.bits_per_spike(rates, recording, null=null[1:]),
    )
    yield (
        "The prediction has 1 stimuli more than once (first: 's02').",
        lambda: metrics.cc_norm(rates[[*range(20), 2]], recording),
    )
    yield (
        "The prediction carries no neuroid labels, by which it is matched with the recording.",
        lambda: metrics.feve(rates.drop_vars("neuroid"), recording),
    )
    yield (
        "The prediction has the dimensions (neuroid), but a DataArray (stimulus, neuroid) is "
        "needed.",
        lambda: metrics.feve(rates[0], recording),
    )
    yield (
        "The prediction is a ndarray, but a DataArray (stimulus, neuroid) is needed.",
        lambda: metrics.feve(rates.values, recording),
    )
    yield (
        "20 of 120 predictions are infinite; they must be numbers.",
        lambda: metrics.cc_norm(rates.where(rates.neuroid != "m1/001", np.inf), recording),
    )
    yield (
        "feve needs single responses, but these are averages over repetitions; give the "
        "recording as it was before average_repetitions.",
        lambda: metrics.feve(rates, average),
    )
    yield (
        "fewest=1.5 is not a share of variance of 0 or more, and below 1.",
        lambda: metrics.feve(rates, recording, fewest=1.5),
    )
    yield (
        "A dict is not a recording; give that of one subject, as make_recording does.",
        lambda: metrics.signal_power({}),
    )


@pytest.mark.parametrize("number", range(14))
def test_refusals_say_what_is_needed(recording, rates, null, number):
    message, call = list(refusals(recording, rates, null))[number]
    with pytest.raises((DataError, UnknownNameError)) as caught:
        call()
    assert str(caught.value) == message


def test_every_refusal_is_tested(recording, rates, null):
    assert len(list(refusals(recording, rates, null))) == 14
