"""Miniature of Zada et al. (2025): the layout of OpenNeuro ds005574, words and amplitudes made up.

Names of files, 512 Hz, ECoG channels without bad ones, places in m under the frame "head", and
filter settings are those that the owners' tutorials print of such a file (00-intro.ipynb of
github.com/hassonlab/podcast-ecog-tutorials); the columns word, start and end of the transcript,
words without a time and out of order are those that their code allows for (code/erp.py of
github.com/hassonlab/podcast-ecog-paper). Originals last 1800 s.
"""

from pathlib import Path

import mne
import numpy as np
import pandas as pd

SIGNAL = "derivatives/ecogprep/sub-{0}/ieeg/sub-{0}_task-podcast_desc-highgamma_ieeg.fif"
TRANSCRIPT = "stimuli/podcast_transcript.csv"
RATE, SECONDS = 512, 8
CHANNELS = ("PO1", "PO2", "DLT10", "G3")
PLACES = {"PO1": (-64.67, -51.0, -10.67), "PO2": (-60.0, -48.0, -9.0)}  # mm; of others NaN
SUBJECTS = [f"{number:02}" for number in range(1, 10)]
# word, start, end; one was not found in the sound, and one comes after a later one.
WORDS = [
    ("Act", 0.5, 0.75), ("one,", 1.0, 1.5), ("uh", None, None), ("null", 2.0, 2.25),
    (" there", 3.5, 3.75), ("was", 3.0, 3.25), ("a", 4.0, 4.0625), ("monkey.", 6.5, 7.25),
]  # fmt: skip


def channels(subject):
    """Return the channels of a subject: the first has one less."""
    return CHANNELS[: 3 if subject == "01" else 4]


def amplitude(subject):
    """Return high gamma in uV (sample, channel); each value says whose, where and when it is."""
    whole = np.arange(SECONDS * RATE)
    each = np.arange(len(channels(subject)))
    return int(subject) + 10 * (each + 1) + np.round((1 + whole[:, None] % 1000) / 1024, 6)


def write(folder, seed=0, *, words=WORDS):  # noqa: ARG001
    """Write the transcript, and high gamma of all subjects."""
    for subject in SUBJECTS:
        path = Path(folder) / SIGNAL.format(subject)
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, subject)
    path = Path(folder) / TRANSCRIPT
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(words, columns=["word", "start", "end"]).to_csv(path, index=False)


def save(path, subject, *, order=slice(None)):
    """Write the amplitudes of a subject, channels in an order."""
    names = np.array(channels(subject))[order].tolist()
    info = mne.create_info(names, float(RATE), "ecog")
    with info._unlock():
        info["highpass"], info["lowpass"] = 70.0, 200.0
    raw = mne.io.RawArray(amplitude(subject).T[order] * 1e-6, info, verbose="error")
    for channel in raw.info["chs"]:
        place = np.array(PLACES.get(channel["ch_name"], [np.nan] * 3)) / 1000
        channel["loc"][:6] = [*place, 0.0, 0.0, 0.0]
    raw.save(path, fmt="single", overwrite=True, verbose="error")
