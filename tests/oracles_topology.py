"""Slow and obvious forms of the transforms of dissimilarities, one pair after the other."""

import itertools
import math


def scaled_ranks(values):
    """Count for each value how many are smaller, ties half; scale what comes out from 0 to 1."""
    there = [value for value in values if not math.isnan(value)]
    below = [
        sum(other < value for other in there) + sum(other == value for other in there) / 2
        for value in values
    ]
    lowest = min(b for b, v in zip(below, values, strict=True) if not math.isnan(v))
    highest = max(b for b, v in zip(below, values, strict=True) if not math.isnan(v))
    return [
        math.nan if math.isnan(value) else (b - lowest) / (highest - lowest)
        for value, b in zip(values, below, strict=True)
    ]


def quantile(values, share):
    """Interpolate between the two values whose places in sorted order enclose the share."""
    ordered = sorted(value for value in values if not math.isnan(value))
    place = share * (len(ordered) - 1)
    before = math.floor(place)
    after = min(before + 1, len(ordered) - 1)
    return ordered[before] + (place - before) * (ordered[after] - ordered[before])


def geo_topological(values, low, high):
    """Apply the three cases of the definition to each pair."""
    ranks = scaled_ranks(values)
    bottom, top = quantile(ranks, low), quantile(ranks, high)

    def one(rank):
        if math.isnan(rank):
            return rank
        if rank < bottom or rank <= top == bottom:
            return 0.0
        return 1.0 if rank > top else (rank - bottom) / (top - bottom)

    return [one(rank) for rank in ranks]


def geodesic(values, share, n_stimuli):
    """Try every stop between every two stimuli (Floyd and Warshall); NaN where a pair is missing.

    Lengths are rounded, since equal sums of scaled ranks may differ in their last digit.
    """
    ranks = scaled_ranks(values)
    limit = quantile(ranks, share)
    pairs = list(itertools.combinations(range(n_stimuli), 2))
    length = {(i, i): 0.0 for i in range(n_stimuli)}
    for (i, j), rank in zip(pairs, ranks, strict=True):
        length[i, j] = length[j, i] = rank if rank <= limit else math.inf
    for stop, i, j in itertools.product(range(n_stimuli), repeat=3):
        length[i, j] = min(length[i, j], length[i, stop] + length[stop, j])
    found = [
        math.nan if math.isnan(rank) else round(length[pair], 9)
        for pair, rank in zip(pairs, ranks, strict=True)
    ]
    return scaled_ranks(found), sum(math.isinf(value) for value in found)
