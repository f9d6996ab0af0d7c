"""Miniature of THINGS-fMRI: the layout of the authors' notebook, in HDF5 as pandas writes it.

A data frame of voxel_id and one column a trial becomes block0_values (voxel, trial), the numbers
of trials pickled beside them, and block1_values (voxel, 1) with the ids of voxels. Values say which
subject, voxel and trial they are of.
"""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

SUBJECTS = ["sub-01", "sub-02", "sub-03"]
N_VOXELS = {"sub-01": 9, "sub-02": 7, "sub-03": 8}
CONCEPTS = ["dog", "mango", "spatula", "candelabra"]
N_SESSIONS = 3
REGIONS = ["V1", "hV4", "LO1 (prf)", "lFFA", "lLOC", "IT", "glasser-V1"]
OTHERS = [
    "V2", "V3", "VO1", "VO2", "LO2 (prf)", "TO1", "TO2", "V3b", "V3a", "lEBA", "rEBA", "rFFA",
    "lOFA", "rOFA", "lSTS", "rSTS", "lPPA", "rPPA", "lRSC", "rRSC", "lTOS", "rTOS", "rLOC",
]  # fmt: skip


def trials(subject, seed=0):
    """Return the rows of StimulusMetadata: each session has own images, and two of all sessions."""
    rng = np.random.default_rng([seed, SUBJECTS.index(subject)])
    rows = []
    for session in range(1, N_SESSIONS + 1):
        shown = [("train", f"{concept}_{session:02}s.jpg") for concept in CONCEPTS]
        shown += [("test", "dog_14s.jpg"), ("test", "candelabra_14s.jpg")]
        for number in rng.permutation(len(shown)):
            kind, stimulus = shown[number]
            rows.append(
                {
                    "trial_type": kind,
                    "session": session,
                    "run": 1 + len(rows) % 2,
                    "subject_id": int(subject[-1]),
                    "trial_id": len(rows) % len(shown),
                    "stimulus": stimulus,
                    "concept": stimulus.rpartition("_")[0],
                }
            )
    return pd.DataFrame(rows)


def voxels(subject):
    """Return the rows of VoxelMetadata; voxel 0 is in no region, voxel 1 in two."""
    count = N_VOXELS[subject]
    table = pd.DataFrame(
        {
            "voxel_id": range(count),
            "subject_id": int(subject[-1]),
            "voxel_x": 1,
            "voxel_y": [39 + number for number in range(count)],
            "voxel_z": 33,
            "nc_singletrial": [float(number) for number in range(count)],
            "nc_testset": [10.0 * number for number in range(count)],
        }
    )
    for column in [*OTHERS, *REGIONS]:
        table[column] = 0
    for number in range(1, count):
        table.loc[number, REGIONS[(number - 1) % (len(REGIONS) - 1)]] = 1
    table.loc[1, ["lLOC", "glasser-V1"]] = 1
    return table


def code(subject, voxel, trial):
    """Return the response of a voxel in a trial."""
    return 1000.0 * SUBJECTS.index(subject) + 10 * np.asarray(voxel) + np.asarray(trial) / 100


def save(path, values, ids):
    """Write a data frame of voxels as pandas does: its mixed labels are pickled."""
    with h5py.File(path, "w") as file:
        frame = file.create_group("ResponseData")
        frame.attrs.update({"pandas_type": b"frame", "nblocks": 2, "ndim": 2})
        frame["block0_values"] = values
        frame["block1_values"] = np.asarray(ids)[:, None]
        frame["block1_items"] = np.array([b"voxel_id"])
        frame["axis1"] = np.arange(len(ids))
        pickled = np.frombuffer(pickle.dumps(list(range(values.shape[1]))), np.uint8)
        for name in ("axis0", "block0_items"):
            array = frame.create_dataset(name, (1,), dtype=h5py.vlen_dtype(np.uint8))
            array[0] = pickled
            array.attrs.update({"kind": b"object", "PSEUDOATOM": b"object"})


def write(folder, seed=0):
    """Write responses and tables of all subjects."""
    folder = Path(folder) / "betas_csv"
    folder.mkdir()
    for subject in SUBJECTS:
        table, brain = trials(subject, seed), voxels(subject)
        values = code(subject, brain["voxel_id"].to_numpy()[:, None], np.arange(len(table)))
        save(folder / f"{subject}_ResponseData.h5", values, brain["voxel_id"])
        table.to_csv(folder / f"{subject}_StimulusMetadata.csv", index=False)
        brain.to_csv(folder / f"{subject}_VoxelMetadata.csv", index=False)
