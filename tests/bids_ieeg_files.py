"""A small BIDS dataset of intracranial recordings, after the specification.

https://bids-specification.readthedocs.io/en/stable/modality-specific-files/intracranial-electroencephalography.html
"""

import json
from pathlib import Path

import numpy as np
from voltage_files import GAIN, write_brainvision

NAMES = ["LA1", "LA2", "LB1", "ECG"]
CHANNELS = [("SEEG", "good"), ("SEEG", "bad"), ("ECOG", "good"), ("ECG", "good")]
# In no order, and one that no channel has: x, y, z (m), hemisphere, anatomy, size.
ELECTRODES = {
    "LB1": (0.012, -0.022, 0.032, "R", "IFG", 2.0),
    "LA1": (0.01, 0.02, 0.03, "L", "STG", 2.3),
    "LA2": ("n/a", "n/a", "n/a", "n/a", "n/a", "n/a"),
    "LC1": (0.0, 0.0, 0.0, "L", "MTG", 2.3),
}
EVENTS = [(0.5, 0.1, "word"), (1.25, 0.2, "cut")]


def table(path, columns, rows):
    """Write a table with tabs between the columns."""
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]
    Path(path).write_text("\n".join(lines) + "\n")


def write(folder, *, runs=("1", "2"), session="a", seed=0, status=None):
    """Write recordings of a film, a run each, and return their values in uV (run, channel, sample).

    `status` changes that of channels of a run, as in ``{"2": {"LB1": "bad"}}``.
    """
    place = Path(folder, "sub-01", f"ses-{session}", "ieeg")
    place.mkdir(parents=True, exist_ok=True)
    facts = {"Name": "small", "BIDSVersion": "1.9.0"}
    Path(folder, "dataset_description.json").write_text(json.dumps(facts))
    rng = np.random.default_rng(seed)
    values = np.rint(rng.normal(0, 50, (len(runs), len(NAMES), 300)) / GAIN) * GAIN
    stem = f"sub-01_ses-{session}"
    for run, data in zip(runs, values, strict=True):
        name = f"{stem}_task-film_run-{run}"
        write_brainvision(place / f"{name}_ieeg.vhdr", data, NAMES)
        said = dict(zip(NAMES, CHANNELS, strict=True))
        rows = [
            (channel, kind, "uV", (status or {}).get(run, {}).get(channel, good))
            for channel, (kind, good) in said.items()
        ]
        table(place / f"{name}_channels.tsv", ["name", "type", "units", "status"], rows)
        events = [(onset + float(run) / 10, *rest) for onset, *rest in EVENTS]
        table(place / f"{name}_events.tsv", ["onset", "duration", "trial_type"], events)
        sidecar = {"PowerLineFrequency": 60, "SamplingFrequency": 100}
        (place / f"{name}_ieeg.json").write_text(json.dumps(sidecar))
    write_electrodes(place, stem)
    return values


def write_electrodes(place, stem, *, space="MNI152NLin2009bSym", unit="m", rows=None):
    """Write where the electrodes are, and in which space."""
    name = f"{stem}_space-{space}"
    columns = ["name", "x", "y", "z", "hemisphere", "anatomy", "size"]
    listed = [(site, *facts) for site, facts in ELECTRODES.items()] if rows is None else rows
    table(place / f"{name}_electrodes.tsv", columns, listed)
    facts = {"iEEGCoordinateSystem": space, "iEEGCoordinateUnits": unit}
    (place / f"{name}_coordsystem.json").write_text(json.dumps(facts))
