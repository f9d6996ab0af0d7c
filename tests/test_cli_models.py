"""Models in the shell: families by name, twins, folders of runs, layers, and what is refused."""

import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from cli_networks import NETWORK, networks, words_data  # noqa: F401 (fixtures)

import neuroalign as na
from neuroalign import cli_outputs, cli_rivals
from neuroalign.cli_disperse import split_layer
from neuroalign.errors import UnknownNameError
from neuroalign.models.catalog import FAMILIES, takes_option, twin_of

NAME = "own_networks:load"
QUICK = ("--n-folds", 3, "--guards", "none")


def refused(message):
    return pytest.raises(UnknownNameError, match=f"^{re.escape(message)}$")


@pytest.fixture
def vectors(tmp_path):
    """Write vectors of the words and numbers of the stimuli."""
    random = np.random.default_rng(0)
    words = ["sun", "moon", "star", "s", *map(str, range(10))]
    lines = [f"{word} {' '.join(map(str, random.normal(size=4)))}" for word in words]
    (tmp_path / "deep: folder").mkdir()
    path = tmp_path / "deep: folder" / "vectors.txt"
    path.write_text("\n".join([*lines, ""]))
    return f"static:{path}"


def test_a_family_is_scored_by_name_against_its_untrained_twin(run, vectors, words_data, tmp_path):  # noqa: F811
    code, _, err = run("score", vectors, words_data, *QUICK, "--out", tmp_path / "runs")
    assert (code, err) == (0, "")
    folder = tmp_path / "runs" / "static-vectors_words_ridge"
    beside = sorted(path.name for path in (folder / "against").iterdir())
    assert beside == ["static-vectors-untrained", "word-rate"]
    found = na.load_scores(folder / "against" / beside[0])
    expected = na.score(
        na.load_model(vectors, untrained=True), na.load_dataset(words_data), folds=na.KFold(3),
        guards=(), progress=False,
    )  # fmt: skip
    assert found.attrs["model"] == f"{vectors}-untrained"
    np.testing.assert_array_equal(found.r, expected.r)


def test_a_twin_is_told_what_the_network_is_told_and_no_weights():
    options = {"seed": "3", "checkpoint": "w.pt", "revision": "v2", "precision": "bfloat16"}
    told = cli_rivals.rival_options
    kept = {"seed": "3", "precision": "bfloat16"}
    assert told("timm:resnet50-untrained", "timm:resnet50", options) == kept
    assert told("hf:a/b-untrained", "hf:a/b", {"revision": "v2", "context": "growing"}) == {
        "revision": "v2",
        "context": "growing",
    }
    assert told("hf:a/b-untrained", "hf:a/b", {"untrained": "false"}) == {}
    assert told("pixels", "timm:resnet50", options) == {}


def test_twins_are_those_of_families_and_of_models_that_have_one():
    assert {twin_of(f"{family}:x") for family in FAMILIES} == {
        f"{family}:x-untrained" for family in FAMILIES
    }
    assert twin_of("minilm") == "minilm-untrained"
    for name in ("pixels", "minilm-untrained", "timm:x-untrained", "json:loads", "net.csv"):
        assert twin_of(name) is None


def test_a_file_whose_name_ends_like_a_twin_is_itself(tmp_path):
    (tmp_path / "net-untrained").mkdir()
    assert takes_option(f"hf:{tmp_path}/net-untrained", "untrained")
    assert not takes_option(f"timm:{tmp_path}/other-untrained", "untrained")


def test_a_twin_cannot_be_made_trained(vectors):
    with pytest.raises(UnknownNameError, match=r"^No option of model .* is called 'untrained'"):
        na.load_model(f"{vectors}-untrained", untrained=False)


def test_a_network_that_is_scored_untrained_has_no_twin(run, vectors, words_data, tmp_path):  # noqa: F811
    words = ("--model-option", "untrained=true", "--out", tmp_path / "runs")
    code, _, err = run("score", vectors, words_data, *QUICK, *words)
    assert (code, err) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()
    assert [path.name for path in (folder / "against").iterdir()] == ["word-rate"]


