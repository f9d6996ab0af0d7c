"""Preprocessing of images: sizes, crops, pixels, identity, and what is refused."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.preprocessing import ImagePreprocessing

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def noise(rows, columns, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3)).astype(np.uint8)
    return Image.fromarray(pixels)


def numbered(rows, columns):
    """Make an image whose red tells the row and whose green tells the column."""
    pixels = np.zeros((rows, columns, 3), np.uint8)
    pixels[..., 0] = np.arange(rows)[:, None]
    pixels[..., 1] = np.arange(columns)
    return Image.fromarray(pixels)


def first_kept(preprocessing, image):
    """Return the row and the column of the image where the crop begins."""
    return tuple(int(value) for value in preprocessing(image)[:2, 0, 0])


def test_by_default_pixels_become_0_to_1():
    image = noise(5, 7)
    seen = ImagePreprocessing()(image)
    assert seen.dtype == torch.float32
    expected = np.asarray(image).transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(seen.numpy(), expected)


def test_each_channel_has_its_mean_and_deviation():
    image = noise(6, 6)
    seen = ImagePreprocessing(**IMAGENET)(image).numpy()
    for channel in range(3):
        pixels = np.asarray(image)[..., channel].astype(float)
        expected = (pixels / 255 - IMAGENET["mean"][channel]) / IMAGENET["std"][channel]
        np.testing.assert_allclose(seen[channel], expected, rtol=1e-6, atol=1e-7)


def test_channels_in_the_order_of_caffe_keep_their_own_mean():
    image = noise(4, 4)
    seen = ImagePreprocessing(scale=1, mean=(1, 2, 3), channels="BGR")(image).numpy()
    red, green, blue = np.asarray(image).transpose(2, 0, 1).astype(float)
    np.testing.assert_array_equal(seen, [blue - 3, green - 2, red - 1])


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_an_int_is_the_length_of_the_shorter_side(shape):
    expected = tuple(30 if side == 60 else 45 for side in shape)
    assert tuple(ImagePreprocessing(resize=30)(noise(*shape)).shape[1:]) == expected


@pytest.mark.parametrize(("longer", "length"), [("down", 47), ("nearest", 48)])
def test_the_longer_side_is_rounded_as_said(longer, length):
    seen = ImagePreprocessing(resize=32, longer=longer)(noise(60, 89))  # 47.47
    assert seen.shape[2] == 47
    seen = ImagePreprocessing(resize=32, longer=longer)(noise(64, 95))  # 47.5
    assert seen.shape[2] == length


def test_a_pair_is_rows_and_columns_whatever_the_ratio():
    assert tuple(ImagePreprocessing(resize=(10, 20))(noise(33, 9)).shape) == (3, 10, 20)


@pytest.mark.parametrize("name", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_images_are_resized_as_pillow_does(name):
    image = noise(40, 40)
    expected = image.resize((17, 17), Image.Resampling[name.upper()])
    seen = ImagePreprocessing(resize=17, interpolation=name, scale=1)(image)
    np.testing.assert_array_equal(seen.numpy(), np.asarray(expected).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("middle", "rows", "first"), [("down", 9, 1), ("nearest", 9, 2), ("nearest", 7, 0)]
)
def test_the_crop_begins_where_its_rounding_says(middle, rows, first):
    crop = ImagePreprocessing(crop=6, scale=1, middle=middle)
    assert first_kept(crop, numbered(rows, 6)) == (first, 0)
    assert first_kept(crop, numbered(6, rows)) == (0, first)


def test_a_crop_may_be_oblong():
    crop = ImagePreprocessing(crop=(4, 2), scale=1)
    assert tuple(crop(numbered(8, 8)).shape[1:]) == (4, 2)
    assert first_kept(crop, numbered(8, 8)) == (2, 3)


def test_a_gray_image_is_read_as_rgb():
    seen = ImagePreprocessing(scale=1)(Image.new("L", (2, 2), 7))
    assert (seen == 7).all()
    assert tuple(seen.shape) == (3, 2, 2)


def test_equal_preprocessing_has_one_repr_whatever_its_numbers_are_given_as():
    given = ImagePreprocessing(resize=[8, 9], crop=np.int64(4), scale=1, mean=np.zeros(3))
    same = ImagePreprocessing(resize=(8, 9), crop=4, scale=1.0, mean=(0, 0, 0))
    assert (given, repr(given), hash(given)) == (same, repr(same), hash(same))
    assert repr(ImagePreprocessing(crop=4)) != repr(ImagePreprocessing(crop=5))


def refused(error, sentence, **options):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        ImagePreprocessing(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"resize": 0}, "resize=0 is no size; give pixels, or (row, column) in pixels."),
        ({"crop": 2.5}, "crop=2.5 is no size; give pixels, or (row, column) in pixels."),
        ({"crop": (8,)}, "crop=(8,) is no size; give pixels, or (row, column) in pixels."),
        ({"mean": (0.5,)}, "mean=(0.5,) is not three numbers, of red, green and blue."),
        (
            {"std": (1, 0, 1)},
            f"scale={1 / 255} and std=(1.0, 0.0, 1.0) of a preprocessing must be positive "
            "numbers, since pixels become (pixel * scale - mean) / std.",
        ),
    ],
)
def test_numbers_that_cannot_be_are_refused(options, sentence):
    refused(DataError, sentence, **options)


def test_an_unknown_interpolation_suggests_the_nearest():
    sentence = "No interpolation is called 'bicubik'. Did you mean 'bicubic'?"
    refused(UnknownNameError, sentence, interpolation="bicubik")


def test_an_image_smaller_than_the_crop_is_refused():
    sentence = (
        "An image of 5 x 9 pixels is smaller than the center of 6 x 6 that is to be cropped; give "
        "the preprocessing a resize."
    )
    with pytest.raises(DataError, match=f"^{re.escape(sentence)}$"):
        ImagePreprocessing(crop=6)(noise(5, 9))
