"""Guards beside a score, which tell whether it may mean something else than it seems to."""

from neuroalign.features.order_features import order_features as order_features
from neuroalign.features.order_features import smoothed_identity as smoothed_identity
from neuroalign.guards.case import Case as Case
from neuroalign.guards.chosen import ChosenLayer as ChosenLayer
from neuroalign.guards.run import GUARDS as GUARDS
from neuroalign.guards.run import OF_ACTIVATIONS as OF_ACTIVATIONS
from neuroalign.guards.run import check_guards as check_guards
from neuroalign.guards.run import run_guards as run_guards

__all__ = ["GUARDS", "order_features", "smoothed_identity"]