@pytest.mark.usefixtures("networks")
@pytest.mark.parametrize(
    ("words", "folder", "beside"),
    [
        ((NAME,), "own_networks-load_words_ridge", ["own_networks-load-untrained", "pixels"]),
        ((f"{NAME}-untrained",), "own_networks-load-untrained_words_ridge", ["pixels"]),
        ((NAME, "--model-option", "untrained=yes"), "own_networks-load-untrained_words_ridge",
         ["pixels"]),
    ],
)  # fmt: skip
def test_a_function_that_takes_untrained_has_a_twin(
    run,
    words,
    folder,
    beside,
    words_data,  # noqa: F811
    tmp_path,
):
    model, *options = words
    told = ("--model-option", "seed=2", *options, "--layers", "2", "--out", tmp_path / "runs")
    code, _, err = run("score", model, words_data, *QUICK, *told)
    assert (code, err) == (0, "")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [folder]
    rivals = tmp_path / "runs" / folder / "against"
    assert sorted(path.name for path in rivals.iterdir()) == beside
    twin = rivals / beside[0] if len(beside) == 2 else tmp_path / "runs" / folder
    expected = na.score(
        na.load_model(NAME, untrained=True, seed=2), na.load_dataset(words_data), layers=["2"],
        folds=na.KFold(3), guards=(), progress=False,
    )  # fmt: skip
    np.testing.assert_array_equal(na.load_scores(twin).r, expected.r)


@pytest.mark.usefixtures("networks")
def test_a_twin_with_the_weights_of_the_network_is_refused(run, words_data, tmp_path):  # noqa: F811
    words = ("own_networks:stubborn", words_data, *QUICK, "--layers", "2", "--out", tmp_path)
    code, _, err = run("score", *words)
    assert code == 1
    assert err == (
        "Error: Model 'own_networks:stubborn-untrained' has the very weights of the model that it "
        "is scored beside, 'own_networks:load'; a function with an option 'untrained' must obey "
        "it.\n"
    )
    assert (tmp_path / "own_networks-stubborn_words_ridge" / "scores.nc").is_file()


@pytest.mark.parametrize(
    ("word", "own"),
    [
        ("mine:load", True),
        ("a.b:load", True),
        ("pixels,mine:load", True),
        ("timm:resnet50", False),
        ("hf:a/b", False),
        ("hf:/tmp/mine:load", False),
        ("pixels", False),
        ("--layers=block[0]", False),
    ],
)
def test_only_a_name_with_a_module_has_own_code_looked_for(word, own):
    assert cli_rivals.names_own_module(word) == own


def test_a_file_called_like_a_twin_leaves_twins_of_functions_alone(networks, tmp_path, monkeypatch):  # noqa: F811, ARG001
    monkeypatch.chdir(tmp_path)
    (tmp_path / "load-untrained").touch()
    assert twin_of(f"{NAME}-untrained") is None
    assert not takes_option(f"{NAME}-untrained", "untrained")


