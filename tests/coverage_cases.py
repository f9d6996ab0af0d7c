"""Draws of recordings with known truth, to count how often intervals cover and tests err.

`python tests/coverage_cases.py --processes 16` runs all cases at once; the slow tests run them one
by one. Stimuli are drawn anew for neuroids that stay the same, but where the truth of every single
draw is known, or subjects are a sample too: there neuroids are new as well.
"""

from __future__ import annotations

import argparse
import multiprocessing
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import lfilter

import neuroalign as na
from neuroalign.inference.intervals import median_interval
from neuroalign.preparation import Selection, prepare

DRAWS = 2000
METRIC = na.RidgeEncoding(alphas=np.logspace(-2, 2, 5), inner="gcv", keep_predictions=True)
N_FRESH = 20  # test sets that say what a fitted predictor scores
SHARED_NOISE = 0.3  # share of the noise that neuroids have in common


class Case(NamedTuple):
    """Stimuli (or samples), units, median share of signal, folds, neuroids, subjects."""

    kind: str
    n: int
    n_units: int
    share: float
    n_folds: int = 10
    n_neuroids: int = 15
    n_subjects: int = 1
    edge: float = 0.0  # by which the first of two models is better, in shares of its weights

    def __str__(self) -> str:
        """Name the case as in the tables of the docs."""
        folds = "" if self.kind.startswith("conditional") else f", {self.n_folds} folds"
        people = f", {self.n_subjects} subjects" if self.n_subjects > 1 else ""
        edge = f", edge {self.edge}" if self.edge else ""
        size = f"{self.n} x {self.n_units}, signal {self.share}"
        return f"{self.kind} | {size}{folds}, {self.n_neuroids} neuroids{people}{edge}"


PROCEDURE = [
    Case("procedure", 60, 10, 0.5),
    Case("procedure", 60, 200, 0.5),
    Case("procedure", 100, 30, 0.2),
    Case("procedure", 100, 30, 0.8),
    Case("procedure", 100, 200, 0.5),
    Case("procedure", 200, 10, 0.1),
    Case("procedure", 200, 50, 0.5),
    Case("procedure", 200, 50, 0.5, 5),
    Case("procedure", 200, 50, 0.5, n_neuroids=1),
    Case("procedure", 200, 50, 0.5, n_neuroids=200),
]
CONDITIONAL = [
    Case("conditional", 60, 10, 0.5),
    Case("conditional", 100, 30, 0.2),
    Case("conditional", 100, 200, 0.5),
    Case("conditional", 200, 50, 0.5),
    Case("conditional", 200, 10, 0.1, n_neuroids=1),
]
STREAMS = [Case("stream", 400, 10, 0.3, 5), Case("stream", 800, 40, 0.2, 5)]
SUBJECTS = [
    Case("population", 100, 20, 0.3, n_subjects=4),
    Case("population", 100, 20, 0.3, n_subjects=12),
    Case("population", 60, 100, 0.5, n_subjects=8),
]
NORMALIZED = [
    Case("normalized", 100, 20, 0.4),
    Case("normalized", 200, 20, 0.2),
    Case("normalized, conditional", 200, 20, 0.4),
]
NULL = [
    Case("difference", 60, 20, 0.5),
    Case("difference", 100, 40, 0.5),
    Case("difference", 200, 40, 0.5),
    Case("difference", 200, 200, 0.5),
    Case("difference", 300, 40, 0.3),
    Case("difference", 200, 40, 0.5, n_neuroids=1),
    Case("difference", 200, 40, 0.5, n_neuroids=100),
    Case("difference", 400, 20, 0.3, 5),
]
POWER = [case._replace(edge=0.15) for case in NULL]


class Outcome(NamedTuple):
    """Of one case, over all draws."""

    coverage: float  # of the truth by 95% intervals
    width: float  # standard error by the spread of the estimates: 1 is right
    positive: float  # share of draws with p <= .05, of differences


def run(case: Case, n_draws: int = DRAWS, seed: int = 1) -> Outcome:
    """Draw, score, and count."""
    rng = np.random.default_rng([seed, case.n, case.n_units, case.n_folds, case.n_neuroids])
    draws_of = {
        "conditional": _conditional,
        "difference": _difference,
        "normalized": _normalized,
        "normalized, conditional": _normalized,
        "population": _population,
    }
    one = draws_of.get(case.kind, _procedure)(case, rng)
    found = np.array([one() for _ in range(n_draws)])  # estimate, low, high, p, truth
    estimates = found[:, 0]
    truth = np.where(np.isfinite(found[:, 4]), found[:, 4], estimates.mean())
    covered = (found[:, 1] <= truth) & (truth <= found[:, 2])
    reach = np.sqrt(np.mean((found[:, 2] - found[:, 1]) ** 2)) / 2
    central = np.diff(np.quantile(estimates - truth, [0.025, 0.975])).item() / 2
    return Outcome(
        float(covered.mean()), float(reach / central), float((found[:, 3] <= 0.05).mean())
    )


