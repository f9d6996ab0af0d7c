"""Read the image of a stimulus, whether it is an array, a PIL image or a path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from neuroalign.errors import DataError


def stimulus_image(stimuli: pd.DataFrame, label: str) -> Image.Image:
    """Return the RGB image of one stimulus.

    Parameters
    ----------
    stimuli : DataFrame
        With a column "image": uint8 arrays (row, column, [RGB]), PIL images or paths.
    label : str

    Returns
    -------
    PIL.Image.Image
    """
    if "image" not in stimuli:
        columns = ", ".join(repr(str(column)) for column in stimuli.columns)
        message = f"The stimuli have no column 'image' (columns: {columns or 'none'})."
        raise DataError(message)
    value = stimuli["image"][label]
    if isinstance(value, Image.Image):
        return _rgb(value, label)
    if isinstance(value, (str, Path)):
        try:
            with Image.open(value) as image:
                image.load()
        except MemoryError:
            raise
        except Exception as error:  # PIL raises whatever a damaged file makes its plugins do
            message = f"The image {str(value)!r} of stimulus {label!r} cannot be read."
            raise DataError(message) from error
        return _rgb(image, label)
    pixels = np.asarray(value)
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not shaped:
        message = (
            f"The image of stimulus {label!r} is of type {pixels.dtype} and shape {pixels.shape}; "
            "uint8 from 0 to 255 of shape (row, column) or (row, column, 3) is needed."
        )
        raise DataError(message)
    return _rgb(Image.fromarray(pixels), label)


def _rgb(image: Image.Image, label: str) -> Image.Image:
    """Convert to RGB; modes of more than 8 bits are refused, since PIL would clip them."""
    if image.mode.startswith(("I", "F")):
        message = (
            f"The image of stimulus {label!r} is of mode {image.mode!r}, with more than 8 bits a "
            "pixel; scale it to 0..255 and save it as uint8."
        )
        raise DataError(message)
    return image.convert("RGB")
