"""Line noise taken out, and the amplitude of high gamma: sines of known size, runs apart."""

import mne
import numpy as np
import pytest
from scipy import signal
from voltage_streams import in_file, sine, stream_of

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError
from neuroalign.numerics import band_amplitude
from neuroalign.readers import high_gamma, remove_line_noise, voltages
from neuroalign.readers.stream_parts import Stretch

INSIDE = slice(400, -400)  # of a run at 1 kHz: what filters of 2 Hz do to its edges is over


@pytest.mark.parametrize("phase", [0, 0.7, 1.5])
def test_the_line_and_its_multiples_leave_nothing_even_at_the_edges(phase):
    line = sine(60, 4, amplitude=50, phase=phase) + sine(180, 4, amplitude=20, phase=2 * phase)
    left = remove_line_noise(stream_of({"a": line}), 60)
    assert np.abs(left.values).max() < 0.01


@pytest.mark.parametrize("frequency", [3, 10, 55, 65, 90, 110, 150, 330])
def test_other_frequencies_pass_in_place_and_whole_but_for_the_flanks_of_notches(frequency):
    wave = sine(frequency, 4, amplitude=10, phase=0.3)
    left = remove_line_noise(stream_of({"a": wave}), 60)
    away = np.abs(frequency - 60 * np.arange(1, 9))
    gain = np.prod(away**2 / (away**2 + 1))  # of notches 2 Hz wide, there and back
    assert gain > 0.95
    assert np.abs(left.values - gain * wave)[INSIDE].max() < 0.1


@pytest.mark.parametrize(("offset", "share"), [(0.0, 0.0), (1.0, 0.5), (-1.0, 0.5)])
def test_half_of_the_amplitude_is_left_half_a_width_from_the_line(offset, share):
    left = remove_line_noise(stream_of({"a": sine(60 + offset, 8)}), 60, width=2, harmonics=1)
    middle = left.values[2000:-2000]
    assert middle.std() * np.sqrt(2) == pytest.approx(share, abs=0.02)


def test_a_notch_equals_that_of_scipy_in_the_middle_of_a_run(rng):
    noise = rng.normal(size=(6000, 2))
    left = remove_line_noise(stream_of({"a": noise}), 50, width=2, harmonics=2)
    expected = noise
    for center in (50, 100):
        taps = signal.iirnotch(center, center / 2, fs=1000)
        expected = signal.filtfilt(*taps, expected, axis=0)
    np.testing.assert_allclose(left.values[2000:-2000], expected[2000:-2000], atol=1e-4)


def test_only_as_many_multiples_as_are_asked_for_are_taken_out():
    line = sine(60, 4) + sine(120, 4)
    left = remove_line_noise(stream_of({"a": line}), 60, harmonics=1)
    assert np.abs(left.values - sine(120, 4))[INSIDE].max() < 0.02


@pytest.mark.parametrize(("n", "order"), [(6000, 4), (6001, 2), (6007, 4)])
def test_the_amplitude_is_that_of_the_analytic_signal_of_scipy(rng, n, order):
    noise = rng.normal(size=(n, 2))
    sections = signal.butter(order, [70, 150], "bandpass", fs=1000, output="sos")
    expected = np.abs(signal.hilbert(signal.sosfiltfilt(sections, noise, axis=0), axis=0))
    found = band_amplitude.amplitude(noise, 1000, low=70, high=150, order=order)
    np.testing.assert_allclose(found[INSIDE], expected[INSIDE], atol=5e-3)  # ends reach far
    assert found.shape == noise.shape


@pytest.mark.parametrize(("low", "high", "order"), [(70, 150, 4), (1, 2, 1), (100, 499, 3)])
def test_the_gain_is_that_of_the_filter_of_scipy_squared(low, high, order):
    sections = signal.butter(order, [low, high], "bandpass", fs=1000, output="sos")
    at = np.linspace(0, 500, 2001)
    gain = band_amplitude._butterworth(at / 1000, low / 1000, high / 1000, order)
    expected = np.abs(signal.sosfreqz(sections, at, fs=1000)[1]) ** 2
    np.testing.assert_allclose(gain, expected, atol=1e-9)


