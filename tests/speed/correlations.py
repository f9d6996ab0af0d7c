"""Correlate many predictions with responses, beside himalaya's correlation score."""

import numpy as np
from himalaya.scoring import correlation_score
from measure import alternated, print_table, spread

from neuroalign.numerics.moments import block_moments, correlation

SHAPES = [(100, 20000), (500, 20000), (100, 100000)]


def ours(responses, predictions, blocks):
    moments = block_moments(responses, predictions, blocks, 5).sum(0)
    return correlation(moments, responses.std(0))[0]


def compare(threads, runs):
    rows = []
    for n, n_targets in SHAPES:
        rng = np.random.default_rng(0)
        responses = rng.normal(size=(n, n_targets))
        predictions = responses + rng.normal(size=responses.shape)
        blocks = np.sort(np.arange(n) % 5)
        calls = [
            lambda y=responses, p=predictions, b=blocks: ours(y, p, b),
            lambda y=responses, p=predictions: correlation_score(y, p),
        ]
        seconds, (mine, peer) = alternated(calls, runs)
        rows.append(
            (
                f"{n} x {n_targets}",
                spread([1000 * s for s in seconds[0]]),
                spread([1000 * s for s in seconds[1]]),
                f"{np.median(seconds[1]) / np.median(seconds[0]):.1f}",
                f"{np.abs(mine - peer).max():.0e}",
            )
        )
    print_table(
        f"float64, {threads} threads; milliseconds: median of {runs} (range). Ours keeps the "
        "moments of five blocks",
        ("rows x targets", "neuroalign ms", "himalaya ms", "peer / ours", "largest difference"),
        rows,
    )
