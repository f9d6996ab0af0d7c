"""Hebart et al. (2023): which of three objects is the odd one, 4.7 million times (THINGS).

People saw images of three of 1,854 objects and chose the odd one. Single judgments come from
`na.similarity.load_choices`. What is loaded here are dissimilarities made of them: 1 minus the
share of judgments of a pair, over all third objects, in which the third was the odd one (as in
Hebart et al. 2020, doi:10.1038/s41562-020-00951-3); NaN for pairs that nobody judged.
"""

import numpy as np
import pandas as pd

import neuroalign as na

TABLE = "triplets_large_final_correctednc_correctedorder.csv"
OBJECTS = "unique_id.txt"
CARD = na.DatasetCard(
    citation="doi:10.7554/eLife.82580",
    modality="behavior",
    species="human",
    stimulus="condition",
    license="not stated in the files; see osf.io/f5rn6",
    verified="documented layout",
    how_to_get="https://osf.io/f5rn6 (data/triplet_dataset and variables; both files side by side)",
    n_subjects=12_340,
    n_stimuli=1_854,
    n_repetitions="2.7 judgments a pair",
    notes="Layout as in the loaders of others for these files: tabs; image1, image2, image3 are "
    "numbers of objects, counted from 1 in the order of unique_id.txt; choice is 1, 2 or 3, the "
    "place of the odd one; noise_ceiling is 0 but for triplets that were repeated to estimate it. "
    "Images of THINGS are not part of these files, so that objects are conditions.",
    files={TABLE: "", OBJECTS: ""},
)

IMAGES = ["image1", "image2", "image3"]
PEOPLE = "people"


def load(files, *, subjects=None, repeated=False):
    """Load dissimilarities of all people, without triplets that were repeated on purpose."""
    table, objects = _judgments(files)
    if not repeated:
        table = table[table["noise_ceiling"] == 0]
    labels = pd.Index(objects, name="stimulus")
    dissimilarities = na.rsa.make_dissimilarities(
        _counted(table, len(objects))[None],
        stimulus=labels,
        subject=[PEOPLE],
        dissimilarity="1 - share of judgments as a pair",
    )
    stimuli = pd.DataFrame({"condition": objects}, index=labels)
    return na.BrainDataset({PEOPLE: dissimilarities}, stimuli)


def choices(files):
    """Load the single judgments: labels of three objects, place of the odd one, and who chose."""
    table, objects = _judgments(files)
    shown = {
        f"stimulus_{place}": pd.Categorical.from_codes(table[image] - 1, objects).astype(object)
        for place, image in enumerate(IMAGES, start=1)
    }
    return pd.DataFrame(shown, index=table.index).assign(
        chosen=table["choice"] - 1,
        subject=table["subject_id"].astype(str),
        noise_ceiling=table["noise_ceiling"].astype(int),
    )


def _judgments(files):
    """Read the table and the names of objects, and refuse what cannot be."""
    columns = [*IMAGES, "choice", "noise_ceiling", "subject_id"]
    table = pd.read_csv(files[TABLE], sep="\t", usecols=columns)
    objects = files[OBJECTS].read_text(encoding="utf-8").split()
    shown = table[IMAGES].to_numpy()
    if shown.min() < 1 or shown.max() > len(objects):
        message = (
            f"{TABLE} has numbers of objects from {shown.min()} to {shown.max()}, but {OBJECTS} "
            f"names {len(objects)}."
        )
        raise ValueError(message)
    if not table["choice"].isin([1, 2, 3]).all():
        message = f"{TABLE} has choices other than 1, 2 and 3."
        raise ValueError(message)
    return table, objects


def _counted(table, count):
    """Return 1 minus the share of judgments of each pair that left it as the pair."""
    shown, odd = table[IMAGES].to_numpy() - 1, table["choice"].to_numpy() - 1
    kept, judged = np.zeros((2, count, count))
    for place in range(3):
        first, second = (shown[:, other] for other in range(3) if other != place)
        np.add.at(judged, (first, second), 1)
        np.add.at(kept, (first, second), odd == place)
    kept, judged = kept + kept.T, judged + judged.T
    with np.errstate(invalid="ignore"):
        values = 1 - kept / judged
    np.fill_diagonal(values, 0)
    return values
