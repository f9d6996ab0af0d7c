"""Miniature of Pereira et al. (2018): variables and meta as public code reads them, values made up.

MAT files before version 7.3. A response says which subject, sentence and voxel it is of; columns
of regions and coordinates count from 1, as MATLAB does.
"""

from pathlib import Path

import numpy as np
from scipy.io import savemat

SUBJECTS = {
    "384sentences": ["P01", "M02", "M04", "M07", "M08", "M09", "M14", "M15"],
    "243sentences": ["P01", "M02", "M03", "M04", "M07", "M15"],
}
NAMES = sorted({name for names in SUBJECTS.values() for name in names})
N_SENTENCES = {"384sentences": 12, "243sentences": 9}
# Passage of each sentence, topic of each passage, names of both; from 1.
PASSAGES = {"384sentences": 4, "243sentences": 3}
TOPICS = ["musical instrument", "animal"]
# Atlas -> region -> columns of its voxels, from 1.
REGIONS = {
    "aal_1ofN": {"Precentral_L": [1, 2, 3], "Precentral_R": [4, 5]},
    "languageLH": {"LPTG": [7, 2], "LMTG": [5]},
    "languageRH": {"RPTG": [6], "RMTG": [8, 3, 2]},
    "MD": {"one": [1, 8]},
}
N_VOXELS = 9


def code(subject, sentence, voxel):
    """Return the response of a voxel (from 0) to a sentence (from 1)."""
    return 1000.0 * NAMES.index(subject) + 10 * np.asarray(sentence) + np.asarray(voxel) / 10


def text(experiment, sentence):
    return f"Sentence {sentence} of {experiment} is read."


def content(subject, experiment, order=None):
    """Return the variables of a file, whose sentences are in an order (from 1)."""
    count = N_SENTENCES[experiment]
    order = np.arange(1, count + 1) if order is None else np.asarray(order)
    per_passage = count // PASSAGES[experiment]
    cell = lambda items: np.array([*items, None], dtype=object)[:-1].reshape(-1, 1)  # noqa: E731
    columns = [
        cell([np.array(voxels, dtype=np.uint16).reshape(-1, 1) for voxels in regions.values()])
        for regions in REGIONS.values()
    ]
    coordinates = np.stack([np.arange(N_VOXELS) + 10, np.full(N_VOXELS, 7), np.full(N_VOXELS, 101)])
    n_passages = PASSAGES[experiment]
    return {
        "examples_passagesentences": code(subject, order[:, None], np.arange(N_VOXELS)),
        "examples_passages": np.ones((n_passages, N_VOXELS)),
        "keySentences": cell([text(experiment, number) for number in order]),
        "labelsPassageForEachSentence": ((order - 1) // per_passage + 1).reshape(-1, 1),
        "keyPassages": cell([f"passage {number}" for number in range(1, n_passages + 1)]),
        "labelsPassageCategory": (np.arange(n_passages) % 2 + 1).reshape(-1, 1),
        "keyPassageCategory": cell(TOPICS).T,
        "meta": {
            "dimensions": [88, 125, 85],
            "colToCoord": coordinates.T.astype(np.uint16),
            "atlases": cell(REGIONS),
            "rois": cell([cell(regions) for regions in REGIONS.values()]),
            "roiColumns": cell(columns),
        },
    }


def write(folder, seed=0):
    """Write the files of both experiments; the first subject's sentences are in their order."""
    rng = np.random.default_rng(seed)
    for experiment, names in SUBJECTS.items():
        for subject in names:
            path = Path(folder) / subject / f"data_{experiment}.mat"
            path.parent.mkdir(exist_ok=True)
            order = rng.permutation(N_SENTENCES[experiment]) + 1 if subject == "M07" else None
            savemat(path, content(subject, experiment, order), do_compression=True)
