"""Measures of how alike two systems represent the same stimuli."""

from neuroalign.data.choices import load_choices as load_choices
from neuroalign.numerics.similarity.canonical import CCA as CCA
from neuroalign.numerics.similarity.canonical import PWCCA as PWCCA
from neuroalign.numerics.similarity.canonical import SVCCA as SVCCA
from neuroalign.numerics.similarity.canonical import chance_of_cca as chance_of_cca
from neuroalign.numerics.similarity.choice_ceilings import choice_ceiling as choice_ceiling
from neuroalign.numerics.similarity.choice_ceilings import choice_error as choice_error
from neuroalign.numerics.similarity.choices import choice_probabilities as choice_probabilities
from neuroalign.numerics.similarity.choices import judged_spearman as judged_spearman
from neuroalign.numerics.similarity.choices import odd_one_out as odd_one_out
from neuroalign.numerics.similarity.dimensionality import participation_ratio as participation_ratio
from neuroalign.numerics.similarity.dimensionality import (
    signal_participation_ratio as signal_participation_ratio,
)
from neuroalign.numerics.similarity.held_out_cca import HeldOutCCA as HeldOutCCA
from neuroalign.numerics.similarity.held_out_shapes import HeldOutProcrustes as HeldOutProcrustes
from neuroalign.numerics.similarity.kernels import CKA as CKA
from neuroalign.numerics.similarity.local_measures import CorrectedNeighbors as CorrectedNeighbors
from neuroalign.numerics.similarity.local_measures import CycleNeighbors as CycleNeighbors
from neuroalign.numerics.similarity.local_measures import (
    LocalKernelAlignment as LocalKernelAlignment,
)
from neuroalign.numerics.similarity.local_measures import MutualNeighbors as MutualNeighbors
from neuroalign.numerics.similarity.losses import cka_loss as cka_loss
from neuroalign.numerics.similarity.losses import rsa_loss as rsa_loss
from neuroalign.numerics.similarity.manifolds import ball_capacity as ball_capacity
from neuroalign.numerics.similarity.manifolds import centroid_nuclear_norm as centroid_nuclear_norm
from neuroalign.numerics.similarity.manifolds import describe_manifolds as describe_manifolds
from neuroalign.numerics.similarity.neighbors import neighbor_overlap as neighbor_overlap
from neuroalign.numerics.similarity.relative import RelativeSimilarity as RelativeSimilarity
from neuroalign.numerics.similarity.relative import (
    relative_representation as relative_representation,
)
from neuroalign.numerics.similarity.shapes import ProcrustesSimilarity as ProcrustesSimilarity
from neuroalign.numerics.similarity.shapes import angular_distance as angular_distance
from neuroalign.numerics.similarity.shapes import procrustes_matrix as procrustes_matrix
from neuroalign.numerics.similarity.shapes import size_and_shape_distance as size_and_shape_distance
from neuroalign.numerics.similarity.unit_matching import UnitMatching as UnitMatching
from neuroalign.numerics.similarity.unit_matching import matching_gap as matching_gap
from neuroalign.similarity.layers import compare_layers as compare_layers
from neuroalign.similarity.layers import compare_systems as compare_systems
from neuroalign.similarity.layers import describe_measures as describe_measures

__all__ = [
    "CCA",
    "CKA",
    "CorrectedNeighbors",
    "CycleNeighbors",
    "HeldOutCCA",
    "HeldOutProcrustes",
    "LocalKernelAlignment",
    "MutualNeighbors",
    "PWCCA",
    "ProcrustesSimilarity",
    "RelativeSimilarity",
    "SVCCA",
    "UnitMatching",
    "angular_distance",
    "ball_capacity",
    "centroid_nuclear_norm",
    "chance_of_cca",
    "choice_ceiling",
    "choice_error",
    "choice_probabilities",
    "cka_loss",
    "compare_layers",
    "compare_systems",
    "describe_manifolds",
    "describe_measures",
    "judged_spearman",
    "load_choices",
    "matching_gap",
    "neighbor_overlap",
    "odd_one_out",
    "participation_ratio",
    "procrustes_matrix",
    "relative_representation",
    "rsa_loss",
    "signal_participation_ratio",
    "size_and_shape_distance",
]
