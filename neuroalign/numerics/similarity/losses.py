"""Losses in torch: train one system to hold the same stimuli to be alike as another does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from neuroalign.errors import DataError, unknown_name

if TYPE_CHECKING:
    import torch

DISSIMILARITIES = ("correlation", "squared_euclidean")
COMPARISONS = ("cosine", "correlation")

# A length of this many roundings of what was centered is rounding.
ROUNDINGS = 8


def cka_loss(first: torch.Tensor, second: torch.Tensor, *, debiased: bool = True) -> torch.Tensor:
    """Compute 1 - linear CKA of a batch of stimuli, to be minimized.

    Debiased, its mean over batches does not depend on their size much. Biased CKA of a batch with
    fewer stimuli than units is near 1 whatever the systems (.98 of independent ones for 32
    stimuli and 1,000 units), so that there is nothing to learn from.

    Parameters
    ----------
    first : tensor (stimuli, units)
    second : tensor (stimuli, other units)
        The same stimuli in the same order. Either may need gradients. Less than float32 is
        computed in float32, within `torch.autocast` too.
    debiased : bool
        As for `neuroalign.numerics.similarity.kernels.CKA`, which it is equal to. At least four
        stimuli; two without.

    Returns
    -------
    tensor ()
        From 0 to 2. NaN where a system does not vary in the batch.

    References
    ----------
    Kornblith, Norouzi, Lee & Hinton (2019), arXiv:1905.00414.

    Examples
    --------
    >>> import torch
    >>> seed = torch.Generator().manual_seed(0)
    >>> first = torch.randn(32, 1000, generator=seed, requires_grad=True)
    >>> second = torch.randn(32, 1000, generator=seed)
    >>> losses = [cka_loss(first, second, debiased=way) for way in (True, False)]
    >>> [round(loss.item()) for loss in losses]
    [1, 0]
    """
    one, two = _checked(first, second, 4 if debiased else 2)
    with _full_precision(one):
        kernels = [_gram(values) for values in (one, two)]
        both, own, other = (
            _hsic(*pair, debiased=debiased)
            for pair in ((kernels[0], kernels[1]), (kernels[0],) * 2, (kernels[1],) * 2)
        )
        return 1 - both / (own.sqrt() * other.sqrt())


def rsa_loss(
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    dissimilarity: str = "correlation",
    comparison: str = "cosine",
) -> torch.Tensor:
    """Compute 1 - similarity of the dissimilarities of a batch of stimuli, to be minimized.

    Parameters
    ----------
    first : tensor (stimuli, units)
    second : tensor (stimuli, other units)
        The same stimuli in the same order. Either may need gradients. Less than float32 is
        computed in float32, within `torch.autocast` too.
    dissimilarity : {"correlation", "squared_euclidean"}
        1 - the correlation of two stimuli over units, or their squared distance. Neither has a
        root, whose slope at stimuli that coincide would be infinite.
    comparison : {"cosine", "correlation"}
        Of the dissimilarities of all pairs. The cosine of positive numbers is far above 0 for
        independent systems; the correlation is not.

    Returns
    -------
    tensor ()
        From 0 to 2, for the cosine to 1. NaN where a stimulus is constant over units (correlation
        of units), or all dissimilarities are 0 or, compared by correlation, equal.

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008), doi:10.3389/neuro.06.004.2008.
    """
    if dissimilarity not in DISSIMILARITIES:
        raise unknown_name(dissimilarity, DISSIMILARITIES, kind="dissimilarity")
    if comparison not in COMPARISONS:
        raise unknown_name(comparison, COMPARISONS, kind="comparison")
    one, two = _checked(first, second, 3)
    with _full_precision(one):
        sides = [_dissimilarities(values, dissimilarity) for values in (one, two)]
        if comparison == "correlation":
            sides = [side - side.mean() for side in sides]
        a, b = sides
        return 1 - (a @ b) / ((a @ a).sqrt() * (b @ b).sqrt())


def _checked(
    first: torch.Tensor, second: torch.Tensor, fewest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Refuse what is not two matrices of the same stimuli; return both in one type."""
    import torch

    for given in (first, second):
        if not isinstance(given, torch.Tensor) or given.is_complex():
            kind = given.dtype if isinstance(given, torch.Tensor) else type(given).__name__
            message = f"The losses are of tensors of real numbers, not of {kind}; use torch.tensor."
            raise DataError(message)
    shapes = tuple(first.shape), tuple(second.shape)
    if any(len(shape) != 2 or not shape[1] for shape in shapes) or shapes[0][0] != shapes[1][0]:
        message = (
            f"The tensors have shapes {shapes[0]} and {shapes[1]}; give (stimuli, units) of the "
            "same stimuli."
        )
        raise DataError(message)
    if shapes[0][0] < fewest:
        message = f"A batch of {shapes[0][0]} stimuli is too small; give {fewest} or more."
        raise DataError(message)
    wide = torch.promote_types(torch.promote_types(first.dtype, second.dtype), torch.float32)
    return first.to(wide), second.to(wide)


def _full_precision(values: torch.Tensor) -> AbstractContextManager:
    """Multiply in the type of the numbers, whatever `torch.autocast` is on."""
    import torch

    return torch.autocast(values.device.type, enabled=False)


def _gram(values: torch.Tensor) -> torch.Tensor:
    """Compute inner products of centered units, on a scale at which their squares can be summed."""
    centered = values - values.mean(0)
    scaled = centered / (_length(centered, values).detach() / len(values) ** 0.5)
    return scaled @ scaled.T


def _length(centered: torch.Tensor, values: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """Return the length of all centered values or of those along a dimension; NaN if rounding."""
    import torch

    length = torch.linalg.vector_norm(centered, dim=dim, keepdim=dim is not None)
    whole = torch.linalg.vector_norm(values.detach(), dim=dim, keepdim=dim is not None)
    varies = length > ROUNDINGS * torch.finfo(values.dtype).eps * whole
    return length.where(varies, torch.nan)


def _hsic(first: torch.Tensor, second: torch.Tensor, *, debiased: bool) -> torch.Tensor:
    """Compute HSIC of kernels of centered units, but for a factor."""
    if not debiased:
        return (first * second).sum()
    n = len(first)
    one, two = (kernel - kernel.diagonal().diag_embed() for kernel in (first, second))
    rows = one.sum(0), two.sum(0)
    whole = rows[0].sum() * rows[1].sum() / ((n - 1) * (n - 2))
    return (one * two).sum() + whole - 2 / (n - 2) * (rows[0] @ rows[1])


def _dissimilarities(values: torch.Tensor, kind: str) -> torch.Tensor:
    """Compute the dissimilarities (pairs,) of stimuli, in the order of their upper triangle."""
    import torch

    rows, columns = torch.triu_indices(len(values), len(values), 1, device=values.device)
    if kind == "squared_euclidean":
        centered = values - values.mean(0)
        centered = centered / (_length(centered, values).detach() / len(values) ** 0.5)
        inner = centered @ centered.T
        squares = inner.diagonal()
        return squares[rows] + squares[columns] - 2 * inner[rows, columns]
    centered = values - values.mean(1, keepdim=True)
    unit = centered / _length(centered, values, dim=1)
    return 1 - (unit @ unit.T)[rows, columns]
