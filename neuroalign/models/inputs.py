"""What a network is given of a stimulus: its image, text, sound or film, and a hash of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from neuroalign.errors import DataError
from neuroalign.models.identity import content_hash
from neuroalign.models.images import stimulus_image, unread
from neuroalign.models.sounds import Sound, stimulus_sound

KINDS = ("image", "text", "audio", "video")


def check_table(stimuli: object, model: str, kind: str | None = None) -> None:
    """Refuse stimuli that are no table, such as a list of images."""
    if not isinstance(stimuli, pd.DataFrame):
        made = f"pd.DataFrame({{{kind or 'column'!r}: values}}, index=labels)"
        message = (
            f"Model {model!r} was given stimuli as a {type(stimuli).__name__}; give a DataFrame "
            f"with a row for each stimulus, as in {made}."
        )
        raise DataError(message)


def check_stimuli(stimuli: pd.DataFrame, kind: str, model: str) -> list[str]:
    """Return the labels of stimuli, which must be distinct and have the column that is read."""
    check_table(stimuli, model, kind)
    labels = [str(label) for label in stimuli.index]
    if not labels:
        message = f"Model {model!r} was given no stimuli."
        raise DataError(message)
    if kind not in stimuli:
        message = (
            f"Model {model!r} reads the column {kind!r}, which the stimuli lack; give it to them, "
            "or choose another model."
        )
        raise DataError(message)
    if len(set(labels)) < len(labels):
        twice = next(label for place, label in enumerate(labels) if label in labels[:place])
        message = f"The stimulus label {twice!r} is given twice; give each stimulus one label."
        raise DataError(message)
    return labels


def read_stimulus(stimuli: pd.DataFrame, label: str, kind: str) -> object:
    """Return what the preprocessing of a network takes.

    Parameters
    ----------
    stimuli : DataFrame
        With the column `kind`.
    label : str
    kind : {"image", "text", "audio", "video"}

    Returns
    -------
    object
        A PIL image (RGB); a str; a `Sound` of one channel, whose samples (sample,) are float32; of
        video what the column holds.
    """
    if kind == "image":
        return stimulus_image(stimuli, label)
    value = stimuli[kind][label]
    if kind == "audio":
        sound = stimulus_sound(stimuli, label)
        return Sound(sound.samples.astype(np.float32), sound.rate)
    if kind == "text" and not isinstance(value, str):
        message = (
            f"The text of stimulus {label!r} is a {type(value).__name__}; give a string, or leave "
            "the stimulus out."
        )
        raise DataError(message)
    return value


def inputs_hash(stimuli: pd.DataFrame, kind: str) -> str:
    """Return the sha256 of what all stimuli show, in their order; labels do not count.

    Files count by their bytes, also within lists, mappings and dataclasses; images in memory by
    their pixels as RGB, and what else they tell a preprocessing, such as how they were held.
    """
    digest = hashlib.sha256()
    for value in stimuli[kind]:
        digest.update(bytes.fromhex(_content(value, kind)))
    return digest.hexdigest()


def _content(value: object, kind: str) -> str:
    if isinstance(value, os.PathLike) or (isinstance(value, str) and kind != "text"):
        try:
            with open(value, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"The {kind} {str(value)!r} of a stimulus {unread(error)}."
            raise DataError(message) from error
    if isinstance(value, Image.Image):
        image = value.convert("RGB")
        return content_hash((image.size, image.tobytes(), image.info))
    return content_hash((value, list(_files_in(value))))


def _files_in(value: object) -> Iterator[str]:
    """Yield the hashes of files that are named within a value."""
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, Mapping):
        value = list(value.values())
    for part in value if isinstance(value, (list, tuple)) else ():
        if not isinstance(part, (str, os.PathLike)):
            yield from _files_in(part)
        elif os.path.isfile(part):
            yield _content(Path(part), "file")