@pytest.mark.parametrize("frequency", [90, 105, 120])
def test_a_sine_in_the_band_gives_its_amplitude(frequency):
    found = high_gamma(stream_of({"a": sine(frequency, 4, amplitude=7, phase=1)}), rate=100)
    assert found.sizes["sample"] == 400
    np.testing.assert_allclose(found.values[10:-10], 7, rtol=0.02)


@pytest.mark.parametrize(("frequency", "share"), [(70, 0.5), (150, 0.5), (20, 0.0), (300, 0.0)])
def test_half_of_the_amplitude_is_left_at_the_edges_of_the_band(frequency, share):
    found = high_gamma(stream_of({"a": sine(frequency, 4, amplitude=10)}), rate=100)
    np.testing.assert_allclose(found.values[20:-20], 10 * share, atol=0.2)


def test_the_amplitude_equals_that_of_mne_in_the_middle_of_a_run(rng):
    noise = rng.normal(size=(4000, 3))
    found = high_gamma(stream_of({"a": noise}), 70, 150, rate=None)
    filtered = mne.filter.filter_data(
        noise.T, 1000.0, 70, 150, method="iir", verbose="error",
        iir_params={"order": 4, "ftype": "butter", "output": "sos"},
    )  # fmt: skip
    expected = np.abs(signal.hilbert(filtered)).T
    np.testing.assert_allclose(found.values[500:-500], expected[500:-500], atol=0.01)


def test_a_burst_is_found_when_it_was_and_as_large_as_it_was():
    time = np.arange(6000) / 1000
    window = np.exp(-0.5 * ((time - 3.2) / 0.1) ** 2)
    found = high_gamma(stream_of({"a": sine(110, 6, amplitude=12) * window[:, None]}), rate=100)
    peak = int(np.argmax(found.values))
    assert float(found["onset"][peak]) == pytest.approx(3.2, abs=0.011)
    assert float(found.max()) == pytest.approx(12, rel=0.03)
    assert float(found.values[:200].max()) < 0.05


def test_runs_do_not_leak_into_each_other(rng):
    quiet, loud = np.zeros((3000, 2)), rng.normal(0, 100, (3000, 2))
    for process in (remove_line_noise, high_gamma):
        joined = process(stream_of({"a": quiet, "b": loud, "c": quiet}))
        alone = process(stream_of({"b": loud}))
        runs = joined["run"].values
        assert np.abs(joined.values[runs != "b"]).max() == 0
        np.testing.assert_array_equal(joined.values[runs == "b"], alone.values)


@pytest.mark.parametrize("rate", [2048.0, 1019.0, 512.0])
def test_intervals_of_an_hour_do_not_drift(rate):
    count = int(3600 * rate)
    edges = voltages._edges(Stretch("a", 0, count, 7.0), 1 / rate, 40.0)
    assert len(edges) == 3600 * 40 + 1
    np.testing.assert_allclose(edges / rate, np.arange(3600 * 40 + 1) / 40, atol=1e-9)


@pytest.mark.parametrize("rate", [2048.0, 1019.0])
def test_the_mean_of_the_onsets_of_an_interval_is_its_middle(rate):
    onsets = np.arange(int(60 * rate))[:, None] / rate
    edges = voltages._edges(Stretch("a", 0, len(onsets), 0.0), 1 / rate, 40.0)
    middles = (np.arange(60 * 40) + 0.5) / 40 - 0.5 / rate
    found = band_amplitude.interval_means(onsets, edges)
    assert np.abs(found[:, 0] - middles).max() < 0.02 / rate


def test_samples_of_the_result_begin_with_those_of_the_run():
    runs = {"a": np.zeros((2048, 1)), "b": np.zeros((1500, 1))}
    found = high_gamma(stream_of(runs, rate=1024.0, onset=3.0), rate=30)
    counts = [60, 43]  # 2 s and 1.46 s
    assert found["run"].values.tolist() == ["a"] * 60 + ["b"] * 43
    expected = np.concatenate([3 + np.arange(count) / 30 for count in counts])
    np.testing.assert_allclose(found["onset"].values, expected, atol=1e-12)
    assert found.attrs["sampling_period"] == pytest.approx(1 / 30)
    assert found.attrs["band"] == "70 to 150 Hz"


