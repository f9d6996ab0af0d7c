"""Centered kernel alignment: slow oracles, invariances, chance, edges, and bugs of others."""

import warnings

import numpy as np
import oracles_similarity as oracles
import pytest

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.similarity.kernels import CKA, unbiased_hsic

MEASURES = [CKA(kernel, debiased) for kernel in ("linear", "rbf") for debiased in (True, False)]


def pair(n=30, p=8, q=50, seed=0, shared=3):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, shared))
    return tuple(
        common @ rng.normal(size=(shared, width)) + rng.normal(size=(n, width)) for width in (p, q)
    )


def rotation(width, rng):
    return np.linalg.qr(rng.normal(size=(width, width)))[0]


@pytest.mark.parametrize(("p", "q"), [(2, 3), (2, 30), (40, 30)])
@pytest.mark.parametrize("offset", [0, 100])
def test_debiased_linear_cka_equals_averages_over_all_tuples_of_four(p, q, offset):
    first, second = (values + offset for values in pair(9, p, q))
    kernels = [oracles.linear_kernel(values - values.mean(0)) for values in (first, second)]
    found = CKA().compare_arrays(first, second)
    assert found == pytest.approx(oracles.debiased_cka(*kernels), abs=1e-12)


@pytest.mark.parametrize(("p", "q"), [(2, 3), (2, 30), (40, 30)])
@pytest.mark.parametrize("offset", [0, 100])
def test_biased_linear_cka_equals_centered_kernels(p, q, offset):
    first, second = (values + offset for values in pair(9, p, q))
    kernels = [oracles.linear_kernel(values) for values in (first, second)]
    found = CKA(debiased=False).compare_arrays(first, second)
    assert found == pytest.approx(oracles.biased_cka(*kernels), abs=1e-11)


def test_hsic_equals_averages_over_all_tuples_of_four():
    kernels = [oracles.linear_kernel(values) for values in pair(7)]
    hollow = [kernel - np.diag(np.diag(kernel)) for kernel in kernels]
    found = unbiased_hsic(np.sum(hollow[0] * hollow[1]), *(kernel.sum(0) for kernel in hollow))
    assert found == pytest.approx(oracles.unbiased_hsic(*kernels), rel=1e-12)


@pytest.mark.parametrize("bandwidth", [0.3, 1, 2])
def test_rbf_cka_equals_the_slow_oracle(bandwidth):
    first, second = pair(9, 2, 30)
    kernels = [oracles.rbf_kernel(values, bandwidth) for values in (first, second)]
    found = CKA("rbf", bandwidth=bandwidth).compare_arrays(first + 100, second)
    assert found == pytest.approx(oracles.debiased_cka(*kernels), abs=1e-11)
    found = CKA("rbf", debiased=False, bandwidth=bandwidth).compare_arrays(first, second)
    assert found == pytest.approx(oracles.biased_cka(*kernels), abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_side_of_units_and_that_of_stimuli_agree(measure):
    first, second = pair(60, 29, 30)
    wide = np.hstack([second, np.zeros((60, 1)), np.full((60, 3), 0.1)])
    assert measure.compare_arrays(first, second) == pytest.approx(
        measure.compare_arrays(first, wide), abs=1e-12
    )


def test_whitened_cosine_of_rsatoolbox_is_biased_linear_cka():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import rsatoolbox

        rdms = [
            rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(values), method="euclidean")
            for values in pair(20, 8, 50)
        ]
        expected = rsatoolbox.rdm.compare(*rdms, method="cosine_cov").item()
    found = CKA(debiased=False).compare_arrays(*pair(20, 8, 50))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("measure", MEASURES)
