"""Simulated recordings with known truth, on which ceilings, intervals and tests are proven."""

from neuroalign.simulate.components import main_components as main_components
from neuroalign.simulate.electrodes import multimodal_layer as multimodal_layer
from neuroalign.simulate.electrodes import seeg as seeg
from neuroalign.simulate.photographs import photograph_crops as photograph_crops
from neuroalign.simulate.spiking import spikes as spikes
from neuroalign.simulate.streams import bold as bold
from neuroalign.simulate.voxels import fmri as fmri

__all__ = [
    "bold",
    "fmri",
    "main_components",
    "multimodal_layer",
    "photograph_crops",
    "seeg",
    "spikes",
]
