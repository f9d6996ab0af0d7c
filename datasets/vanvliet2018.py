"""Van Vliet & Salmelin (2020): EEG of one person who silently read 200 pairs of Dutch words.

Of each pair the second word is associated with the first (related: 25 to 34 of 100 people answer
it to the first), or not (unrelated). Epochs are those of the file: 32 channels around the onset of
the second word, at 50 Hz, 0.5 to 15 Hz, minus their mean in the 200 ms before. The N400 is there:
over all channels and 320 to 480 ms, related pairs are at 1.42 uV, unrelated ones at -1.28 uV.
"""

import numpy as np
import pandas as pd

import neuroalign as na

FILE = "subject04-epo.fif"
CARD = na.DatasetCard(
    citation="doi:10.1016/j.neuroimage.2019.116221",
    modality="eeg",
    species="human",
    stimulus="text",
    license="BSD-3-Clause (repository of posthoc, which carries the file)",
    verified="original files",
    n_subjects=1,
    n_stimuli=200,
    n_neuroids=32,
    n_repetitions="1",
    size=1_569_224,
    notes="A stimulus is a pair of Dutch words; its text is both, in their order, and the response "
    "is to the second. Every pair was met once, so that there is no noise ceiling. No word occurs "
    "twice. The positions of the electrodes are those of a template; the file has them in mm where "
    "the format wants m, which is mended here. When in the session a pair was shown is known by its "
    "order only.",
    files={
        FILE: "https://raw.githubusercontent.com/wmvanvliet/posthoc/"
        f"791f1dcdfd64321dcf452689a275bd15cef5b89a/examples/{FILE}#sha256="
        "1479192059efdac688f152e5aad676d43ecd2a1fbd0b34427fae4a3448d9b016"
    },
)

SUBJECT = "subject04"
# Column of the metadata -> column of the stimulus table; those of BEHAVIOR stay with the response.
PAIRS = {"cue": "cue", "association": "association", "FAS": "association_strength"}
BEHAVIOR = {"button": "button", "reaction-time": "reaction_time"}


def load(files, *, subjects=None):
    """Load the response of each channel to each pair, in time from the second word."""
    epochs = na.readers.read_epochs(files[FILE])
    pairs = pd.DataFrame({new: epochs[old].values for old, new in PAIRS.items()})
    labels = pairs["cue"] + "-" + pairs["association"]
    stimuli = pd.DataFrame(
        {
            "text": pairs["cue"] + " " + pairs["association"],
            **pairs,
            "condition": epochs["condition"].values,
        }
    ).set_axis(pd.Index(labels, name="stimulus"))
    recording = na.make_recording(
        epochs.drop_vars([*PAIRS, *BEHAVIOR, "stimulus", "condition", "label", "event_sample"]),
        ("stimulus", "neuroid", "time"),
        subject=SUBJECT,
        attrs={"space": "head, of a template"},
        stimulus=labels,
        trial=("stimulus", np.arange(len(labels))),
        **{new: ("stimulus", epochs[old].values) for old, new in BEHAVIOR.items()},
        **{axis: epochs[axis].values / 1000 for axis in "xyz"},
    )
    return na.BrainDataset({SUBJECT: recording}, stimuli)
