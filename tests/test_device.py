"""Where arrays live: the same numbers everywhere, inputs untouched, settings given back."""

import re

import numpy as np
import pytest
import torch
from ridge_cases import CLOSED, GRID, MACHINES, chosen, correlations, dealt, fitted, problem

from neuroalign import NeuroalignError
from neuroalign.numerics.device import (
    as_index,
    check_device,
    eigen,
    exact_products,
    fetch,
    namespace,
    put,
    small,
)

# Every way to choose alpha, on the Gram matrix of the rows and on the features themselves.
WAYS = [None, *CLOSED]


@pytest.fixture
def matmul():
    """Yield the settings of products in torch, and put them back."""
    settings = torch.backends.cuda.matmul
    if not hasattr(settings, "fp32_precision"):
        pytest.skip("torch before 2.9 has the older settings only")
    before = settings.fp32_precision
    yield settings
    settings.fp32_precision = before


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
@pytest.mark.parametrize("inner", WAYS)
@pytest.mark.parametrize("n_units", [20, 150])
def test_every_machine_gives_the_same_numbers(device, dtype, inner, n_units):
    features, responses, test, train = problem(60, n_units, n_targets=40)
    expected = fitted(features, responses, train, test, inner=inner)
    with exact_products():
        found = fitted(features, responses, train, test, inner=inner, device=device, dtype=dtype)
    alphas = expected.hyperparameters["alpha"]
    np.testing.assert_array_equal(found.hyperparameters["alpha"], alphas)
    accuracy = 1e-9 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(correlations(found), correlations(expected), atol=accuracy)
    for one, two in zip(found, expected, strict=True):
        if isinstance(one, np.ndarray):
            assert one.dtype == float
            np.testing.assert_allclose(one, two, atol=accuracy, rtol=accuracy)


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
def test_shared_alphas_and_components_are_the_same_on_every_machine(device, dtype):
    features, responses, _, _ = problem(50, 70, n_targets=10)
    pairs = dealt(np.arange(50))
    for options in ({"per_target": False}, {"n_components": 7}):
        expected = chosen(features, responses, pairs, **options)
        found = chosen(features, responses, pairs, device=device, dtype=dtype, **options)
        np.testing.assert_array_equal(found.alphas, expected.alphas)
        np.testing.assert_allclose(found.inner_r2, expected.inner_r2, atol=1e-4)


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
def test_features_that_are_constant_predict_the_training_mean_on_every_machine(device, dtype):
    _, responses, test, train = problem(40, 9)
    for n_units in (5, 100):
        features = np.full((40, n_units), 0.1)
        found = fitted(features, responses, train, test, device=device, dtype=dtype)
        np.testing.assert_array_equal(found.predictions, 0)
        np.testing.assert_array_equal(found.hyperparameters["alpha"], GRID[-1])


