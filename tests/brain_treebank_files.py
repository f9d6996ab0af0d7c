"""A small Brain Treebank: the published layout of its files, with words and voltages made up.

Layout after https://braintreebank.dev (list of downloads, quickstart.ipynb) and the code that its
authors release with it (https://github.com/czlwang/brain_treebank_code_release: folders in the
README, electrode_<i> by the place of its label, columns of timings and words in
data/trial_data_reader.py); localization after https://github.com/azaho/neuroprobe.
"""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

RATE = 2048
# Labels carry marks; the file of voltages has one electrode more than there are labels.
LABELS = ["LT1a1", "LT1a2*", "LT1a3", "RF2b1#", "DC10", "RF2b2"]
CORRUPTED = ["LT1a3"]
REGIONS = {
    "LT1a1": "ctx-lh-superiortemporal",
    "LT1a2": "Left-Cerebral-White-Matter",
    "RF2b1": "ctx-rh-insula",
    "RF2b2": "Unknown",
}
MOVIE = "toy-film"
SECONDS = 14
BEGIN = 3000  # sample at which the film begins
PAUSE = (4.0, 2.0)  # s of film at which it paused, and for how long


def timings(rate=RATE, pause=PAUSE):
    """Return what the file of triggers holds: seconds of the film and samples, a second apart."""
    moments, length = pause
    rows = [("beginning", 0.0, BEGIN)]
    for second in range(1, 10):
        waited = length if second > moments else 0.0
        rows.append(("trigger", float(second), BEGIN + round((second + waited) * rate)))
    rows.append(("pause", moments, BEGIN + round(moments * rate)))
    rows.append(("unpause", moments, BEGIN + round((moments + length) * rate)))
    rows.sort(key=lambda row: row[2])
    return pd.DataFrame(rows, columns=["type", "movie_time", "index"])


def words():
    """Return what the table of words holds; one part of a word has no time."""
    starts = [0.4, 1.49, 1.9, np.nan, 3.7, 4.3, 8.95, 9.5]
    return pd.DataFrame(
        {
            "text": ["Hi", ",", "you", "'ll", "see", "it", "now", "later"],
            "start": starts,
            "end": [start + 0.2 for start in starts],
            "is_onset": [1, 0, 0, 0, 0, 1, 0, 1],
            "pos": ["INTJ", "PUNCT", "PRON", "AUX", "VERB", "PRON", "ADV", "ADV"],
            "pitch": [200.0, 0.0, 180.5, np.nan, 150.0, 170.0, 165.0, 160.0],
        }
    )


def write(folder, *, trials=(0,), seed=0, rate=RATE, below=None):
    """Write the trials of subject 1; return their voltages (trial, electrode, sample)."""
    root = Path(folder)
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 50, (len(trials), len(LABELS) + 1, SECONDS * rate))
    data = root / below if below else root
    for place in (
        "electrode_labels/sub_1", "localization/sub_1", "subject_timings", "subject_metadata",
        f"transcripts/{MOVIE}", below or "",
    ):  # fmt: skip
        (root / place).mkdir(parents=True, exist_ok=True)
    for trial, voltages in zip(trials, values, strict=True):
        name = f"sub_1_trial{trial:03}"
        with h5py.File(data / f"{name}.h5", "w") as file:
            for number, signal in enumerate(voltages):
                file[f"data/electrode_{number}"] = signal
        timings(rate).to_csv(root / f"subject_timings/{name}_timings.csv", index=False)
        facts = {"title": "Toy film", "filename": MOVIE}
        (root / f"subject_metadata/{name}_metadata.json").write_text(json.dumps(facts))
    (root / "electrode_labels/sub_1/electrode_labels.json").write_text(json.dumps(LABELS))
    (root / "corrupted_elec.json").write_text(json.dumps({"sub_1": CORRUPTED, "sub_2": []}))
    words().to_csv(root / f"transcripts/{MOVIE}/features.csv")
    _write_localization(root / "localization")
    return values


def _write_localization(folder):
    names = [*REGIONS]
    table = pd.DataFrame({"Electrode": names, "DesikanKilliany": [REGIONS[name] for name in names]})
    table.insert(1, "L", np.arange(4) + 100.5)
    table.insert(2, "I", np.arange(4) + 110.5)
    table.insert(3, "P", np.arange(4) + 120.5)
    table["Destrieux"] = ["G_temp_sup", "Unknown", "G_insular", "Unknown"]
    table.iloc[::-1].to_csv(folder / "sub_1/depth-wm.csv", index=False)
    columns = ["ID", "X", "Y", "Z", "Hemisphere", "Subject", "Electrode"]
    rows = [
        ["sub_2-LT1a1", 1.0, 2.0, 3.0, 1, "sub_2", "LT1a1"],
        ["sub_1-RF2b1*", 50.0, -10.0, 5.0, 0, "sub_1", "RF2b1*"],
        ["sub_1-LT1a1", -55.0, -20.0, 8.0, 1, "sub_1", "LT1a1"],
    ]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "elec_coords_full.csv", index=False)
