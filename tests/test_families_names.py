"""Finding models by family, module or function, and what all families share."""

import re
import subprocess
import sys
import types

import pandas as pd
import pytest
import torch

import neuroalign as na
from neuroalign.errors import DataError, MissingPackageError, UnknownNameError
from neuroalign.models.catalog import check_model_name, list_families, model_loader
from neuroalign.models.families import FAMILIES, building, hub

MODULE = """
from neuroalign.models.callables import CallableModel

def letters(scale=1):
    def count(stimuli):
        return {"letters": scale * stimuli["text"].str.len().to_numpy()[:, None]}
    return CallableModel(count, layers=["letters"], reads="text")

def nothing():
    return 3

NUMBER = 5
"""
WORDS = pd.DataFrame({"text": ["a", "word"]}, index=["s1", "s2"])


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "my_models_of_tests.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_models_of_tests"
    sys.modules.pop("my_models_of_tests", None)


def test_every_family_has_a_module_and_loads_its_example_by_name():
    assert list_families() == sorted(FAMILIES)
    for family, facts in FAMILIES.items():
        assert facts.example.startswith(f"{family}:")
        assert model_loader(facts.example).func.__module__.endswith(f".{family}")


def test_every_family_has_an_untrained_twin_under_a_seed():
    import inspect

    for facts in FAMILIES.values():
        options = inspect.signature(model_loader(facts.example)).parameters
        assert options["untrained"].default is False
        assert options["seed"].default == 0
        assert "name" not in options


def test_naming_a_family_loads_none_of_its_packages():
    code = (
        "import sys; from neuroalign.models.catalog import check_model_name, model_loader; "
        "[(check_model_name(f'{f}:x'), model_loader(f'{f}:x')) "
        "for f in ('hf', 'open_clip', 'timm', 'torchvision')]; "
        "assert not {'torch', 'transformers', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_family_that_does_not_exist_names_the_nearest():
    with refused(
        "No family of models, or module, is called 'tim'. Did you mean 'timm'?", UnknownNameError
    ):
        na.load_model("tim:resnet50")


def test_a_name_needs_both_its_parts():
    with refused(
        "Model 'timm:' lacks the name of a network; give one, as in 'timm:resnet50.a1_in1k'.",
        UnknownNameError,
    ):
        check_model_name("timm:")
    with pytest.raises(UnknownNameError, match="No family of models, or module, is called ''"):
        check_model_name(":resnet50")


@pytest.mark.parametrize("name", ["efficientnet-lite0", "timm:resnet50"])
@pytest.mark.parametrize("untrained", ["no", 1, None])
def test_no_word_makes_a_network_untrained(name, untrained):
    with refused(f"untrained={untrained!r} of model {name!r} is neither True nor False."):
        na.load_model(name, untrained=untrained)


def test_an_unknown_option_of_a_family_names_the_nearest():
    sentence = "No option of model 'timm:resnet50' is called 'sed'. Did you mean 'seed'?"
    with refused(sentence, UnknownNameError):
        na.load_model("timm:resnet50", sed=1)


@pytest.mark.parametrize("name", ["timm:resnet50", "torchvision:resnet50", "open_clip:RN50"])
def test_a_package_that_is_missing_is_named(monkeypatch, name):
    family = name.partition(":")[0]
    module = {"torchvision": "torchvision.models"}.get(family, family)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, family, None)
    with pytest.raises(
        MissingPackageError,
        match=rf"^Models of the family '{family}:' need the package '{module}', which cannot be "
        r"imported \(.+\); run pip install 'neuroalign\[vision\]'\.$",
    ):
        na.load_model(name)


def test_a_package_that_breaks_when_imported_is_named(monkeypatch):
    def broken(name):
        message = f"operator {name}::nms does not exist"
        raise RuntimeError(message)

    monkeypatch.setattr("importlib.import_module", broken)
    with refused(
        "Models of the family 'timm:' need the package 'timm', which cannot be imported "
        "(RuntimeError operator timm::nms does not exist); run pip install 'neuroalign[vision]'.",
        MissingPackageError,
    ):
        building.package("timm", family="timm", extra="vision")


