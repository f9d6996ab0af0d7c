"""Geometry beside peers: dissimilarities, bootstrap, similarity, Generalized Procrustes (GPA).

Dissimilarities of 2000 stimuli x 2000 units, float64; a bootstrap sample of 100 stimuli, 10
subjects and 5 models with both bounds of the noise ceiling; CKA (float32) and 10 neighbors
(float64) of 2000 x 4096; rotations (float64) and GPA (float32) of 10 views of 2000 x 512.

Seconds are those of the processor, since other work slows the clock; the clock's stand beside them.
A peer is to take so many times as long as neuroalign, which is to take at most so many times as
long as the products that it cannot do without.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from geometry_peers import (
    netrep_angles,
    netrep_epochs,
    plain_alignment,
    planted_views,
    rsatoolbox_bootstrap,
    rsatoolbox_dissimilarities,
    rsatoolbox_draws,
)
from measure import print_table
from scipy.spatial.distance import pdist

from neuroalign.numerics.device import eigen
from neuroalign.numerics.procrustes.generalized import generalized_procrustes
from neuroalign.numerics.rdm import dissimilarity
from neuroalign.numerics.rdm.bootstrap import bootstrap_scores, draw_counts
from neuroalign.numerics.similarity.kernels import CKA
from neuroalign.numerics.similarity.neighbors import nearest_neighbors
from neuroalign.numerics.similarity.shapes import procrustes_matrix

N_EPOCHS = 4
SHARED = {
    "rank 512": {},
    "decaying": {"shared": 0.89, "decay": 0.75},
    "rank 50": {"rank": 50},
}
TOLERANCES = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7)


@dataclass
class Other:
    """Something timed beside neuroalign, and the goal if there is one."""

    name: str
    call: Callable
    goal: float | None = None
    is_product: bool = False  # a floor: the goal is how many times as long neuroalign takes
    parts: float = 1  # of which one counts
    unlike: Callable | None = None  # what tells its result from ours


@dataclass
class Case:
    """A call of neuroalign and what it is timed beside."""

    what: str
    ours: Callable
    others: list[Other] = field(default_factory=list)
    parts: Callable = lambda _: 1  # from our result
    most_runs: int = 99
    measured: tuple | None = None  # seconds and results, where it was timed already


def largest(one, two):
    return f"{np.abs(one - two).max():.0e}"


def dissimilarities():
    runs = np.random.default_rng(0).normal(size=(2, 2000, 2000))
    patterns = runs[0]
    products = Other("X X' (syrk)", lambda: patterns @ patterns.T, goal=1.3, is_product=True)
    for name, metric, goal in (
        ("correlation", "correlation", 12),
        ("squared_euclidean", "sqeuclidean", None),
    ):
        ours = partial(getattr(dissimilarity, name), patterns)
        peer = rsatoolbox_dissimilarities(patterns, name)
        factor = 1 if name == "correlation" else patterns.shape[1]
        scipys = partial(lambda metric, factor: pdist(patterns, metric) / factor, metric, factor)
        others = [
            Other("rsatoolbox", peer, goal=goal, unlike=largest),
            Other("scipy pdist", scipys, unlike=largest),
            products,
        ]
        yield Case(name.replace("_", " "), ours, others)
    peer = rsatoolbox_dissimilarities(runs, "crossnobis")
    both = Other("two X X'", lambda: [run @ run.T for run in runs], goal=1.5, is_product=True)
    others = [Other("rsatoolbox", peer, goal=4, unlike=largest), both]
    ours = partial(dissimilarity.crossnobis, runs)
    yield Case("crossnobis, 2 runs", ours, others)


def bootstrap():
    n, n_subjects, n_models, n_samples = 100, 10, 5, 1000
    random = np.random.default_rng(0)
    common = random.gamma(2, size=n * (n - 1) // 2)
    models = common + random.gamma(5, size=(n_models, common.size))
    subjects = common + random.gamma(3, size=(n_subjects, common.size))
    theirs, mine = rsatoolbox_draws(n), draw_counts(n, n_samples, 1)

    for comparison, goal in (("cosine", 50), ("correlation", 20)):
        scored = partial(bootstrap_scores, models, subjects, comparison)

        def unlike(_, found, scored=scored):
            ours = scored(stimulus_counts=theirs)
            return largest(np.column_stack([ours.scores, ours.lower, ours.upper]), found)

        peer = rsatoolbox_bootstrap(models, subjects, comparison)
        other = Other("rsatoolbox", peer, goal=goal, parts=len(theirs), unlike=unlike)
        yield Case(
            f"a sample, {comparison}",
            partial(scored, stimulus_counts=mine),
            [other],
            lambda _: n_samples,
        )


def kernels():
    pair = np.random.default_rng(0).normal(size=(2, 2000, 4096)).astype("float32")
    ours = partial(CKA().compare_arrays, *pair)
    floor = Other("two X X' (syrk)", lambda: [x @ x.T for x in pair], goal=1.15, is_product=True)
    yield Case("debiased CKA", ours, [floor])


def neighbors():
    values = np.random.default_rng(0).normal(size=(2000, 4096))
    copy = values.copy()
    products = [
        Other("X Y' (gemm)", lambda: values @ copy.T, goal=1.2, is_product=True),
        Other("X X' (syrk)", lambda: values @ values.T, is_product=True),
    ]
    for clamp in ("none", "exact"):
        ours = partial(nearest_neighbors, values, 10, clamp=clamp)
        yield Case(f"neighbors, clamp {clamp}", ours, products)


def shapes():
    views = planted_views(10, 2000, 512, "float64")

    def unlike(ours, theirs):
        return largest(np.arccos(ours[np.triu_indices(10, 1)]), theirs[np.triu_indices(10, 1)])

    peer = Other("netrep's recipe", partial(netrep_angles, views), goal=1.8, unlike=unlike)
    ours = partial(procrustes_matrix, views)
    yield Case("45 rotations", ours, [peer], most_runs=3)


def pass_without_factors(views, square, *, decompose=False):
    """Make the products of a pass, and an eigendecomposition a view: no pass by it takes less."""
    for view in views:
        inner = view.T @ views[0]
        if decompose:
            eigen(inner @ inner.T)
        view @ square


def epochs():
    for name, shared in SHARED.items():
        views = planted_views(10, 2000, 512, "float32", **shared)
        double = [view.astype(float) for view in views]
        square = views[0].T @ views[1]
        products = partial(pass_without_factors, views, square)
        options = {"tolerance": 1e-15, "dtype": "float32", "most_iterations": N_EPOCHS}
        others = [
            Other("netrep's recipe", partial(netrep_epochs, views, 2), goal=2, parts=2),
            Other("the same in float64", partial(netrep_epochs, double, 2), parts=2),
            Other("X'M, X Q", products, is_product=True),
            Other("X'M, X Q, eigh", partial(products, decompose=True), is_product=True),
        ]
        ours = partial(generalized_procrustes, views, **options)
        # The start adds one view after the other, and so is a pass over all but the first.
        yield Case(f"epoch, {name}", ours, others, lambda fit: fit.iterations + 0.9, most_runs=3)


def whole_fits():
    """Compare whole fits: ours by the largest tolerance that ends no higher than plain ones do."""
    for name, shared in SHARED.items():
        views = planted_views(10, 2000, 512, "float32", **shared)
        plain = partial(plain_alignment, views, 1e-6)
        taken, (found,) = alternated([plain], 1)
        for tolerance in TOLERANCES:
            options = {"dtype": "float32", "most_iterations": 300, "tolerance": tolerance}
            ours = partial(generalized_procrustes, views, **options)
            own, (fit,) = alternated([ours], 1)
            if fit.cost <= found[0] * (1 + 1e-6):
                break
        cost = f"cost {fit.cost / found[0] - 1:+.0e}"
        unlike = f"{cost}; {fit.iterations} passes (to {tolerance:.0e}), plain {found[1]}"
        other = Other("plain passes, to 1e-6", plain, goal=4, unlike=lambda *_, text=unlike: text)
        measured = np.concatenate([own, taken]), [fit, found]
        yield Case(f"fit, {name}", ours, [other], measured=measured)


CASES = [dissimilarities, bootstrap, kernels, neighbors, shapes, epochs, whole_fits]


def alternated(calls, runs):
    """Run calls in turn: seconds of the processor and of the clock (calls, 2, runs), results."""
    seconds, results = np.empty((len(calls), 2, runs)), [None] * len(calls)
    for run in range(runs):
        for number, call in enumerate(calls):
            start = time.process_time(), time.perf_counter()
            results[number] = call()
            end = time.process_time(), time.perf_counter()
            seconds[number, :, run] = np.subtract(end, start)
    return seconds, results


def milliseconds(seconds):
    """Write the median, and the range of the processor's; then the clock's median."""
    processor, clock = 1e3 * np.sort(seconds)
    numbers = processor[0], np.median(processor), processor[-1], np.median(clock)
    low, middle, high, passed = (
        f"{x:.0f}" if x > 100 else f"{x:.{2 if x < 1 else 3}g}" for x in numbers
    )
    return f"{middle} ({low}-{high})", passed


def compared(case, runs):
    """Time a case: a row for each thing that it is beside."""
    calls = [case.ours, *(other.call for other in case.others)]
    seconds, results = case.measured or alternated(calls, min(runs, case.most_runs))
    own = seconds[0] / case.parts(results[0])
    for other, taken, result in zip(case.others, seconds[1:], results[1:], strict=True):
        part = taken / other.parts
        ratio = np.median(part[0]) / np.median(own[0])
        ratios = ("", f"{1 / ratio:.3g}") if other.is_product else (f"{ratio:.3g}", "")
        goal = met = ""
        if other.goal is not None:
            goal = f"{'<=' if other.is_product else '>='} {other.goal}"
            reached = 1 / ratio <= other.goal if other.is_product else ratio >= other.goal
            met = "yes" if reached else "NO"
        unlike = "" if other.unlike is None else other.unlike(results[0], result)
        timed = (case.what, *milliseconds(own), other.name, *milliseconds(part))
        yield *timed, *ratios, goal, met, unlike


def compare(threads, runs):
    rows = []
    for cases in CASES:
        found = [row for case in cases() for row in compared(case, runs)]
        repeated = {row[0] for row in rows}
        for row in found:
            rows.append(row if row[0] not in repeated else ("", "", "", *row[3:]))
            repeated.add(row[0])
    print_table(
        f"{threads} threads; ms of the processor: median of {runs} (range), and of the clock",
        (
            "what",
            "neuroalign ms",
            "clock",
            "beside",
            "ms",
            "clock",
            "peer / ours",
            "ours / products",
            "goal",
            "met",
            "difference",
        ),
        rows,
    )