def test_intervals_weigh_samples_by_what_lies_in_them():
    values = np.array([[4.0], [8.0], [1.0], [5.0]])
    means = band_amplitude.interval_means(values, np.array([0, 1.5, 3.0]))
    np.testing.assert_allclose(means[:, 0], [(4 + 4) / 1.5, (4 + 1) / 1.5])


def test_bands_of_a_mean_weigh_alike_whatever_their_power():
    """A faint high band changes the mean as much as a strong low one."""
    time = np.arange(8000) / 1000
    low = sine(80, 8, amplitude=100) * (1 + 0.5 * (time > 4))[:, None]
    high = sine(140, 8, amplitude=1) * (1 + 0.5 * (time <= 4))[:, None]
    found = high_gamma(stream_of({"a": low + high}), 70, 150, rate=10, n_bands=2)
    assert found.attrs["units"] == "percent of the mean amplitude"
    np.testing.assert_allclose(found.values[5:35], 100, atol=2)
    np.testing.assert_allclose(found.values[45:75], 100, atol=2)
    assert float(found.mean()) == pytest.approx(100, abs=0.5)


def test_a_stream_in_its_file_gives_the_same_block_by_block(rng, monkeypatch):
    runs = {"a": rng.normal(size=(2500, 5)), "b": rng.normal(size=(2200, 5))}
    stream, reads = stream_of(runs), []
    monkeypatch.setattr("neuroalign.readers.stream_parts.BLOCK", 2 * 2500)
    clean = remove_line_noise(in_file(stream, reads))
    assert not in_memory(clean)
    assert not reads
    whole = remove_line_noise(stream)
    np.testing.assert_allclose(clean.values, whole.values, atol=1e-12)
    assert max(shape[1] for shape in reads) == 2
    part = clean.isel(sample=[2600, 5], neuroid=[4, 0])
    np.testing.assert_allclose(part, whole.values[[2600, 5]][:, [4, 0]], atol=1e-12)
    np.testing.assert_allclose(high_gamma(clean), high_gamma(whole), atol=1e-12)


def test_what_a_stream_says_of_itself_is_kept_and_its_values_too(rng):
    stream = stream_of({"a": rng.normal(size=(2000, 2))}, roi=["STG", "IFG"])
    before = stream.copy(deep=True)
    for process in (remove_line_noise, high_gamma):
        found = process(stream)
        assert found["roi"].values.tolist() == ["STG", "IFG"]
        assert found.attrs["space"] == "MNI"
    assert stream.identical(before)


def test_a_recording_stays_a_recording(rng):
    recording = na.make_recording(stream_of({"a": rng.normal(size=(2000, 2))}), subject="01")
    found = high_gamma(remove_line_noise(recording), rate=50)
    again = na.make_recording(found, subject="01")
    assert again.identical(found)
    assert str(found["sample"].values[3]) == "a/0000003"


def test_a_neuroid_without_values_stays_so_and_leaves_others_alone(rng):
    values = rng.normal(size=(2000, 3))
    expected = stream_of({"a": values})
    values = values.copy()
    values[:, 1] = np.nan
    for process in (remove_line_noise, high_gamma):
        found = process(stream_of({"a": values})).values
        assert np.isnan(found[:, 1]).all()
        np.testing.assert_array_equal(found[:, [0, 2]], process(expected).values[:, [0, 2]])


def holed(value):
    values = np.zeros((2000, 2))
    values[7, 1] = value
    return stream_of({"a": values})


