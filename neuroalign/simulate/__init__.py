"""Simulated recordings with known truth, on which ceilings, intervals and tests are proven."""

from neuroalign.simulate.spiking import spikes as spikes

__all__ = ["spikes"]