def test_declared_invariances_hold_for_either_side(measure, seed):
    rng = np.random.default_rng(seed)
    first, second = pair(seed=seed)
    expected = measure.compare_arrays(first, second)
    changes = {
        "translation": lambda x: x + 10 * rng.normal(size=x.shape[1]),
        "scale": lambda x: x * 3.7e-6,
        "rotation": lambda x: x @ rotation(x.shape[1], rng),
        "permutation": lambda x: x[:, rng.permutation(x.shape[1])],
    }
    assert measure.invariances == set(changes)
    for name, change in changes.items():
        for found in (
            measure.compare_arrays(change(first), second),
            measure.compare_arrays(first, change(second)),
        ):
            assert found == pytest.approx(expected, abs=1e-11), name


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("measure", MEASURES)
def test_linear_maps_and_the_order_of_stimuli_on_one_side_change_it(measure, seed):
    rng = np.random.default_rng(seed)
    first, second = pair(seed=seed)
    expected = measure.compare_arrays(first, second)
    mapped = first @ np.diag([20, *[1] * 7]) @ rotation(8, rng)
    assert abs(measure.compare_arrays(mapped, second) - expected) > 0.02
    assert abs(measure.compare_arrays(first[::-1], second) - expected) > 0.02
    order = rng.permutation(30)
    joint = measure.compare_arrays(first[order], second[order])
    assert joint == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("p", [3, 30, 3000])
@pytest.mark.parametrize("scale", [1e-20, 1, 1e150])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_system_is_as_similar_to_itself_as_can_be(measure, p, scale):
    first = np.random.default_rng(0).normal(size=(40, p)) * scale
    assert measure.compare_arrays(first, first) == pytest.approx(1, abs=1e-12)
    turned = first[:, ::-1] * 7 / scale
    assert measure.compare_arrays(first, turned) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("features", [0.01, 0.1, 1])
def test_small_activations_are_not_outweighed_by_a_constant_in_the_denominator(features):
    # minyoungg/platonic-rep adds 1e-6 there: .60 and 1.5e-4 for activations times .1 and .01.
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(100, 64))
    unit *= features / np.linalg.norm(unit, axis=1, keepdims=True)
    assert CKA().compare_arrays(unit, unit) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("p", "biased"), [(50, 0.34), (1000, 0.91), (5000, 0.98)])
def test_independent_systems_read_0_only_if_debiased(p, biased):
    pairs = np.random.default_rng(1).normal(size=(6, 2, 100, p))
    values = [CKA(debiased=False).compare_arrays(*both) for both in pairs]
    assert np.mean(values) == pytest.approx(biased, abs=0.02)
    assert np.mean(values) == pytest.approx(p / (p + 99), abs=0.02)
    assert max(abs(CKA().compare_arrays(*both)) for both in pairs) < 0.05


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize(("p", "q"), [(5, 9), (300, 40)])
def test_debiased_cka_of_independent_systems_is_0_on_average(kernel, p, q):
    # MONAI PR 9129: a biased form was called unbiased, and stayed above 0.
    rng = np.random.default_rng(0)
    values = [
        CKA(kernel).compare_arrays(rng.normal(size=(40, p)), rng.exponential(size=(40, q)))
        for _ in range(400)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / 20
    assert np.std(values) < 0.06


def test_the_diagonal_is_left_out_and_not_subtracted_from_rows():
    # dmarx/cka_pytorch issue 2: `K - torch.diag(K)` subtracts the diagonal from every row.
    first, second = pair(9, 4, 40)
    kernels = [oracles.linear_kernel(values - values.mean(0)) for values in (first, second)]
    wrong = [kernel - np.diag(kernel) for kernel in kernels]
    found = CKA().compare_arrays(first, second)
    assert found == pytest.approx(oracles.debiased_cka(*kernels), abs=1e-12)
    assert abs(found - oracles.debiased_cka(*wrong)) > 1e-3


@pytest.mark.parametrize("measure", [CKA(), CKA("rbf"), CKA(debiased=False)])
@pytest.mark.parametrize(("n", "p"), [(200, 500), (200, 20)])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_float32_is_as_good_as_its_values_in_float64(measure, n, p, offset):
    first, second = ((x + offset).astype(np.float32) for x in pair(n, p, 30))
    expected = measure.compare_arrays(first.astype(float), second.astype(float))
    tolerance = 2e-7 if measure.kernel == "linear" else 0
    assert measure.compare_arrays(first, second) == pytest.approx(expected, abs=tolerance)
    mixed = measure.compare_arrays(first, second.astype(float))
    assert mixed == pytest.approx(expected, abs=1e-9)


def test_float32_is_left_where_its_rounding_would_show():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(200, 200))
    first = (np.eye(200) + 1e-5 * signal).astype(np.float32)
    second = (signal + rng.normal(size=(200, 200))).astype(np.float32)
    expected = CKA().compare_arrays(first.astype(float), second.astype(float))
    assert CKA().compare_arrays(first, second) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 3e8, 1e25])
