"""Hebart et al. (2023), THINGS-fMRI: human fMRI of single trials, photographs of 720 objects.

Three people each saw 8,640 images once (12 of each object, trial_type train) and 100 images once
in each of 12 sessions (test); responses are a ridge estimate of each trial, denoised by hand-picked
components of the series. The images are got apart from the responses; without them stimuli are
named only, and activations computed elsewhere can be scored.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import neuroalign as na

SUBJECTS = ("sub-01", "sub-02", "sub-03")
RESPONSES = "betas_csv/{}_ResponseData.h5"
TRIALS = "betas_csv/{}_StimulusMetadata.csv"
VOXELS = "betas_csv/{}_VoxelMetadata.csv"
CARD = na.DatasetCard(
    citation="doi:10.7554/eLife.82580",
    modality="fmri",
    species="human",
    stimulus="condition",
    license="CC0-1.0",
    verified="documented layout",
    how_to_get="https://doi.org/10.25452/figshare.plus.20492835 (betas_csv.zip, 43 GB; unpack it)",
    files={form.format(name): "" for name in SUBJECTS for form in (RESPONSES, TRIALS, VOXELS)},
    n_subjects=3,
    n_stimuli=8740,
    n_repetitions="1 or 12",
    size=42_955_087_212,
    notes="The layout is that of the authors' notebook (github.com/ViCCo-Group/THINGS-data, "
    "MRI/notebooks/fmri_usage.ipynb) and of HDF5 as pandas writes it. Trials of a response file are "
    "in the order of the rows of its table of stimuli, as in that notebook; the numbers that the "
    "file itself gives them are pickled, and not read. A voxel may belong to several regions; roi "
    "is the first of them in the order of their columns. voxel_x, voxel_y and voxel_z are indices "
    "in the T1w space. The license is that of the OpenNeuro dataset ds004192.",
)

# Columns of retinotopic and of localized regions; "lLOC" and "rLOC" enclose others.
REGIONS = (
    "V1", "V2", "V3", "hV4", "VO1", "VO2", "LO1 (prf)", "LO2 (prf)", "TO1", "TO2", "V3b", "V3a",
    "lEBA", "rEBA", "lFFA", "rFFA", "lOFA", "rOFA", "lSTS", "rSTS", "lPPA", "rPPA", "lRSC", "rRSC",
    "lTOS", "rTOS", "lLOC", "rLOC", "IT",
)  # fmt: skip
# Noise ceilings of the authors, in percent, and indices of voxels.
FACTS = ("nc_singletrial", "nc_testset", "voxel_x", "voxel_y", "voxel_z")


def load(files, *, subjects=None, roi=REGIONS, trial_type=None, images=None):
    """Load trials of a person when asked for; voxels stay in their file until they are scored.

    Voxels are those of the columns that `roi` names, which may be one of VoxelMetadata such as
    "glasser-V1"; roi=None takes the whole brain. Trials are all, or only "train" or "test".
    `images` is the folder object_images of the THINGS database (osf.io/jum2f).
    """
    if trial_type not in (None, "train", "test"):
        message = f"trial_type={trial_type!r} is not 'train' or 'test'."
        raise ValueError(message)
    chosen = [name for name in SUBJECTS if name in (subjects or SUBJECTS)] or SUBJECTS
    trials = {
        name: pd.read_csv(files[TRIALS.format(name)], keep_default_na=False) for name in chosen
    }
    recordings = {
        name: partial(_recording, files, name, trials[name], trial_type, roi) for name in chosen
    }
    shown = pd.concat([_kept(table, trial_type) for table in trials.values()])
    shown = shown.drop_duplicates("stimulus").set_index("stimulus")
    stimuli = pd.DataFrame(
        {"condition": shown.index, "group": shown["concept"], "trial_type": shown["trial_type"]},
        index=shown.index,
    )
    if images is not None:
        paths = zip(shown["concept"], shown.index, strict=True)
        stimuli["image"] = [Path(images, *path) for path in paths]
    return na.BrainDataset(recordings, stimuli)


def _kept(trials, trial_type):
    return trials if trial_type is None else trials[trials["trial_type"] == trial_type]


def _recording(files, subject, trials, trial_type, roi):
    voxels = pd.read_csv(files[VOXELS.format(subject)])
    path = files[RESPONSES.format(subject)]
    responses = na.readers.read_hdf5(path, "ResponseData/block0_values", ("neuroid", "showing"))
    ids = na.readers.read_hdf5(path, "ResponseData/block1_values", ("neuroid", "showing"))
    place = pd.Index(ids.values.ravel()).get_indexer(voxels["voxel_id"])
    sizes = responses.sizes
    if (place < 0).any() or (len(voxels), len(trials)) != (sizes["neuroid"], sizes["showing"]):
        message = (
            f"Responses of {subject} are of {sizes['neuroid']} voxels and {sizes['showing']} "
            f"trials, but its tables describe {len(voxels)} voxels (others, where as many) and "
            f"{len(trials)} trials."
        )
        raise ValueError(message)
    names = [roi] if isinstance(roi, str) else list(() if roi is None else roi)
    if missing := [name for name in names if name not in voxels]:
        message = f"VoxelMetadata of {subject} has no column {missing[0]!r}."
        raise ValueError(message)
    inside = voxels[names].to_numpy(dtype=bool)
    kept = inside.any(axis=1) if names else np.ones(len(voxels), dtype=bool)
    first = np.asarray(names)[inside[kept].argmax(axis=1)] if names else "unknown"
    shown = _kept(trials, trial_type)
    return na.make_recording(
        responses.isel(neuroid=place[kept], showing=shown.index.to_numpy()),
        subject=subject,
        units="z",
        stimulus=shown["stimulus"],
        neuroid=voxels["voxel_id"][kept],
        roi=first,
        session=("showing", shown["session"].to_numpy()),
        run=("showing", shown["run"].to_numpy()),
        **{name: ("neuroid", voxels[name][kept].to_numpy()) for name in FACTS},
    )
