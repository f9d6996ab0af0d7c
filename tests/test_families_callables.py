"""A plain function as a model: its rows, labels and layers are checked."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.callables import CallableModel

STIMULI = pd.DataFrame({"text": ["x", "yy", "zzz"]}, index=["a", "b", "c"])
VALUES = np.arange(6).reshape(3, 2)


def run(returned):
    model = CallableModel(lambda _: returned, layers=["one"], name="mine")
    return dict(model.activations(STIMULI))


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def test_an_array_is_in_the_order_of_the_stimuli():
    found = run({"one": VALUES})["one"]
    assert found.values.tolist() == VALUES.tolist()
    assert (found.dtype, list(found["stimulus"].values)) == (np.float32, ["a", "b", "c"])


@pytest.mark.parametrize("kind", ["frame", "array"])
def test_labelled_rows_are_brought_into_the_order_of_the_stimuli(kind):
    given = pd.DataFrame(VALUES, index=["c", "a", "b"])
    if kind == "array":
        given = xr.DataArray(VALUES.T, {"stimulus": ["c", "a", "b"]}, ("unit", "stimulus"))
    assert run({"one": given})["one"].values.tolist() == [[2, 3], [4, 5], [0, 1]]


def test_rows_beyond_the_stimuli_are_left_out():
    given = pd.DataFrame(np.eye(4), index=["z", "a", "b", "c"])
    assert run({"one": given})["one"].values.tolist() == np.eye(4)[1:].tolist()


def test_the_function_is_called_once_for_all_layers_and_for_those_asked_for():
    calls = []

    def function(stimuli):
        calls.append(list(stimuli.index))
        return {"one": VALUES, "two": VALUES + 1}

    model = CallableModel(function, layers=["one", "two"], reads="text")
    assert (model.name, model.layers, model.reads) == ("function", ["one", "two"], "text")
    assert [layer for layer, _ in model.activations(STIMULI)] == ["one", "two"]
    assert [layer for layer, _ in model.activations(STIMULI, layers="two")] == ["two"]
    assert calls == [["a", "b", "c"]] * 2


def test_spatial_activations_keep_their_axes():
    found = run({"one": np.zeros((3, 2, 4, 5))})["one"]
    assert found.dims == ("stimulus", "channel", "row", "column")


def test_a_callable_model_is_scored():
    rng = np.random.default_rng(0)
    activations = rng.normal(size=(40, 3))
    labels = [f"s{n}" for n in range(40)]
    stimuli = pd.DataFrame({"text": labels}, index=labels)
    dataset = na.make_dataset({"s1": activations + 0.1}, stimuli, units="z")
    table = pd.DataFrame(activations, index=labels)
    model = CallableModel(lambda _: {"one": table}, layers=["one"], reads="text")
    assert na.summarize(na.score(model, dataset))["r"].min() > 0.9


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (
            VALUES,
            "The function of model 'mine' returns a ndarray; a mapping layer -> activations is "
            "needed.",
        ),
        ({"one": VALUES[:2]}, "Layer 'one' of model 'mine' has 2 rows for 3 stimuli."),
        (
            {"one": np.arange(3)},
            "Layer 'one' of model 'mine' is of type int64 and shape (3,); real numbers with 2 to 4 "
            "axes are needed, the first of them the stimuli.",
        ),
        (
            {"one": VALUES.astype(complex)},
            "Layer 'one' of model 'mine' is of type complex128 and shape (3, 2); real numbers with "
            "2 to 4 axes are needed, the first of them the stimuli.",
        ),
        (
            {"one": pd.DataFrame(VALUES, index=["a", "b", "z"])},
            "Layer 'one' of model 'mine' lacks 1 of the stimuli (first: 'c').",
        ),
        (
            {"one": pd.DataFrame(np.eye(4), index=["a", "b", "c", "a"])},
            "Layer 'one' of model 'mine' has several rows of 1 stimuli (first: 'a').",
        ),
        (
            {"one": xr.DataArray(VALUES)},
            "Layer 'one' of model 'mine' carries no labels; give it the index coordinate "
            "'stimulus'.",
        ),
    ],
)
def test_what_does_not_fit_the_stimuli_is_refused(returned, sentence):
    with refused(sentence):
        run(returned)


def test_a_layer_that_is_not_returned_names_the_nearest():
    with refused(
        "No layer that was returned is called 'one'. Did you mean 'ones'?", UnknownNameError
    ):
        run({"ones": VALUES})


def test_an_unknown_layer_names_the_nearest():
    with refused("No layer is called 'onne'. Did you mean 'one'?", UnknownNameError):
        dict(CallableModel(lambda _: {}, layers=["one"]).activations(STIMULI, layers=["onne"]))


@pytest.mark.parametrize(
    ("function", "options", "sentence"),
    [
        (
            3,
            {"layers": ["one"]},
            "A int cannot be called; give a function from the table of stimuli to layer -> "
            "activations.",
        ),
        (
            len,
            {"layers": "one"},
            "layers='one' is no list of names; give those that the function returns.",
        ),
        (len, {"layers": []}, "layers=[] is no list of names; give those that the function "
         "returns."),
    ],
)  # fmt: skip
def test_what_cannot_be_a_model_is_refused(function, options, sentence):
    with refused(sentence):
        CallableModel(function, **options)


def test_a_kind_of_stimulus_that_is_not_known_names_the_nearest():
    with refused("No kind of stimulus is called 'images'. Did you mean 'image'?", UnknownNameError):
        CallableModel(len, layers=["one"], reads="images")


def test_no_stimuli_are_refused():
    model = CallableModel(lambda _: {}, layers=["one"], name="mine")
    with refused("Model 'mine' was given no stimuli."):
        dict(model.activations(STIMULI[:0]))
