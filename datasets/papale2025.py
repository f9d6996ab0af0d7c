"""Papale et al. (2025), TVSD: macaque V1, V4 and IT, images of objects on natural backgrounds.

Normalized multi-unit activity of two animals with up to 16 arrays of 64 electrodes each: 22,248
images of the THINGS database that were shown once, and 100 that were shown 30 times.
"""

from functools import partial

import numpy as np
import pandas as pd

import neuroalign as na

MONKEYS = ("F", "N")
SIGNALS, IMAGES = "monkey{}/THINGS_normMUA.mat", "monkey{}/_logs/things_imgs.mat"
CARD = na.DatasetCard(
    citation="doi:10.1016/j.neuron.2024.12.003",
    modality="spikes",
    species="macaque",
    stimulus="condition",
    license="CC-BY-4.0",
    verified="documented layout",
    n_subjects=2,
    n_stimuli=22_348,
    n_neuroids=1984,
    n_repetitions="1 or 30",
    notes="Variables and axes as the README of https://gin.g-node.org/paolo_papale/TVSD states them "
    "(rows are in true order of arrays there); which rows are V1, V4 and IT is stated by its "
    "_code/norm_MUA.m, as github.com/serre-lab/tvsd-benchmark and others read it. Responses are "
    "means from 25 to 125 ms (V1), 50 to 150 (V4) and 75 to 175 (IT), normalized by day. The file "
    "of N has rows for 16 arrays, of which 15 were recorded. The images are those of "
    "things-initiative.org, at things_path. oracle and reliability were measured on the repeated "
    "images: who selects by them should not test on these.",
    how_to_get="https://gin.g-node.org/paolo_papale/TVSD (raw/master/<file>)",
    files={path.format(monkey): "" for monkey in MONKEYS for path in (SIGNALS, IMAGES)},
)

# Rows of the arrays of each animal, in their order.
REGIONS = {
    "F": ["V1"] * 512 + ["IT"] * 320 + ["V4"] * 192,
    "N": ["V1"] * 512 + ["V4"] * 256 + ["IT"] * 256,
}
ON_ARRAY = 64  # electrodes
PARTS = ("train", "test")


def load(files, *, subjects=None, part="train"):
    """Load the images shown once (``part="train"``) or those shown 30 times (``part="test"``).

    Models that read images need the files of THINGS: add them by
    ``stimuli.assign(image=[f"{folder}/{path}" for path in stimuli["things_path"]])``. Folds keep
    the images of a concept together.
    """
    if part not in PARTS:
        message = f"Part {part!r} is not one of {', '.join(PARTS)}."
        raise ValueError(message)
    shown = {monkey: _images(files[IMAGES.format(monkey)], part) for monkey in MONKEYS}
    recordings = {
        monkey: partial(_recording, files, monkey, part, table.index)
        for monkey, table in shown.items()
    }
    stimuli = pd.concat(list(shown.values()))
    return na.BrainDataset(recordings, stimuli[~stimuli.index.duplicated()].sort_index())


def _recording(files, monkey, part, labels):
    path = files[SIGNALS.format(monkey)]
    read = partial(na.readers.read_mat, path)
    trials = part == "test"
    dims = ("neuroid", "stimulus", "repetition")[: 3 if trials else 2]
    number = np.arange(len(REGIONS[monkey]))
    return na.make_recording(
        read("test_MUA_reps" if trials else "train_MUA"),
        dims,
        subject=monkey,
        units="normalized multi-unit activity",
        stimulus=labels,
        neuroid=[f"{electrode:04}" for electrode in number + 1],
        roi=REGIONS[monkey],
        array=("neuroid", number // ON_ARRAY + 1),
        snr_max=("neuroid", read("SNR_max").values.ravel()),
        oracle=("neuroid", read("oracle").values.ravel()),
        reliability=("neuroid", pd.DataFrame(read("reliab").values).mean(axis=1).to_numpy()),
    )


def _images(path, part):
    """Read which images were shown, from a field of as many structures."""
    cells = na.readers.read_mat(path, f"{part}_imgs.things_path").values.ravel()
    paths = [cell.replace("\\", "/") for cell in cells.tolist()]
    names = pd.Index([name.rpartition("/")[2].rpartition(".")[0] for name in paths])
    concepts = [name.partition("/")[0] for name in paths]
    columns = {"condition": names, "things_path": paths, "concept": concepts, "group": concepts}
    return pd.DataFrame(columns, index=names.rename("stimulus"))
