"""Noise ceilings: what a perfect model would score, and scores relative to that."""

from neuroalign.ceilings.averages import mean_over_folds as mean_over_folds
from neuroalign.ceilings.between import inter_subject as inter_subject
from neuroalign.ceilings.between import inter_subject_extrapolated as inter_subject_extrapolated
from neuroalign.ceilings.divided import divide_repetitions as divide_repetitions
from neuroalign.ceilings.mapped import inter_subject_regression as inter_subject_regression
from neuroalign.ceilings.normalize import median_share as median_share
from neuroalign.ceilings.normalize import normalize_by_ceiling as normalize_by_ceiling
from neuroalign.ceilings.normalize import normalized_without as normalized_without
from neuroalign.ceilings.repeated import anova as anova
from neuroalign.ceilings.repeated import cc_max as cc_max
from neuroalign.ceilings.repeated import ncsnr as ncsnr
from neuroalign.ceilings.repeated import signal_power as signal_power
from neuroalign.ceilings.repeated import split_half as split_half
from neuroalign.ceilings.single import explainable_variance as explainable_variance
from neuroalign.ceilings.single import oracle_conservative as oracle_conservative
from neuroalign.ceilings.single import oracle_jackknife as oracle_jackknife
from neuroalign.ceilings.typed import Ceiling as Ceiling
from neuroalign.ceilings.typed import join as join

__all__ = [
    "Ceiling",
    "anova",
    "cc_max",
    "divide_repetitions",
    "explainable_variance",
    "inter_subject",
    "inter_subject_extrapolated",
    "inter_subject_regression",
    "join",
    "mean_over_folds",
    "median_share",
    "ncsnr",
    "normalize_by_ceiling",
    "normalized_without",
    "oracle_conservative",
    "oracle_jackknife",
    "signal_power",
    "split_half",
]
