"""Equal stimuli have equal hashes, and others have others."""

import hashlib
import io
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from PIL import Image

from neuroalign.data.content import feed


class Sound(NamedTuple):
    """Samples and their rate."""

    samples: np.ndarray
    rate: float


def hash_of(value):
    digest = hashlib.sha256()
    feed(digest, value)
    return digest.hexdigest()


LONG = np.zeros(5000)  # more than repr shows
CHANGED = np.where(np.arange(5000) == 2500, 1.0, 0.0)
PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


PALETTES = [Image.new("P", (4, 4)) for _ in range(2)]
PALETTES[1].putpalette([200, 0, 0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a word", "another"),
        (PIXELS, PIXELS[::-1]),
        (PIXELS, PIXELS.astype(float)),
        (PIXELS, PIXELS.reshape(2, 8, 3)),
        (Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1].copy())),
        (Sound(LONG, 100.0), Sound(CHANGED, 100.0)),
        (Sound(LONG, 100.0), Sound(LONG, 200.0)),
        ([LONG, 100.0], [CHANGED, 100.0]),
        (([LONG, LONG], 100.0), ([LONG, CHANGED], 100.0)),
        (torch.tensor(LONG), torch.tensor(CHANGED)),
        ([1, 23], [12, 3]),
        (PALETTES[0], PALETTES[1]),
        (Image.fromarray(PIXELS), Image.fromarray(PIXELS).convert("HSV")),
        ({"frames": LONG, "rate": 10.0}, {"frames": CHANGED, "rate": 10.0}),
        ({"a": 1}, {"b": 1}),
        (pd.Series(LONG), pd.Series(CHANGED)),
        (xr.DataArray(LONG), xr.DataArray(CHANGED)),
        (np.array([LONG, "x"], dtype=object), np.array([CHANGED, "x"], dtype=object)),
        (torch.tensor(LONG).to_sparse(), torch.tensor(CHANGED).to_sparse()),
        (torch.tensor([1j]).conj(), torch.tensor([1j])),
        ([[1], [2, 3]], [[1, 2], [3]]),
        ([[], [1]], [[1], []]),
        (1.0, 2.0),
    ],
)
def test_other_content_has_another_hash(one, other):
    assert hash_of(one) != hash_of(other)


def test_an_image_is_its_pixels_whichever_object_holds_them():
    held = [hash_of(Image.fromarray(PIXELS)) for _ in range(2)]
    assert held == 2 * [hash_of(PIXELS)] == 2 * [hash_of(torch.tensor(PIXELS))]
    assert hash_of([Image.fromarray(PIXELS), 10.0]) == hash_of((PIXELS, 10.0))


def test_a_file_is_its_bytes_whatever_its_name(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("the same")
    one, other = tmp_path / "a.txt", tmp_path / "b.txt"
    assert hash_of(one) == hash_of(str(other))
    other.write_text("another")
    assert hash_of(one) != hash_of(other)


def test_text_that_could_be_no_file_is_text():
    assert hash_of("a\0b") != hash_of("x" * 100_000)


def test_what_is_held_in_another_way_is_the_same():
    dense = torch.tensor([0.0, 2.0])
    assert hash_of(dense.to_sparse()) == hash_of(dense) == hash_of(dense.numpy())
    assert hash_of(torch.tensor([1j]).conj()) == hash_of(np.array([1j], np.complex64).conj())
    words = [np.array(["a b", None], dtype=object) for _ in range(2)]
    assert hash_of(words[0]) == hash_of(words[1])
    assert hash_of(io.BytesIO(b"a")) != hash_of(io.BytesIO(b"a"))  # not known: by its repr


def test_tensors_of_half_precision_are_their_numbers():
    half = torch.tensor([1.0, 2.5]).bfloat16()
    assert hash_of(half) == hash_of(half.float())
    assert hash_of(half) != hash_of(half + 1)
