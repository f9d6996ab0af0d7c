"""On which single stimuli systems agree or disagree."""

from neuroalign.dispersion.confounding import confounds as confounds
from neuroalign.dispersion.differences import compare_dispersions as compare_dispersions
from neuroalign.dispersion.differences import mean_interval as mean_interval
from neuroalign.dispersion.modulate import modulation as modulation
from neuroalign.dispersion.passages import passages as passages
from neuroalign.dispersion.procrustes import learning_curve as learning_curve
from neuroalign.dispersion.procrustes import procrustes_dispersion as procrustes_dispersion
from neuroalign.dispersion.repeated import noise_corrected as noise_corrected

__all__ = [
    "compare_dispersions",
    "confounds",
    "learning_curve",
    "mean_interval",
    "modulation",
    "noise_corrected",
    "passages",
    "procrustes_dispersion",
]
