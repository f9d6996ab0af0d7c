"""Pei, Ye et al. (2021), MC_Maze of the Neural Latents Benchmark: macaque M1 and PMd, reaches.

Spikes of 182 neurons of one animal while it reached around barriers: 36 mazes, each with three
versions, 2,295 trials. Counts are taken around the onset of the movement, as the benchmark does,
from 250 ms before to 450 ms after it.
"""

import pandas as pd

import neuroalign as na

FILE = "sub-Jenkins/sub-Jenkins_ses-full_desc-train_behavior+ecephys.nwb"
CARD = na.DatasetCard(
    citation="arXiv:2109.04463",
    modality="spikes",
    species="macaque",
    stimulus="condition",
    license="CC-BY-4.0",
    verified="documented layout",
    n_subjects=1,
    n_stimuli=108,
    n_neuroids=182,
    size=690_612_247,
    notes="DANDI:000128, recorded by M. Churchland and M. Kaufman (doi:10.1016/j.neuron.2010.09.015)"
    "; address, size and sha256 are those of github.com/dandisets/000128 (.dandi/assets.json), "
    "columns those of https://neurallatents.github.io/datasets.html. As stated there, the first "
    "digit of a unit says its region (1 PMd, 2 M1), and the electrodes that the file gives units "
    "of M1 are 96 rows too low, so that electrodes are left out here. A stimulus is a condition: "
    "a maze (trial_type) and its version, which the benchmark averages over. These trials are for "
    "training and validation (coordinate split); those of the test are another file. Units with "
    "heldout are those that the benchmark predicts from the others.",
    files={
        FILE: "https://api.dandiarchive.org/api/assets/26e85f09-39b7-480f-b337-278a8f034007/"
        "download/#sha256=a27f84f9c31f077011062fd99a6ced199fdf19e656151f056c3c6244a408a3c4"
    },
)

SUBJECT = "Jenkins"
REGIONS = {"1": "PMd", "2": "M1"}  # by the first digit of a unit


def load(files, *, subjects=None, align="move_onset_time", start=-0.25, stop=0.45, bin_width=0.05):
    """Load spike counts in bins (s) around an event of each trial, one row a trial.

    Events are "move_onset_time", "go_cue_time", "target_on_time" and "start_time". A count is NaN
    where the window leaves the trial, since nothing was recorded between trials. Folds keep the
    versions of a maze together.
    """
    counts = na.readers.read_nwb(
        files[FILE], start=start, stop=stop, bin_width=bin_width, align=align
    )
    kinds = ["trial_type", "trial_version", "maze_id", "num_barriers", "num_targets"]
    table = pd.DataFrame({name: counts[name].values.astype(int) for name in kinds})
    labels = [
        f"{maze:03}-{version}"
        for maze, version in zip(table["trial_type"], table["trial_version"], strict=True)
    ]
    recording = na.make_recording(
        counts.drop_vars("electrode", errors="ignore"),
        subject=SUBJECT,
        stimulus=labels,
        roi=[REGIONS[unit[0]] for unit in counts["neuroid"].values],
    )
    stimuli = table.set_axis(labels).sort_index(kind="stable")
    stimuli = stimuli[~stimuli.index.duplicated()]
    mazes = [f"{maze:03}" for maze in stimuli["trial_type"]]
    return na.BrainDataset(
        {SUBJECT: recording}, stimuli.assign(condition=stimuli.index, group=mazes)
    )
