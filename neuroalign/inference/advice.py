"""Which ceiling, which interval, which test: what the form of a dataset allows, and why."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from neuroalign.data.dataset import BrainDataset
from neuroalign.errors import DataError
from neuroalign.folds import TrainTest
from neuroalign.folds.rules import FoldRule
from neuroalign.inference.exchange import plan_exchange
from neuroalign.inference.intervals import FEWEST_SUBJECTS
from neuroalign.numerics.resampling import FEWEST_FOLDS
from neuroalign.preparation import Prepared, Selection, prepare_data

N_PERMUTATIONS = 1000
ENOUGH_TO_MASK = 4  # repetitions: two to choose by, two to normalize by
SHARED = "shared"


class Advice(NamedTuple):
    """One question about a dataset, the answer, and the fact that it rests on."""

    question: str
    answer: str
    because: str


def advise(dataset: BrainDataset, *, folds: FoldRule | None = None, seed: int = 0) -> pd.DataFrame:
    """Say which folds, noise ceiling, interval and test fit a dataset, and why.

    Parameters
    ----------
    dataset : BrainDataset
        Every recording is read.
    folds : fold rule, optional
        That will be used; by default those of `score`.
    seed : int

    Returns
    -------
    DataFrame
        A row for each question: `question`, `answer`, `because`.

    Examples
    --------
    >>> import neuroalign as na
    >>> advice = na.inference.advise(na.load_dataset("simulated-v4", n_crops=3))
    >>> advice.set_index("question").loc["Test against chance", "answer"]
    "permutation_test(exchange='groups')"
    """
    prepared = prepare_data(dataset, Selection(folds=folds, seed=seed))
    modality = "" if dataset.card is None else dataset.card.modality
    rows = [
        _folds(prepared),
        _ceiling(prepared),
        *_sessions(prepared),
        _mask(prepared),
        *_spikes(prepared, modality),
        _interval(prepared),
        _chance(prepared, seed),
        _two_models(prepared),
        _many(prepared),
    ]
    return pd.DataFrame(rows, columns=list(Advice._fields))


def _counts(prepared: Prepared) -> np.ndarray:
    """Return how often each stimulus was shown, in any subject; 1 where that is not known."""
    counts = [
        average["n_repetitions"].values.ravel() if "n_repetitions" in average.coords else np.ones(1)
        for average in prepared.averages.values()
    ]
    shown = np.concatenate(counts)
    return shown[shown > 0]


def _folds(prepared: Prepared) -> Advice:
    splits, table = prepared.splits, prepared.splits.table
    why = {
        "independent": f"{len(table.labels)} {table.words} without groups",
        "grouped": f"{splits.groups.nunique()} {table.group_words}, whose members resemble each "
        "other and must not be parted",
        "stream": f"{len(table.labels)} {table.words} of a stream, whose neighbors resemble each "
        "other",
    }[splits.dependence]
    return Advice("Folds", repr(prepared.rule), why)


def _ceiling(prepared: Prepared) -> Advice:
    counts, question = _counts(prepared), "Noise ceiling"
    shared = len(prepared.averages) > 1 and all(
        recording.attrs.get("neuroids") == SHARED for recording in prepared.recordings.values()
    )
    if (counts > 1).any():
        often = (
            f"{counts.min():g} to {counts.max():g}"
            if counts.min() < counts.max()
            else (f"{counts.max():g}")
        )
        return Advice(
            question,
            'ceiling_split_half or ceiling_anova; form="r/sqrt(ceiling)"',
            f"stimuli were shown {often} times: both estimate the share of signal in the variance "
            "of the averages that are scored, with the repetitions that each has",
        )
    if shared:
        return Advice(
            question,
            "ceiling_inter_subject, as a lower bound that nothing is divided by",
            f"no stimulus was repeated, but {len(prepared.averages)} subjects share neuroids; "
            "what a subject does not share with the others lowers it",
        )
    return Advice(
        question,
        "none: report r as it is",
        "no stimulus was repeated, and no neuroid is shared by subjects; noise and signal cannot "
        "be told apart",
    )


def _sessions(prepared: Prepared) -> list[Advice]:
    levels = [
        len(np.unique(recording["session"].values.astype(str)))
        for recording in prepared.recordings.values()
        if "session" in recording.coords and recording["session"].dims[:1] == recording.dims[:1]
    ]
    if not levels or max(levels) < 2:
        return []
    return [
        Advice(
            "Before averaging",
            "zscore(recording, by='session')",
            f"showings come from up to {max(levels)} sessions, whose offsets and scales count as "
            "noise otherwise",
        )
    ]


def _mask(prepared: Prepared) -> Advice:
    counts = _counts(prepared)
    enough = float((counts >= ENOUGH_TO_MASK).mean())
    if enough >= 0.5:
        return Advice(
            "Leave out noisy neuroids",
            "normalize_by_ceiling(mask=...)",
            f"{100 * enough:.0f} % of the stimuli were shown {ENOUGH_TO_MASK} times or more, so "
            "that some repetitions can choose and others normalize",
        )
    few = f"only {100 * enough:.0f} %" if enough else "none"
    return Advice(
        "Leave out noisy neuroids",
        "no",
        f"{few} of the stimuli were shown {ENOUGH_TO_MASK} times or more; "
        "choosing and normalizing on the same repetitions would flatter what is kept",
    )


def _spikes(prepared: Prepared, modality: str) -> list[Advice]:
    units = " ".join(str(a.attrs.get("units", "")) for a in prepared.averages.values())
    if modality != "spikes" and "spike" not in units:
        return []
    return [
        Advice(
            "Spikes",
            "MappingEncoding(Poisson(), keep_predictions=True), then metrics.spiking_scores",
            "counts have variance in proportion to their mean, and rates are not negative: bits "
            "per spike, FEVE and CCnorm stand beside r",
        )
    ]


def _interval(prepared: Prepared) -> Advice:
    n_folds, question = len(prepared.splits.folds), "Interval"
    people = len(prepared.averages)
    more = (
        f"; over new people, population_interval ({people} subjects)"
        if people >= FEWEST_SUBJECTS
        else ""
    )
    if isinstance(prepared.rule, TrainTest):
        return Advice(
            question,
            f"conditional{more}",
            "one predefined split: training is not repeated, so nothing can be said of it",
        )
    if n_folds < FEWEST_FOLDS:
        return Advice(question, "none", f"{n_folds} folds do not show how far folds spread")
    return Advice(
        question,
        f"procedure{more}",
        f"the spread of {n_folds} folds, widened for the training rows that they share",
    )


def _chance(prepared: Prepared, seed: int) -> Advice:
    question = "Test against chance"
    try:
        plan = plan_exchange(prepared, "auto", N_PERMUTATIONS, seed)
    except DataError as refusal:
        return Advice(question, "none", str(refusal))
    words = plan.words()
    kind = {"stream": "shifts", "grouped": "groups", "independent": "rows"}
    return Advice(
        question,
        f"permutation_test(exchange={kind[prepared.splits.dependence]!r})",
        f"{words['exchanged']} change places, since {words['why']}; {words['permutations']}, so "
        f"that the smallest p is {words['smallest_p']:.4f}",
    )


def _two_models(prepared: Prepared) -> Advice:
    people = len(prepared.averages)
    if people >= FEWEST_SUBJECTS:
        return Advice(
            "Two models",
            "compare(runs), and compare(runs, over='subjects')",
            "both err with the same stimuli, so differences are sharper than two intervals; "
            f"{people} subjects are enough to generalize to others",
        )
    return Advice(
        "Two models",
        "compare(runs)",
        "both err with the same stimuli, so differences are sharper than two intervals; "
        f"{people} subject{'s' if people > 1 else ''} cannot stand for others",
    )


def _many(prepared: Prepared) -> Advice:
    n_neuroids = sum(average.sizes["neuroid"] for average in prepared.averages.values())
    return Advice(
        "Many neuroids",
        "benjamini_hochberg(p) for a list of neuroids, p_family for any at all",
        f"of {n_neuroids} neuroids in which there is nothing, tests at 5 % find one in twenty",
    )