def test_a_function_of_a_module_makes_a_model(own_module):
    model = na.load_model(f"{own_module}:letters", scale=2)
    assert dict(model.activations(WORDS))["letters"].values.tolist() == [[2], [8]]


def test_a_function_that_a_module_does_not_have_is_refused(own_module):
    for name in ("no_such", "NUMBER"):
        with refused(
            f"Module {own_module!r} has no function {name!r} that could make a model.",
            UnknownNameError,
        ):
            na.load_model(f"{own_module}:{name}")


def test_a_function_that_makes_no_model_is_refused(own_module):
    with pytest.raises(DataError, match=r"^A int is not a model; "):
        na.load_model(f"{own_module}:nothing")


def test_packages_can_add_models(monkeypatch, own_module):
    entry = types.SimpleNamespace(name="theirs", value=f"{own_module}:letters")
    monkeypatch.setattr("neuroalign.models.catalog.entry_points", lambda group: [entry])  # noqa: ARG005
    assert na.load_model("theirs").layers == ["letters"]


def test_draws_within_a_seed_repeat_and_leave_the_state_outside():
    before = torch.get_rng_state()
    drawn = []
    for seed in (3, 3, 4):
        with building.seeded(seed):
            drawn.append(torch.rand(2).tolist())
    assert drawn[0] == drawn[1] != drawn[2]
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("seed", [True, 1.5, "0", None])
def test_a_seed_is_a_whole_number(seed):
    sentence = f"seed={seed!r} is not a whole number; give one, as in seed=0."
    with refused(sentence), building.seeded(seed):
        pass


@pytest.mark.parametrize("name", ["efficientnet-lite0", "minilm"])
def test_a_seed_of_a_network_of_a_package_is_a_whole_number(name):
    with refused("seed=1.5 is not a whole number; give one, as in seed=0."):
        na.load_model(f"{name}-untrained", seed=1.5)


def test_weights_are_loaded_exactly_or_refused():
    network = torch.nn.Linear(2, 1)
    own = {"weight": torch.ones(1, 2), "bias": torch.ones(1)}
    building.load_exactly(network, own, "mine")
    assert network.weight.tolist() == [[1, 1]]
    with refused(
        "The checkpoint is not one of the network 'mine': it lacks 1 of its weights (first: "
        "'bias') and has 2 that it does not know (first: 'gain', 'scale'); give the checkpoint of "
        "this network, or untrained=True for a random one."
    ):
        others = {"scale": torch.ones(1), "gain": torch.ones(1)}
        building.load_exactly(network, {"weight": own["weight"], **others}, "mine")
    with refused(
        "1 weights of the checkpoint are of another shape than those of the network 'mine' (first: "
        "'bias'); give the checkpoint of this network."
    ):
        building.load_exactly(network, {**own, "bias": torch.ones(2)}, "mine")


@pytest.mark.parametrize(
    ("path", "commit"),
    [
        ("/c/models--a--b/snapshots/abc", "abc"),
        ("/c/models--a--b/snapshots/abc/model.safetensors", "abc"),
        ("/my/folder", None),
        ("/my/snapshots", None),
    ],
)
def test_the_commit_of_a_file_is_in_its_path(path, commit):
    assert hub.commit_of(path) == commit


def test_the_first_file_that_a_repository_has_is_fetched(monkeypatch):
    from huggingface_hub.errors import EntryNotFoundError

    def fetch(_, file, revision):
        if file != "b":
            raise EntryNotFoundError.__new__(EntryNotFoundError, "none")
        return f"/snapshots/{revision}/{file}"

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)

    def fetched(*files):
        return hub.hub_file("r", files, name="m", revision="v1", instead="a file")

    assert str(fetched("a", "b", "c")) == "/snapshots/v1/b"
    with refused("'r' has no weights in a file that is known, which model 'm' needs; give a file."):
        fetched("a", "c")


def test_an_address_that_cannot_be_reached_is_one_sentence():
    import urllib.error

    sentence = (
        "Model 'm' needs files of 'https://x', which cannot be reached, nor are they left from an "
        "earlier download; connect to the internet, or give a file."
    )
    from neuroalign.errors import DownloadError

    with refused(sentence, DownloadError), hub.in_words("m", "https://x", None, "a file"):
        message = "no route"
        raise urllib.error.URLError(message)
