"""Which stimuli or samples are trained on and which are held out."""

from neuroalign.folds.repeats import Repeated as Repeated
from neuroalign.folds.rules import ContiguousKFold as ContiguousKFold
from neuroalign.folds.rules import FoldRule as FoldRule
from neuroalign.folds.rules import KFold as KFold
from neuroalign.folds.rules import StratifiedKFold as StratifiedKFold
from neuroalign.folds.rules import TrainTest as TrainTest
from neuroalign.folds.rules import default_folds as default_folds
from neuroalign.folds.rules import resolve_gap as resolve_gap

__all__ = ["ContiguousKFold", "KFold", "Repeated", "StratifiedKFold", "TrainTest"]
