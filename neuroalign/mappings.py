"""Mappings from activations to responses, to be scored by `neuroalign.metrics.MappingEncoding`."""

from neuroalign.numerics.attention_readout import AttentionReadout as AttentionReadout
from neuroalign.numerics.factorized_readout import FactorizedReadout as FactorizedReadout
from neuroalign.numerics.fractional_ridge import FractionalRidge as FractionalRidge
from neuroalign.numerics.gaussian_readout import GaussianReadout as GaussianReadout
from neuroalign.numerics.kernel_ridge import KernelRidge as KernelRidge
from neuroalign.numerics.one_to_one import OneToOne as OneToOne
from neuroalign.numerics.partial_least_squares import PartialLeastSquares as PartialLeastSquares
from neuroalign.numerics.poisson import Poisson as Poisson
from neuroalign.numerics.principal_components import PrincipalComponents as PrincipalComponents
from neuroalign.numerics.soft_matching import SoftMatching as SoftMatching

__all__ = [
    "AttentionReadout",
    "FactorizedReadout",
    "FractionalRidge",
    "GaussianReadout",
    "KernelRidge",
    "OneToOne",
    "PartialLeastSquares",
    "Poisson",
    "PrincipalComponents",
    "SoftMatching",
]
