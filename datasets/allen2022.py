"""Allen et al. (2022), the Natural Scenes Dataset: human fMRI at 7 T, photographs of scenes.

Eight people each saw up to 10,000 images three times in 30 to 40 sessions of 750 trials; 1,000 of
the images are shared by all. Responses to single trials are those of GLMsingle
(betas_fithrf_GLMdenoise_RR) in voxels of 1.8 mm, in percent signal change.
"""

from functools import partial

import numpy as np
import pandas as pd

import neuroalign as na

# Sessions of each subject; not everybody completed 40.
SESSIONS = dict(
    zip((f"subj{n:02}" for n in range(1, 9)), (40, 40, 32, 30, 40, 32, 40, 30), strict=True)
)
RESPONSES = "nsddata_betas/ppdata/{}/func1pt8mm/betas_fithrf_GLMdenoise_RR/betas_session{:02}.hdf5"
TRIALS = "nsddata/ppdata/{}/behav/responses.tsv"
ATLAS = "nsddata/ppdata/{}/func1pt8mm/roi/{}.nii.gz"
NAMES = "nsddata/freesurfer/{}/label/{}.mgz.ctab"
STIMULI = "nsddata/experiments/nsd/nsd_stim_info_merged.csv"
IMAGES = "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
ATLASES = (
    "prf-visualrois", "floc-faces", "floc-bodies", "floc-places", "floc-words", "streams",
    "Kastner2015", "HCP_MMP1",
)  # fmt: skip
CARD = na.DatasetCard(
    citation="doi:10.1038/s41593-021-00962-x",
    modality="fmri",
    species="human",
    stimulus="condition",
    license="terms of the owners (naturalscenesdataset.org), agreed to in a form",
    verified="documented layout",
    how_to_get="https://naturalscenesdataset.org (then s3://natural-scenes-dataset, same paths)",
    files=dict.fromkeys(
        [
            STIMULI,
            IMAGES,
            *(TRIALS.format(name) for name in SESSIONS),
            *(
                form.format(name, atlas)
                for name in SESSIONS
                for atlas in ATLASES
                for form in (ATLAS, NAMES)
            ),
            *(RESPONSES.format(s, n) for s, count in SESSIONS.items() for n in range(1, count + 1)),
        ],
        "",
    ),
    n_subjects=8,
    n_stimuli=70_566,
    n_repetitions="1-3",
    notes="The layout is that of the NSD data manual (cvnlab.slite.page: Functional data (NSD), "
    "Behavioral data, ROIs, Technical notes). Stimuli are labelled by nsdId, which counts from 0; "
    "73KID of responses.tsv counts from 1. Where sessions differ in scale, z-score them "
    "(na.zscore, by='session'). x, y and z are mm on the grid of the volumes, not of a template.",
)


def load(
    files, *, subjects=None, sessions=None, atlas="prf-visualrois", shared=False, images=False
):
    """Load trials of a person when asked for; voxels stay in their files until they are scored.

    Voxels are those of the regions of `atlas`. With shared=True only the 1,000 images that
    everybody was to see are kept. `sessions` are numbers, in any order, for who has only some. With images=True
    the images are read, 0.5 MB each.
    """
    chosen = {
        name: range(1, SESSIONS[name] + 1) for name in SESSIONS if name in (subjects or SESSIONS)
    }
    if sessions is not None:
        chosen = {name: [n for n in known if n in sessions] for name, known in chosen.items()}
    facts = pd.read_csv(files[STIMULI], index_col="nsdId")
    common = set(facts.index[facts["shared1000"]])
    trials = {name: _trials(files, name, numbers) for name, numbers in chosen.items()}
    recordings = {
        name: partial(
            _recording, files, name, chosen[name], trials[name], atlas, common if shared else None
        )
        for name in chosen
    }
    shown = sorted(set().union(*(table["nsdId"] for table in trials.values())))
    shown = [number for number in shown if number in common or not shared]
    facts = facts.loc[shown]
    labels = [_label(number) for number in shown]
    stimuli = pd.DataFrame(
        {
            "condition": labels,
            "cocoId": facts["cocoId"].to_numpy(),
            "shared": facts["shared1000"].to_numpy(),
        },
        index=pd.Index(labels, name="stimulus"),
    )
    if images:
        stimuli["image"] = _images(files[IMAGES], shown)
    return na.BrainDataset(recordings, stimuli)


def _label(number):
    return f"{number:05}"


def _trials(files, subject, sessions):
    """Read what was shown in each trial of some sessions, in the order of time."""
    table = pd.read_csv(files[TRIALS.format(subject)], sep="\t")
    table = table[table["SESSION"].isin(sessions)].sort_values(["SESSION", "RUN", "TRIAL"])
    return table.assign(nsdId=table["73KID"] - 1)


def _recording(files, subject, sessions, trials, atlas, kept):
    responses = na.readers.read_nsd(
        [files[RESPONSES.format(subject, number)] for number in sessions],
        atlas=files[ATLAS.format(subject, atlas)],
        labels=_regions(files[NAMES.format(subject, atlas)]),
        session=[str(number) for number in sessions],
    )
    if responses["session"].values.tolist() != trials["SESSION"].astype(str).tolist():
        message = (
            f"Sessions of {subject} hold {len(responses)} trials, but its responses.tsv has "
            f"{len(trials)}, or others in some session."
        )
        raise ValueError(message)
    labels = np.asarray([_label(number) for number in trials["nsdId"]])
    rows = (
        np.ones(len(trials), dtype=bool) if kept is None else trials["nsdId"].isin(kept).to_numpy()
    )
    return na.make_recording(
        responses.isel(showing=rows),
        subject=subject,
        attrs={"space": "func1pt8mm"},
        stimulus=labels[rows],
        run=("showing", trials["RUN"].to_numpy()[rows]),
    )


def _regions(path):
    """Read a table of numbers and names, apart by a space; 0 is outside."""
    rows = [line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines()]
    return {int(row[0]): row[1].strip() for row in rows if len(row) == 2}


def _images(path, numbers):
    import h5py

    with h5py.File(path, "r") as file:
        return [file["imgBrick"][number] for number in numbers]
