"""The precision of noise: right, honest about degrees of freedom, refused where there is none."""

import numpy as np
import oracles_rdm as oracles
import pytest

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.rdm.dissimilarity import mahalanobis, squared_euclidean
from neuroalign.numerics.rdm.noise_precision import covariance, precision, residuals

PEER = {"diagonal": "shrinkage_diag", "identity": "shrinkage_eye"}
SHRINKING = pytest.mark.parametrize("shrink_to", PEER)


def some_rows(n, n_units, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_units)) @ rng.normal(size=(n_units, n_units))


@SHRINKING
@pytest.mark.parametrize("shape", [(30, 6), (10, 25), (200, 3)])
@pytest.mark.parametrize("spent", [None, 3])
def test_covariance_and_precision_equal_rsatoolbox(shrink_to, shape, spent):
    rows = some_rows(*shape)
    dof = None if spent is None else shape[0] - spent
    peer = oracles.peer("data.noise")
    theirs = peer.cov_from_residuals(rows.copy(), dof=dof, method=PEER[shrink_to])
    found = covariance(rows, dof=dof, shrink_to=shrink_to)
    np.testing.assert_allclose(found, theirs, atol=1e-12 * np.abs(theirs).max())
    theirs = peer.prec_from_residuals(rows.copy(), dof=dof, method=PEER[shrink_to])
    found = precision(rows, dof=dof, shrink_to=shrink_to)
    np.testing.assert_allclose(found, theirs, atol=1e-10 * np.abs(theirs).max())


@pytest.mark.parametrize("shape", [(30, 6), (10, 25)])
def test_shrinking_to_the_identity_equals_scikit_learn(shape):
    from sklearn.covariance import ledoit_wolf

    rows = some_rows(*shape)
    expected, _ = ledoit_wolf(rows)
    found = covariance(rows, dof=len(rows), shrink_to="identity")
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(12, 4), (5, 7)])
def test_shrinking_to_the_diagonal_equals_loops_over_two_units(shape):
    rows = some_rows(*shape)
    rows -= rows.mean(axis=0)
    for dof in (shape[0] - 1, shape[0] - 2):
        expected = oracles.shrunk_to_diagonal(rows, dof)
        np.testing.assert_allclose(covariance(rows, dof=dof), expected, rtol=1e-11, atol=1e-12)


@SHRINKING
def test_precision_is_the_inverse(shrink_to):
    rows = some_rows(10, 25)
    product = precision(rows, shrink_to=shrink_to) @ covariance(rows, shrink_to=shrink_to)
    np.testing.assert_allclose(product, np.eye(25), atol=1e-10)


@SHRINKING
def test_many_rows_are_hardly_shrunk(shrink_to):
    rows = some_rows(20_000, 4)
    found = covariance(rows, shrink_to=shrink_to)
    np.testing.assert_allclose(found, np.cov(rows.T), atol=0.02 * np.abs(found).max())


def test_independent_units_are_shrunk_to_what_they_are():
    rows = np.random.default_rng(0).normal(size=(40, 30))
    off = ~np.eye(30, dtype=bool)
    sample = np.cov(rows.T)
    for shrink_to in PEER:
        found = covariance(rows, shrink_to=shrink_to)
        assert np.abs(found[off]).mean() < 0.2 * np.abs(sample[off]).mean()
    np.testing.assert_allclose(np.diag(covariance(rows)), np.diag(sample), rtol=1e-12)


def test_residuals_are_what_repetitions_differ_by_and_count_one_mean_a_stimulus():
    repetitions = np.array([[[1.0, 5], [3, 9]], [[10, 0], [10, 4]]])
    values, dof = residuals(repetitions)
    assert values.tolist() == [[-1, -2], [1, 2], [0, -2], [0, 2]]
    assert dof == 2


def test_missing_repetitions_and_single_ones_are_left_out():
    rng = np.random.default_rng(0)
    repetitions = rng.normal(size=(6, 4, 3))
    repetitions[0, 1:] = repetitions[1, 2, 0] = repetitions[3] = np.nan
    values, dof = residuals(repetitions)
    assert (len(values), dof) == (3 + 4 * 3, 3 + 4 * 3 - 4)
    kept = repetitions[1, [0, 1, 3]]
    np.testing.assert_allclose(values[:3], kept - kept.mean(axis=0), atol=1e-15)


def test_precision_from_repetitions_equals_rsatoolbox():
    repetitions = some_rows(32, 5).reshape(8, 4, 5)
    repetitions[2, 3] = repetitions[4, 1:3] = np.nan
    rows = repetitions.reshape(-1, 5)
    keep = ~np.isnan(rows[:, 0])
    peer = oracles.peer("data")
    data = peer.Dataset(
        rows[keep].copy(), obs_descriptors={"stimulus": np.repeat(np.arange(8), 4)[keep]}
    )
    theirs = oracles.peer("data.noise").prec_from_unbalanced(data, "stimulus")
    found = precision(residuals(repetitions))
    np.testing.assert_allclose(found, theirs, atol=1e-10 * np.abs(theirs).max())


