"""Models that functions of one's own make: what is said where they do not."""

import re
import sys
from pathlib import Path

import pytest
import torch

import neuroalign as na
from neuroalign.errors import NeuroalignError

MODULE = """
def load(path):
    return None


def bad():
    return 1 / 0


def one():
    return {}
"""


@pytest.fixture(autouse=True)
def modules(tmp_path, monkeypatch):
    """Write modules that Python finds, and forget them afterwards."""
    (tmp_path / "own_functions.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("def load(:")
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").write_text("raise RuntimeError('x y')")
    (tmp_path / "own_package" / "nets.py").write_text("def load(): pass")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("own_functions", "own_broken", "own_package", "own_package.nets"):
        sys.modules.pop(name, None)


SENTENCES = {
    "own_functions:load": "The function that makes model 'own_functions:load' failed (TypeError "
    "load() missing 1 required positional argument: 'path'); mend it, or give it the options that "
    "it needs.",
    "own_functions:bad": "The function that makes model 'own_functions:bad' failed in line 7 of "
    "'{folder}/own_functions.py' (ZeroDivisionError division by zero); mend it, or give it the "
    "options that it needs.",
    "own_broken:load": "Module 'own_broken' cannot be imported (SyntaxError invalid syntax "
    "(own_broken.py, line 1)); mend it.",
    "own_package.nets:load": "Module 'own_package.nets' cannot be imported (RuntimeError x y); "
    "mend it.",
    "own_functions": "Model 'own_functions' lacks a function that makes it; name one, as "
    "'own_functions:load'.",
    "own_functions:": "Model 'own_functions:' lacks a function that makes it; name one, as "
    "'own_functions:load'.",
    "./own_functions.py:bad": "Model './own_functions.py:bad' names a file of Python; give the "
    "module and the function, as in 'own_functions:bad', where the file lies.",
    "timm": "Model 'timm' lacks the name of a network; give one, as in 'timm:resnet50.a1_in1k'.",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_a_model_that_is_not_made_is_told_in_a_sentence(name, modules):
    sentence = re.escape(SENTENCES[name].format(folder=modules))
    with pytest.raises(NeuroalignError, match=f"^{sentence}$"):
        na.load_model(name)


def test_what_was_raised_is_the_cause():
    with pytest.raises(NeuroalignError) as caught:
        na.load_model("own_functions:bad")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("given", "kind"), [(None, "NoneType"), (torch.nn.ReLU(), "ReLU"), (3, "int")]
)
def test_what_is_no_name_is_refused(given, kind):
    sentence = (
        f"load_model takes the name of a model, as in load_model('pixels'), but got a {kind}; wrap "
        "a torch module in TorchModel(module)."
    )
    with pytest.raises(NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.load_model(given)


def test_a_file_may_be_given_as_a_path(tmp_path):
    (tmp_path / "units.csv").write_text("stimulus,a,b\ns1,1,2\ns2,3,4\n")
    assert na.load_model(Path(tmp_path, "units.csv")).layers == ["units"]