def shares(case: Case, rng: np.random.Generator) -> np.ndarray:
    """Draw how much of the variance of each neuroid is signal."""
    if case.n_neuroids == 1:
        return np.array([case.share])
    return np.clip(rng.beta(2, 2 / case.share - 2, case.n_neuroids), 0.02, 0.98)


def readout(case: Case, rng: np.random.Generator, n_units: int) -> np.ndarray:
    weights = rng.normal(size=(n_units, case.n_neuroids))
    return weights / np.sqrt((weights**2).sum(0))


def mix(signal: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = np.sqrt(1 - SHARED_NOISE) * rng.normal(size=signal.shape)
    if signal.shape[1] > 1:
        noise += np.sqrt(SHARED_NOISE) * rng.normal(size=(len(signal), 1))
    return np.sqrt(share) * signal + np.sqrt(1 - share) * noise


def labels_of(n: int) -> list[str]:
    return [f"s{number:05}" for number in range(n)]


def layer_of(values: np.ndarray, labels: list[str], rows: str = "stimulus") -> xr.DataArray:
    return xr.DataArray(values, {rows: labels}, (rows, "unit"))


class Bench:
    """Score arrays over and over on the same folds, without what a score adds to its result."""

    def __init__(self, case: Case, folds: object | None = None) -> None:
        self.case, self.labels = case, labels_of(case.n)
        zero = {
            f"m{number:02}": np.zeros((case.n, case.n_neuroids))
            for number in range(case.n_subjects)
        }
        dataset = na.make_dataset(zero, pd.DataFrame(index=self.labels))
        rule = na.KFold(case.n_folds) if folds is None else folds
        _, self.ready = prepare(
            {"layer": layer_of(np.zeros((case.n, 1)), self.labels)},
            dataset,
            Selection(folds=rule),
        )

    def score(self, features: np.ndarray, responses: np.ndarray) -> xr.Dataset:
        """Score features (rows, units) against responses (rows, targets)."""
        recording = self.ready.joined[0].copy(data=responses)
        scores = METRIC.evaluate(layer_of(features, self.labels), recording, self.ready.splits)
        return scores.assign_attrs(
            rows=self.ready.splits.dependence,
            provenance='{"responses_sha256": "", "test_stimuli": ""}',
        )


def _procedure(case: Case, rng: np.random.Generator):
    if case.kind == "stream":
        return _stream(case, rng)
    share, weights, bench = shares(case, rng), readout(case, rng, case.n_units), Bench(case)

    def one() -> tuple[float, ...]:
        features = rng.normal(size=(case.n, case.n_units))
        scores = bench.score(features, mix(features @ weights, share, rng))
        return (*median_interval(scores)[:3], np.nan, np.nan)

    return one


def _conditional(case: Case, rng: np.random.Generator):
    half, n = case.n // 2, case.n + N_FRESH * (case.n - case.n // 2)
    bench = Bench(case, na.TrainTest(test=labels_of(case.n)[half:]))
    far = Bench(case._replace(n=n), na.TrainTest(test=labels_of(n)[half:]))

    def one() -> tuple[float, ...]:
        share, weights = shares(case, rng), readout(case, rng, case.n_units)
        features = rng.normal(size=(n, case.n_units))
        responses = mix(features @ weights, share, rng)
        interval = median_interval(bench.score(features[: case.n], responses[: case.n]))
        predicted = far.score(features, responses)["prediction"].isel(
            layer=0, missing_dims="ignore"
        )
        fresh = np.arange(case.n, n).reshape(N_FRESH, -1)
        truth = [_median_r(predicted.values[rows], responses[rows]) for rows in fresh]
        return (*interval[:3], np.nan, float(np.mean(truth)))

    return one


def _median_r(predictions: np.ndarray, responses: np.ndarray) -> float:
    columns = zip(predictions.T, responses.T, strict=True)
    return float(np.median([np.corrcoef(p, y)[0, 1] for p, y in columns]))


def _difference(case: Case, rng: np.random.Generator):
    bench, half = Bench(case), case.n_units // 2

    def one() -> tuple[float, ...]:
        share, weights = shares(case, rng), readout(case, rng, half) / np.sqrt(2)
        better = np.sqrt(1 + case.edge) * weights, np.sqrt(1 - case.edge) * weights
        features = rng.normal(size=(2, case.n, half))
        signal = features[0] @ better[0] + features[1] @ better[1]
        responses = mix(signal, share, rng)
        first, second = (bench.score(values, responses) for values in features)
        gap = na.inference.difference_interval(first, second)
        return (*gap[:4], np.nan if case.edge else 0.0)

    return one


def _population(case: Case, rng: np.random.Generator):
    bench = Bench(case)
    place = rng.normal(size=(case.n_units,))

    def one() -> tuple[float, ...]:
        features = rng.normal(size=(case.n, case.n_units))
        parts = []
        for _ in range(case.n_subjects):
            own = readout(case, rng, case.n_units) + place[:, None] / np.sqrt(case.n_units)
            level = case.share * rng.uniform(0.4, 1.6)
            share = np.clip(level * rng.uniform(0.5, 1.5, case.n_neuroids), 0.02, 0.98)
            parts.append(mix(features @ (own / np.sqrt((own**2).sum(0))), share, rng))
        scores = bench.score(features, np.hstack(parts))
        return (*na.inference.population_interval(scores)[:3], np.nan, np.nan)

    return one


def _normalized(case: Case, rng: np.random.Generator):
    """Score by 14 of 20 units, against four repetitions; the ceiling is that of their average."""
    share, weights = shares(case, rng), readout(case, rng, case.n_units)
    labels = labels_of(case.n)
    fixed = case.kind.endswith("conditional")
    folds = na.TrainTest(test=labels[case.n // 2 :]) if fixed else na.KFold(case.n_folds)
    bench = Bench(case, folds)
    splits = bench.ready.splits
    blocks = splits.blocks.set_index("stimulus")
    events = xr.DataArray(
        np.zeros((case.n, 4, case.n_neuroids)),
        {"stimulus": labels, "neuroid": bench.ready.joined[0]["neuroid"].values, "subject": "m00"},
        ("stimulus", "repetition", "neuroid"),
        attrs={"units": "z"},
    )
    weights_fixed = rng.normal(size=(case.n // 2, case.n_units))

    def one() -> tuple[float, ...]:
        features = rng.normal(size=(case.n, case.n_units))
        if fixed:  # the training half stays, and so does what is fitted to it, but for its noise
            features[: case.n // 2] = weights_fixed
        signal = np.sqrt(share) * (features @ weights)
        noise = np.sqrt(1 - share)[:, None, None] * rng.normal(size=(case.n_neuroids, case.n, 4))
        values = signal[:, None] + noise.transpose(1, 2, 0)
        if fixed:
            values[: case.n // 2] = signal[: case.n // 2, None]
        scores = bench.score(features[:, :14], values.mean(1))
        ceiling = na.ceilings.anova(
            events.copy(data=values), parts=blocks["fold"], blocks=blocks["name"]
        )
        scores = scores.assign(ceiling.to_dataset().data_vars)
        found = na.inference.normalized_interval(scores, form="r/sqrt(ceiling)", ceiling="anova")
        return (*found[:3], np.nan, np.nan)

    return one


def autocorrelated(rng: np.random.Generator, n: int, columns: int, decay: float) -> np.ndarray:
    """Draw series of variance 1 whose neighbors correlate by `decay`."""
    steps = rng.normal(size=(n, columns))
    steps[1:] *= np.sqrt(1 - decay**2)
    return lfilter([1.0], [1.0, -decay], steps, axis=0)


def _stream(case: Case, rng: np.random.Generator):
    """Predict autocorrelated responses in stretches of one run."""
    share, weights = shares(case, rng), readout(case, rng, case.n_units)
    recording = na.make_recording(
        np.zeros((case.n, case.n_neuroids)), ("sample", "neuroid"), subject="m1", units="z",
        neuroid=[f"{k:03}" for k in range(case.n_neuroids)], run="r1", sampling_period=2.0,
    )  # fmt: skip
    from neuroalign.features.steps import table_of_rows
    from neuroalign.splits import Splits

    events = pd.DataFrame({"text": ["a"], "run": ["r1"], "onset": [0.0], "duration": [1.0]})
    table = table_of_rows(events, {"m1": recording})
    splits: Splits = na.folds.ContiguousKFold(case.n_folds, gap=20.0).split(table, 0)
    names = [str(label) for label in recording["sample"].values]

    def one() -> tuple[float, ...]:
        features = autocorrelated(rng, case.n, case.n_units, 0.7)
        noise = autocorrelated(rng, case.n, case.n_neuroids, 0.7)
        responses = np.sqrt(share) * (features @ weights) + np.sqrt(1 - share) * noise
        scores = METRIC.evaluate(
            layer_of(features, names, "sample"), recording.copy(data=responses), splits
        ).assign_attrs(rows=splits.dependence)
        return (*median_interval(scores)[:3], np.nan, np.nan)

    return one


ALL = [*PROCEDURE, *CONDITIONAL, *STREAMS, *SUBJECTS, *NORMALIZED, *NULL, *POWER]


def line(case: Case, outcome: Outcome) -> str:
    """Write a row of a table."""
    tail = f" | {outcome.positive:.3f}" if case.kind == "difference" else ""
    return f"| {case} | {outcome.coverage:.3f} | {outcome.width:.2f}{tail} |"


def kind_of(case: Case) -> str:
    """Name the kind of a case in a word."""
    return "edge" if case.edge else case.kind.split(",")[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", help="by default all; 'edge' is of better models")
    given = parser.parse_args()
    wanted = [case for case in ALL if not given.kinds or kind_of(case) in given.kinds]
    with multiprocessing.Pool(given.processes) as pool:
        slowest = sorted(
            wanted, key=lambda case: -case.n * case.n_units * (1 + 9 * (case.kind[0] == "c"))
        )
        pending = {case: pool.apply_async(run, (case, given.draws, given.seed)) for case in slowest}
        for case in wanted:
            print(line(case, pending[case].get()), flush=True)


if __name__ == "__main__":
    main()
