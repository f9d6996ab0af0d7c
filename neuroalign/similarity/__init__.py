"""Measures of how alike two systems represent the same stimuli."""

from neuroalign.numerics.similarity.canonical import CCA as CCA
from neuroalign.numerics.similarity.canonical import PWCCA as PWCCA
from neuroalign.numerics.similarity.canonical import SVCCA as SVCCA
from neuroalign.numerics.similarity.held_out_cca import HeldOutCCA as HeldOutCCA
from neuroalign.numerics.similarity.held_out_shapes import HeldOutProcrustes as HeldOutProcrustes
from neuroalign.numerics.similarity.kernels import CKA as CKA
from neuroalign.numerics.similarity.local_measures import CorrectedNeighbors as CorrectedNeighbors
from neuroalign.numerics.similarity.local_measures import CycleNeighbors as CycleNeighbors
from neuroalign.numerics.similarity.local_measures import (
    LocalKernelAlignment as LocalKernelAlignment,
)
from neuroalign.numerics.similarity.local_measures import MutualNeighbors as MutualNeighbors
from neuroalign.numerics.similarity.relative import RelativeSimilarity as RelativeSimilarity
from neuroalign.numerics.similarity.shapes import ProcrustesSimilarity as ProcrustesSimilarity
from neuroalign.numerics.similarity.unit_matching import UnitMatching as UnitMatching
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
    "compare_layers",
    "compare_systems",
    "describe_measures",
]
