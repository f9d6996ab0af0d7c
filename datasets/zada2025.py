"""Zada et al. (2025), "Podcast": human ECoG of nine people who listened to a story of 30 minutes.

High gamma as the owners publish it: 70 to 200 Hz by a Butterworth filter, amplitude by the Hilbert
transform, 512 Hz, bad electrodes left out; and the transcript, each word with its time. The
recording begins with the sound, so that both have one clock.
"""

from functools import partial

import pandas as pd

import neuroalign as na

HOST = "https://s3.amazonaws.com/openneuro.org/ds005574"
SIGNAL = "derivatives/ecogprep/sub-{0}/ieeg/sub-{0}_task-podcast_desc-highgamma_ieeg.fif"
TRANSCRIPT = "stimuli/podcast_transcript.csv"
HASHES = {
    "01": "c68a24f0461198b146b931511dce657acd298621cfd8bb81a043527f0d7daec4",
    "02": "707d996c47237dd5db22885becd6c92ff14ba10eb10aa67a3cf874b6f3675d30",
    "03": "834b88d28ca29bea341ac6362a6c2a5daf478f331e99edabad18a388f76496a3",
    "04": "e52fcdd2ef47691a33656b6786e12bf8875e61ed357f4f9eb2f98f33d8147c12",
    "05": "7cd1e8706253145244d8279a4ec80e608671e4d87088de2c3ffeb78ef87d099d",
    "06": "2c315f0af890108e57d9e4dc004ac3b54d8c5e13c889e29fec92138aeb3d95cf",
    "07": "f8e2035344ab2ba080a1d2da1b73866ab91cdb7f7a39597a0b8112f99729dea2",
    "08": "4ee1660c3aaf13fb9aa0b433fa69ad1d64c3487701799b2762784a6305df594b",
    "09": "803da6c56d07716b2647d9f95e13320de9d082092971147b6f53b0023001f66b",
}
HASH_AT = {SIGNAL.format(subject): digest for subject, digest in HASHES.items()}
HASH_AT[TRANSCRIPT] = "f3c4a1d3f46cddcf230fec4812c293e45d9e057ec5d49d8f60d1252c9c9fcd9e"
CARD = na.DatasetCard(
    citation="doi:10.1038/s41597-025-05462-2",
    modality="ecog",
    species="human",
    stimulus="text",
    license="CC0-1.0",
    verified="documented layout",
    n_subjects=9,
    n_stimuli=5136,
    n_neuroids=1268,
    n_repetitions="1",
    size=4_675_027_803,
    notes="Names, hashes and sizes of the files are those of github.com/OpenNeuroDatasets/ds005574 "
    "(keys of git-annex of what was exported, commit 266226c), columns and signals as in the "
    "owners' github.com/hassonlab/podcast-ecog-tutorials and podcast-ecog-paper. That values are "
    "amplitudes in uV follows from the tutorial of the preprocessing; that places are in "
    "MNI152NLin2009aSym is inferred from the tables of electrodes. Of 1,330 electrodes 1,268 are "
    "good. Words without a time are left out (5,136 counts them). Every word was heard once, so "
    "that there is no noise ceiling. Regions are not published.",
    files={path: f"{HOST}/{path}#sha256={digest}" for path, digest in HASH_AT.items()},
)

RUN, LENGTH = "podcast", 1800.0  # s
SPACE = "MNI152NLin2009aSym"


def load(files, *, subjects=None, window=None, width=0.1):
    """Load the words, and high gamma as a stream of 512 Hz, or averaged around the words.

    With ``window=(-2, 2)`` (s from the onset of a word) there is a row for each word instead, with
    time in steps of `width` (s); words whose window leaves the recording are left out. Folds then
    keep the words of a minute together, since the windows of neighbors overlap.
    """
    words = _words(files[TRANSCRIPT])
    if window is not None:
        start, stop = window
        words = words[(words["onset"] + start >= 0) & (words["onset"] + stop <= LENGTH)]
        words = words.assign(group=[f"minute{int(onset // 60):02}" for onset in words["onset"]])
    recordings = {
        subject: partial(_recording, files, subject, words, window, width) for subject in HASHES
    }
    return na.BrainDataset(recordings, words)


def _recording(files, subject, words, window, width):
    signal = na.readers.read_raw(files[SIGNAL.format(subject)], runs=[RUN], space=SPACE)
    if window is not None:
        events = words.drop(columns="group")
        signal = na.readers.epoch(signal, events, start=window[0], stop=window[1], width=width)
    return na.make_recording(signal, subject=subject)


def _words(path):
    """Read the words in the order of their onsets; "null" and "nan" are words like any other."""
    table = pd.read_csv(
        path,
        usecols=["word", "start", "end"],
        dtype={"word": str, "start": float, "end": float},
        keep_default_na=False,
        na_values={"start": [""], "end": [""]},
    )
    table = table.dropna(subset=["start"]).sort_values("start", kind="stable")
    return pd.DataFrame(
        {
            "text": table["word"].str.strip(),
            "run": RUN,
            "onset": table["start"],
            "duration": (table["end"] - table["start"]).fillna(0.0),
        }
    ).set_axis([f"word{number:04}" for number in range(len(table))])
