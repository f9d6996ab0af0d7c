"""Simulated recordings with known truth, on which ceilings, intervals and tests are proven."""

from neuroalign.simulate.spiking import spikes as spikes
from neuroalign.simulate.voxels import fmri as fmri

__all__ = ["fmri", "spikes"]
