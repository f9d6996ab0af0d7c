"""Simulated recordings with known truth, on which ceilings, intervals and tests are proven."""

from neuroalign.simulate.electrodes import multimodal_layer as multimodal_layer
from neuroalign.simulate.electrodes import seeg as seeg
from neuroalign.simulate.spiking import spikes as spikes
from neuroalign.simulate.streams import bold as bold
from neuroalign.simulate.voxels import fmri as fmri

__all__ = ["bold", "fmri", "multimodal_layer", "seeg", "spikes"]
