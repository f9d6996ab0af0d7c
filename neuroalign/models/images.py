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
            message = f"The image {str(value)!r} of stimulus {label!r} {unread(error)}."
            raise DataError(message) from error
        return _rgb(image, label)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        message = f"Stimulus {label!r} has no image ({value}); give one, or leave the stimulus out."
        raise DataError(message)
    pixels = np.asarray(value)
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not shaped:
        message = (
            f"The image of stimulus {label!r} is of type {pixels.dtype} and shape {pixels.shape}; "
            "uint8 from 0 to 255 of shape (row, column) or (row, column, 3) is needed"
            f"{_mend(pixels)}."
        )
        raise DataError(message)
    return _rgb(Image.fromarray(pixels), label)


def unread(error: Exception) -> str:
    """Say of a file that could not be read whether it is missing, kept back or damaged."""
    if isinstance(error, FileNotFoundError):
        return "does not exist; mend its path"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return "cannot be read; it is damaged, or no image that Pillow knows"


def _mend(pixels: np.ndarray) -> str:
    """Say how an array becomes an image, where its shape and values tell."""
    mends = []
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        mends.append("leave out its opacity by image[..., :3]")
    elif pixels.ndim == 3 and pixels.shape[2] == 1:
        mends.append("drop its last axis by image[..., 0]")
    elif pixels.ndim == 3 and pixels.shape[0] == 3 != pixels.shape[2]:
        mends.append("put its channels last by np.moveaxis(image, 0, -1)")
    if pixels.dtype == bool:
        mends.append("give 255 * image.astype(np.uint8)")
    elif pixels.dtype.kind in "iuf" and pixels.dtype != np.uint8 and pixels.size:
        low, high = pixels.min(), pixels.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            mends.append("fill its pixels of NaN or infinity, and scale it to 0..255")
        elif low < 0 or high > 255:
            mends.append(f"scale its values, which are {low:g} to {high:g}, to 0..255")
        elif pixels.dtype.kind == "f" and high <= 1:
            mends.append("give np.round(255 * image).astype(np.uint8)")
        else:
            mends.append("give np.round(image).astype(np.uint8)")
    return f"; {', and '.join(mends)}" if mends else ""


def _rgb(image: Image.Image, label: str) -> Image.Image:
    """Convert to RGB; modes of more than 8 bits are refused, since PIL would clip them."""
    if image.mode.startswith(("I", "F")):
        message = (
            f"The image of stimulus {label!r} is of mode {image.mode!r}, with more than 8 bits a "
            "pixel; scale it to 0..255 and save it as uint8."
        )
        raise DataError(message)
    return image.convert("RGB")
