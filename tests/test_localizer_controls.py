"""Localized units and their controls, as models of networks that have those units."""

import numpy as np
import pandas as pd
import pytest
from localizer_cases import N, chosen, localize, planted, stimuli

import neuroalign as na
from neuroalign.errors import DataError, NeuroalignError
from neuroalign.models import SelectedUnits, localize_units
from neuroalign.models.protocol import PrecomputedModel, as_model


@pytest.mark.parametrize("numbers", [[-1], [1.5], np.array([True, False]), [[1, 2]]])
def test_units_that_are_no_places_are_refused(numbers):
    with pytest.raises(DataError) as error:
        SelectedUnits(na.load_model("pixels"), {"pixels": numbers}, name="some")
    assert str(error.value) == (
        "The units of layer 'pixels' are no list of numbers from 0 on; give the places of units in "
        "the flattened layer, as np.flatnonzero makes them of a mask."
    )


def test_the_selected_model_yields_those_units_of_new_stimuli_in_one_layer():
    model = planted(20 * [0.8])
    kept = localize(model, count=20).select(as_model(model), name="language")
    ((layer, values),) = kept.activations(stimuli().iloc[5:9])
    assert (layer, kept.layers) == ("language", ["language"])
    np.testing.assert_array_equal(values, model["late"].iloc[5:9, :20])
    assert values["source"].values.tolist() == 20 * ["late"]
    assert values["number"].values.tolist() == list(range(20))


def test_random_units_are_as_many_of_each_layer_and_none_of_the_chosen():
    model = planted(20 * [0.3])
    found = localize(model, count=100)
    network = as_model(model)
    ((_, one),) = found.random(network, seed=1).activations(stimuli())
    ((_, two),) = found.random(network, seed=2).activations(stimuli())
    picked = set(zip(one["source"].values, one["number"].values, strict=True))
    assert len(picked) == 100
    assert not picked & chosen(found)
    counts = found.units.query("selected")["layer"].value_counts()
    assert pd.Series(one["source"].values).value_counts().to_dict() == counts.to_dict()
    assert picked != set(zip(two["source"].values, two["number"].values, strict=True))


@pytest.mark.parametrize(("sign", "expected"), [("positive", -0.8), ("absolute", 0.0)])
def test_bottom_units_are_at_the_other_end(sign, expected):
    model = planted(10 * [0.8] + 10 * [-0.8])
    found = localize(model, count=10, sign=sign)
    ((_, values),) = found.bottom(as_model(model)).activations(stimuli())
    difference = values[:N].mean() - values[N:].mean()
    assert float(difference) == pytest.approx(expected, abs=0.1)


def test_scores_take_selected_units():
    dataset = na.load_dataset("simulated-v4", n_crops=3)
    table = dataset.stimuli.assign(
        condition=np.where(np.arange(len(dataset.stimuli)) % 2, "a", "b")
    )
    pixels = na.load_model("pixels")
    found = localize_units(pixels, table, preferred="a", control="b", count=30)
    scores = na.score(found.select(pixels), dataset, guards=())
    assert scores["layer"].values.tolist() == ["localized"]


def named(name, **sizes):
    layers = {
        layer: pd.DataFrame(np.zeros((4, size)), list("abcd")) for layer, size in sizes.items()
    }
    return PrecomputedModel(layers, name=name)


def refusal_of(model):
    with pytest.raises(NeuroalignError) as error:
        list(model.activations(pd.DataFrame(index=list("abcd"))))
    return str(error.value)


@pytest.mark.parametrize("control", ["select", "random", "bottom"])
@pytest.mark.parametrize("size", [5, 1201])
def test_a_layer_of_another_size_is_refused(size, control):
    found = localize(PrecomputedModel(planted(20 * [0.8]), name="mine"), count=20)
    other = named("other", early=800, late=size)
    assert refusal_of(getattr(found, control)(other)).startswith("Layer 'late' of model 'other'")
    assert refusal_of(found.select(other)) == (
        f"Layer 'late' of model 'other' has {size} units, but units were localized among 1200 of "
        "that layer of model 'mine'; localize units of the network that is scored."
    )


def test_a_network_that_lacks_the_layer_is_refused_with_the_one_that_has_it():
    found = localize(PrecomputedModel(planted(20 * [0.8]), name="mine"), count=20)
    assert refusal_of(found.select(named("other", early=800, last=1200))) == (
        "Model 'other' lacks layer 'late', in which units of model 'mine' were localized; localize "
        "units of the network that is scored."
    )


def test_units_of_ones_own_choice_that_a_network_lacks_are_refused():
    other = named("other", late=5)
    assert refusal_of(SelectedUnits(other, {"late": [19]}, name="some")) == (
        "Unit 19 of layer 'late' was asked for, but the layer has 5 units; choose units on the "
        "network that is scored."
    )
    assert refusal_of(SelectedUnits(other, {"lat": [1]}, name="some")) == (
        "No layer is called 'lat'. Did you mean 'late'?"
    )


@pytest.mark.parametrize("seed", [-1, 0.5, True])
def test_random_units_need_a_seed_of_0_or_more(seed):
    found = localize(planted(20 * [0.8]), count=20)
    with pytest.raises(DataError) as error:
        found.random(planted([]), seed=seed)
    assert str(error.value) == f"seed={seed} is not a whole number of 0 or more."
