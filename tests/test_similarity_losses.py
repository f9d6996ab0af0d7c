"""Losses in torch: equal to what scores compute, right gradients, and traps of small batches."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.similarity.kernels import CKA
from neuroalign.numerics.similarity.losses import cka_loss, rsa_loss

KINDS = [(a, b) for a in ("correlation", "squared_euclidean") for b in ("cosine", "correlation")]
LOSSES = [
    *(lambda x, y, way=way: cka_loss(x, y, debiased=way) for way in (True, False)),
    *(lambda x, y, k=k: rsa_loss(x, y, dissimilarity=k[0], comparison=k[1]) for k in KINDS),
]


def pair(n=12, p=5, q=9, seed=0):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 3))
    return tuple(
        torch.tensor(common @ rng.normal(size=(3, width)) + rng.normal(size=(n, width)))
        for width in (p, q)
    )


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize(("n", "p", "q"), [(12, 5, 9), (30, 4, 5), (6, 40, 70)])
def test_the_cka_loss_is_one_minus_cka(n, p, q, debiased):
    first, second = pair(n, p, q)
    expected = 1 - CKA(debiased=debiased).compare_arrays(first.numpy(), second.numpy())
    for scale, offset in ((1, 0), (1e-100, 0), (1e100, 0), (1, 1000)):
        found = cka_loss(first * scale + offset, second, debiased=debiased)
        assert found.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(("dissimilarity", "comparison"), KINDS)
def test_the_rsa_loss_is_one_minus_the_similarity_of_dissimilarities(dissimilarity, comparison):
    first, second = pair()
    metric = {"correlation": "correlation", "squared_euclidean": "sqeuclidean"}[dissimilarity]
    a, b = (pdist(values.numpy(), metric) for values in (first, second))
    if comparison == "correlation":
        expected = 1 - np.corrcoef(a, b)[0, 1]
    else:
        expected = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    for scale in (1, 1e-100, 1e100):
        found = rsa_loss(first * scale, second, dissimilarity=dissimilarity, comparison=comparison)
        assert found.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_small_differences(loss):
    first, second = (values.requires_grad_() for values in pair(7, 3, 4))
    assert torch.autograd.gradcheck(loss, (first, second))
    assert torch.autograd.gradcheck(loss, (first * 50 + 3, second))


@pytest.mark.parametrize("loss", LOSSES)
def test_stimuli_that_coincide_have_finite_and_right_gradients(loss):
    first, second = pair(8, 3, 4)
    first[1] = first[0]
    second[1] = second[0]
    second[5] = second[2]
    assert torch.autograd.gradcheck(loss, (first.requires_grad_(), second.requires_grad_()))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_system_has_no_loss_with_itself_and_steps_reduce_that_with_another(loss):
    first, second = pair(20, 6, 6)
    assert loss(second, second * 3).item() == pytest.approx(0, abs=1e-12)
    free = first.clone().requires_grad_()
    optimizer = torch.optim.Adam([free], lr=0.05)
    start = loss(free, second).item()
    for _ in range(100):
        optimizer.zero_grad()
        value = loss(free, second)
        value.backward()
        optimizer.step()
    assert value.item() < 0.2 * start


@pytest.mark.parametrize("n", [8, 32])
def test_small_batches_of_independent_systems_fool_the_biased_loss_only(n):
    seed = torch.Generator().manual_seed(0)
    batches = torch.randn(200, 2, n, 300, generator=seed, dtype=torch.float64)
    debiased = torch.stack([1 - cka_loss(*batch) for batch in batches])
    biased = torch.stack([1 - cka_loss(*batch, debiased=False) for batch in batches])
    assert abs(debiased.mean()) < 3 * debiased.std() / 200**0.5
    assert biased.mean() > 0.9


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_under_autocast_too(loss, dtype):
    first, second = ((values * 100).to(dtype) for values in pair(12, 50, 9))
    expected = loss(first.double(), second.double()).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(first.requires_grad_(), second)
    found.backward()
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected, abs=1e-5)
    assert first.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("constant", [0, 0.1, 7e9])
def test_a_system_that_does_not_vary_has_no_loss(loss, dtype, constant):
    first, second = (values.to(dtype) for values in pair())
    flat = torch.full((12, 7), constant, dtype=dtype)
    assert loss(flat, second).isnan()
    assert loss(first, flat).isnan()


def test_one_pattern_that_is_constant_has_no_correlation_with_others():
    first, second = pair()
    first[3] = 0.1
    assert rsa_loss(first, second).isnan()
    assert rsa_loss(first, second, dissimilarity="squared_euclidean").isfinite()


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_far_from_0_is_nearly_as_good_as_float64(loss):
    first, second = ((values + 100).float() for values in pair(30, 20, 9))
    expected = loss(first.double(), second.double()).item()
    assert loss(first, second).item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_inputs_are_not_changed(loss):
    first, second = pair()
    before = first.numpy().tobytes(), second.numpy().tobytes()
    loss(first, second)
    assert (first.numpy().tobytes(), second.numpy().tobytes()) == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda x: cka_loss(x, x[:5]),
            "The tensors have shapes (12, 5) and (5, 5); give (stimuli, units) of the same "
            "stimuli.",
        ),
        (
            lambda x: rsa_loss(x[None], x),
            "The tensors have shapes (1, 12, 5) and (12, 5); give (stimuli, units) of the same "
            "stimuli.",
        ),
        (lambda x: cka_loss(x[:3], x[:3]), "A batch of 3 stimuli is too small; give 4 or more."),
        (lambda x: rsa_loss(x[:2], x[:2]), "A batch of 2 stimuli is too small; give 3 or more."),
    ],
)
def test_what_is_no_batch_is_refused(call, said):
    with pytest.raises(DataError) as caught:
        call(pair()[0])
    assert str(caught.value) == said


def test_unknown_names_are_refused():
    first, second = pair()
    with pytest.raises(UnknownNameError) as caught:
        rsa_loss(first, second, dissimilarity="euclidean")
    said = "No dissimilarity is called 'euclidean'. Did you mean 'squared_euclidean'?"
    assert str(caught.value) == said
    with pytest.raises(UnknownNameError) as caught:
        rsa_loss(first, second, comparison="cosin")
    assert str(caught.value) == "No comparison is called 'cosin'. Did you mean 'cosine'?"
