"""Stimuli that need no download: crops of the photographs that other packages ship."""

from __future__ import annotations

import numpy as np
import pandas as pd

from neuroalign.errors import MissingPackageError
from neuroalign.simulate.planting import whole_number

PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "cat", "cell", "coffee", "coins", "grass", "gravel",
    "hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket",
)  # fmt: skip


def photograph_crops(n_crops: int = 16, *, pixels: int = 112, seed: int = 0) -> pd.DataFrame:
    """Cut squares out of the 17 photographs that scikit-image and scikit-learn ship.

    Parameters
    ----------
    n_crops : int
        Of each photograph: squares of a quarter to four fifths of its shorter side.
    pixels : int
        To whose number a side is scaled.
    seed : int
        Places the squares.

    Returns
    -------
    DataFrame
        Index: stimulus, as in "coffee/03". Columns: image, uint8 array (row, column, 3); group, the
        photograph, which cross-validation keeps together.

    Raises
    ------
    DataError
        If there are no crops or pixels.
    MissingPackageError
        Without scikit-image and scikit-learn, which the extra "demo" brings.

    Examples
    --------
    >>> import neuroalign as na
    >>> na.simulate.photograph_crops(1).loc["cat/00", "image"].shape
    (112, 112, 3)
    """
    whole_number("n_crops", n_crops)
    whole_number("pixels", pixels)
    rng = np.random.default_rng(seed)
    rows = [
        {
            "stimulus": f"{name}/{number:02}",
            "image": _crop(photograph, pixels, rng),
            "group": name,
        }
        for name, photograph in sorted(_photographs().items())
        for number in range(n_crops)
    ]
    return pd.DataFrame(rows).set_index("stimulus")


def _photographs() -> dict[str, np.ndarray]:
    try:
        from skimage import color, data
        from sklearn.datasets import load_sample_images
    except ModuleNotFoundError as error:
        message = (
            "The photographs come with scikit-image and scikit-learn; run pip install "
            "'neuroalign[demo]'."
        )
        raise MissingPackageError(message) from error
    found = {name: np.asarray(getattr(data, name)()) for name in PHOTOGRAPHS}
    found |= dict(zip(("china", "flower"), load_sample_images().images, strict=True))
    return {
        name: color.gray2rgb(photo) if photo.ndim == 2 else photo for name, photo in found.items()
    }


def _crop(photograph: np.ndarray, pixels: int, rng: np.random.Generator) -> np.ndarray:
    from PIL import Image

    height, width = photograph.shape[:2]
    side = int(rng.uniform(0.25, 0.8) * min(height, width))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    square = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.asarray(square.resize((pixels, pixels), Image.Resampling.BICUBIC))
