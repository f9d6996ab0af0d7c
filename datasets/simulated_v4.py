"""Simulated V4: crops of photographs, and neurons planted on a layer of a trained network.

Needs no file. The photographs are those that scikit-image and scikit-learn ship; crops of one
photograph form a group, which cross-validation keeps together. What is to be found is known:
the layer is in `attrs`, the noise ceiling of every neuron in the coordinate `true_ceiling`.
"""

import numpy as np
import pandas as pd

import neuroalign as na

CARD = na.DatasetCard(
    citation="simulated by neuroalign",
    modality="simulated",
    species="none",
    stimulus="image",
    license="CC0-1.0",
    verified="original files",
)

PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "cat", "cell", "coffee", "coins", "grass", "gravel",
    "hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket",
)  # fmt: skip
PIXELS = 112


def load(
    files,
    *,
    subjects=None,
    model="efficientnet-lite0",
    layer="_blocks.8",
    n_crops=16,
    n_neuroids=40,
    seed=0,
):
    """Plant `n_neuroids` on a layer of a model that saw `n_crops` crops of each photograph."""
    rng = np.random.default_rng(seed)
    rows = [
        {"stimulus": f"{name}/{number:02}", "image": _crop(photograph, rng), "group": name}
        for name, photograph in sorted(_photographs().items())
        for number in range(n_crops)
    ]
    stimuli = pd.DataFrame(rows).set_index("stimulus")
    network = na.load_model(model)
    ((_, activations),) = network.activations(stimuli, layers=[layer])
    recording = na.simulate.spikes(activations, n_neuroids=n_neuroids, seed=seed)
    truth = {"planted_model": network.name, "planted_layer": layer}
    recording = recording.assign_attrs(truth).assign_coords(roi=("neuroid", ["V4"] * n_neuroids))
    return na.BrainDataset({"simulated": recording}, stimuli)


def _photographs():
    from skimage import color, data
    from sklearn.datasets import load_sample_images

    found = {name: np.asarray(getattr(data, name)()) for name in PHOTOGRAPHS}
    found |= dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    return {
        name: color.gray2rgb(photo) if photo.ndim == 2 else photo for name, photo in found.items()
    }


def _crop(photograph, rng):
    """Cut out a square of a quarter to four fifths of the shorter side, and scale it."""
    from PIL import Image

    height, width = photograph.shape[:2]
    side = int(rng.uniform(0.25, 0.8) * min(height, width))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    square = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.asarray(square.resize((PIXELS, PIXELS), Image.Resampling.BICUBIC))
