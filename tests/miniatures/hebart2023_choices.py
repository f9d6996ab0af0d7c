"""Miniature of the odd-one-out judgments of THINGS: the layout of the files, values made up."""

from itertools import combinations

import numpy as np
import pandas as pd

TABLE = "triplets_large_final_correctednc_correctedorder.csv"
OBJECTS = ("aardvark", "abacus", "bat1", "bat2", "car", "zucchini")
# Objects at places on a line; the odd one is farthest from the other two.
PLACES = (0.0, 9.0, 1.0, 8.5, 7.0, 3.0)


def odd_of(triplet):
    """Return the place, counted from 1, of the object that is farthest from the others."""
    places = np.array([PLACES[number] for number in triplet])
    return 1 + int(np.abs(places[:, None] - places).sum(axis=1).argmax())


def write(folder, seed=0):
    """Write each triplet once, by two people in turn, and the first twice more on purpose."""
    rng = np.random.default_rng(seed)
    triplets = list(combinations(range(len(OBJECTS)), 3))
    rows = []
    for number, triplet in enumerate([*triplets, triplets[0], triplets[0]]):
        shown = rng.permutation(triplet)
        repeated = number >= len(triplets)
        rows.append(
            {
                "image1": shown[0] + 1,
                "image2": shown[1] + 1,
                "image3": shown[2] + 1,
                # Repeats are answered otherwise, to be told apart.
                "choice": odd_of(shown) % 3 + 1 if repeated else odd_of(shown),
                "RT": rng.uniform(500, 5000),
                "noise_ceiling": 2.0 if repeated else 0.0,
                "subject_id": f"w{number % 2}",
                "HIT_nr": number,
                "trial_nr": 1,
                "age": 30.0,
                "gender": "female",
                "dataset": 1,
                "date": "2020-01-01",
                "time": "12:00:00",
            }
        )
    pd.DataFrame(rows).to_csv(folder / TABLE, sep="\t", index=False)
    (folder / "unique_id.txt").write_text("\n".join([*OBJECTS, ""]))
