"""Pereira et al. (2018): human fMRI of sentences, experiments 2 (384 sentences) and 3 (243).

Sentences of three or four make a passage, passages of one topic are several. Each sentence was
read on the screen alone; a response is one estimate a sentence of all times that it was read, so
that there is no repetition. Voxels are those of the language network's regions by default.
"""

from functools import partial

import numpy as np
import pandas as pd

import neuroalign as na

SUBJECTS = {
    "384sentences": ("P01", "M02", "M04", "M07", "M08", "M09", "M14", "M15"),
    "243sentences": ("P01", "M02", "M03", "M04", "M07", "M15"),
}
FILE = "{}/data_{}.mat"
CARD = na.DatasetCard(
    citation="doi:10.1038/s41467-018-03068-4",
    modality="fmri",
    species="human",
    stimulus="text",
    license="not stated by the owners",
    verified="documented layout",
    how_to_get="https://web.mit.edu/evlab/sites/default/files/documents/index2.html (unpack the "
    "archive of each subject)",
    files={FILE.format(name, part): "" for part, names in SUBJECTS.items() for name in names},
    n_subjects=9,
    n_stimuli=627,
    n_repetitions="1",
    notes="Subjects, experiments and passages are those of the owners' page. Names of variables and "
    "of fields of meta are as public code reads them (github.com/mschrimpf/neural-nlp; "
    "brain-score/language, data/pereira2018). The owners do not state the units. Labels of voxels "
    "are their indices on the grid of the volumes, from 1, so that they agree between experiments.",
)
RESPONSES = "examples_passagesentences"
SENTENCES = [
    "keySentences", "labelsPassageForEachSentence", "keyPassages", "labelsPassageCategory",
    "keyPassageCategory",
]  # fmt: skip


def load(files, *, subjects=None, experiment="384sentences", atlas=("languageLH", "languageRH")):
    """Load sentences of an experiment, in the voxels of the regions of some atlases of meta."""
    if experiment not in SUBJECTS:
        message = f"Experiment {experiment!r} is not one of {', '.join(SUBJECTS)}."
        raise ValueError(message)
    atlases = [atlas] if isinstance(atlas, str) else list(atlas)
    names = SUBJECTS[experiment]
    chosen = [name for name in names if name in (subjects or names)] or names
    first = files[FILE.format(chosen[0], experiment)]
    stimuli = _stimuli(na.readers.read_mat_variables(first, SENTENCES), experiment)
    labels = pd.Series(stimuli.index, index=stimuli["text"])
    make = partial(_recording, files, experiment, atlases, labels)
    return na.BrainDataset({name: partial(make, name) for name in chosen}, stimuli)


def _stimuli(data, experiment):
    """List sentences in their order, with the passage they are of and its topic."""
    passage = np.ravel(data["labelsPassageForEachSentence"]) - 1
    topic = np.ravel(data["labelsPassageCategory"])[passage] - 1
    text = [str(sentence).strip() for sentence in np.ravel(data["keySentences"])]
    labels = [f"{experiment}-{number:03}" for number in range(1, len(text) + 1)]
    passages = np.ravel(data["keyPassages"])[passage].astype(str)
    topics = np.ravel(data["keyPassageCategory"])[topic].astype(str)
    table = {"text": text, "passage": passages, "topic": topics, "group": topics}
    return pd.DataFrame(table, index=pd.Index(labels, name="stimulus"))


def _recording(files, experiment, atlases, labels, subject):
    path = files[FILE.format(subject, experiment)]
    data = na.readers.read_mat_variables(path, [RESPONSES, "keySentences", "meta"])
    text = [str(sentence).strip() for sentence in np.ravel(data["keySentences"])]
    if sorted(text) != sorted(labels.index) or labels.index.has_duplicates:
        message = f"File {str(path)!r} has other sentences than those of the first subject, or some twice."
        raise ValueError(message)
    columns, roi = _voxels(data["meta"], atlases, path)
    places = data["meta"]["colToCoord"][columns].astype(int)
    return na.make_recording(
        data[RESPONSES][:, columns],
        ("stimulus", "neuroid"),
        subject=subject,
        units="estimate of a linear model (units not stated)",
        stimulus=labels[text].to_numpy(),
        neuroid=["-".join(f"{number:03}" for number in place) for place in places],
        roi=roi,
    )


def _voxels(meta, atlases, path):
    """Return columns of the regions of atlases, in the order of the file, and their regions."""
    known = [str(name) for name in np.ravel(meta["atlases"])]
    region = {}
    for atlas in atlases:
        if atlas not in known:
            message = f"File {str(path)!r} has no atlas {atlas!r}; it has {', '.join(known)}."
            raise ValueError(message)
        number = known.index(atlas)
        names, places = (np.ravel(meta[field])[number] for field in ("rois", "roiColumns"))
        for name, columns in zip(np.ravel(names), np.ravel(places), strict=True):
            for column in np.ravel(columns):
                region.setdefault(int(column) - 1, str(name))
    columns = sorted(region)
    return columns, [region[column] for column in columns]
