"""The polar factor is the nearest orthogonal matrix, of well and of badly conditioned matrices."""

import numpy as np
import pytest
from oracles_procrustes import rotation

from neuroalign.errors import DataError
from neuroalign.numerics.device import fetch, put
from neuroalign.numerics.procrustes.polar import Steepness, polar_factor

ORTHOGONAL = {"float64": 1e-12, "float32": 1e-5}


def by_svd(matrix):
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right


def conditioned(p, d, decay, seed):
    random = np.random.default_rng(seed)
    size = min(p, d)
    values = np.arange(1, size + 1.0) ** -decay
    return rotation(p, random)[:, :size] * values @ rotation(d, random)[:size]


def off_orthogonal(factor):
    inner = factor @ factor.T if len(factor) <= factor.shape[1] else factor.T @ factor
    return np.abs(inner - np.eye(len(inner))).max()


@pytest.mark.parametrize("shape", [(12, 12), (7, 12), (12, 7), (1, 5), (1, 1)])
@pytest.mark.parametrize("device", ["cpu", "torch"])
def test_the_factor_is_that_of_a_singular_value_decomposition(shape, device):
    matrix = np.random.default_rng(0).standard_normal(shape)
    factor = fetch(polar_factor(put(matrix, device, "float64")))
    np.testing.assert_allclose(factor, by_svd(matrix), atol=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("decay", [0, 1, 2, 4, 8])
def test_rows_are_orthonormal_and_the_trace_is_greatest_however_steep(decay, device, dtype):
    matrix = conditioned(60, 60, decay, seed=decay)
    factor = fetch(polar_factor(put(matrix, device, dtype)))
    assert off_orthogonal(factor) < ORTHOGONAL[dtype]
    nuclear = np.linalg.svd(matrix, compute_uv=False).sum()
    assert np.sum(factor * matrix) > nuclear * (1 - ORTHOGONAL[dtype])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_matrices_at_the_edge_of_the_fast_way_are_orthonormal_too(seed, dtype):
    for share in (1e-3, 1e-4, 1e-5, 1e-6):
        values = np.geomspace(1, share, 80)
        random = np.random.default_rng(seed)
        matrix = rotation(80, random) * values @ rotation(80, random)
        factor = polar_factor(matrix.astype(dtype)).astype(float)
        assert off_orthogonal(factor) < ORTHOGONAL[dtype]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_matrix_padded_by_zeros_has_an_orthogonal_factor(dtype):
    matrix = np.zeros((9, 9))
    matrix[:4, :5] = np.random.default_rng(1).standard_normal((4, 5))
    factor = polar_factor(matrix.astype(dtype)).astype(float)
    assert off_orthogonal(factor) < ORTHOGONAL[dtype]
    nuclear = np.linalg.svd(matrix, compute_uv=False).sum()
    np.testing.assert_allclose(np.sum(factor * matrix), nuclear, rtol=ORTHOGONAL[dtype])


def test_a_matrix_of_zeros_has_an_orthogonal_factor():
    assert off_orthogonal(polar_factor(np.zeros((4, 6)))) < 1e-12


@pytest.mark.parametrize("device", ["cpu", "torch"])
def test_one_singular_matrix_leaves_the_others_of_a_batch_as_they_are(device):
    batch = np.random.default_rng(2).standard_normal((3, 6, 6))
    batch[1, 2:] = 0
    factors = fetch(polar_factor(put(batch, device, "float64")))
    for k in (0, 2):
        np.testing.assert_allclose(factors[k], by_svd(batch[k]), atol=1e-10)
    assert off_orthogonal(factors[1]) < 1e-12


def test_the_scale_of_a_matrix_does_not_matter():
    matrix = np.random.default_rng(3).standard_normal((8, 8))
    small = polar_factor(matrix * 1e-60)
    np.testing.assert_allclose(small, polar_factor(matrix), atol=1e-10)


def test_the_matrix_is_not_changed():
    matrix = np.random.default_rng(4).standard_normal((8, 8))
    before = matrix.tobytes()
    polar_factor(matrix)
    assert matrix.tobytes() == before


def test_whole_numbers_are_refused():
    with pytest.raises(DataError) as error:
        polar_factor(np.ones((3, 3), dtype=int))
    assert str(error.value) == (
        "polar_factor was given an array of 2 axes and type int64; give float32 or float64 of "
        "shape (rows, columns) or (matrices, rows, columns)."
    )


def test_a_matrix_after_a_steep_one_has_the_same_factor():
    steepness = Steepness()
    polar_factor(conditioned(20, 20, 9, seed=0), steepness)
    assert steepness.found
    matrix = conditioned(20, 20, 0.5, seed=1)
    np.testing.assert_allclose(polar_factor(matrix, steepness), polar_factor(matrix), atol=1e-10)
    flat = Steepness()
    polar_factor(matrix, flat)
    assert not flat.found
