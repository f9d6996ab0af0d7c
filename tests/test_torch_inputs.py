"""What a network is given of stimuli of each kind, and what activations depend on."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.io import wavfile
from torch import nn
from torch_networks import ResidualNet, make_stimuli, seeded, values_of

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.inputs import inputs_hash, read_stimulus
from neuroalign.models.preprocessing import ImagePreprocessing

WHOLE = nn.Sequential(nn.Identity())
RATE = 16_000


def table(kind, *values):
    return pd.DataFrame({kind: list(values)}, index=[f"s{n}" for n in range(len(values))])


def seen(kind, value):
    """Return what a preprocessing is given of a stimulus."""
    given = []

    def preprocess(stimulus):
        given.append(stimulus)
        return torch.ones(2)

    values_of(na.TorchModel(WHOLE, reads=kind, preprocess=preprocess), table(kind, value))
    return given[0]


def test_a_text_is_given_as_it_is():
    assert seen("text", " A dog. ") == " A dog. "


def test_a_film_is_given_as_the_column_holds_it():
    film = np.zeros((3, 4, 4, 3))
    assert seen("video", film) is film
    assert seen("video", "film.mp4") == "film.mp4"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.int16([0, 16384, -32768]), [0, 0.5, -1]),
        (np.int32([0, 2**30, -(2**31)]), [0, 0.5, -1]),
        (np.uint8([128, 192, 0]), [0, 0.5, -1]),
        (np.float32([0, 0.5, -1.5]), [0, 0.5, -1.5]),
        (np.float64([[0, 1], [0.25, -1]]), [0.5, -0.375]),
    ],
)
def test_a_sound_is_given_as_samples_and_rate_from_memory_and_file(samples, expected, tmp_path):
    wavfile.write(tmp_path / "sound.wav", RATE, samples)
    for value in ((samples, RATE), tmp_path / "sound.wav", str(tmp_path / "sound.wav")):
        given, rate = seen("audio", value)
        assert (given.dtype, rate) == (np.float32, RATE)
        np.testing.assert_array_equal(given, np.float32(expected))


def refusal(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def test_a_file_that_is_no_sound_is_refused(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(b"no sound")
    with pytest.raises(DataError, match=r"^The sound of stimulus 's0', '.*', cannot be read: "):
        seen("audio", path)


@pytest.mark.parametrize("value", [7, np.zeros(5), (["a"], RATE)])
def test_what_is_no_sound_is_refused(value):
    sentence = (
        "The sound of stimulus 's0' is no sound; give a path, or Sound(samples, rate) with samples "
        "(sample,) or (sample, channel)."
    )
    with refusal(sentence):
        read_stimulus(table("audio", value), "s0", "audio")


def test_a_text_that_is_missing_is_refused():
    sentence = "The text of stimulus 's0' is a NoneType; give a string, or leave the stimulus out."
    with refusal(sentence):
        seen("text", None)


def test_stimuli_without_the_column_are_refused():
    sentence = (
        "Model 'ResidualNet' reads the column 'image', which the stimuli lack; give it to them, "
        "or choose another model."
    )
    with refusal(sentence):
        values_of(na.TorchModel(ResidualNet()), table("text", "a"))


@pytest.mark.parametrize(
    ("stimuli", "given"),
    [
        ([np.zeros((8, 8, 3), np.uint8)], "list"),
        (np.zeros((2, 8, 8, 3), np.uint8), "ndarray"),
        (pd.Series(["a.png"]), "Series"),
        ({"image": ["a.png"]}, "dict"),
        (None, "NoneType"),
    ],
)
def test_stimuli_that_are_no_table_are_refused(stimuli, given):
    model = na.TorchModel(ResidualNet())
    sentence = (
        f"Model 'ResidualNet' was given stimuli as a {given}; give a DataFrame with a row for each "
        "stimulus, as in pd.DataFrame({'image': values}, index=labels)."
    )
    with refusal(sentence):
        values_of(model, stimuli)
    with refusal(sentence):
        model.ingredients(stimuli)


def test_a_label_given_twice_is_refused():
    stimuli = make_stimuli(n=3).rename({"s02": "s00"})
    with refusal("The stimulus label 's00' is given twice; give each stimulus one label."):
        values_of(na.TorchModel(ResidualNet()), stimuli)


def test_kinds_other_than_images_need_a_preprocess():
    with refusal("A model that reads 'audio' needs a preprocess, which makes tensors of it."):
        na.TorchModel(WHOLE, reads="audio")


def test_a_preprocess_that_is_no_function_is_refused():
    with refusal(
        "preprocess='imagenet' cannot be called; give a function from a stimulus to a tensor, for "
        "images ImagePreprocessing(...)."
    ):
        na.TorchModel(WHOLE, preprocess="imagenet")


def test_an_unknown_kind_is_refused():
    with refusal("No kind of stimulus is called 'imagee'. Did you mean 'image'?", UnknownNameError):
        na.TorchModel(WHOLE, reads="imagee")


def make_model(**options):
    return na.TorchModel(seeded(ResidualNet), **options)


def flipped(image):
    return torch.from_numpy(np.array(image, dtype=np.float32)[::-1].copy()).permute(2, 0, 1)


def test_ingredients_are_strings_and_the_same_for_the_same():
    ingredients = make_model().ingredients(make_stimuli())
    assert {type(value) for value in ingredients.values()} == {str}
    assert make_model(name="other").ingredients(make_stimuli()) == ingredients
    assert ingredients["preprocessing"] == repr(ImagePreprocessing())
    assert ingredients["device"] == "cpu"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"preprocess": ImagePreprocessing(resize=7)}, "preprocessing"),
        ({"preprocess": flipped}, "preprocessing"),
        ({"axes": ("row", "column", "channel")}, "options"),
        ({"duration": 2.0}, "options"),
        ({"precision": "bfloat16"}, "options"),
        ({"seed": 1}, "options"),
    ],
)
def test_an_option_changes_its_ingredient_alone(options, key):
    before = make_model().ingredients(make_stimuli())
    after = make_model(**options).ingredients(make_stimuli())
    assert [name for name in before if before[name] != after[name]] == [key]


@pytest.mark.parametrize("options", [{"batch_size": 3}, {"memory_budget": 0}, {"layers": "all"}])
def test_what_activations_do_not_depend_on_is_no_ingredient(options):
    assert make_model(**options).ingredients(make_stimuli()) == make_model().ingredients(
        make_stimuli()
    )


def test_weights_change_the_network_alone():
    model = make_model()
    before = model.ingredients(make_stimuli())
    with torch.no_grad():
        model.module.head.bias[0] += 1
    after = model.ingredients(make_stimuli())
    assert [name for name in before if before[name] != after[name]] == ["network"]


def test_a_pass_leaves_the_ingredients_as_they_are():
    for module in (seeded(ResidualNet), nn.Sequential(nn.Flatten(), nn.LazyLinear(3))):
        model = na.TorchModel(module)
        before = model.ingredients(make_stimuli())
        values_of(model, make_stimuli())
        assert model.ingredients(make_stimuli()) == before


def test_inputs_count_in_their_order_and_their_labels_do_not():
    stimuli = make_stimuli()
    before = inputs_hash(stimuli, "image")
    assert inputs_hash(stimuli.rename({"s00": "other"}), "image") == before
    assert inputs_hash(stimuli[::-1], "image") != before
    assert inputs_hash(stimuli[:-1], "image") != before
    changed = make_stimuli()
    changed["image"].iloc[4][3, 2, 1] ^= 1
    assert inputs_hash(changed, "image") != before


def test_a_file_counts_by_its_bytes_wherever_it_lies(tmp_path):
    image = make_stimuli()["image"].iloc[0]
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for path, pixels in zip(paths, (image, image, image ^ 1), strict=True):
        Image.fromarray(pixels).save(path)
    one, two, other = (inputs_hash(table("image", path), "image") for path in paths)
    assert one == two != other
    assert inputs_hash(table("image", str(paths[0])), "image") == one


def test_images_of_pillow_count_by_their_pixels_and_size():
    pixels = make_stimuli()["image"].iloc[0]
    one, same, other, flat = (
        inputs_hash(table("image", Image.fromarray(one)), "image")
        for one in (pixels, pixels.copy(), pixels ^ 1, pixels.reshape(4, 16, 3))
    )
    assert one == same
    assert len({one, other, flat}) == 3


def test_what_an_image_of_pillow_tells_of_its_rotation_counts():
    plain = Image.new("RGB", (2, 3), "red")
    turned, exif = plain.copy(), Image.Exif()
    exif[274] = 6
    turned.info["exif"] = exif.tobytes()
    hashes = {inputs_hash(pd.DataFrame({"image": [one]}), "image") for one in (plain, turned)}
    assert len(hashes) == 2


@dataclass
class Clip:
    """A part of a film."""

    path: Path
    onset: float = 0.0


@pytest.mark.parametrize(
    "held",
    [lambda path: [path, path], lambda path: (str(path), 2.0), lambda path: {"film": {"in": path}},
     Clip, lambda path: [Clip(path)], lambda path: path],
)  # fmt: skip
def test_files_that_a_film_names_count_by_their_bytes(held, tmp_path):
    path, hashes = tmp_path / "frame.png", []
    for data in (b"one", b"two", b"one"):
        path.write_bytes(data)
        hashes.append(inputs_hash(pd.DataFrame({"video": [held(path)]}), "video"))
    assert hashes[0] == hashes[2] != hashes[1]


def test_texts_are_no_paths(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("words")
    assert inputs_hash(table("text", str(path)), "text") != inputs_hash(
        table("text", "words"), "text"
    )


def test_a_file_that_is_not_there_is_refused():
    with refusal("The image 'nowhere.png' of a stimulus does not exist; mend its path."):
        inputs_hash(table("image", "nowhere.png"), "image")


@pytest.mark.slow
def test_ingredients_are_the_same_in_another_process():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from torch_networks import make_stimuli, seeded, ResidualNet\n"
        "import neuroalign as na\n"
        "print(na.TorchModel(seeded(ResidualNet)).ingredients(make_stimuli()))"
    )
    folder = str(Path(__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", code, folder], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == str(make_model().ingredients(make_stimuli()))
