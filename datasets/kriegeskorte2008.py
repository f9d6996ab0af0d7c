"""Kriegeskorte et al. (2008): dissimilarities of 92 images in human inferior temporal cortex.

Four people saw 92 images of faces, bodies and objects in two sessions of fMRI; what is published
is one RDM for each person and session, no responses. `model_dissimilarities` has the eight RDMs
that were published to compare them with, monkey IT among them (674 neurons of two animals that saw
the same images). Mean human IT is the plain mean over sessions and people: it equals the RDM of the
figures of the paper.
"""

import numpy as np
import pandas as pd

import neuroalign as na

HOST = (
    "https://raw.githubusercontent.com/rsagroup/rsatoolbox/"
    "f1f83cadb7243492a1aae7460466e0f0140b20ac/demos/92imageData"
)
CARD = na.DatasetCard(
    citation="doi:10.1016/j.neuron.2008.10.043",
    modality="fmri",
    species="human",
    stimulus="image",
    license="MIT (repository of rsatoolbox, which carries the files); rights in the images are not "
    "stated",
    verified="original files",
    n_subjects=4,
    n_stimuli=92,
    size=4_161_446,
    notes="Dissimilarities only: 1 - Pearson r of patterns over 316 voxels, one RDM a session. "
    "Stimuli are numbered in the order of the files. The names of the models are those of the "
    "files, which do not say how each was made.",
    files={
        "92_brainRDMs.mat": f"{HOST}/92_brainRDMs.mat#sha256="
        "1743f90a15e895798a94318649e80e1123a7e5943a1703fa1dd7c31ea5780b7c",
        "92_modelRDMs.mat": f"{HOST}/92_modelRDMs.mat#sha256="
        "e1d2b58bb2f9508bc13da4c81b94d1ab07823b25ed30b9563bd9d6d730c2a00a",
        "Kriegeskorte_Neuron2008_supplementalData.mat": f"{HOST}/"
        "Kriegeskorte_Neuron2008_supplementalData.mat#sha256="
        "06f21214399a5d43dc264eed19a7f4b8daf11c8622a59eec3e106064ce5e3504",
    },
)

STIMULI = "Kriegeskorte_Neuron2008_supplementalData.mat"
# Column of the stimulus table -> field of the file.
CATEGORIES = {"animate": "animal", "human": "human", "face": "face", "natural": "natural"}


def load(files, *, subjects=None):
    """Load two RDMs a subject, one for each session, the images, and what is on them."""
    stimuli = _stimuli(files[STIMULI])
    dissimilarities = {}
    for sessions in _read(files["92_brainRDMs.mat"], "RDMs"):
        # As in "hIT | BE | Session: 1".
        names = [cell["name"].split(" | ") for cell in sessions]
        subject = names[0][1]
        dissimilarities[subject] = na.rsa.make_dissimilarities(
            np.stack([cell["RDM"] for cell in sessions]),
            stimulus=stimuli.index,
            subject=[name[1] for name in names],
            session=[name[2].removeprefix("Session: ") for name in names],
            roi=[name[0].removeprefix("h") for name in names],
            dissimilarity="correlation",
        )
    return na.BrainDataset(dissimilarities, stimuli)


def model_dissimilarities(files):
    """Load the RDMs of models, by the names that the file gives them."""
    labels = _stimuli(files[STIMULI]).index
    return {
        cell["name"]: na.rsa.make_dissimilarities(
            cell["RDM"], stimulus=labels, dissimilarity="as published"
        )
        for cell in _read(files["92_modelRDMs.mat"], "Models")
    }


def _stimuli(path):
    """Read images and categories, in the order of the rows of all RDMs."""
    cells = _read(path, "stimuli_92objs")
    columns = {name: [cell[name] for cell in cells] for name in ("image", "category")}
    for column, field in CATEGORIES.items():
        columns[column] = [bool(cell[field].item()) for cell in cells]
    labels = [f"{number:02}" for number in range(1, len(cells) + 1)]
    return pd.DataFrame(columns, index=pd.Index(labels, name="stimulus"))


def _read(path, name):
    """Read an array of structures, whose first axis is of length 1."""
    return na.readers.read_mat_variables(path, [name])[name][0]