def test_a_module_is_found_where_the_command_is_given(tmp_path):
    (tmp_path / "own_here.py").write_text(NETWORK)
    script = "from neuroalign.cli import main; main()"  # as the console script, outside any folder
    words = [sys.executable, "-P", "-c", script, "models", "own_here:load"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "* 2  Conv2d\n" in done.stdout


@pytest.mark.usefixtures("networks")
def test_a_rival_that_is_none_is_refused_before_anything_is_scored(run, words_data, tmp_path):  # noqa: F811
    words = (NAME, words_data, "--against", "own_networks:none", "--out", tmp_path / "runs")
    code, _, err = run("score", *words)
    sentence = "Error: Module 'own_networks' has no function 'none' that could make a model.\n"
    assert (code, err) == (1, sentence)
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.usefixtures("networks")
def test_a_function_without_that_option_makes_no_twin():
    message = (
        "Function 'bare' of module 'own_networks' makes no untrained twin; give it an option "
        "'untrained', as in def load(untrained=False)."
    )
    with refused(message):
        na.load_model("own_networks:bare-untrained")
    assert twin_of("own_networks:bare") is None
    assert twin_of(NAME) == f"{NAME}-untrained"
    assert twin_of(f"{NAME}-untrained") is None
    with refused("Module 'own_networks' has no function 'none' that could make a model."):
        na.load_model("own_networks:none-untrained")


NAMES = {
    "pixels": "pixels",
    "timm:resnet50.a1_in1k": "timm-resnet50.a1_in1k",
    "open_clip:ViT-B-32/laion2b-untrained": "open_clip-ViT-B-32-laion2b-untrained",
    "hf:openai-community/gpt2": "hf-openai-community-gpt2",
    "package.module:function": "package.module-function",
    "results/net.npz": "net",
    "static:/no/such: folder/vectors.npz-untrained": "static-vectors-untrained",
}


@pytest.mark.parametrize("model", NAMES)
def test_folders_of_runs_have_no_slash_or_colon(model):
    assert cli_outputs.short_name(model) == NAMES[model]


def test_a_folder_of_a_network_gives_its_last_part(tmp_path):
    (tmp_path / "net v1.5").mkdir()
    assert cli_outputs.short_name(f"hf:{tmp_path}/net v1.5") == "hf-net-v1.5"
    assert cli_outputs.short_name(f"hf:{tmp_path}/net v1.5-untrained") == "hf-net-v1.5-untrained"


def test_folders_of_models_that_are_called_alike_get_numbers():
    names = ["a/net.csv", "pixels", "b/net.csv", "net-2", "c/net.csv"]
    found = cli_outputs.folder_names(names)
    assert found == dict(zip(names, ["net", "pixels", "net-2", "net-2-2", "net-3"], strict=True))


PLACES = {
    "pixels": ("pixels", ""),
    "efficientnet-lite0:_blocks.8": ("efficientnet-lite0", "_blocks.8"),
    "efficientnet-lite0:depth:2": ("efficientnet-lite0", "depth:2"),
    "timm:resnet50": ("timm:resnet50", ""),
    "timm:resnet50:layer4.*": ("timm:resnet50", "layer4.*"),
    "hf:a/b:encoder.layer.3#2[0]": ("hf:a/b", "encoder.layer.3#2[0]"),
    "json:loads:depth:1": ("json:loads", "depth:1"),
    "net.csv:net": ("net.csv", "net"),
    "tim:resnet50": ("tim", "resnet50"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_layer_is_what_follows_the_name_of_a_model(place):
    assert split_layer(place) == PLACES[place]


def test_colons_in_the_path_of_a_file_that_is_there_belong_to_it(vectors, tmp_path):
    assert split_layer(vectors) == (vectors, "")
    assert split_layer(f"{vectors}-untrained:words") == (f"{vectors}-untrained", "words")
    (tmp_path / "10:30.csv").write_text("")
    assert split_layer(f"{tmp_path}/10:30.csv:net") == (f"{tmp_path}/10:30.csv", "net")


def test_a_pattern_makes_a_system_of_each_layer(run, networks, words_data, tmp_path):  # noqa: F811, ARG001
    words = [f"{NAME}:*,seed=1", "--n-null", 0, "--n-folds", 2, "--out", tmp_path / "run"]
    code, _, err = run("disperse", words_data, *words)
    assert (code, err) == (0, "")
    with xr.open_dataset(tmp_path / "run" / "dispersion.nc", engine="h5netcdf") as found:
        systems = found.system.values.tolist()
    assert systems == [f"{NAME}:{layer},seed=1" for layer in "012"]


def test_layers_of_a_score_are_patterns_for_rivals_too(run, networks, words_data, tmp_path):  # noqa: F811, ARG001
    words = ["--layers", "depth:1", "--against", "efficientnet-lite0,pixels"]
    code, _, err = run("score", NAME, words_data, *QUICK, *words, "--out", tmp_path / "runs")
    assert (code, err) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()
    assert na.load_scores(folder).layer.values.tolist() == ["0", "1", "2"]
    rivals = {path.name: na.load_scores(path) for path in (folder / "against").iterdir()}
    assert "_fc" in rivals["efficientnet-lite0"].layer.values
    assert rivals["pixels"].layer.values.tolist() == ["pixels"]
