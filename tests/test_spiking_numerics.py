"""Arrays of spike counts: likelihood and explainable variance against loops."""

import numpy as np
import oracles_spiking as oracles
import pytest
from sklearn.metrics import d2_tweedie_score, mean_poisson_deviance

from neuroalign.numerics.signal_power import (
    explained_share,
    normalized_correlation,
    signal_power,
)
from neuroalign.numerics.spiking import average_r2, count_repetitions, poisson_bits
from neuroalign.numerics.undefined import REASONS

N_STIMULI, N_TARGETS = 14, 4


def unequal(seed):
    """Draw counts of stimuli shown 1 to 6 times, some missing, one stimulus without any."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(N_STIMULI), rng.integers(1, 7, N_STIMULI))
    rates = rng.gamma(2, 2, (N_STIMULI, N_TARGETS))
    values = rng.poisson(rates[codes]).astype(float)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[codes == 3, 1] = np.nan
    return values, codes, rates, rng.gamma(2, 2, rates.shape)


def reason(measured):
    return [REASONS[number] for number in measured.reason]


@pytest.mark.parametrize("seed", range(5))
def test_bits_per_spike_of_averages_equal_the_likelihood_of_single_counts(seed):
    values, codes, rates, null = unequal(seed)
    found = poisson_bits(count_repetitions(values, codes), rates, null)
    for target in range(N_TARGETS):
        responses = oracles.by_stimulus(values, codes, target)
        expected = oracles.bits(responses, rates[:, target], null[:, target])
        assert found.values[target] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_measures_of_unequal_repetitions_equal_loops_over_stimuli(seed):
    values, codes, rates, other = unequal(seed)
    responses = count_repetitions(values, codes)
    guess = 0.7 * rates + 0.3 * other
    share, explainable = explained_share(responses, guess, fewest=-np.inf)
    found = {
        "psth_r2": average_r2(responses, guess).values,
        "cc_norm": normalized_correlation(responses, guess).values,
        "signal_power": signal_power(responses).values,
    }
    for target in range(N_TARGETS):
        lists = oracles.by_stimulus(values, codes, target)
        p = guess[:, target]
        expected = oracles.feve(lists, p)
        assert (share.values[target], explainable[target]) == pytest.approx(expected, rel=1e-12)
        assert found["psth_r2"][target] == pytest.approx(oracles.psth_r2(lists, p), rel=1e-12)
        assert found["cc_norm"][target] == pytest.approx(oracles.cc_norm(lists, p), rel=1e-12)
        expected = oracles.signal_power(lists)
        assert found["signal_power"][target] == pytest.approx(expected, rel=1e-12)


def test_bits_per_spike_are_the_deviance_that_is_saved():
    rng = np.random.default_rng(0)
    rates = rng.gamma(2, 2, (50, 1))
    counts = rng.poisson(rates).astype(float)
    null = np.full_like(rates, counts.mean())
    found = poisson_bits(count_repetitions(counts, np.arange(50)), rates, null).values[0]
    y, p = counts[:, 0], rates[:, 0]
    saved = mean_poisson_deviance(y, null[:, 0]) - mean_poisson_deviance(y, p)
    assert found == pytest.approx(50 * saved / 2 / y.sum() / np.log(2), rel=1e-12)
    d2 = d2_tweedie_score(y, p, power=1) * mean_poisson_deviance(y, null[:, 0])
    assert saved == pytest.approx(d2, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 20.0])
def test_bits_per_spike_do_not_depend_on_the_unit_of_rates(scale):
    values, codes, rates, null = unequal(0)
    one = poisson_bits(count_repetitions(values, codes), rates, null)
    other = poisson_bits(count_repetitions(scale * values, codes), scale * rates, scale * null)
    np.testing.assert_allclose(other.values, one.values, rtol=1e-12)


def test_null_as_the_rate_gives_exactly_zero_bits():
    values, codes, _, null = unequal(0)
    assert not poisson_bits(count_repetitions(values, codes), null, null).values.any()


def test_true_rates_beat_doubled_and_shuffled_ones_and_the_null():
    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(0, 0.6, (400, 30)))
    responses = count_repetitions(rng.poisson(rates).astype(float), np.arange(400))
    null = np.broadcast_to(rates.mean(0), rates.shape)
    true = poisson_bits(responses, rates, null).values
    assert (true > 0).all()
    assert (poisson_bits(responses, 2 * rates, null).values < true).all()
    assert (poisson_bits(responses, rng.permutation(rates), null).values < 0).all()


def test_silence_and_rates_of_zero_are_undefined_each_for_its_reason():
    counts = np.array([[0, 1, 1, 0, 1, np.nan], [0, 0, 2, 0, 1, np.nan]], dtype=float)
    rates = np.array([[1, 1, 0, 0, 1, 1], [1, 1, 1, 1, np.nan, np.nan]], dtype=float)
    null = np.array([1, 0, 1, 0, 1, 1], dtype=float) * np.ones((2, 1))
    found = poisson_bits(count_repetitions(counts, np.arange(2)), rates, null)
    assert np.isnan(found.values).all()
    assert reason(found) == [
        "silent_in_test",
        "silent_in_training",
        "zero_rate_with_spikes",
        "silent_in_test",
        "missing_prediction",
        "too_few_stimuli",
    ]


def test_silent_rows_cost_what_the_rate_exceeds_the_null_by():
    counts, codes = np.array([[0.0], [4.0]]), np.arange(2)
    found = poisson_bits(
        count_repetitions(counts, codes), np.array([[3.0], [4.0]]), np.full((2, 1), 4)
    )
    assert found.values[0] == pytest.approx((4 - 3) / (4 * np.log(2)), rel=1e-14)


def test_rate_of_zero_without_spikes_is_defined():
    counts, codes = np.array([[0.0], [4.0]]), np.arange(2)
    rates, null = np.array([[0.0], [4.0]]), np.array([[0.0], [2.0]])
    found = poisson_bits(count_repetitions(counts, codes), rates, null)
    assert found.values[0] == pytest.approx(1 - 2 / (4 * np.log(2)), rel=1e-14)


def equal(seed, n_stimuli=4, n_repetitions=3):
    rng = np.random.default_rng(seed)
    table = rng.poisson(5, (n_repetitions, n_stimuli)) + 3.0 * np.arange(n_stimuli)
    codes = np.repeat(np.arange(n_stimuli), n_repetitions)
    return table, table.T.reshape(-1, 1), codes


@pytest.mark.parametrize("seed", range(3))
def test_signal_power_is_the_published_one_averaged_over_numberings_of_repetitions(seed):
    table, values, codes = equal(seed)
    expected = np.mean([oracles.sahani_linden(t) for t in oracles.every_numbering(table)])
    found = signal_power(count_repetitions(values, codes)).values[0]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_normalized_correlation_is_r_over_the_root_of_the_share_of_signal(seed):
    values, codes, rates, _ = unequal(seed)
    responses = count_repetitions(values, codes)
    found = normalized_correlation(responses, rates).values
    power = signal_power(responses).values
    for target in np.flatnonzero(power > 0):
        shown = responses.shown[:, target]
        averages = responses.averages[shown, target]
        r = np.corrcoef(averages, rates[shown, target])[0, 1]
        share = power[target] / averages.var(ddof=1)
        assert found[target] == pytest.approx(r / np.sqrt(share), rel=1e-12)


def test_normalized_correlation_keeps_the_sign():
    values, codes, rates, _ = unequal(0)
    responses = count_repetitions(values, codes)
    plus, minus = (normalized_correlation(responses, s * rates).values for s in (1, -1))
    np.testing.assert_allclose(minus, -plus, rtol=1e-12)


def simulated(n_repetitions, seed, n_targets=300, n_stimuli=150):
    rng = np.random.default_rng(seed)
    rates = np.exp(rng.normal(1, 0.7, (n_stimuli, n_targets)))
    k = rng.integers(n_repetitions[0], n_repetitions[1] + 1, n_stimuli)
    codes = np.repeat(np.arange(n_stimuli), k)
    return rng.poisson(rates[codes]).astype(float), codes, rates


@pytest.mark.parametrize("n_repetitions", [(4, 4), (2, 8), (1, 4)])
def test_noiseless_response_explains_all_that_is_explainable(n_repetitions):
    values, codes, rates = simulated(n_repetitions, seed=0)
    responses = count_repetitions(values, codes)
    share, _ = explained_share(responses, rates, fewest=0.15)
    assert np.nanmedian(share.values) == pytest.approx(1, abs=0.03)
    assert np.median(normalized_correlation(responses, rates).values) == pytest.approx(1, abs=0.03)


def test_signal_power_of_noise_is_zero_on_average_and_undefined_ratios_are_counted():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(60), 4)
    responses = count_repetitions(rng.poisson(4, (240, 500)).astype(float), codes)
    power = signal_power(responses)
    assert abs(power.values.mean()) < 4 * power.values.std() / np.sqrt(500)
    found = normalized_correlation(responses, rng.normal(size=(60, 500)))
    assert (np.isnan(found.values) == (power.values <= 0)).all()
    assert {*reason(found)} == {"defined", "no_signal_power"}
    share, explainable = explained_share(responses, np.full((60, 500), 4.0), fewest=0.15)
    assert {*reason(share)} == {"defined", "little_explainable_variance"}
    assert (np.isnan(share.values) == (explainable < 0.15)).all()
    assert (explainable < 0.15).mean() > 0.9


def test_constants_single_responses_and_few_stimuli_are_undefined_each_for_its_reason():
    codes = np.repeat(np.arange(3), 2)
    values = np.array([[0.1, 1, 1, 1], [0.1, 2, np.nan, 2], [0.1, 3, 3, 3], [0.1, 4, np.nan, 4],
                       [0.1, 8, 8, np.nan], [0.1, 9, np.nan, np.nan]])  # fmt: skip
    guess = np.array([[1.0, 5, 1, 1], [2, 5, 2, 2], [3, 5, 3, 3]])
    responses = count_repetitions(values, codes)
    found = {
        "psth_r2": average_r2(responses, guess),
        "feve": explained_share(responses, guess, fewest=0.15)[0],
        "cc_norm": normalized_correlation(responses, guess),
        "signal_power": signal_power(responses),
    }
    constant, alone, few = "constant_response", "no_repetitions", "too_few_stimuli"
    assert {name: reason(measured) for name, measured in found.items()} == {
        "psth_r2": [constant, "defined", "defined", few],
        "feve": [constant, "defined", alone, few],
        "cc_norm": [constant, "constant_prediction", alone, few],
        "signal_power": ["defined", "defined", alone, few],
    }
    for measured in found.values():
        assert (np.isnan(measured.values) == (measured.reason > 0)).all()


@pytest.mark.parametrize("measure", [average_r2, normalized_correlation])
def test_missing_prediction_is_never_skipped_where_there_is_a_response(measure):
    values, codes, rates, _ = unequal(0)
    rates[3] = np.nan  # to which the second neuroid has no response
    found = measure(count_repetitions(values, codes), rates)
    assert [why == "missing_prediction" for why in reason(found)] == [True, False, True, True]


def test_measures_do_not_depend_on_the_order_of_stimuli():
    values, codes, rates, _ = unequal(2)
    order = np.random.default_rng(0).permutation(N_STIMULI)
    rows = np.concatenate([np.flatnonzero(codes == code) for code in order])
    moved = count_repetitions(
        values[rows], np.unique(np.argsort(order)[codes[rows]], return_inverse=True)[1]
    )
    given = count_repetitions(values, codes)
    for measure in (average_r2, normalized_correlation):
        np.testing.assert_allclose(
            measure(moved, rates[order]).values, measure(given, rates).values, rtol=1e-12
        )
