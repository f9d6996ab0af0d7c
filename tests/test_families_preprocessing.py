"""The preprocessing of networks of transformers: as theirs, to the last pixel, or refused."""

import json
import re

import numpy as np
import pytest
import transformers
from PIL import Image

from neuroalign.errors import DataError
from neuroalign.models.families.hf_vision import FILE, PLAIN, read_preprocessing

SHAPES = ((301, 417), (500, 333), (224, 224), (257, 256), (61, 90))


def noise(shape):
    pixels = np.random.default_rng(sum(shape)).integers(0, 256, (*shape, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def state(folder, **options):
    (folder / FILE).write_text(json.dumps(options))
    return read_preprocessing(folder, "mine")


def check_like(preprocessing, processor):
    for shape in SHAPES:
        image = noise(shape)
        theirs = processor(images=image, return_tensors="np")["pixel_values"][0]
        np.testing.assert_allclose(preprocessing(image).numpy(), theirs, atol=1e-5)


def refused(sentence):
    return pytest.raises(DataError, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize("kind", PLAIN)
def test_pixels_are_those_of_the_processor_with_what_it_adds_by_itself(tmp_path, kind):
    processor = getattr(transformers, f"{kind}Pil")()
    check_like(state(tmp_path, image_processor_type=kind), processor)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}, "crop_pct": 0.95}),
        ("ViTImageProcessor", {"size": 32, "resample": 1}),
        ("ViTImageProcessor", {"size": {"height": 32, "width": 48}, "resample": 0}),
        ("ViTImageProcessor", {"size": {"height": 48, "width": 32}, "do_normalize": False}),
        ("CLIPImageProcessor", {"size": 48, "crop_size": 32, "resample": 2}),
        ("CLIPImageProcessor", {"size": {"shortest_edge": 48}, "crop_size": [31, 47]}),
        ("BitImageProcessor", {"do_center_crop": False, "rescale_factor": 1 / 127.5}),
        ("DeiTImageProcessor", {"do_rescale": False, "image_mean": [1, 2, 3], "resample": 5}),
    ],
)
def test_pixels_are_those_of_the_processor_with_other_options(tmp_path, kind, options):
    if isinstance(options.get("crop_size"), list):
        options["crop_size"] = dict(zip(("height", "width"), options["crop_size"], strict=True))
    processor = getattr(transformers, f"{kind}Pil")(**options)
    check_like(state(tmp_path, image_processor_type=kind, **options), processor)


@pytest.mark.parametrize("suffix", ["ImageProcessor", "ImageProcessorFast", "FeatureExtractor"])
def test_old_and_fast_names_of_a_processor_are_known(tmp_path, suffix):
    named = "feature_extractor_type" if suffix == "FeatureExtractor" else "image_processor_type"
    assert state(tmp_path, **{named: f"ViT{suffix}"}).resize == (224, 224)


def test_a_processor_that_does_more_is_refused(tmp_path):
    with refused(
        "The preprocessing of model 'mine' is of the kind LlavaNextImageProcessor, which "
        "ImagePreprocessing cannot state; give your own, as in preprocess=function, from a PIL "
        "image to a tensor."
    ):
        state(tmp_path, image_processor_type="LlavaNextImageProcessor")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"size": {"shortest_edge": 8, "longest_edge": 9}}, "resizes by the rule "
         "['longest_edge', 'shortest_edge']"),
        ({"do_pad": True}, "pads images or flips their channels"),
        ({"do_center_crop": True, "crop_size": {"shortest_edge": 8}}, "crops to "),
    ],
)  # fmt: skip
def test_what_cannot_be_stated_is_refused(tmp_path, options, what):
    with pytest.raises(DataError, match=re.escape(f"of model 'mine' {what}")):
        state(tmp_path, image_processor_type="CLIPImageProcessor", **options)


def test_a_folder_without_preprocessing_is_refused(tmp_path):
    with refused(
        f"Model 'mine' has no {FILE} in '{tmp_path}'; add it, or give preprocess=function."
    ):
        read_preprocessing(tmp_path, "mine")


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / FILE).write_text("{")
    with pytest.raises(DataError, match=f"^The file {FILE} of model 'mine' cannot be read: .+$"):
        read_preprocessing(tmp_path, "mine")
