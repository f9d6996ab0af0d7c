"""Weights of events for samples: constructed answers, a slow double loop, invariances, limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics import hemodynamics
from neuroalign.numerics.time_grid import KINDS, standardized, weights, window

PERIOD = 2.0


def double_gamma(time):
    """Return the response without its scale, from the densities of scipy."""
    if not 0 < time < 32:
        return 0.0
    return stats.gamma.pdf(time, 6) - stats.gamma.pdf(time, 16) / 6


AREA = integrate.quad(double_gamma, 0, 32)[0]


def lanczos(x, lobes):
    if x == 0:
        return 1.0
    if abs(x) >= lobes:
        return 0.0
    return lobes * math.sin(math.pi * x) * math.sin(math.pi * x / lobes) / (math.pi * x) ** 2


def slow_weight(kind, event, events, start, period, lobes):
    """Weigh one event for one sample; events are (onset, duration)."""
    onset, duration = event
    middle = start + period / 2
    inside = [one for one, _ in events if start <= one < start + period]
    if kind == "lanczos":
        return lanczos((middle - onset - duration / 2) / period, lobes)
    if kind in ("sum", "average"):
        share = 1 if kind == "sum" else 1 / max(len(inside), 1)
        return share if start <= onset < start + period else 0.0
    if kind == "nearest":
        away = {one: max(one[0] - middle, middle - sum(one), 0.0) for one in events}
        first = min((far, one) for one, far in away.items())  # ties: the earlier onset
        return float(first[1] == event and first[0] <= period)
    if duration == 0:
        return double_gamma(middle - onset) / AREA
    borders = [t for t in (middle - 32, middle) if onset < t < onset + duration]
    return integrate.quad(
        lambda when: double_gamma(middle - when) / AREA,
        onset,
        onset + duration,
        points=borders or None,
        limit=200,
    )[0]


def events_of(seed, n=40, end=60.0, durations=True):
    rng = np.random.default_rng(seed)
    onsets = rng.uniform(0, end, n)
    return onsets, rng.exponential(1.5, n) if durations else np.zeros(n)


STARTS = np.arange(30) * PERIOD


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lasting", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_equal_the_double_loop(kind, lasting, seed):
    onsets, durations = events_of(seed, n=15, durations=lasting)
    events = list(zip(onsets.tolist(), durations.tolist(), strict=True))
    starts = STARTS[8:20]
    slow = [
        [slow_weight(kind, event, events, start, PERIOD, 3) for event in events] for start in starts
    ]
    ours = weights(kind, onsets, durations, starts, PERIOD).toarray()
    np.testing.assert_allclose(ours, slow, atol=1e-9)
    assert np.abs(ours).sum() > 1


@pytest.mark.parametrize("lobes", [1, 2, 5])
def test_lobes_and_cutoff_set_the_width_of_the_lanczos_kernel(lobes):
    onsets, durations = events_of(0)
    ours = weights("lanczos", onsets, durations, STARTS, PERIOD, lobes=lobes, cutoff=0.1)
    middles = STARTS + 1
    slow = [
        [lanczos(2 * 0.1 * (m - o - d / 2), lobes) for o, d in zip(onsets, durations, strict=True)]
        for m in middles
    ]
    np.testing.assert_allclose(ours.toarray(), slow, atol=1e-12)


@pytest.mark.parametrize("frequency", [0.02, 0.06, 0.12])
def test_a_slow_sinusoid_sampled_irregularly_is_recovered(frequency):
    """Events stand for the time around them, so that their density does not matter."""
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(0, 100, 20_000))
    share = np.gradient(onsets) / PERIOD
    starts = np.arange(8, 92, PERIOD)
    resample = weights("lanczos", onsets, np.zeros(len(onsets)), starts, PERIOD)
    recovered = resample @ (np.sin(2 * np.pi * frequency * onsets + 1) * share)
    response = integrate.quad(
        lambda x: lanczos(x, 3) * math.cos(2 * math.pi * frequency * PERIOD * x), -3, 3
    )[0]
    truth = np.sin(2 * np.pi * frequency * (starts + PERIOD / 2) + 1)
    assert abs(response - 1) < 0.02  # below half of the Nyquist frequency of 0.25 Hz
    # Errors of the trapezoid rule: (spacing)^2, at most (100 / 20,000 x 10)^2.
    np.testing.assert_allclose(recovered, response * truth, atol=2.5e-3)


def test_a_fast_sinusoid_is_suppressed():
    onsets = np.arange(0, 100, 0.01)
    starts = np.arange(8, 92, PERIOD)
    resample = weights("lanczos", onsets, np.zeros(len(onsets)), starts, PERIOD)
    recovered = resample @ (np.sin(2 * np.pi * 0.6 * onsets) * 0.01 / PERIOD)
    assert np.abs(recovered).max() < 0.02


def test_the_sum_of_a_constant_is_the_number_of_events():
    onsets, durations = events_of(1)
    counts = weights("sum", onsets, durations, STARTS, PERIOD) @ np.ones(len(onsets))
    np.testing.assert_array_equal(counts, np.histogram(onsets, np.append(STARTS, 60))[0])
    assert counts.sum() == len(onsets)


def test_the_average_of_a_constant_is_the_constant_and_empty_samples_are_zero():
    resample = weights("average", [0.1, 0.2, 5.0], [0, 0, 0], [0, 2, 4], PERIOD)
    np.testing.assert_allclose(resample @ np.full(3, 7.0), [7, 0, 7])


def test_an_onset_on_a_border_belongs_to_the_later_interval_whatever_its_rounding():
    assert 0.1 * 3 > 0.3
    for onsets, starts in (([0.3], [0.1 * 2, 0.1 * 3]), ([0.1 * 3], [0.2, 0.3])):
        np.testing.assert_array_equal(
            weights("sum", onsets, [0], starts, 0.1).toarray(), [[0.0], [1.0]]
        )


def test_nearest_is_the_event_that_is_on_and_ties_go_to_the_earlier():
    onsets, durations = [4.0, 0.0, 7.0, 6.0, 20.0], [0, 3.5, 0, 0, 0]
    nearest = weights("nearest", onsets, durations, np.arange(0, 22, 2), PERIOD).toarray()
    # Middles 1, 3: event 1 is on. 5: events 0 and 3 are 1 s away. 7: event 2. 9: that again, at
    # the limit. 11 to 17: none within a period. 19, 21: event 4.
    assert nearest.sum(1).tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    assert nearest[nearest.sum(1) > 0].argmax(1).tolist() == [1, 1, 0, 2, 2, 4, 4]


def test_the_hemodynamic_response_is_the_difference_of_two_gamma_densities():
    times = np.linspace(-5, 40, 181)
    expected = np.array([double_gamma(time) for time in times]) / AREA
    np.testing.assert_allclose(hemodynamics.response(times), expected, atol=1e-13)
    fine = np.linspace(0, 32, 32_001)
    shape = hemodynamics.response(fine)
    assert abs(fine[shape.argmax()] - 5) < 0.01
    assert 15 < fine[shape.argmin()] < 17


def test_the_accumulated_response_is_the_integral_and_ends_at_one():
    for time in (-1.0, 0.0, 2.5, 6.0, 17.0, 31.9):
        area = integrate.quad(double_gamma, 0, max(time, 0), limit=200)[0] / AREA
        np.testing.assert_allclose(hemodynamics.accumulated_response(time), area, atol=1e-9)
    np.testing.assert_array_equal(hemodynamics.accumulated_response([32.0, 50.0]), 1)


def test_a_lasting_event_reaches_a_plateau_of_one_and_the_future_weighs_nothing():
    starts = np.arange(0, 200, PERIOD)
    weight = weights("hrf", [50.0], [100.0], starts, PERIOD).toarray()[:, 0]
    middles = starts + PERIOD / 2
    assert (weight[middles < 50] == 0).all()
    np.testing.assert_allclose(weight[(middles > 82) & (middles < 150)], 1)
    assert (weight[middles > 182] == 0).all()


def test_a_short_event_weighs_as_much_as_an_impulse_times_its_duration():
    starts = np.arange(0, 60, PERIOD)
    short = weights("hrf", [9.9995], [0.001], starts, PERIOD).toarray()
    impulse = weights("hrf", [10.0], [0], starts, PERIOD).toarray()
    np.testing.assert_allclose(short, 0.001 * impulse, atol=1e-9)


@pytest.mark.parametrize("shift", [1000.1, -37.3])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_do_not_depend_on_where_the_clock_starts(kind, shift):
    onsets, durations = np.round(events_of(2), 1)  # many onsets on borders of 0.1 s intervals
    starts = np.arange(300) * 0.2
    here = weights(kind, onsets, durations, starts, 0.2).toarray()
    there = weights(kind, onsets + shift, durations, starts + shift, 0.2).toarray()
    np.testing.assert_allclose(here, there, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_follow_the_order_of_events_and_samples(kind):
    onsets, durations = events_of(3)
    rng = np.random.default_rng(0)
    events, samples = rng.permutation(len(onsets)), rng.permutation(len(STARTS))
    plain = weights(kind, onsets, durations, STARTS, PERIOD).toarray()
    mixed = weights(kind, onsets[events], durations[events], STARTS[samples], PERIOD).toarray()
    np.testing.assert_array_equal(mixed, plain[np.ix_(samples, events)])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.floats(0.05, 5),
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 20)), min_size=1, max_size=6),
)
def test_events_outside_the_window_weigh_nothing(kind, period, events):
    onsets, durations = np.array(events).T
    starts = np.arange(0, 100, period)
    before, after = window(kind, period)
    middles = (starts + period / 2)[:, None]
    far = (onsets + durations < middles - before) | (onsets > middles + after)
    assert (weights(kind, onsets, durations, starts, period).toarray()[far] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_events_give_no_weights(kind):
    assert weights(kind, [], [], STARTS, PERIOD).shape == (30, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_many_events_and_samples_stay_sparse(kind):
    onsets, durations = events_of(0, n=20_000, end=20_000)
    starts = np.arange(10_000) * PERIOD
    found = weights(kind, onsets, durations, starts, PERIOD)
    assert found.shape == (10_000, 20_000)
    assert found.nnz < 10_000 * 60


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_standardized_columns_equal_scipy_and_constant_ones_get_their_value(dtype):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(50, 4)) * 3 + 5).astype(dtype)
    values[:, 1] = 0.1
    values[::2, 1] += 0.1 * np.finfo(dtype).eps  # rounding
    values[3, 2] = np.nan
    ours = standardized(values, constant=-1.0)
    expected = stats.zscore(values[:, [0, 2, 3]].astype(float), nan_policy="omit")
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours[:, [0, 2, 3]], expected, atol=1e-5)
    np.testing.assert_array_equal(ours[:, 1], -1)


def test_standardized_leaves_absent_columns_absent_and_its_input_unchanged():
    values = np.array([[np.nan, 1.0], [np.nan, 3.0]])
    before = values.copy()
    np.testing.assert_array_equal(standardized(values, np.nan), [[np.nan, -1], [np.nan, 1]])
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"onsets": [1.0]},
            "Onsets, durations and sample onsets of shapes (1,), (2,) and (3,) were given; needed "
            "are (events,), (events,) and (samples,).",
        ),
        ({"period": 0}, "A sampling period of 0 s was given; it must be above 0."),
        (
            {"onsets": [1.0, np.nan]},
            "Onsets must be finite and durations 0 or more; remove or mend the other events.",
        ),
        (
            {"durations": [1.0, -1]},
            "Onsets must be finite and durations 0 or more; remove or mend the other events.",
        ),
    ],
)
def test_bad_times_are_refused(change, sentence):
    given_ = {"onsets": [0.0, 1.0], "durations": [0.0, 0.0], "sample_onsets": [0, 1, 2]}
    with pytest.raises(DataError) as error:
        weights("sum", **{"period": 1.0, **given_, **change})
    assert str(error.value) == sentence


def test_an_unknown_kind_is_refused():
    with pytest.raises(UnknownNameError) as error:
        weights("lanczo", [0.0], [0.0], [0.0], 1.0)
    assert str(error.value) == "No way to resample is called 'lanczo'. Did you mean 'lanczos'?"
