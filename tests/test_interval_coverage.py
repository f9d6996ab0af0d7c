"""How often intervals hold what they are about, and tests err, over 2,000 draws of known truth.

Run with `pytest -m slow -s tests/test_interval_coverage.py`, an hour and a half on two cores; it
prints the tables of docs/intervals.md and docs/comparison.md, as does
`python tests/coverage_cases.py --processes 16` in nine minutes on sixteen.
"""

import multiprocessing

import coverage_cases
import numpy as np
import pytest
from scipy import stats

NOMINAL, TOLERANCE = 0.95, 0.02


@pytest.fixture(scope="module")
def outcomes():
    with multiprocessing.get_context("fork").Pool() as pool:
        found = pool.map(coverage_cases.run, coverage_cases.ALL, chunksize=1)
    return dict(zip(coverage_cases.ALL, found, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("case", coverage_cases.ALL, ids=str)
def test_intervals_cover_what_they_say(case, outcomes):
    print(coverage_cases.line(case, outcomes[case]))
    assert abs(outcomes[case].coverage - NOMINAL) <= TOLERANCE


def clopper_pearson(share, n, level=0.99):
    count = round(share * n)
    low = stats.beta.ppf((1 - level) / 2, count, n - count + 1)
    return low, stats.beta.ppf((1 + level) / 2, count + 1, n - count)


@pytest.mark.slow
@pytest.mark.parametrize("case", coverage_cases.NULL, ids=str)
def test_models_that_are_equally_good_differ_in_one_draw_of_twenty(case, outcomes):
    low, high = clopper_pearson(outcomes[case].positive, coverage_cases.DRAWS)
    assert low <= 0.05 <= high


@pytest.mark.slow
@pytest.mark.parametrize("case", coverage_cases.POWER, ids=str)
def test_a_better_model_is_found_more_often_than_chance(case, outcomes):
    assert outcomes[case].positive > 0.1


def test_an_interval_that_never_covers_is_seen(monkeypatch):
    case = coverage_cases.Case("procedure", 40, 5, 0.5, 4)
    narrow = lambda scores: (float(scores["r"].median()) + 1, 9.0, 9.0)  # noqa: E731
    monkeypatch.setattr(coverage_cases, "median_interval", narrow)
    assert coverage_cases.run(case, 5).coverage == 0


@pytest.mark.parametrize("kind", ["procedure", "conditional", "stream", "population", "difference"])
def test_every_kind_of_case_runs(kind):
    case = next(case for case in coverage_cases.ALL if case.kind == kind)
    outcome = coverage_cases.run(case._replace(n=min(case.n, 100)), 4)
    assert 0 <= outcome.coverage <= 1
    assert np.isfinite(outcome.width)