class Labelled(np.ndarray):
    """A subclass, which numpy unwraps without a copy."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_lives_in_torch_shares_no_memory_with_its_input(dtype, tmp_path):
    given = np.arange(12, dtype=dtype).reshape(3, 4)
    mapped = np.memmap(tmp_path / "values", dtype=dtype, mode="w+", shape=(3, 4))
    mapped[:] = given
    for values in (given.copy(), given.copy()[:2], given.copy().view(Labelled), mapped):
        before = values.copy()
        moved = put(values, "torch", dtype)
        moved += 1
        np.testing.assert_array_equal(values, before)
        np.testing.assert_array_equal(fetch(moved), before + 1)


@pytest.mark.parametrize("device", ["cpu", "torch"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_read_only_inputs_are_taken(device, dtype):
    values = np.arange(12.0).astype(dtype).reshape(3, 4)
    values.flags.writeable = False
    np.testing.assert_array_equal(fetch(put(values, device, dtype)), values)


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
def test_what_is_put_comes_back_as_float64(device, dtype):
    for values in (np.arange(6).reshape(2, 3), np.array([[True, False]]), np.ones((0, 3))):
        moved = put(values, device, dtype)
        assert str(moved.dtype).endswith(dtype)
        back = fetch(moved)
        assert back.dtype == float
        np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
def test_small_arrays_and_indices_follow_another_array(device, dtype):
    array = put(np.arange(12.0).reshape(3, 4), device, dtype)
    weights = small([1.0, 2.0, 3.0, 4.0], array)
    np.testing.assert_allclose(fetch(array @ weights), [20, 60, 100])
    np.testing.assert_array_equal(fetch(array[as_index(np.array([2, 0]), array)])[:, 0], [8, 0])
    assert namespace(array) is (np if device == "cpu" else torch)


@pytest.mark.parametrize(("device", "dtype"), MACHINES)
def test_a_symmetric_matrix_is_diagonalized_in_ascending_order(device, dtype):
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    matrix = vectors * np.array([5.0, 1, 3, 0, 2, 4]) @ vectors.T
    values, found = map(fetch, eigen(put(matrix, device, dtype)))
    accuracy = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(values, np.arange(6), atol=accuracy)
    np.testing.assert_allclose(found * values @ found.T, matrix, atol=accuracy)


@pytest.mark.parametrize("before", ["ieee", "tf32", "none"])
def test_products_are_exact_within_and_as_before_afterwards(matmul, before):
    matmul.fp32_precision = before
    with exact_products():
        assert matmul.fp32_precision == "ieee"
    assert matmul.fp32_precision == before


def test_products_are_as_before_after_an_exception(matmul):
    matmul.fp32_precision = "tf32"
    with pytest.raises(KeyError, match="first"), exact_products():
        raise KeyError("first")  # noqa: EM101
    assert matmul.fp32_precision == "tf32"


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_the_older_settings_of_torch_are_kept_too(matmul, precision):
    try:
        torch.set_float32_matmul_precision(precision)
        allowed = matmul.allow_tf32
        with exact_products():
            assert matmul.fp32_precision == "ieee"
        assert torch.get_float32_matmul_precision() == precision
        assert matmul.allow_tf32 == allowed
    finally:
        torch.set_float32_matmul_precision("highest")


class OlderSettings:
    """Settings of torch before 2.9."""

    allow_tf32 = True


def test_torch_that_knows_the_older_name_only_is_served(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "matmul", OlderSettings())
    with exact_products():
        assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.backends.cuda.matmul.allow_tf32 is True


@pytest.mark.gpu
def test_float32_products_on_a_gpu_are_exact_within():
    torch.backends.cuda.matmul.allow_tf32 = True
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 500, 500))
    try:
        with exact_products():
            product = put(one, "cuda", "float32") @ put(two, "cuda", "float32")
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
    assert np.abs(fetch(product) - one @ two).max() < 1e-3  # 2e-2 with TF32


def test_devices_of_this_machine_are_known():
    assert [check_device(name) for name in ("cpu", "torch")] == ["cpu", "torch"]


@pytest.mark.parametrize(
    ("device", "n_devices", "sentence"),
    [
        ("cuda", 0, "Device 'cuda' was asked for, but torch finds no CUDA device; use 'cpu'."),
        ("cuda:1", 0, "Device 'cuda:1' was asked for, but torch finds no CUDA device; use 'cpu'."),
        ("cuda:2", 2, "Device 'cuda:2' was asked for, but the last one here is 'cuda:1'."),
        ("gpu", 0, "Device 'gpu' is not known to torch; use 'cpu' or 'cuda'."),
        ("", 0, "Device '' is not known to torch; use 'cpu' or 'cuda'."),
        ("mps", 0, "Device 'mps' is not one that scores are computed on; use 'cpu' or 'cuda'."),
        ("meta", 0, "Device 'meta' is not one that scores are computed on; use 'cpu' or 'cuda'."),
    ],
)
def test_a_device_that_is_not_there_is_refused(device, n_devices, sentence, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_devices > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_devices)
    with pytest.raises(NeuroalignError, match=f"^{re.escape(sentence)}$"):
        check_device(device)


def test_devices_that_are_there_are_accepted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [check_device(name) for name in ("cuda", "cuda:1")] == ["cuda", "cuda:1"]
