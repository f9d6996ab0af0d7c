"""Miniature of Kriegeskorte et al. (2008): the layout of the files, values made up."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

SUBJECTS, SESSIONS = ("BE", "KO", "SN"), (1, 2)
MODELS = ("animacy", "monkeyIT", "V1")
CATEGORIES = (
    ("human bodypart", 1, 0, 1, 1),
    ("human face", 1, 1, 1, 1),
    ("nonhuman face", 0, 1, 1, 1),
    ("natural inanimate", 0, 0, 0, 1),
    ("artificial inanimate", 0, 0, 0, 0),
)
PIXELS = 6
FIELDS = ("category", "human", "face", "animal", "natural")


def write(folder, seed=0):
    """Write noisy distances of points for people, distances and categories for models."""
    rng = np.random.default_rng(seed)
    n = len(CATEGORIES)
    points = rng.normal(size=(n, 3))
    shape = (1, len(SUBJECTS), len(SESSIONS))
    brain = empty(shape, "RDM", "name", "color")
    for place in np.ndindex(shape):
        subject, session = SUBJECTS[place[1]], SESSIONS[place[2]]
        values = distances(points + rng.normal(0, 0.3, points.shape)).astype(np.float32)
        brain[place] = (values, f"hIT | {subject} | Session: {session}", blue())
    animate = np.array([entry[3] for entry in CATEGORIES])
    models = empty((1, len(MODELS)), "RDM", "color", "name")
    models[0, 0] = ((animate[:, None] != animate).astype(np.uint8), blue(), MODELS[0])
    models[0, 1] = (distances(points), blue(), MODELS[1])
    models[0, 2] = (distances(rng.normal(size=(n, 2))).astype(np.float32), blue(), MODELS[2])
    stimuli = empty((1, n), *FIELDS, "image")
    for number, entry in enumerate(CATEGORIES):
        name, *flags = entry
        image = np.full((PIXELS, PIXELS, 3), 40 * number + 5, dtype=np.uint8)
        stimuli[0, number] = (name, *map(np.uint8, flags), image)
    save(folder, "92_brainRDMs.mat", RDMs=brain)
    save(folder, "92_modelRDMs.mat", Models=models)
    save(folder, "Kriegeskorte_Neuron2008_supplementalData.mat", stimuli_92objs=stimuli)


def distances(points):
    """Return the distances between every two points."""
    return np.linalg.norm(points[:, None] - points, axis=-1)


def blue():
    """Return the color that plots give an RDM."""
    return np.array([[0, 0, 1]], dtype=np.uint8)


def empty(shape, *fields):
    """Return an array of structures, as such files hold, with nothing in them yet."""
    return np.empty(shape, dtype=[(field, object) for field in fields])


def save(folder, name, **variables):
    """Write variables as a file of that name."""
    savemat(Path(folder) / name, variables)
