"""Metrics: unpack labels, call the numerics, put labels back."""

from neuroalign.metrics.banded import BandedRidgeEncoding as BandedRidgeEncoding
from neuroalign.metrics.encoding import RidgeEncoding as RidgeEncoding
from neuroalign.metrics.mapping_encoding import MappingEncoding as MappingEncoding
from neuroalign.metrics.stacked import StackedEncoding as StackedEncoding

__all__ = ["BandedRidgeEncoding", "MappingEncoding", "RidgeEncoding", "StackedEncoding"]
