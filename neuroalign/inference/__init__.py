"""Intervals and tests on scores."""

from neuroalign.inference.advice import advise as advise
from neuroalign.inference.comparison import compare as compare
from neuroalign.inference.comparison import nested_comparison as nested_comparison
from neuroalign.inference.comparison import neuroid_differences as neuroid_differences
from neuroalign.inference.intervals import difference_interval as difference_interval
from neuroalign.inference.intervals import median_interval as median_interval
from neuroalign.inference.intervals import population_interval as population_interval
from neuroalign.inference.multiple import benjamini_hochberg as benjamini_hochberg
from neuroalign.inference.multiple import holm as holm
from neuroalign.inference.normalized import normalized_interval as normalized_interval
from neuroalign.inference.permutations import permutation_test as permutation_test

__all__ = [
    "advise",
    "benjamini_hochberg",
    "compare",
    "difference_interval",
    "holm",
    "median_interval",
    "nested_comparison",
    "neuroid_differences",
    "normalized_interval",
    "permutation_test",
    "population_interval",
]
