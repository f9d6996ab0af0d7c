"""Miniature of Siegle et al. (2021), Visual Coding Neuropixels: NWB files of sessions, made up.

Tables and their columns are those that a session of DANDI 000021 lists
(github.com/magland/ai_generated_dandiset_summaries, 000021): units with peak_channel_id, quality
and measures of it, electrodes with location, and intervals natural_scenes_presentations with frame
(float; -1 is a gray screen). The originals show each of 118 scenes 50 times.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
from pynwb import NWBHDF5IO, NWBFile
from pynwb.epoch import TimeIntervals

SESSIONS = (
    715093703, 719161530, 721123822, 732592105, 737581020, 739448407, 742951821, 743475441,
    744228101, 746083955, 750332458, 750749662, 751348571, 754312389, 754829445, 755434585,
    756029989, 757216464, 757970808, 758798717, 759883607, 760345702, 760693773, 761418226,
    762120172, 762602078, 763673393, 773418906, 791319847, 797828357, 798911424, 799864342,
)  # fmt: skip
FILE = "session_{0}/session_{0}.nwb"
N_SCENES = 118
# Frames of the first session in the order of time; two gray screens, and one scene comes again.
FRAMES = [*range(0, N_SCENES, 2), -1, *range(1, N_SCENES, 2), 5, -1]
CHANNELS = {850000001: "VISp", 850000002: "LGd", 850000003: " "}
# id, channel, quality, presence ratio, ISI violations, amplitude cutoff.
UNITS = [
    (950000012, 850000002, "good", 0.99, 0.1, 0.01),
    (950000010, 850000001, "good", 0.99, 0.1, 0.01),
    (950000011, 850000001, "noise", 0.99, 0.1, 0.01),
    (950000020, 850000001, "good", 0.5, 0.1, 0.01),
    (950000021, 850000001, "good", 0.99, 0.7, 0.01),
    (950000022, 850000001, "good", 0.99, 0.1, 0.3),
    (950000030, 850000003, "good", 0.95, 0.5, 0.1),
]
GOOD = [0, 1, 6]  # rows of the units that the owners' tools keep


def frames(session):
    """Return the scenes of a session, in the order of time: others than those of the first."""
    later = SESSIONS.index(session)
    return [frame if frame < 0 else (frame + later) % N_SCENES for frame in FRAMES]


def start(trial):
    """Return when a scene comes on; scenes follow each other without a pause."""
    return 100 + 0.25 * trial


def n_spikes(trial, unit, half):
    """Return the spikes of a unit in half of a presentation."""
    return (trial + 2 * unit + 3 * half) % 3


def write(folder, seed=0):
    """Write all sessions: the first by pynwb, the others as copies that show other scenes."""
    first = write_first(folder, seed)
    for session in SESSIONS[1:]:
        path = Path(folder) / FILE.format(session)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(first, path)
        with h5py.File(path, "r+") as file:
            shown = file["intervals/natural_scenes_presentations/frame"]
            shown[...] = np.array(frames(session), dtype=float)


def write_first(folder, seed=0, *, mixed=None):
    """Write the first session, with rows of its tables in another order if `mixed` is a generator.

    Its spikes are the same; those of a unit stay in the order of time.
    """
    rng = np.random.default_rng(seed)
    order = range if mixed is None else mixed.permutation
    path = Path(folder) / FILE.format(SESSIONS[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    nwb = NWBFile("made up", "session", datetime(2019, 1, 19, tzinfo=UTC))
    group = nwb.create_electrode_group("probeA", "made up", "See electrode locations",
                                       nwb.create_device("probeA"))  # fmt: skip
    nwb.add_electrode_column("probe_vertical_position", "made up")
    channels = list(CHANNELS.items())
    for channel, location in (channels[row] for row in order(len(channels))):
        nwb.add_electrode(id=channel, group=group, location=location, probe_vertical_position=20)
    scenes = TimeIntervals(name="natural_scenes_presentations", description="made up")
    scenes.add_column(name="frame", description="made up")
    scenes.add_column(name="stimulus_block", description="made up")
    scenes.add_column(name="stimulus_name", description="made up")
    for trial in order(len(FRAMES)):
        scenes.add_interval(
            start_time=start(trial), stop_time=start(trial) + 0.25, frame=float(FRAMES[trial]),
            stimulus_block=0.0, stimulus_name="natural_scenes",
        )  # fmt: skip
    nwb.add_time_intervals(scenes)
    for name in ("peak_channel_id", "quality", "presence_ratio", "isi_violations",
                 "amplitude_cutoff"):  # fmt: skip
        nwb.add_unit_column(name, "made up")
    times = [
        sorted(
            start(trial) + 0.125 * (half + rng.uniform(0.1, 0.9))
            for trial in range(len(FRAMES))
            for half in range(2)
            for _ in range(n_spikes(trial, unit, half))
        )
        for unit in range(len(UNITS))
    ]
    for unit in order(len(UNITS)):
        name, channel, quality, presence, violations, cutoff = UNITS[unit]
        nwb.add_unit(
            id=name, spike_times=times[unit], peak_channel_id=channel, quality=quality,
            presence_ratio=presence, isi_violations=violations, amplitude_cutoff=cutoff,
        )  # fmt: skip
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
    return path
