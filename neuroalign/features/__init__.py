"""From activations to the rows of a design matrix."""

from neuroalign.features.projection import RandomProjection as RandomProjection
from neuroalign.features.time_grid import TimeGrid as TimeGrid
from neuroalign.features.time_windows import TimeWindows as TimeWindows

__all__ = ["RandomProjection", "TimeGrid", "TimeWindows"]
