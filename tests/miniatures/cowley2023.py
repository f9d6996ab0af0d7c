"""Miniature of Cowley et al. (2023): the layout of the files, with images and counts made up."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

N_IMAGES = 12
PIXELS = 16
BRIGHTER = 20  # gray levels by which each image is brighter than the one before
N_REPETITIONS = (6, 10)

# Session -> number of neurons. Trials of the first are published, averages of all.
SESSIONS = {"210325": 4, "190923": 3, "201025": 5, "210322": 2}


def write(folder, seed=0):
    """Write the files of all sessions; neurons count more the brighter an image is."""
    rng = np.random.default_rng(seed)
    for session, n_neurons in SESSIONS.items():
        _write_images(Path(folder) / f"images_{session}.zip", rng, inside=session == "190923")
        trials = _trials(rng, n_neurons)
        averages = np.nanmean(trials, axis=2)
        np.save(Path(folder) / f"responses_averaged_{session}.npy", averages)
        if session == "210325":
            np.save(Path(folder) / f"responses_raw_{session}.npy", trials)


def _write_images(path, rng, *, inside):
    """Zip the images in any order; in one session they lie inside a folder of the archive."""
    folder = f"{path.stem}/" if inside else ""
    with zipfile.ZipFile(path, "w") as archive:
        if inside:
            archive.writestr(folder, b"")
        for number in rng.permutation(N_IMAGES) + 1:
            pixels = rng.integers(0, BRIGHTER // 2, (PIXELS, PIXELS, 3)) + BRIGHTER * (number - 1)
            file = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=95)
            archive.writestr(f"{folder}image{number:04}.jpg", file.getvalue())


def _trials(rng, n_neurons):
    """Draw counts (neuron, image, repetition); NaN pads images that were shown less often."""
    rates = np.arange(1, N_IMAGES + 1) * rng.uniform(1, 3, (n_neurons, 1))
    trials = rng.poisson(rates[..., None], (*rates.shape, N_REPETITIONS[1])).astype(float)
    shown = rng.integers(N_REPETITIONS[0], N_REPETITIONS[1] + 1, N_IMAGES)
    trials[:, np.arange(N_REPETITIONS[1]) >= shown[:, None]] = np.nan
    return trials
