"""Metrics: unpack labels, call the numerics, put labels back."""

from neuroalign.metrics.banded import BandedRidgeEncoding as BandedRidgeEncoding
from neuroalign.metrics.co_smoothing import co_smoothing_split as co_smoothing_split
from neuroalign.metrics.encoding import RidgeEncoding as RidgeEncoding
from neuroalign.metrics.explainable import cc_norm as cc_norm
from neuroalign.metrics.explainable import feve as feve
from neuroalign.metrics.explainable import signal_power as signal_power
from neuroalign.metrics.mapping_encoding import MappingEncoding as MappingEncoding
from neuroalign.metrics.spiking import bits_per_spike as bits_per_spike
from neuroalign.metrics.spiking import psth_r2 as psth_r2
from neuroalign.metrics.spiking_scores import spiking_scores as spiking_scores
from neuroalign.metrics.stacked import StackedEncoding as StackedEncoding

__all__ = [
    "BandedRidgeEncoding",
    "MappingEncoding",
    "RidgeEncoding",
    "StackedEncoding",
    "bits_per_spike",
    "cc_norm",
    "co_smoothing_split",
    "feve",
    "psth_r2",
    "signal_power",
    "spiking_scores",
]
