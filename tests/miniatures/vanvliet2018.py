"""Miniature of van Vliet & Salmelin (2020): the layout of the file, with words and signals made up.

It is written by MNE-Python, which wrote the original.
"""

import warnings
from pathlib import Path

import mne
import numpy as np
import pandas as pd

FILE = "subject04-epo.fif"
CHANNELS = {"Fz": (0, 60, 80), "Cz": (0, 0, 85), "Pz": (0, -60, 60)}  # mm
TIMES = np.arange(-10, 49) / 50  # s
PAIRS = [  # cue, association, association strength, button
    ("zout", "peper", 0.31, 1),
    ("stoel", "regen", 0.0, 2),
    ("kip", "ei", 0.27, 1),
    ("wolk", "schoen", 0.0, 1),
    ("dag", "nacht", 0.29, 1),
    ("fiets", "melk", 0.005, 2),
]
RELATED, UNRELATED = 6, 7
EFFECT = 2.0  # uV of related pairs at Cz, from 0.3 to 0.5 s


def write(folder, seed=0):
    """Write the epochs: noise, and at one channel what related pairs have more."""
    rng = np.random.default_rng(seed)
    codes = [RELATED if pair[2] > 0.2 else UNRELATED for pair in PAIRS]
    values = rng.normal(0, 3, (len(PAIRS), len(CHANNELS), len(TIMES)))
    late = (TIMES > 0.3) & (TIMES < 0.5)
    for row, code in enumerate(codes):
        values[row, 1, late] += EFFECT if code == RELATED else 0
    metadata = pd.DataFrame(PAIRS, columns=["cue", "association", "FAS", "button"])
    metadata.insert(2, "label", codes)
    metadata["reaction-time"] = 1.2 + 0.1 * np.arange(len(PAIRS))
    metadata.index += 71  # as epochs that were dropped leave it
    info = mne.create_info([*CHANNELS], 50.0, "eeg")
    epochs = mne.EpochsArray(
        values * 1e-6,
        info,
        events=np.array([(97744 + 640 * row, 0, code) for row, code in enumerate(codes)]),
        tmin=TIMES[0],
        event_id={"related": RELATED, "unrelated": UNRELATED},
        metadata=metadata,
        baseline=(TIMES[0], 0.0),
        verbose="error",
    )
    # The original has mm where the format wants m.
    montage = mne.channels.make_dig_montage(dict(CHANNELS), coord_frame="head")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they lie far from the head
        epochs.set_montage(montage, verbose="error")
    epochs.save(Path(folder) / FILE, overwrite=True, verbose="error")
