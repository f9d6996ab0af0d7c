"""How often permutation tests err at 5 %, and how often others do, on data of known truth.

Run with `pytest -m slow -s tests/test_permutation_errors.py` (4 minutes); it prints the table of
docs/permutations.md. A draw calls the numerics, with 199 permutations and one neuroid.
"""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import beta

from neuroalign.numerics import ridge
from neuroalign.numerics.exchangeability import Blocks, Shifts, alike_up_to
from neuroalign.numerics.fair_alpha import choose_levels
from neuroalign.numerics.permuted_ridge import open_folds, pairing_correlations

N_DRAWS, N_PERMUTATIONS, CHOOSING = 2000, 199, 100
ALPHAS = np.logspace(-3, 3, 7)


def smooth(rng, n_runs, length, n_columns, memory):
    """Draw columns that are autoregressive within runs and independent between them."""
    noise = rng.normal(size=(n_runs, length, n_columns))
    noise[:, 0] /= np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], noise, axis=1).reshape(n_runs * length, n_columns)


def draw(rng, *, runs, units, memory=0.0, decay=0.0, signal=0.0):
    """Draw features, and one neuroid of which they explain a share of the variance."""
    features = smooth(rng, *runs, units, memory) * np.arange(1, units + 1) ** -decay
    truth = features @ rng.normal(size=units)
    noise = smooth(rng, *runs, 1, memory)[:, 0]
    scaled = np.sqrt(signal) * truth / truth.std() + np.sqrt(1 - signal) * noise / noise.std()
    return features, scaled[:, None]


def folds_of(parts):
    return [(np.flatnonzero(parts != k), np.flatnonzero(parts == k)) for k in np.unique(parts)]


def null(features, responses, folds, orders, chosen_by=CHOOSING):
    """Return r of all pairings, the observed one first."""
    everything = np.arange(len(responses))
    here = open_folds(ridge.make_design(features), everything, folds, ALPHAS)
    orders = np.vstack([everything, orders])
    levels = choose_levels(here, responses, orders[:chosen_by])
    return pairing_correlations(here, levels, responses, orders)


def rejects(r):
    return (1 + (r[1:] >= r[0]).sum()) / len(r) <= 0.05


def refitted(pairings, **options):
    """Make a test that refits in every order that some pairings draw."""

    def test(features, responses, folds, seed):
        drawn = pairings(responses)
        orders = drawn.orders(drawn.draw(N_PERMUTATIONS, seed), np.ones(len(responses), bool))
        return rejects(null(features, responses, folds, orders, **options)[:, 0])

    return test


def of_held_out_rows(features, responses, folds, seed):
    """Shuffle responses against predictions that are fitted once."""
    rng = np.random.default_rng(seed)
    everything = np.arange(len(responses))
    here = open_folds(ridge.make_design(features), everything, folds, ALPHAS[[3]])
    predicted, sums = np.empty(len(responses)), []
    for spectrum, penalties, (train, test) in zip(*here[:3], strict=True):
        centered = responses[train] - responses[train].mean()
        predicted[test] = ridge.predict(spectrum, centered, penalties)[:, 0]
    for number in range(N_PERMUTATIONS + 1):
        y = responses[rng.permutation(everything) if number else everything, 0]
        r = [np.corrcoef(predicted[test], y[test])[0, 1] for _, test in folds]
        sums.append(np.mean(r))
    return rejects(np.array(sums))


def rows(responses):
    each = np.arange(len(responses))
    return Blocks(each, each, 0 * each)


def rows_within(groups):
    each = np.arange(len(groups))
    return lambda _: Blocks(each, each, groups)


def whole(groups):
    return lambda _: Blocks(groups, np.arange(len(groups)), 0 * groups)


def sides(folds):
    each = np.arange(sum(map(len, folds[0])))
    return lambda _: Blocks(each, each, np.isin(each, folds[0][1]).astype(int))


def shifted(runs):
    def pairings(responses):
        reach = alike_up_to(responses, runs, 0.1)
        return Shifts(runs, np.arange(len(runs)), reach + 1)

    return pairings


