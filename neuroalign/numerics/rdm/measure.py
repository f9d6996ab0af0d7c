"""RSA as a measure of two sets of activations: dissimilarities on either side, then compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import squareform

from neuroalign.errors import DataError, unknown_name
from neuroalign.numerics.rdm.dissimilarity import DISSIMILARITIES
from neuroalign.numerics.rdm.spaces import comparison_named
from neuroalign.numerics.similarity.inputs import check_matrix, check_pair, check_stimuli

FEWEST_STIMULI = 4  # six pairs
CROSSNOBIS = "crossnobis"
# Of dissimilarities, and so of RSA by any comparison, which do not see a common factor.
INVARIANCES = {
    "correlation": frozenset({"scale", "permutation"}),
    "squared_euclidean": frozenset({"translation", "scale", "rotation", "permutation"}),
    "poisson_kl": frozenset({"permutation"}),
}


@dataclass(frozen=True)
class RSA:
    """Compare dissimilarities between stimuli in one system with those in another.

    Parameters
    ----------
    dissimilarity : str
        "correlation" (1 - r between patterns), "squared_euclidean", "poisson_kl" (of rates), or
        "crossnobis": of recordings with repetitions, whose noise it neither counts nor is widened
        by, and squared Euclidean of models.
    comparison : str
        "spearman", "rho_a" (for models with ties), "tau_a", "tau_b", "cosine", "correlation",
        "whitened_cosine" or "whitened_correlation" (which know that dissimilarities of one
        stimulus err together).

    References
    ----------
    Kriegeskorte, Mur & Bandettini (2008), doi:10.3389/neuro.06.004.2008; Walther et al. (2016),
    doi:10.1016/j.neuroimage.2015.12.012, on crossnobis; Schuett et al. (2023),
    doi:10.7554/eLife.82566, on comparisons.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=3)
    >>> na.score(na.load_model("pixels"), dataset, na.rsa.RSA()).similarity.dims
    ('layer', 'view')
    """

    dissimilarity: str = "correlation"
    comparison: str = "spearman"

    chance: ClassVar[str] = "0, but for cosines, which are of dissimilarities that are not centered"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    cost: ClassVar[str] = "n^2 (p + q) + n^2 log n"
    fails: ClassVar[str] = (
        "Two systems that need only be weighted anew to be alike read as different: no unit is "
        "given a weight."
    )

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        known = [*DISSIMILARITIES, CROSSNOBIS]
        if self.dissimilarity not in known:
            raise unknown_name(self.dissimilarity, known, kind="dissimilarity")
        comparison_named(self.comparison)

    @property
    def invariances(self) -> frozenset[str]:
        """What may be done to either side without changing the measure."""
        return INVARIANCES["squared_euclidean" if self.crossed else self.dissimilarity]

    @property
    def crossed(self) -> bool:
        """Tell whether responses need repetitions, across which dissimilarities are taken."""
        return self.dissimilarity == CROSSNOBIS

    def compare_arrays(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare activations of the same stimuli.

        Parameters
        ----------
        first : array (stimuli, units)
        second : array (stimuli, other units)

        Returns
        -------
        float
            NaN where dissimilarities are undefined or do not vary.
        """
        if self.crossed:
            message = (
                "Crossnobis dissimilarities are of recordings with repetitions; compare arrays by "
                "RSA(dissimilarity='squared_euclidean')."
            )
            raise DataError(message)
        pair = check_pair(first, second, FEWEST_STIMULI)
        return self.compare_square(*(self.prepare_array(values) for values in pair))

    def prepare_array(self, values: np.ndarray) -> np.ndarray:
        """Compute dissimilarities between the rows of a model's activations, or of responses.

        Parameters
        ----------
        values : array (stimuli, units)

        Returns
        -------
        float array (stimuli, stimuli)
        """
        method = "squared_euclidean" if self.crossed else self.dissimilarity
        return squareform(DISSIMILARITIES[method](check_matrix(values, "given")), checks=False)

    def compare_prepared(self, first: np.ndarray, second: np.ndarray, order: np.ndarray) -> float:
        """Compare dissimilarities, with stimulus ``order[i]`` of the second for i of the first."""
        return self.compare_square(first, second[np.ix_(order, order)])

    def compare_square(self, first: np.ndarray, second: np.ndarray) -> float:
        """Compare dissimilarities of the same stimuli.

        Parameters
        ----------
        first, second : float arrays (stimuli, stimuli)
            Pairs that are NaN in either are left out, but by whitened comparisons refused.

        Returns
        -------
        float
        """
        check_stimuli(len(first), FEWEST_STIMULI)
        rows = [squareform(values, checks=False)[None] for values in (first, second)]
        return float(comparison_named(self.comparison)(*rows)[0, 0])
