"""Representational similarity analysis: dissimilarities with labels, compared and modeled."""

from neuroalign.data.dissimilarities import make_dissimilarities as make_dissimilarities
from neuroalign.data.model_dissimilarities import (
    load_model_dissimilarities as load_model_dissimilarities,
)
from neuroalign.numerics.rdm.measure import RSA as RSA
from neuroalign.rsa.dissimilarities import dissimilarities as dissimilarities
from neuroalign.rsa.inference import bootstrap as bootstrap
from neuroalign.rsa.inference import fit_held_out as fit_held_out
from neuroalign.rsa.inference import noise_ceiling as noise_ceiling
from neuroalign.rsa.topology import geo_topological as geo_topological
from neuroalign.rsa.topology import geodesic as geodesic

__all__ = [
    "RSA",
    "bootstrap",
    "dissimilarities",
    "fit_held_out",
    "geo_topological",
    "geodesic",
    "load_model_dissimilarities",
    "make_dissimilarities",
    "noise_ceiling",
]
