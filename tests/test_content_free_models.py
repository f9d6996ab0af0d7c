"""Baselines without content: they know labels or places, whatever the stimuli are."""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.testing import check_model


def passages(n_groups=6, length=5):
    labels = [f"{group}/{place}" for group in range(n_groups) for place in range(length)]
    table = pd.DataFrame(index=labels)
    return table.assign(
        group=[label[0] for label in labels], position=[int(label[2]) for label in labels]
    )


def only_layer(model, stimuli):
    ((_, values),) = model.activations(stimuli)
    return values


def test_content_free_features_are_those_of_the_order():
    table = passages()
    found = only_layer(na.load_model("content-free", seed=3), table)
    known = na.guards.order_features(table, seed=3)
    np.testing.assert_array_equal(found, known.sel(stimulus=list(table.index)))
    assert set(found["space"].values) == {"walks", "neighbors", "place"}


def test_content_free_features_do_not_depend_on_the_order_of_rows():
    table = passages()
    model = na.load_model("content-free")
    shuffled = only_layer(model, table.sample(frac=1, random_state=0))
    assert shuffled.sel(stimulus=list(table.index)).equals(only_layer(model, table))


def test_stimuli_without_an_order_have_no_content_free_features():
    with pytest.raises(DataError) as error:
        only_layer(na.load_model("content-free"), pd.DataFrame(index=list("abc")))
    assert str(error.value) == (
        "The order of these stimuli is unknown; give them a column group, run, position or onset."
    )


def test_random_features_belong_to_labels_and_seeds():
    model = na.load_model("random-features", n_units=50)
    check_model(model, passages())
    one = only_layer(model, passages())
    other = only_layer(na.load_model("random-features", n_units=50, seed=1), passages())
    correlations = np.corrcoef(one, other)
    apart = correlations[~np.eye(len(correlations), dtype=bool)]
    assert abs(apart.mean()) < 0.01
    assert apart.std() == pytest.approx(1 / np.sqrt(50), rel=0.1)
    assert one.std() == pytest.approx(1, rel=0.05)


def test_random_features_predict_nothing_that_is_held_out():
    dataset = na.load_dataset("simulated-v4", n_crops=20)
    scores = na.score(na.load_model("random-features"), dataset, guards=())
    assert abs(float(scores.r.mean())) < 0.05


def test_a_number_of_units_below_one_is_refused():
    with pytest.raises(DataError, match=r"^n_units=0 is not a positive number of units\.$"):
        na.load_model("random-features", n_units=0)
