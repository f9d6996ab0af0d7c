"""Networks of timm, torchvision and open_clip: their own pixels, twins, checkpoints, refusals.

All run without the internet: trained weights are random ones that were saved to a file.
"""

import re
import urllib.error

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import neuroalign as na
from neuroalign.errors import DataError, DownloadError, UnknownNameError
from neuroalign.models.families import open_clip as clips
from neuroalign.models.families import timm as timms
from neuroalign.models.families import torchvision as visions
from neuroalign.testing import check_model

CLIP = "ViT-S-32-alt"  # a small one


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path, vision_packages):  # noqa: ARG001 (skips where there are none)
    """Let no test reach the hub, nor what was downloaded before."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def unreachable(*_, **__):
        message = "no route to host"
        raise urllib.error.URLError(message)

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setattr("torch.hub.urlopen", unreachable)


def noise(rows=301, columns=417, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def images(number=2):
    photographs = [noise(60, 90, seed) for seed in range(number)]
    return pd.DataFrame({"image": photographs}, index=[f"i{n}" for n in range(number)])


def values_of(model, **options):
    return {layer: part.values for layer, part in model.activations(images(), **options)}


def check_close(ours, theirs):
    error = (ours - theirs).abs() / (1 + theirs.abs())
    assert ours.shape == theirs.shape
    assert error.max() < 1e-5


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16/IMAGENET1K_SWAG_E2E_V1", "vgg16",
                                  "efficientnet_b3", "googlenet"])  # fmt: skip
def test_pixels_are_those_of_torchvision(name):
    weights = visions._known(name)[1]
    for shape in ((301, 417), (500, 233)):
        image = noise(*shape)
        check_close(visions.preprocessing(weights, name)(image), weights.transforms()(image))


@pytest.mark.slow
def test_pixels_and_sizes_of_all_weights_of_torchvision_are_those_of_torchvision():
    from torchvision import models

    n_weights = 0
    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            check_close(
                visions.preprocessing(weights, name)(noise()), weights.transforms()(noise())
            )
            with torch.device("cpu" if "regnet" in name else "meta"):
                network = visions._network(name, weights, trained=False)
            n_parameters = sum(values.numel() for values in network.parameters())
            assert n_parameters == weights.meta["num_params"], weights
            n_weights += 1
    assert n_weights > 100


class Configured:
    """Stand in for a network of timm that is configured so."""

    def __init__(self, **config):
        self.pretrained_cfg = config


@pytest.mark.parametrize("name", ["resnet50.a1_in1k", "vit_base_patch14_dinov2.lvd142m",
                                  "convnext_base.fb_in22k_ft_in1k_384", "mixer_b16_224.miil_in21k",
                                  "eva02_base_patch14_448.mim_in22k_ft_in22k_in1k"])  # fmt: skip
def test_pixels_are_those_of_timm(vision_packages, name):
    check_timm(vision_packages["timm"], name)


def check_timm(timm, name):
    from timm.data import create_transform, resolve_data_config

    network = Configured(**timm.get_pretrained_cfg(name).to_dict())
    config = resolve_data_config(pretrained_cfg=network.pretrained_cfg)
    check_close(timms.preprocessing(network, name)(noise()), create_transform(**config)(noise()))


@pytest.mark.slow
def test_pixels_of_all_weights_of_timm_are_those_of_timm_or_refused(vision_packages):
    timm = vision_packages["timm"]
    refusals = []
    for name in timm.list_pretrained():
        try:
            check_timm(timm, name)
        except DataError:
            refusals.append(name)
    assert len(refusals) < 10


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"crop_mode": "border"}, "crops in the mode 'border'"),
        ({"input_size": (1, 28, 28)}, "makes images of 1 channels"),
        ({"input_size": (3, 28, 32)}, "resizes to the oblong (first: '28', '32')"),
        ({"crop_pct": 1.15}, "pads images of 194 pixels to 224"),
        ({"interpolation": "random"}, "interpolates by 'random'"),
    ],
)
def test_pixels_of_timm_that_cannot_be_stated_are_refused(config, what):
    with refused(
        f"The preprocessing of model 'mine' {what}, which ImagePreprocessing cannot state; give "
        "your own, as in preprocess=function, from a PIL image to a tensor."
    ):
        timms.preprocessing(Configured(**config), "mine")


@pytest.mark.parametrize("size", [224, (224, 224)])
@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "random"])
def test_pixels_are_those_of_open_clip(size, mode, interpolation):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    config = {"size": size, "resize_mode": mode, "interpolation": interpolation}
    network = type("N", (), {"visual": type("V", (), {"preprocess_cfg": config})})
    theirs = image_transform_v2(PreprocessCfg(**config), is_train=False)(noise())
    check_close(clips.preprocessing(network, "mine")(noise()), theirs)


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"resize_mode": "longest"}, "resizes the 'longest' side"),
        ({"size": (28, 32)}, "resizes to the oblong (28, 32)"),
    ],
)
def test_pixels_of_open_clip_that_cannot_be_stated_are_refused(config, what):
    network = type("N", (), {"visual": type("V", (), {"preprocess_cfg": config})})
    with pytest.raises(DataError, match=re.escape(f"of model 'mine' {what}, which")):
        clips.preprocessing(network, "mine")


NAMES = ["timm:resnet10t.c3_in1k", "torchvision:mobilenet_v3_small", f"open_clip:{CLIP}"]


@pytest.mark.parametrize("name", NAMES)
def test_an_untrained_twin_depends_on_its_seed_alone(name):
    before = torch.get_rng_state()
    twins = [na.load_model(name, untrained=True, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(before, torch.get_rng_state())
    assert {twin.name for twin in twins} == {f"{name}-untrained"}
    assert twins[0].origin["checkpoint"] == "none: random under seed 0"
    last = twins[0].layers[-1]
    one, same, other = (values_of(twin, layers=[last])[last] for twin in twins)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1 * np.abs(one).max() > 0


def build(name):
    """Build the network of a name by its own package, at another random start."""
    import open_clip
    import timm
    from torchvision import models

    family, _, own = name.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(7)
        if family == "timm":
            return timm.create_model(own).eval()
        if family == "torchvision":
            return models.get_model(own, weights=None).eval()
        return open_clip.create_model(own).eval()


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_in_a_file_is_loaded_as_a_whole(tmp_path, name):
    network = build(name)
    file = tmp_path / "weights.pth"
    torch.save(network.state_dict(), file)
    model = na.load_model(name, checkpoint=str(file))
    assert (model.name, model.origin["checkpoint"]) == (name, str(file))
    loaded = {
        key.removeprefix("visual."): value for key, value in model.module.state_dict().items()
    }
    theirs = getattr(network, "visual", network).state_dict()
    assert all(torch.equal(loaded[key], theirs[key]) for key in theirs)
    last, twin = model.layers[-1], na.load_model(name, untrained=True)
    one, other = (values_of(each, layers=[last])[last] for each in (model, twin))
    assert np.abs(one - other).max() > 0.1 * np.abs(one).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_that_lacks_weights_is_refused_by_their_names(tmp_path, name):
    weights = build(name).state_dict()
    key = next(key for key in weights if key.endswith("bias"))
    del weights[key]
    torch.save(weights, tmp_path / "weights.pth")
    with pytest.raises(DataError, match=re.escape(key)):
        na.load_model(name, checkpoint=str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_that_does_not_exist_is_refused(name):
    with pytest.raises(DataError, match=rf"^The checkpoint '/no/such' of model '{name}' .+\.$"):
        na.load_model(name, checkpoint="/no/such")


@pytest.mark.parametrize(
    ("name", "source", "instead"),
    [
        (
            "timm:resnet10t.c3_in1k",
            "timm/resnet10t.c3_in1k",
            "a folder of its own as 'timm:/path/to/folder', checkpoint='file', or untrained=True",
        ),
        (
            "torchvision:mobilenet_v3_small",
            "https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth",
            "checkpoint='file', or untrained=True",
        ),
        (
            "open_clip:ViT-B-32/laion2b_s34b_b79k",
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            "checkpoint='file', or untrained=True",
        ),
    ],
)
def test_weights_that_cannot_be_reached_are_one_sentence(name, source, instead):
    with refused(
        f"Model {name!r} needs files of {source!r}, which cannot be reached, nor are they left "
        f"from an earlier download; connect to the internet, or give {instead}.",
        DownloadError,
    ):
        na.load_model(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "timm:resnet5o",
            "No network of timm is called 'resnet5o'. Did you mean 'resnet50'?",
        ),
        (
            "timm:resnet50.a1_in2k",
            "No network of timm is called 'resnet50.a1_in2k'. Did you mean 'resnet50.a1_in1k'?",
        ),
        (
            "torchvision:resnet5o",
            "No network of torchvision that classifies images is called 'resnet5o'. Did you mean "
            "'resnet50'?",
        ),
        (
            "torchvision:resnet50/IMAGENET1K_V3",
            "No weights of 'resnet50' is called 'IMAGENET1K_V3'. Did you mean 'IMAGENET1K_V2'?",
        ),
        (
            "open_clip:ViT-B-3",
            "No architecture of open_clip is called 'ViT-B-3'. Did you mean 'ViT-B-32'?",
        ),
        (
            "open_clip:ViT-B-32/laion2b",
            "No weights of 'ViT-B-32' is called 'laion2b'. Did you mean 'laion2b_e16'?",
        ),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name, sentence):
    with refused(sentence, UnknownNameError):
        na.load_model(name)


def test_weights_without_a_name_are_asked_for():
    with pytest.raises(
        DataError,
        match=r"^Model 'open_clip:ViT-B-32' names no weights; give one of its weights, as in "
        r"open_clip:ViT-B-32/openai, or untrained=True\.$",
    ):
        na.load_model("open_clip:ViT-B-32")


def test_weights_of_another_activation_function_are_refused():
    with refused(
        "The weights 'openai' were trained with another activation function than that of "
        "'ViT-B-32'; use 'open_clip:ViT-B-32-quickgelu/openai'."
    ):
        na.load_model("open_clip:ViT-B-32/openai")


def test_a_folder_that_timm_has_written_is_a_model(tmp_path):
    from timm.models import save_for_hf

    network = build("timm:resnet10t.c3_in1k")
    save_for_hf(network, tmp_path)
    model = na.load_model(f"timm:{tmp_path}")
    assert torch.equal(model.module.conv1[0].weight, network.conv1[0].weight)
    with pytest.raises(DataError, match=r"^revision='v1' needs weights from the hub, .+"):
        na.load_model(f"timm:{tmp_path}", revision="v1")


@pytest.mark.parametrize("revision", [None, "c" * 40])
def test_an_earlier_download_is_found_and_its_commit_recorded(tmp_path, revision):
    from safetensors.torch import save_file

    home = tmp_path / "hub" / "models--timm--resnet10t.c3_in1k"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("c" * 40)
    (home / "snapshots" / ("c" * 40)).mkdir(parents=True)
    network = build("timm:resnet10t.c3_in1k")
    save_file(network.state_dict(), home / "snapshots" / ("c" * 40) / "model.safetensors")
    model = na.load_model("timm:resnet10t.c3_in1k", revision=revision)
    assert torch.equal(model.module.conv1[0].weight, network.conv1[0].weight)
    assert model.origin == {
        "name": "timm:resnet10t.c3_in1k", "checkpoint": "timm/resnet10t.c3_in1k",
        "revision": "c" * 40,
    }  # fmt: skip


def test_images_reach_the_space_that_open_clip_makes_of_them(tmp_path):
    from open_clip.transform import PreprocessCfg, image_transform_v2

    network = build(f"open_clip:{CLIP}")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    model = na.load_model(f"open_clip:{CLIP}", checkpoint=str(tmp_path / "w.pth"))
    pixels = image_transform_v2(PreprocessCfg(**network.visual.preprocess_cfg), is_train=False)
    with torch.no_grad():
        theirs = network.encode_image(torch.stack([pixels(i) for i in images()["image"]]))
    np.testing.assert_allclose(values_of(model)["visual"], theirs.numpy(), atol=1e-5)


def test_texts_reach_the_layers_that_open_clip_makes_of_them(tmp_path):
    import open_clip

    network = build(f"open_clip:{CLIP}")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    model = na.load_model(f"open_clip:{CLIP}", part="text", checkpoint=str(tmp_path / "w.pth"))
    caught = []
    network.transformer.resblocks[-1].register_forward_hook(lambda *a: caught.append(a[2]))
    texts = ["A photo of a CAT!", "don't look; 123 dogs"]
    ids = open_clip.get_tokenizer(CLIP)(texts)
    with torch.no_grad():
        network.encode_text(ids)
    stimuli = pd.DataFrame({"text": texts}, index=["a", "b"])
    last = list(model.layers)[-1]
    ((_, found),) = model.activations(stimuli, layers=[last])
    for row in range(2):
        end = int(ids[row].argmax())  # the last token is the largest; the first begins the text
        np.testing.assert_allclose(found[row], caught[0][row, 1:end].mean(0), atol=1e-5)


def test_a_part_that_does_not_exist_names_the_nearest():
    with refused(
        "No part of a network of open_clip is called 'images'. Did you mean 'image'?",
        UnknownNameError,
    ):
        na.load_model("open_clip:RN50", part="images")


def test_texts_that_are_read_in_another_way_are_refused():
    with pytest.raises(DataError, match="does not read from left to right with the tokenizer of"):
        na.load_model("open_clip:ViT-B-16-SigLIP", part="text", untrained=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("timm:resnet10t", {"layers": "layer2.*"}),
        ("timm:vit_tiny_patch16_224", {"layers": ["blocks.0", "blocks.11"]}),
        ("torchvision:resnet18", {"layers": "layer3.*"}),
        (f"open_clip:{CLIP}", {"part": "image"}),
        (f"open_clip:{CLIP}", {"part": "text"}),
    ],
)
def test_the_contract_of_models_is_kept(name, options):
    texts = pd.DataFrame({"text": ["a cat", "two dogs in a park", "it"]})
    stimuli = texts if options.get("part") == "text" else images(3)
    check_model(na.load_model(f"{name}-untrained", **options), stimuli)
