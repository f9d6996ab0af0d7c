"""Test stimuli that were trained on: the same content, or nearly the same activations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from neuroalign.data.content import content_codes
from neuroalign.data.schema import stimulus_kinds
from neuroalign.errors import name_some
from neuroalign.features.matching import design_rows
from neuroalign.guards.case import Case, Found
from neuroalign.numerics.duplicates import near_duplicates
from neuroalign.splits import Splits

ALIKE = 0.999  # correlation of activations


def guard_duplicates(case: Case) -> Found:
    """Look for test stimuli that repeat a training stimulus; in streams, for repeated runs."""
    if case.prepared.splits.rows == "sample":
        return _repeated_runs(case)
    stimuli = case.prepared.stimuli
    labels, kinds = np.asarray(stimuli.index, dtype=str), _kinds(case)
    folds = list(_folds(case, labels))
    tested = np.unique(np.concatenate([test for _, test in folds]))
    same: dict[int, int] = {}
    said = []
    if kinds:
        same = repeats(content_codes(stimuli, kinds), folds)
        what = f"the same {' and '.join(kinds)} as a training stimulus"
        said.append(_counted(labels, same, len(tested), what))
    near: dict[int, int] = {}
    if case.layer is not None:
        rows = design_rows(case.activations(), labels)
        alike = near_duplicates(rows, folds, ALIKE)
        near = {row: other for row, other in (alike or {}).items() if row not in same}
        what = f"activations in layer {case.layer!r} that correlate above {ALIKE} with those of "
        what += "another training stimulus" if kinds else "a training stimulus"
        said.append(
            f"layer {case.layer!r} varies along too few directions to tell nearly equal stimuli"
            if alike is None
            else _counted(labels, near, len(tested), what)
        )
    if not said:
        return Found("does not apply: there is neither content to compare nor a chosen layer")
    return Found("; ".join(said), bool(same or near))


def repeats(codes: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[int, int]:
    """Find test rows whose code a training row has too.

    Parameters
    ----------
    codes : array (rows,)
    folds : sequence of (int array, int array)
        Training and test rows.

    Returns
    -------
    dict of int to int
        Test row -> the first such training row.
    """
    found: dict[int, int] = {}
    for train, test in folds:
        first: dict[object, int] = {}
        for row in train:
            first.setdefault(codes[row], int(row))
        found |= {int(row): first[codes[row]] for row in test if codes[row] in first}
    return found


def _kinds(case: Case) -> list[str]:
    """Return the columns that the model reads; of activations computed elsewhere, all."""
    read = getattr(case.model, "kinds", [case.model.reads])
    kinds = stimulus_kinds(case.prepared.stimuli)
    return [kind for kind in kinds if kind in read] or kinds


def _folds(case: Case, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the numbers of the training and test rows of the folds of the first repetition."""
    splits = case.prepared.splits
    for fold in splits.folds[: splits.repeat.count(0)]:
        sides = (np.flatnonzero(np.isin(labels, side)) for side in (fold.train, fold.test))
        train, test = sides
        yield train, test


def _counted(labels: np.ndarray, found: Mapping[int, int], n_tested: int, what: str) -> str:
    if not found:
        return f"none of {n_tested} test stimuli has {what}"
    have = "has" if len(found) == 1 else "have"
    names = name_some(labels[row] for row in sorted(found))
    return f"{len(found)} of {n_tested} test stimuli {have} {what} {names}"


def _repeated_runs(case: Case) -> Found:
    """Compare whole runs, event after event, by content and by time since the first event."""
    kinds, stimuli, splits = _kinds(case), case.prepared.stimuli, case.prepared.splits
    if not kinds:
        return Found("does not apply: the stimuli have no content to compare")
    events = stimuli.assign(code=content_codes(stimuli, kinds)).sort_values(["run", "onset"])
    events["time"] = events["onset"] - events.groupby("run")["onset"].transform("first")
    runs = {str(run): rows for run, rows in events.groupby("run")}
    jitter = float(case.prepared.joined[0].attrs["sampling_period"])
    found = set()
    for fold in splits.folds[: splits.repeat.count(0)]:
        train, test = (_runs_of(splits, side) for side in (fold.train, fold.test))
        for run in test:
            # A run that is cut is no repetition of itself.
            others = (runs[other] for other in train if other != run)
            if any(_is_repeated(runs[run], other, jitter) for other in others):
                found.add(run)
    if not found:
        return Found("no run that was tested repeats, event by event, a run that was trained on")
    what = "runs repeat, event by event, a run that was trained on"
    return Found(f"{len(found)} of {len(runs)} {what} {name_some(sorted(found))}", alarmed=True)


def _runs_of(splits: Splits, labels: np.ndarray) -> list[str]:
    return sorted(set(splits.table.order(labels)[0].tolist()))


def _is_repeated(one: pd.DataFrame, other: pd.DataFrame, jitter: float) -> bool:
    """Tell whether two runs hold the same events at the same times, but for a jitter in s."""
    if len(one) != len(other) or (one["code"].to_numpy() != other["code"].to_numpy()).any():
        return False
    return bool(np.abs(one["time"].to_numpy() - other["time"].to_numpy()).max() <= jitter)