def table(title, case, folds, tests, signal):
    """Count rejections without and with a signal, print them, and return the former."""
    found = {name: [] for name in tests}
    power = {name: [] for name in tests}
    for seed in range(N_DRAWS):
        rng = np.random.default_rng(seed)
        nothing = draw(rng, **case)
        something = draw(rng, **case, signal=signal) if seed < N_DRAWS // 4 else None
        for name, test in tests.items():
            found[name].append(test(*nothing, folds, seed))
            if something is not None:
                power[name].append(test(*something, folds, seed))
    for name in tests:
        print(
            f"| {title} | {name} | {np.mean(found[name]):.3f} | {np.mean(power[name]):.2f} at "
            f"{signal} |"
        )
    return {name: int(np.sum(hits)) for name, hits in found.items()}


def holds(hits):
    """Tell whether 5 % lies in the 99 % interval of Clopper and Pearson."""
    low, high = beta.ppf(0.005, hits, N_DRAWS - hits + 1), beta.ppf(0.995, hits + 1, N_DRAWS - hits)
    return low <= 0.05 <= high


@pytest.mark.slow
def test_independent_rows():
    parts = np.arange(60) % 5
    tests = {
        "rows": refitted(rows),
        "rows, alpha chosen by the observed pairing": refitted(rows, chosen_by=1),
        "held-out rows, without refitting": of_held_out_rows,
    }
    case = {"runs": (60, 1), "units": 40, "decay": 1.0}
    hits = table("60 independent stimuli, 5 folds", case, folds_of(parts), tests, 0.15)
    assert holds(hits["rows"])
    assert not holds(hits["rows, alpha chosen by the observed pairing"])
    assert not holds(hits["held-out rows, without refitting"])


@pytest.mark.slow
def test_a_predefined_split():
    folds = folds_of(np.arange(60) % 3)[:1]
    case = {"runs": (60, 1), "units": 40, "decay": 1.0}
    tests = {"rows on each side": refitted(sides(folds))}
    hits = table("40 stimuli, and 20 to test", case, folds, tests, 0.3)
    assert holds(hits["rows on each side"])


@pytest.mark.slow
def test_the_largest_of_many_neuroids_and_layers():
    parts = folds_of(np.arange(60) % 5)
    found, single = 0, 0
    for seed in range(N_DRAWS):
        rng = np.random.default_rng(seed)
        shared = rng.normal(size=(60, 1))
        responses = shared + rng.normal(size=(60, 10))  # neuroids correlate .5
        drawn = rows(responses)
        orders = drawn.orders(drawn.draw(N_PERMUTATIONS, seed), np.ones(60, bool))
        layers = [null(rng.normal(size=(60, 20)), responses, parts, orders) for _ in range(2)]
        r = np.concatenate(layers, axis=1)
        found += rejects(r.max(1))
        single += (1 + (r[1:] >= r[0]).sum(0)).min() / len(r) <= 0.05
    print(f"| 10 neuroids, 2 layers | largest r | {found / N_DRAWS:.3f} | |")
    print(f"| 10 neuroids, 2 layers | any single p | {single / N_DRAWS:.3f} | |")
    assert holds(found)
    assert not holds(single)


@pytest.mark.slow
def test_rows_that_are_alike_within_groups():
    groups = np.repeat(np.arange(16), 6)
    tests = {
        "whole groups": refitted(whole(groups)),
        "rows within groups": refitted(rows_within(groups)),
        "rows": refitted(rows),
    }
    case = {"runs": (16, 6), "units": 10, "memory": 0.8}
    hits = table("16 passages of 6, autocorrelation .8", case, folds_of(groups % 4), tests, 0.15)
    assert holds(hits["whole groups"])
    assert not holds(hits["rows within groups"])
    assert not holds(hits["rows"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("memory", "n_runs", "length", "most"),
    [(0.8, 4, 100, None), (0.9, 6, 150, None), (0.9, 4, 60, 0.075)],
)
def test_streams(memory, n_runs, length, most):
    runs = np.repeat(np.arange(n_runs), length)
    tests = {
        "shifts within runs": refitted(shifted(runs)),
        "samples within runs": refitted(rows_within(runs)),
    }
    case = {"runs": (n_runs, length), "units": 8, "memory": memory}
    title = f"{n_runs} runs of {length} samples, autocorrelation {memory}"
    hits = table(title, case, folds_of(runs), tests, 0.1)
    right = hits["shifts within runs"]
    # Where runs are but a few times as long as their memory, joining their ends shows.
    assert holds(right) if most is None else right <= most * N_DRAWS
    assert not holds(hits["samples within runs"])
