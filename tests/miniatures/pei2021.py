"""Miniature of MC_Maze (DANDI 000128): the layout of its NWB file, trials and spikes made up.

Columns of trials and units, two arrays of 96 electrodes, and observed intervals that are the
trials are those that users of the file print (https://neurallatents.github.io/datasets.html and
its notebook mc_maze.ipynb). As there, the electrodes of units of M1 are 96 rows too low, and the
first digit of a unit says the region. The original has 2,295 trials and 182 units.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pynwb import NWBHDF5IO, NWBFile

FILE = "sub-Jenkins/sub-Jenkins_ses-full_desc-train_behavior+ecephys.nwb"
UNITS = (1011, 1953, 2011, 2951)
# trial_type, trial_version, maze, barriers, targets; one condition was met less, one more often.
TRIALS = [
    (31, 0, 4, 0, 1), (31, 1, 4, 9, 1), (7, 2, 88, 9, 3), (31, 0, 4, 0, 1), (7, 2, 88, 9, 3),
    (31, 1, 4, 9, 1), (7, 0, 88, 0, 1), (31, 0, 4, 0, 1),
]  # fmt: skip
LENGTH, PAUSE = 2.0, 0.5  # s
MOVE = 0.9  # s after the start of a trial: the hand begins to move
LATE = 2  # the trial in which it moves too late for the whole window


def move_onset(trial):
    """Return when the hand begins to move in a trial."""
    return trial * (LENGTH + PAUSE) + (1.8 if trial == LATE else MOVE)


def n_spikes(trial, unit, bin_):
    """Return the spikes of a unit in a bin of 50 ms from 250 ms before the movement."""
    return (3 * trial + 5 * unit + 2 * bin_) % 4


def write(folder, seed=0, *, order=slice(None)):
    """Write the file, its trials in an order."""
    rng = np.random.default_rng(seed)
    nwb = NWBFile("made up", "full", datetime(2009, 9, 25, tzinfo=UTC))
    for region in ("PMd", "M1"):
        device = nwb.create_device(f"electrode_array_{region}")
        group = nwb.create_electrode_group(f"electrode_group_{region}", "made up", region, device)
        for _ in range(96):
            nwb.add_electrode(group=group, location=region)
    for name in ("trial_type", "trial_version", "maze_id", "success", "target_on_time",
                 "go_cue_time", "move_onset_time", "rt", "delay", "num_targets", "num_barriers",
                 "active_target", "split"):  # fmt: skip
        nwb.add_trial_column(name, "made up")
    nwb.add_trial_column("target_pos", "made up", index=True)
    spans = [(t * (LENGTH + PAUSE), t * (LENGTH + PAUSE) + LENGTH) for t in range(len(TRIALS))]
    for trial in np.arange(len(TRIALS))[order]:
        kind, version, maze, barriers, targets = TRIALS[trial]
        nwb.add_trial(
            start_time=spans[trial][0], stop_time=spans[trial][1], trial_type=kind,
            trial_version=version, maze_id=maze, success=True, target_on_time=spans[trial][0] + 0.1,
            go_cue_time=move_onset(trial) - 0.3, move_onset_time=move_onset(trial), rt=300,
            delay=500, num_targets=targets, num_barriers=barriers, active_target=0,
            split="val" if trial % 3 == 1 else "train", target_pos=[[100, 20]] * targets,
        )  # fmt: skip
    nwb.add_unit_column("heldout", "made up")
    for number, unit in enumerate(UNITS):
        times = [
            move_onset(trial) - 0.25 + 0.05 * (bin_ + rng.uniform(0.1, 0.9))
            for trial in range(len(TRIALS))
            for bin_ in range(14)
            for _ in range(n_spikes(trial, number, bin_))
        ]
        times = [t for t in sorted(times) if any(a <= t < b for a, b in spans)]
        nwb.add_unit(
            spike_times=times, obs_intervals=spans, electrodes=[unit % 100], heldout=unit == 1953,
            id=unit,
        )  # fmt: skip
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
