"""Miniature of Haxby et al. (2001): the layout of the files, with labels and signals made up."""

from pathlib import Path

import nibabel
import numpy as np

SHAPE = (4, 3, 1)
AFFINE = np.array([[-3.1, 0, 0, 4.65], [0, 3.75, 0, -3.75], [0, 0, 3.75, 0], [0, 0, 0, 1.0]])
OUTSIDE = [(0, 0, 0), (3, 2, 0)]  # voxels that the mask leaves out
# One line a run: what was shown, in blocks of three volumes with two of rest around each.
RUNS = [
    ["face", "house", "cat"],
    ["cat", "face", "house"],
    ["house", "cat", "face"],
    ["face", "cat", "house"],
]
BLOCK, REST = 3, 2


def labels():
    """Return what each volume of each run is labelled with."""
    rest = ["rest"] * REST
    return [rest + [x for name in run for x in [name] * BLOCK + rest] for run in RUNS]


def write(folder, seed=0):
    """Write volumes, mask and labels: a pattern for each category, trends by run, and noise."""
    rng = np.random.default_rng(seed)
    patterns = {name: rng.normal(0, 30, SHAPE) for name in sorted(RUNS[0])}
    patterns["rest"] = np.zeros(SHAPE)
    volumes = []
    for run in labels():
        level, trend = rng.uniform(500, 1500, SHAPE), rng.normal(0, 5, SHAPE)
        volumes += [level + trend * t + patterns[name] for t, name in enumerate(run)]
    signals = np.stack(volumes, axis=-1) + rng.normal(0, 10, (*SHAPE, len(volumes)))
    mask = np.ones(SHAPE, dtype=np.int16)
    mask[tuple(np.transpose(OUTSIDE))] = 0
    save(folder, "bold.nii.gz", signals.astype(np.int16))
    save(folder, "mask.nii.gz", mask)
    lines = [f"{name} {number}\n" for number, run in enumerate(labels()) for name in run]
    (Path(folder) / "attributes_literal.txt").write_text("".join(lines))


def save(folder, name, values):
    """Write a volume, or volumes, as the file of that name."""
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), Path(folder) / name)
