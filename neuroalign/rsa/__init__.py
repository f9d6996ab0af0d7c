"""Representational similarity analysis: dissimilarities with labels, compared and modeled."""

from neuroalign.data.dissimilarities import make_dissimilarities as make_dissimilarities
from neuroalign.data.model_dissimilarities import (
    load_model_dissimilarities as load_model_dissimilarities,
)
from neuroalign.numerics.rdm.measure import RSA as RSA
from neuroalign.rsa.dissimilarities import dissimilarities as dissimilarities

__all__ = ["RSA", "dissimilarities", "load_model_dissimilarities", "make_dissimilarities"]
