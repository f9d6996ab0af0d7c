"""Whitened crossnobis: noise that units share must not raise what it whitens."""

import itertools

import numpy as np
import oracles_rdm as oracles
import pandas as pd
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.numerics.rdm.dissimilarity import crossnobis
from neuroalign.numerics.rdm.held_out_precision import _left_out, whitened_crossnobis
from neuroalign.numerics.rdm.noise_precision import precision, residuals


def smooth_noise(rng, shape):
    return 3 * gaussian_filter(rng.normal(size=shape), (0, 0, 2))


def found_in(repetitions):
    return whitened_crossnobis(np.moveaxis(repetitions, 1, 0), repetitions)


def in_errors(values):
    """Return the mean over draws, in standard errors."""
    return np.mean(values) / (np.std(values, ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize(
    ("shape", "n_draws"), [((40, 4, 100), 60), ((40, 4, 400), 8), ((40, 2, 100), 60)]
)
def test_smooth_noise_alone_reads_0(shape, n_draws):
    rng = np.random.default_rng(0)
    draws = [smooth_noise(rng, shape) for _ in range(n_draws)]
    assert abs(in_errors([found_in(draw).mean() for draw in draws])) < 3


def test_noise_that_is_not_gaussian_and_effects_of_runs_read_0():
    rng = np.random.default_rng(1)
    means = []
    for _ in range(200):
        skewed = gaussian_filter(rng.exponential(size=(14, 3, 20)) ** 2, (0, 0, 1))
        means.append(found_in(skewed + 5 * rng.normal(size=(1, 3, 20))).mean())
    assert abs(in_errors(means)) < 3


def test_a_precision_of_the_same_repetitions_does_not_read_0():
    # As by rsatoolbox 0.3.2 with data.noise.prec_from_unbalanced of the data themselves.
    rng = np.random.default_rng(0)
    repetitions = smooth_noise(rng, (40, 4, 100))
    patterns = np.moveaxis(repetitions, 1, 0)
    found = crossnobis(patterns, precision(residuals(repetitions)))
    assert found.mean() > 0.5 * found.std()
    rows = repetitions.reshape(-1, 100)
    data = oracles.peer("data").Dataset(
        rows.copy(), obs_descriptors={"stimulus": np.repeat(np.arange(40), 4)}
    )
    noise = oracles.peer("data.noise").prec_from_unbalanced(data, "stimulus")
    theirs = oracles.peer_dissimilarities(patterns, "crossnobis", noise=noise)
    np.testing.assert_allclose(theirs, found, rtol=1e-6, atol=1e-9)


def test_expected_is_the_distance_in_units_of_the_noise():
    rng = np.random.default_rng(0)
    signal, mixing = rng.normal(size=(15, 3)), np.eye(3) + np.diag([0.5, 0.5], 1)
    noise = np.linalg.inv(mixing.T @ mixing)
    truth = crossnobis(np.stack([signal, signal]), noise)
    draws = [found_in(signal[:, None] + rng.normal(size=(15, 40, 3)) @ mixing) for _ in range(30)]
    slope = np.array(draws) @ truth / (truth @ truth)
    assert slope.mean() == pytest.approx(1, abs=0.06)  # shrinking makes the precision smaller


def block_design(n):
    """Deal stimuli out to blocks, and name the blocks that are left out together."""
    if n < 7:
        return [set(pair) for pair in itertools.combinations(range(n), 2)], np.arange(n)
    n_blocks, first = (7, (0, 1, 3)) if n < 13 else (13, (0, 1, 3, 9))
    sets = [{(k + shift) % n_blocks for k in first} for shift in range(n_blocks)]
    return sets, np.arange(n) % n_blocks


@pytest.mark.parametrize("n", [5, 9, 16])
def test_each_pair_has_a_precision_of_other_stimuli(n):
    repetitions = np.random.default_rng(n).normal(size=(n, 3, 4))
    expected = oracles.crossnobis_of_other_stimuli(
        repetitions, *block_design(n), lambda others: precision(residuals(others))
    )
    np.testing.assert_allclose(found_in(repetitions), expected, atol=1e-12)


@pytest.mark.parametrize("n", [3, 4, 6, 7, 8, 12, 13, 14, 40])
def test_every_two_stimuli_are_left_out_together_and_most_are_kept(n):
    masks = np.array(_left_out(n))
    together = masks.T.astype(int) @ masks
    blocks = block_design(n)[1]
    apart = blocks[:, None] != blocks
    assert (together[apart] == 1).all()
    assert (together >= 1).all()
    assert (~masks).sum(axis=1).min() >= min(n // 3, n - 2)


def test_repetitions_that_are_missing_are_left_out_of_the_noise():
    rng = np.random.default_rng(0)
    repetitions = rng.normal(size=(14, 4, 3))
    patterns = np.moveaxis(repetitions[:, :2], 1, 0)
    short = repetitions.copy()
    short[0, 3] = np.nan
    before = short.tobytes(), patterns.tobytes()
    found = whitened_crossnobis(patterns, short)
    assert np.isfinite(found).all()
    full = whitened_crossnobis(patterns, repetitions)
    assert np.abs(found - full).max() > 0
    masks = np.array(_left_out(14))
    of_first = masks[:, 0]  # the precisions without the first stimulus do not know
    only = ~(masks[~of_first].T.astype(int) @ masks[~of_first]).astype(bool)
    same = only[np.triu_indices(14, 1)]
    np.testing.assert_array_equal(found[same], full[same])
    assert (short.tobytes(), patterns.tobytes()) == before


def test_size_of_units_constants_of_runs_and_float32_with_an_offset_change_nothing():
    rng = np.random.default_rng(0)
    repetitions = rng.normal(size=(13, 3, 4))
    found = found_in(repetitions)
    np.testing.assert_allclose(found_in(repetitions * [1, 10, 100, 0.01]), found, atol=1e-10)
    single = (1e4 + repetitions).astype(np.float32)
    np.testing.assert_allclose(found_in(single), found_in(single.astype(float) - 1e4), atol=1e-7)


def refusal(patterns, repetitions):
    with pytest.raises(DataError) as caught:
        whitened_crossnobis(patterns, repetitions)
    return str(caught.value)


def test_what_leaves_no_stimuli_or_does_not_match_is_refused():
    assert refusal(np.ones((2, 2, 3)), np.ones((2, 2, 3))) == (
        "2 stimuli leave none to estimate the noise from; give 3 or more, or do not whiten."
    )
    assert refusal(np.ones((2, 5, 3)), np.ones((4, 2, 3))) == (
        "Runs have 5 stimuli, but repetitions 4; give those of the same stimuli."
    )


def noise_of_people(n_subjects):
    labels = [f"s{number:02}" for number in range(30)]
    units = xr.DataArray(
        np.random.default_rng(0).normal(size=(30, 20)), {"stimulus": labels}, ("stimulus", "unit")
    )
    made = na.simulate.fmri(units, n_subjects=n_subjects, shape=(4, 4, 4), snr=0)
    return units, na.BrainDataset(made, pd.DataFrame({"text": labels}, index=labels))


@pytest.mark.parametrize("comparison", ["cosine", "whitened_cosine"])
def test_people_without_signal_have_bounds_and_scores_of_0(comparison):
    units, dataset = noise_of_people(8)
    measure = na.rsa.RSA("crossnobis", comparison)
    scores = na.score({"units": units}, dataset, measure, progress=False, guards=())
    lower = scores.ceiling_lower.values[0]
    assert abs(lower) < 0.1
    assert abs(in_errors(scores.similarity.values.ravel())) < 3
    ceiling = na.rsa.noise_ceiling(dataset, measure)
    assert ceiling.lower == pytest.approx(lower)
    assert ceiling.upper == pytest.approx(ceiling.self_inclusion, abs=0.1)
