"""Labelled systems with planted agreement, for the tests of dispersion."""

import numpy as np
import pandas as pd
from oracles_procrustes import planted_systems


def labelled(rows, seed=0):
    """Label the rows of a system, and shuffle them."""
    labels = [f"s{number:03}" for number in range(len(rows))]
    table = pd.DataFrame(rows, index=pd.Index(labels, name="stimulus"))
    return table.sample(frac=1, random_state=seed)


def views_of(systems):
    """Name and label systems, each in an order of its own."""
    return {f"net{k}": labelled(rows, seed=k) for k, rows in enumerate(systems)}


def modulated(seed, *, planted, n=240, d=24):
    """Make four systems, and a pair of others that align where the four agree, if planted."""
    random = np.random.default_rng(seed)
    agree = random.uniform(0.1, 0.9, n)
    systems = planted_systems(n, d, 4, agree, 6, seed=seed)
    other = agree if planted else random.permutation(agree)
    pair = planted_systems(n, d, 2, other, 6, seed=1000 + seed)
    named = dict(zip(("vision", "language"), map(labelled, pair), strict=True))
    return views_of(systems), named
