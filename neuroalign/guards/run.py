"""Run guards beside a score, and keep what they found."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr

from neuroalign.errors import NeuroalignError, unknown_name
from neuroalign.guards.autocorrelation import guard_autocorrelation
from neuroalign.guards.baseline import guard_baseline
from neuroalign.guards.case import Case, Found, LeftOut
from neuroalign.guards.content_free import guard_content_free
from neuroalign.guards.duplicates import guard_duplicates
from neuroalign.guards.shuffled import guard_shuffled
from neuroalign.numerics.undefined import NOT_SCORED, flag_attributes
from neuroalign.progress import progress_bar

_GUARDS: Mapping[str, Callable[[Case], Found]] = {
    "content-free": guard_content_free,
    "shuffled": guard_shuffled,
    "baseline": guard_baseline,
    "duplicates": guard_duplicates,
    "autocorrelation": guard_autocorrelation,
}
GUARDS = tuple(_GUARDS)
SCORING = ("content-free", "shuffled", "baseline")  # that fit something, which takes time
OF_ACTIVATIONS = ("shuffled", "duplicates")  # that read those of the chosen layer
WORK = 0.75  # of the folds that were scored, over all layers, are what guards may score


class Guarded(NamedTuple):
    """What guards found.

    Parameters
    ----------
    scores : Dataset
        `guard_r` (guard, fold, neuroid, [time]) and why it is NaN; empty where nothing was scored.
    attrs : dict of str to str
        `guards`: a line for each, its name and what it has to say. `guards_alarmed`: the names of
        those that found something, or "none".
    seconds : dict of str to float
        What each took.
    """

    scores: xr.Dataset
    attrs: dict[str, str]
    seconds: dict[str, float]


def check_guards(names: Sequence[str] | str) -> list[str]:
    """Return the guards asked for, each of which must be known, in their usual order."""
    wanted = [names] if isinstance(names, str) else [str(name) for name in names]
    for name in wanted:
        if name not in GUARDS:
            raise unknown_name(name, GUARDS, kind="guard")
    return [name for name in GUARDS if name in wanted]


def run_guards(names: Sequence[str], case: Case) -> Guarded:
    """Run guards at the chosen layer; what goes wrong with one is what it says.

    Those that fit something share three quarters of the folds that were scored, over all layers,
    and so take no longer than the score.

    Parameters
    ----------
    names : sequence of str
        From `check_guards`.
    case : Case

    Returns
    -------
    Guarded
    """
    found: dict[str, Found] = {}
    seconds: dict[str, float] = {}
    left = max(WORK * case.chosen.n_layers * case.prepared.splits.repeat.count(0), 1.0)
    with progress_bar(f"{case.model.name}: guards", len(names)) as advance:
        for number, name in enumerate(names):
            start = time.perf_counter()
            sharing = max(sum(other in SCORING for other in names[number:]), 1)
            found[name] = _run(name, replace(case, n_folds=max(left / sharing, 0)))
            left -= found[name].cost
            seconds[name] = round(time.perf_counter() - start, 3)
            advance()
    if not names:
        return Guarded(xr.Dataset(), {}, {})
    alarmed = [name for name, one in found.items() if one.alarmed]
    attrs = {
        "guards": "\n".join(f"{name}: {one.sentence}" for name, one in found.items()),
        "guards_alarmed": ", ".join(alarmed) or "none",
    }
    return Guarded(_side_by_side(found, case.scores), attrs, seconds)


def _run(name: str, case: Case) -> Found:
    try:
        return _GUARDS[name](case)
    except LeftOut:
        return Found(
            "left out, since the other guards took the time that there was; ask for it alone, "
            f"guards=[{name!r}]"
        )
    except NeuroalignError as error:
        return Found(f"could not be run: {str(error).removesuffix('.')}")
    except Exception as error:  # the score is worth more than its guard
        return Found(f"could not be run: {type(error).__name__}: {error}")


def _side_by_side(found: Mapping[str, Found], scores: xr.Dataset) -> xr.Dataset:
    """Put what was scored on an axis `guard`, with the folds and neuroids of the scores."""
    scored = {name: one.scores for name, one in found.items() if one.scores is not None}
    if not scored:
        return xr.Dataset()
    like = scores["r"].isel(layer=0, drop=True).transpose("fold", "neuroid", ...)
    dims, shape = ("guard", *like.dims), (len(scored), *like.shape)
    r, why = np.full(shape, np.nan), np.full(shape, NOT_SCORED, dtype=np.uint8)
    for number, part in enumerate(scored.values()):
        at = np.ix_(*(like.indexes[dim].get_indexer(part[dim]) for dim in ("fold", "neuroid")))
        r[number][at] = part["r"].transpose(*like.dims).values
        if "undefined" in part:
            why[number][at] = part["undefined"].transpose(*like.dims).values
    names = np.array(list(scored), dtype=str)
    return xr.Dataset(
        {"guard_r": (dims, r), "guard_undefined": (dims, why, flag_attributes())}, {"guard": names}
    )
