"""Miniature of Stringer et al. (2019): the layout of its MAT files, responses and images made up.

Variables are those that github.com/MouseLand/stringer-pachitariu-et-al-2018b states (README.md:
stim.resp of stimuli by neurons, stim.istim, stim.spont, med, stat; imgs of 68 by 270 by images) and
reads (processResp/loadProc2800.m: identities above the number of images are gray screens). The
originals have 2,800 images, each shown two or three times, and about 10,000 neurons.
"""

from pathlib import Path

import numpy as np
from scipy.io import savemat

RECORDINGS = (
    "M160825_MP027_2016-12-14", "M161025_MP030_2017-05-29", "M170604_MP031_2017-06-28",
    "M170714_MP032_2017-08-07", "M170714_MP032_2017-09-14", "M170717_MP033_2017-08-20",
    "M170717_MP034_2017-09-11",
)  # fmt: skip
N_IMAGES, SHAPE = 5, (4, 6)
# What was shown, in the order of time; 6 is a gray screen, and one image was shown once more.
SHOWN = (3, 1, 6, 5, 2, 4, 6, 1, 4, 2, 5, 3, 2)


def n_neurons(recording):
    """Return how many neurons a recording has."""
    return 3 + RECORDINGS.index(recording) % 2


def response(recording, row):
    """Return what each neuron did at a showing: any rule with a value for each place."""
    return 100.0 * RECORDINGS.index(recording) + 10 * row + np.arange(n_neurons(recording))


def image(number):
    """Return an image, whose brightness is its number."""
    return np.full(SHAPE, 10 * number, dtype=np.uint8)


def write(folder, seed=0, *, order=slice(None)):
    """Write the images and all recordings, showings in an order."""
    rng = np.random.default_rng(seed)
    images = np.stack([image(number) for number in range(1, N_IMAGES + 1)], axis=-1)
    savemat(Path(folder) / "images_natimg2800_all.mat", {"imgs": images}, do_compression=True)
    for recording in RECORDINGS:
        rows = np.arange(len(SHOWN))[order]
        n = n_neurons(recording)
        stat = np.zeros((1, n), dtype=[("npix", object)])
        stim = {
            "resp": np.stack([response(recording, row) for row in rows]).astype(np.float32),
            "istim": np.array(SHOWN, dtype=float)[rows][:, None],
            "spont": rng.normal(size=(7, n)).astype(np.float32),
        }
        med = np.stack([np.arange(n) + 0.5, np.arange(n) + 10.0, np.full(n, 30.0)], axis=1)
        variables = {"stim": stim, "med": med, "stat": stat}
        savemat(Path(folder) / f"natimg2800_{recording}.mat", variables, do_compression=True)
