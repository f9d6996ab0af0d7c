"""From activations to the rows of a design matrix."""

from neuroalign.features.projection import RandomProjection as RandomProjection
from neuroalign.features.time_grid import TimeGrid as TimeGrid

__all__ = ["RandomProjection", "TimeGrid"]