def test_variance_of_noise_from_two_repetitions_is_unbiased():
    rng = np.random.default_rng(0)
    sd = np.array([1.0, 2, 3])
    found = []
    for _ in range(500):
        signal = 5 * rng.normal(size=(10, 1, 3))
        noisy = signal + sd * rng.normal(size=(10, 2, 3))
        found.append([np.diag(covariance(residuals(noisy), shrink_to=s)) for s in PEER])
    found = np.array(found)
    error = found.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(found[:, 0].mean(axis=0) - sd**2) < 3 * error[0]).all()
    # The identity is given the mean variance, whatever the weight.
    total = found[:, 1].mean(axis=1)
    assert abs(total.mean() - (sd**2).mean()) < 3 * total.std() / np.sqrt(len(total))


def test_distances_by_the_precision_of_their_noise_do_not_depend_on_the_size_of_units():
    rng = np.random.default_rng(0)
    patterns, repetitions = rng.normal(size=(6, 4)), rng.normal(size=(20, 3, 4))
    size = np.array([1.0, 10, 100, 0.01])
    plain, turned = (
        mahalanobis(patterns * s, precision(residuals(repetitions * s))) for s in (1, size)
    )
    np.testing.assert_allclose(turned, plain, rtol=1e-10)
    assert not np.allclose(squared_euclidean(patterns * size), squared_euclidean(patterns))


def test_shrinking_to_the_identity_depends_on_the_size_of_units_but_not_on_rotations():
    rows = some_rows(30, 4)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    found = covariance(rows, shrink_to="identity")
    np.testing.assert_allclose(
        covariance(rows @ turn, shrink_to="identity"), turn.T @ found @ turn, atol=1e-11
    )
    size = np.array([1.0, 10, 100, 0.01])
    scaled = covariance(rows * size, shrink_to="identity")
    assert not np.allclose(scaled, found * size * size[:, None], rtol=0.01)


def test_float32_repetitions_with_an_offset_keep_their_residuals():
    repetitions = (1e4 + some_rows(24, 5).reshape(8, 3, 5)).astype(np.float32)
    expected = residuals(repetitions.astype(float) - 1e4)
    found = residuals(repetitions)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-11)
    np.testing.assert_allclose(precision(found), precision(expected), rtol=1e-9)


def test_inputs_are_not_changed():
    # rsatoolbox 0.3.2, data.noise._check_demean, centers a tensor of repetitions in place.
    repetitions, rows = some_rows(24, 5).reshape(8, 3, 5), some_rows(10, 5)
    found = residuals(repetitions)
    before = repetitions.tobytes(), rows.tobytes(), found.values.tobytes()
    for shrink_to in PEER:
        precision(rows, shrink_to=shrink_to)
        precision(found, shrink_to=shrink_to)
    assert (repetitions.tobytes(), rows.tobytes(), found.values.tobytes()) == before


def refusal(one, *inputs, error=DataError, **options):
    with pytest.raises(error) as caught:
        one(*inputs, **options)
    return str(caught.value)


def test_repetitions_that_cannot_be_used_are_refused():
    assert refusal(residuals, np.ones((3, 2))) == (
        "The repetitions have shape (3, 2) and hold float64; give numbers of (stimuli, "
        "repetitions, units)."
    )
    missing = np.ones((3, 2, 2))
    missing[:, 1, 0] = np.nan
    assert refusal(residuals, missing) == (
        "None of 3 stimuli has 2 repetitions with all units; leave out units that are often "
        "missing, or estimate the noise from other data."
    )
    endless = np.ones((3, 2, 2))
    endless[0, 0, 1] = np.inf
    assert refusal(residuals, endless) == (
        "1 responses are infinite; leave out those repetitions, or those units."
    )


def test_residuals_that_cannot_be_used_are_refused():
    rows = some_rows(10, 3)
    assert refusal(covariance, rows[0]) == (
        "The residuals have shape (3,) and hold float64; give numbers of (rows, units)."
    )
    for dof in (0, 11):
        assert refusal(covariance, rows, dof=dof) == (
            f"There are {dof} degrees of freedom in 10 rows; give 1 to all of them."
        )
    assert refusal(covariance, rows, shrink_to="nothing", error=UnknownNameError) == (
        "No covariance to shrink to is called 'nothing'. Known: 'diagonal', 'identity'."
    )
    rows[2, 1] = np.nan
    assert refusal(covariance, rows) == (
        "1 residuals are NaN or infinite; leave out those rows, or those units."
    )


@SHRINKING
def test_units_without_noise_are_refused(shrink_to):
    repetitions = some_rows(24, 3).reshape(8, 3, 3)
    repetitions[:, :, 1] = np.linspace(0.1, 0.7, 8)[:, None]
    assert refusal(precision, residuals(repetitions), shrink_to=shrink_to) == (
        "1 of 3 units have no noise variance; leave them out."
    )


@SHRINKING
def test_a_covariance_without_inverse_is_refused(shrink_to):
    # Two rows are one contrast: nothing tells that covariances are uncertain.
    assert refusal(precision, some_rows(2, 3), shrink_to=shrink_to) == (
        "The covariance of 3 units has no inverse: some are sums of others; give more residuals, "
        "or leave out units."
    )


@SHRINKING
@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_no_scale_of_noise_is_too_large_or_too_small(shrink_to, scale):
    rows = some_rows(10, 25)
    found = covariance(rows * scale, shrink_to=shrink_to) / scale / scale
    np.testing.assert_allclose(found, covariance(rows, shrink_to=shrink_to), rtol=1e-9)
