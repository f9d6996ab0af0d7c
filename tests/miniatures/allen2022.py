"""Miniature of the Natural Scenes Dataset: paths, arrays and tables of its data manual.

Values say which subject, session, trial and voxel they are of, in percent signal change; the files
hold them times 300, as whole numbers, in MATLAB's order of axes. Few trials a session, few voxels.
"""

from pathlib import Path

import h5py
import nibabel
import numpy as np
import pandas as pd

SESSIONS = {f"subj{n:02}": c for n, c in enumerate((40, 40, 32, 30, 40, 32, 40, 30), 1)}
RESPONSES = "nsddata_betas/ppdata/{}/func1pt8mm/betas_fithrf_GLMdenoise_RR/betas_session{:02}.hdf5"
TRIALS = "nsddata/ppdata/{}/behav/responses.tsv"
ATLAS = "nsddata/ppdata/{}/func1pt8mm/roi/{}.nii.gz"
NAMES = "nsddata/freesurfer/{}/label/{}.mgz.ctab"
STIMULI = "nsddata/experiments/nsd/nsd_stim_info_merged.csv"
IMAGES = "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
SHAPE = (3, 2, 4)  # x, y, z
N_TRIALS = 3  # of a session, in two runs
N_IMAGES = 140
SHARED = range(100, 120)  # nsdId
REGIONS = {"prf-visualrois": {1: "V1v", 2: "V1d", 7: "hV4"}, "streams": {1: "early", 5: "ventral"}}


def code(subject, session, trial, voxel):
    """Return the response of a voxel (its place, z fastest), in percent: steps of 1/300."""
    return (int(subject[-1]) * 3000 + session * 70 + trial * 20 + voxel) / 300


def trials(subject):
    """Return the rows of responses.tsv: an image comes up to three times, some are shared."""
    number, rows = int(subject[-1]), []
    for session in range(1, SESSIONS[subject] + 1):
        for trial in range(N_TRIALS):
            place = (session * N_TRIALS + trial) % 30
            shared = place < 20
            nsd = SHARED[place] if shared else number * 10 + place - 20
            rows.append(
                {
                    "SUBJECT": number,
                    "SESSION": session,
                    "RUN": 1 + trial // 2,
                    "TRIAL": 1 + trial % 2,
                    "73KID": nsd + 1,
                    "10KID": place + 1 if shared else 1001 + place,
                    "TIME": 0.5 + session,
                    "ISOLD": 0,
                    "RT": np.nan,
                }
            )
    return pd.DataFrame(rows)


def atlas(subject, name):
    """Return the numbers of the regions; -1 is outside of the cortex, 0 of the regions."""
    codes = np.zeros(SHAPE, dtype=np.int16)
    codes[0] = -1
    for place, number in enumerate(REGIONS[name]):
        codes[1 + place % 2, place // 2, int(subject[-1]) % 2 :] = number
    return codes


def write(folder, seed=0, sessions=SESSIONS):
    """Write sessions, tables and regions of all subjects, and the images."""
    folder, rng = Path(folder), np.random.default_rng(seed)

    def at(path):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        return folder / path

    for subject, count in sessions.items():
        table = trials(subject)
        table["RT"] = rng.uniform(500, 3000, len(table)).round()
        table.to_csv(at(TRIALS.format(subject)), sep="\t", index=False)
        voxels = np.arange(np.prod(SHAPE)).reshape(SHAPE)
        for session in range(1, count + 1):
            percent = [code(subject, session, trial, voxels) for trial in range(N_TRIALS)]
            whole = np.rint(300 * np.stack(percent, axis=-1)).astype(np.int16)
            with h5py.File(at(RESPONSES.format(subject, session)), "w") as file:
                file.create_dataset("betas", data=whole.T, chunks=(N_TRIALS, 1, 1, 1))
        for name, regions in REGIONS.items():
            image = nibabel.Nifti1Image(atlas(subject, name), np.diag([1.8, 1.8, 1.8, 1]))
            image.to_filename(at(ATLAS.format(subject, name)))
            lines = ["0 Unknown", *(f"{number} {region}" for number, region in regions.items())]
            at(NAMES.format(subject, name)).write_text("\n".join(lines) + "\n")
    stimuli = pd.DataFrame(
        {
            "cocoId": np.arange(N_IMAGES) + 500_000,
            "cocoSplit": "train2017",
            "cropBox": "(0, 0, 0.1, 0.1)",
            "nsdId": np.arange(N_IMAGES),
            "shared1000": np.isin(np.arange(N_IMAGES), SHARED),
        }
    )
    stimuli.to_csv(at(STIMULI))
    with h5py.File(at(IMAGES), "w") as file:
        level = np.arange(N_IMAGES, dtype=np.uint8)
        file["imgBrick"] = np.broadcast_to(level[:, None, None, None], (N_IMAGES, 5, 5, 3))
