"""Miniature of Wang et al. (2024), the Brain Treebank: its published layout, all made up.

Layout after https://braintreebank.dev (list of downloads, quickstart.ipynb) and the code that its
authors release with it (https://github.com/czlwang/brain_treebank_code_release: folders in the
README, electrode_<i> by the place of its label, columns of timings and words in
data/trial_data_reader.py); which films whom, after https://github.com/azaho/neuroprobe.
"""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

# Subject -> trials; the ninth was recorded at half the rate of the others.
TRIALS = {
    1: (0, 1, 2), 2: (0, 1, 2, 3, 4, 5, 6), 3: (0, 1, 2), 4: (0, 1, 2), 5: (0,), 6: (0, 1, 4),
    7: (0, 1), 8: (0,), 9: (0,), 10: (0, 1),
}  # fmt: skip
RATES = {subject: 1024 if subject == 9 else 2048 for subject in TRIALS}
LABELS = ["LT1a1", "LT1a2*", "RF2b1#", "DC10"]
CORRUPTED = ["LT1a2"]
SECONDS, BEGIN = 5.0, 0.5  # s of a recording, and at which the film begins
WORDS = [  # text, start, end in s of the film; one has no time, one comes after the last trigger
    ("Hi", 0.25, 0.5), ("null", 1.0, 1.25), ("'ll", None, None), ("you", 2.0, 2.5),
    ("later", 3.5, 4.0),
]  # fmt: skip


def film(subject, trial):
    """Return the name of a film; the first of subjects 1 and 2 are one film."""
    return "film-a" if (subject, trial) in ((1, 0), (2, 0)) else f"film-{subject}-{trial}"


def voltage(subject, trial):
    """Return what the electrodes saw (electrode, sample): who, what, where and when."""
    rate = RATES[subject]
    seconds = np.arange(int(SECONDS * rate)) / rate
    electrode = np.arange(len(LABELS) + 1)[:, None]
    return (100 * subject + 10 * trial + electrode + seconds / 10).astype(np.float32)


def write(folder, seed=0):  # noqa: ARG001
    """Write all trials."""
    root = Path(folder)
    for subject, trials in TRIALS.items():
        name = f"sub_{subject}"
        put(root / f"electrode_labels/{name}/electrode_labels.json", json.dumps(LABELS))
        regions = pd.DataFrame({"Electrode": ["RF2b1", "LT1a1"]})
        regions["DesikanKilliany"] = ["ctx-rh-insula", "ctx-lh-superiortemporal"]
        put(root / f"localization/{name}/depth-wm.csv", regions.to_csv(index=False))
        for trial in trials:
            _write_trial(root, subject, trial)
    put(root / "corrupted_elec.json", json.dumps({"sub_1": CORRUPTED, "sub_2": []}))


def _write_trial(root, subject, trial):
    name, rate = f"sub_{subject}_trial{trial:03}", RATES[subject]
    with h5py.File(root / f"{name}.h5", "w") as file:
        for number, signal in enumerate(voltage(subject, trial)):
            file[f"data/electrode_{number}"] = signal
    moments = np.arange(4)  # s of the film
    samples = ((BEGIN + moments) * rate).astype(int)
    timings = pd.DataFrame({"type": "trigger", "movie_time": moments, "index": samples})
    put(root / f"subject_timings/{name}_timings.csv", timings.to_csv(index=False))
    facts = {"title": "Toy film", "filename": film(subject, trial)}
    put(root / f"subject_metadata/{name}_metadata.json", json.dumps(facts))
    words = pd.DataFrame(WORDS, columns=["text", "start", "end"])
    words["pos"] = ["INTJ", "PRON", "AUX", "PRON", "ADV"]
    put(root / f"transcripts/{film(subject, trial)}/features.csv", words.to_csv())


def put(path, text):
    """Write a file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