def test_float32_neither_overflows_nor_underflows(scale):
    first, second = (x.astype(np.float32) for x in pair(60, 100, 10))
    expected = CKA().compare_arrays(first, second)
    found = CKA().compare_arrays(first * np.float32(scale), second)
    assert found == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("measure", MEASURES)
def test_a_system_that_does_not_vary_has_no_similarity(measure, dtype):
    first, second = (x.astype(dtype) for x in pair())
    for constant in (0, 0.1, 7e9):
        flat = np.full((30, 40), constant, dtype=dtype)
        assert np.isnan(measure.compare_arrays(flat, second))
        assert np.isnan(measure.compare_arrays(first, flat))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stimuli_that_are_all_equally_far_apart_have_no_debiased_similarity(dtype):
    first = np.eye(30, dtype=dtype) * 3 + 1
    second = pair()[1].astype(dtype)
    for measure in (CKA(), CKA("rbf")):
        assert np.isnan(measure.compare_arrays(first, second))
    assert CKA(debiased=False).compare_arrays(first, second) > 0.1
    turned = np.eye(30) @ rotation(30, np.random.default_rng(0))
    for wide in (turned, np.hstack([turned, turned])):
        assert np.isnan(CKA().compare_arrays(wide, second.astype(float)))


def test_a_constant_unit_and_duplicate_stimuli_and_units_are_allowed():
    first, second = pair()
    expected = CKA().compare_arrays(first, second)
    wide = np.hstack([first, np.full((30, 1), 1e5)])
    assert CKA().compare_arrays(wide, second) == pytest.approx(expected, abs=1e-12)
    twice = np.hstack([first, first])
    assert CKA().compare_arrays(twice, second) == pytest.approx(expected, abs=1e-12)
    rows = np.repeat(np.arange(15), 2)
    for measure in MEASURES:
        assert measure.compare_arrays(first[rows], first[rows]) == pytest.approx(1, abs=1e-12)
        near = first[rows] + 1e-9 * second[:, :8]
        assert measure.compare_arrays(near, first[rows]) == pytest.approx(1, abs=1e-8)


def test_the_median_of_distances_that_are_mostly_0_gives_no_rbf_kernel():
    first, second = pair()
    rows = [0] * 28 + [1, 2]
    assert np.isnan(CKA("rbf").compare_arrays(first[rows], second))


def test_two_stimuli_far_from_all_others_make_it_nearly_1():
    first, second = np.random.default_rng(1).normal(size=(2, 100, 50))
    assert abs(CKA().compare_arrays(first, second)) < 0.05
    first[:2] += 20
    second[:2] -= 20
    assert CKA().compare_arrays(first, second) > 0.95


def test_inputs_are_not_changed():
    first, second = pair()
    before = first.tobytes(), second.tobytes()
    for measure in MEASURES:
        measure.compare_arrays(first, second)
        measure.compare_arrays(first.T, second.T[:8])
    assert (first.tobytes(), second.tobytes()) == before


def test_what_is_no_kernel_or_bandwidth_is_refused():
    with pytest.raises(UnknownNameError) as caught:
        CKA("rbff")
    assert str(caught.value) == "No kernel is called 'rbff'. Did you mean 'rbf'?"
    with pytest.raises(DataError) as caught:
        CKA("rbf", bandwidth=0)
    assert str(caught.value) == "bandwidth=0 must be a number above 0."


@pytest.mark.parametrize(("debiased", "fewest"), [(True, 4), (False, 2)])
def test_too_few_stimuli_and_nan_are_refused(debiased, fewest):
    first, second = pair(fewest - 1)
    with pytest.raises(DataError) as caught:
        CKA(debiased=debiased).compare_arrays(first, second)
    said = f"There are {fewest - 1} stimuli, and this needs {fewest}; give more stimuli."
    assert str(caught.value) == said
    first, second = pair()
    first[3, 2] = np.nan
    with pytest.raises(DataError, match="The first array has 1 values that are NaN or infinite"):
        CKA(debiased=debiased).compare_arrays(first, second)
