"""The image of a stimulus, in every form, and what is said of those that cannot be read."""

import re
import struct

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.errors import DataError
from neuroalign.models.images import stimulus_image


def refusal(sentence):
    """Expect an error that says this whole sentence and nothing else."""
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


def show(image):
    """Make a stimulus table of one image."""
    return pd.DataFrame({"image": [image]}, index=["s0"])


COLORS = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)


@pytest.mark.parametrize("form", ["array", "PIL", "path", "string", "RGBA"])
def test_an_image_reads_the_same_in_every_form(form, tmp_path):
    path = tmp_path / "image.png"
    Image.fromarray(COLORS).save(path)
    given = {
        "array": COLORS,
        "PIL": Image.fromarray(COLORS),
        "path": path,
        "string": str(path),
        "RGBA": Image.fromarray(COLORS).convert("RGBA"),
    }[form]
    image = stimulus_image(show(given), "s0")
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), COLORS)


def test_a_gray_image_gets_three_equal_channels():
    image = np.asarray(stimulus_image(show(COLORS[:, :, 0]), "s0"))
    np.testing.assert_array_equal(image, np.repeat(COLORS[:, :, :1], 3, axis=2))


@pytest.mark.parametrize(
    ("image", "given", "mend"),
    [
        (
            COLORS / 255, "type float64 and shape (5, 6, 3)",
            "; give np.round(255 * image).astype(np.uint8)",
        ),
        (
            COLORS.astype(int), "type int64 and shape (5, 6, 3)",
            "; give np.round(image).astype(np.uint8)",
        ),
        (
            COLORS[..., 0] * 1.0, "type float64 and shape (5, 6)",
            "; give np.round(image).astype(np.uint8)",
        ),
        (
            np.float32([[0, 1], [-2.5, 300]]), "type float32 and shape (2, 2)",
            "; scale its values, which are -2.5 to 300, to 0..255",
        ),
        (
            np.array([[0, np.nan], [1, 1]]), "type float64 and shape (2, 2)",
            "; fill its pixels of NaN or infinity, and scale it to 0..255",
        ),
        (
            np.array([[0, np.inf], [1, 1]]), "type float64 and shape (2, 2)",
            "; fill its pixels of NaN or infinity, and scale it to 0..255",
        ),
        (
            COLORS > 99, "type bool and shape (5, 6, 3)", "; give 255 * image.astype(np.uint8)",
        ),
        (
            COLORS.transpose(2, 0, 1), "type uint8 and shape (3, 5, 6)",
            "; put its channels last by np.moveaxis(image, 0, -1)",
        ),
        (
            COLORS.transpose(2, 0, 1) / 255, "type float64 and shape (3, 5, 6)",
            "; put its channels last by np.moveaxis(image, 0, -1), and give np.round(255 * "
            "image).astype(np.uint8)",
        ),
        (
            np.zeros((5, 6, 4), np.uint8), "type uint8 and shape (5, 6, 4)",
            "; leave out its opacity by image[..., :3]",
        ),
        (
            np.zeros((5, 6, 1), np.uint8), "type uint8 and shape (5, 6, 1)",
            "; drop its last axis by image[..., 0]",
        ),
        (np.zeros((2, 3, 4, 5), np.uint8), "type uint8 and shape (2, 3, 4, 5)", ""),
        (np.zeros((0, 6)), "type float64 and shape (0, 6)", ""),
    ],
)  # fmt: skip
def test_an_array_of_another_type_or_shape_is_refused_with_its_mend(image, given, mend):
    with refusal(
        f"The image of stimulus 's0' is of {given}; uint8 from 0 to 255 of shape (row, column) or "
        f"(row, column, 3) is needed{mend}.",
    ):
        stimulus_image(show(image), "s0")


@pytest.mark.parametrize("value", [None, np.nan])
def test_a_stimulus_without_an_image_is_refused(value):
    with refusal(f"Stimulus 's0' has no image ({value}); give one, or leave the stimulus out."):
        stimulus_image(show(value), "s0")


@pytest.mark.parametrize("form", ["PIL", "path"])
@pytest.mark.parametrize(("dtype", "mode"), [(np.uint16, "I;16"), (np.float32, "F")])
def test_an_image_of_more_than_eight_bits_is_refused_rather_than_clipped(
    dtype, mode, form, tmp_path
):
    image = Image.fromarray(np.full((4, 4), 300).astype(dtype))
    path = tmp_path / "image.tiff"
    image.save(path)
    with refusal(
        f"The image of stimulus 's0' is of mode '{mode}', with more than 8 bits a pixel; scale it "
        "to 0..255 and save it as uint8.",
    ):
        stimulus_image(show(image if form == "PIL" else path), "s0")


def test_an_image_file_that_is_missing_is_named(tmp_path):
    path = tmp_path / "image.png"
    with refusal(f"The image {str(path)!r} of stimulus 's0' does not exist; mend its path."):
        stimulus_image(show(path), "s0")


def test_a_folder_in_place_of_an_image_is_named(tmp_path):
    with refusal(
        f"The image {str(tmp_path)!r} of stimulus 's0' cannot be read (Is a directory).",
    ):
        stimulus_image(show(tmp_path), "s0")


DAMAGED = "cannot be read; it is damaged, or no image that Pillow knows."


@pytest.mark.parametrize("content", [b"", b"no image", "half"])
def test_a_damaged_image_file_is_named(content, tmp_path):
    path = tmp_path / "image.png"
    if content == "half":
        Image.fromarray(np.tile(COLORS, (20, 20, 1))).save(path)
        content = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(content)
    with refusal(f"The image {str(path)!r} of stimulus 's0' {DAMAGED}"):
        stimulus_image(show(path), "s0")


def test_a_picture_of_billions_of_pixels_is_named(tmp_path):
    path = tmp_path / "image.bmp"
    Image.fromarray(COLORS).save(path)
    content = path.read_bytes()
    size = struct.pack("<ii", 60_000, 60_000)
    path.write_bytes(content[:18] + size + content[26:])
    with refusal(f"The image {str(path)!r} of stimulus 's0' {DAMAGED}"):
        stimulus_image(show(path), "s0")


def test_a_damaged_tag_of_a_tiff_is_named(tmp_path):
    path = tmp_path / "image.tif"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    content[72] = 2  # the type of a tag: a number is said to be text, and Pillow raises TypeError
    path.write_bytes(content)
    with refusal(f"The image {str(path)!r} of stimulus 's0' {DAMAGED}"):
        stimulus_image(show(path), "s0")