REFUSED = {
    "missing samples": (
        lambda: remove_line_noise(holed(np.nan)),
        "A notch would spread the missing or infinite samples of 1 neuroids over run 'a' (first: "
        "'LA2'); leave these out, or fill them.",
    ),
    "infinite samples": (
        lambda: high_gamma(holed(np.inf)),
        "A band-pass would spread the missing or infinite samples of 1 neuroids over run 'a' "
        "(first: 'LA2'); leave these out, or fill them.",
    ),
    "a short run": (
        lambda: remove_line_noise(stream_of({"a": np.zeros((1000, 1))})),
        "1000 samples at 1000 Hz are too short a run for a filter of 2 Hz; 1500 samples are "
        "needed.",
    ),
    "a line above half the rate": (
        lambda: remove_line_noise(stream_of({"a": np.zeros((1000, 1))}, rate=100.0)),
        "frequency=60 Hz cannot be in a stream of 100 Hz, which holds what is below 50 Hz.",
    ),
    "a band above half the rate": (
        lambda: high_gamma(stream_of({"a": np.zeros((1000, 1))}, rate=250.0)),
        "A band of 70 to 150 Hz cannot be taken from a stream of 250 Hz; low must be below high, "
        "and high below 125 Hz.",
    ),
    "a band turned around": (
        lambda: high_gamma(stream_of({"a": np.zeros((1000, 1))}), 150, 70),
        "A band of 150 to 70 Hz cannot be taken from a stream of 1000 Hz; low must be below high, "
        "and high below 500 Hz.",
    ),
    "a higher rate": (
        lambda: high_gamma(stream_of({"a": np.zeros((1000, 1))}), rate=2000.0),
        "rate=2000.0 cannot be made from a stream of 1000 Hz; give a lower rate, or None to keep "
        "all samples.",
    ),
    "no bands": (
        lambda: high_gamma(stream_of({"a": np.zeros((1000, 1))}), n_bands=0),
        "n_bands=0 is not a whole number of 1 or more.",
    ),
    "no multiples": (
        lambda: remove_line_noise(stream_of({"a": np.zeros((2000, 1))}), harmonics=0),
        "harmonics=0 is not a whole number of 1 or more.",
    ),
    "a width of 0": (
        lambda: remove_line_noise(stream_of({"a": np.zeros((1000, 1))}), width=0),
        "width=0 is not a number above 0.",
    ),
    "a gap": (
        lambda: high_gamma(stream_of({"a": np.zeros((1000, 1))}).isel(sample=[0, 1, 5, 6])),
        "2 of 4 samples of run 'a' do not follow the one before them by 0.001 s; fill gaps with "
        "NaN, or name what lies between them as runs.",
    ),
    "a run in pieces": (
        lambda: high_gamma(
            stream_of(
                {"a": np.zeros((9, 1)), "b": np.zeros((9, 1)), "c": np.zeros((9, 1))}
            ).assign_coords(run=("sample", ["a"] * 9 + ["b"] * 9 + ["a"] * 9))
        ),
        "1 runs come in several pieces (first: 'a'); sort the samples.",
    ),
    "no stream": (
        lambda: high_gamma(stream_of({"a": np.zeros((9, 1))}).rename(sample="stimulus")),
        "A stream has the dimensions ('sample', 'neuroid'), but this has ('stimulus', 'neuroid').",
    ),
    "no clock": (
        lambda: high_gamma(stream_of({"a": np.zeros((9, 1))}).drop_vars("onset")),
        "The stream lacks the coordinate 'onset' of its samples.",
    ),
    "no sampling period": (
        lambda: high_gamma(stream_of({"a": np.zeros((9, 1))}).drop_attrs()),
        "The attribute 'sampling_period' of the stream is None; the seconds from one sample to the "
        "next are needed.",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_filtered_is_refused(case):
    process, sentence = case
    with pytest.raises(DataError) as caught:
        process()
    assert str(caught.value) == sentence


def test_no_notch_lies_at_half_the_rate_or_beyond(rng):
    values = rng.normal(size=(400, 2))
    found = band_amplitude.without_line(values, 240, frequency=60, width=6)
    for harmonics in (1, 2, 9):
        again = band_amplitude.without_line(values, 240, frequency=60, width=6, harmonics=harmonics)
        np.testing.assert_array_equal(found, again)


def test_a_run_may_be_as_short_as_three_widths(rng):
    band_amplitude.without_line(rng.normal(size=(120, 1)), 240, frequency=60, width=6)
    with pytest.raises(DataError, match=r"^119 samples .* 120 samples are needed\.$"):
        band_amplitude.without_line(rng.normal(size=(119, 1)), 240, frequency=60, width=6)
