"""Simulated neurons: their truth agrees with what is measured on them."""

import re

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.ceilings import anova_ceiling
from neuroalign.data.catalog import dataset_files, dataset_module
from neuroalign.errors import DataError
from neuroalign.testing import check_adapter


def layer_of(n_stimuli, *shape, seed=0):
    """Draw activations of one layer: units, or channels of maps."""
    values = np.random.default_rng(seed).normal(size=(n_stimuli, *shape))
    dims = ("stimulus", "unit") if len(shape) == 1 else ("stimulus", "channel", "row", "column")
    return xr.DataArray(values, {"stimulus": [f"s{n:03}" for n in range(n_stimuli)]}, dims)


def correlations(one, other):
    """Correlate (stimulus, neuroid) arrays neuroid by neuroid."""
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, other.T, strict=True)])


@pytest.fixture(scope="module")
def many():
    """Simulate neurons enough that averages over them are steady."""
    layer = layer_of(300, 40)
    return na.simulate.spikes(layer, n_neuroids=200, n_repetitions=(2, 4), seed=1)


@pytest.fixture(scope="module")
def simulated_v4():
    return na.load_dataset("simulated-v4", n_crops=2, n_neuroids=5)


def test_the_true_ceiling_is_how_well_the_rate_predicts_the_average(many):
    average = na.average_repetitions(many)
    found = correlations(average.values, many["noiseless"].values) ** 2
    np.testing.assert_allclose(found, many["true_ceiling"], atol=0.12)
    assert abs(found.mean() - many["true_ceiling"].values.mean()) < 0.01


def test_the_true_ceiling_agrees_with_the_estimated_one(many):
    found = anova_ceiling(many).values
    np.testing.assert_allclose(found, many["true_ceiling"], atol=0.15)
    assert abs(found.mean() - many["true_ceiling"].values.mean()) < 0.01


def test_the_true_ceiling_rises_with_repetitions():
    few, more = (
        na.simulate.spikes(layer_of(50, 20), n_repetitions=(n, n))["true_ceiling"] for n in (2, 20)
    )
    assert (more.values > few.values).all()


def test_trials_vary_more_than_poisson_counts(many):
    rate = many["noiseless"].values
    variance = np.nanvar(many.values, axis=1, ddof=1).mean()
    assert variance == pytest.approx((rate + 0.05 * rate**2).mean(), rel=0.02)


def test_a_seed_gives_the_same_neurons_again():
    layer = layer_of(20, 30)
    assert na.simulate.spikes(layer, seed=3).identical(na.simulate.spikes(layer, seed=3))


def test_another_seed_gives_other_neurons():
    layer = layer_of(20, 30)
    one, other = (na.simulate.spikes(layer, seed=seed)["noiseless"].values for seed in (3, 4))
    assert np.abs(correlations(one, other)).mean() < 0.5


@pytest.mark.parametrize("shape", [(30,), (6, 5, 5)])
def test_neurons_do_not_depend_on_the_order_of_the_stimuli(shape):
    layer = layer_of(20, *shape)
    shuffled = layer.isel(stimulus=np.random.default_rng(0).permutation(20))
    assert na.simulate.spikes(shuffled).identical(na.simulate.spikes(layer))


def test_stimuli_have_as_many_trials_as_were_drawn():
    recording = na.simulate.spikes(layer_of(100, 30), n_neuroids=3, n_repetitions=(2, 5))
    counts = np.isfinite(recording.values).sum(axis=1)
    assert recording.sizes["repetition"] == 5
    assert set(np.unique(counts)) == {2, 3, 4, 5}
    assert (counts == counts[:, :1]).all()


def test_missing_trials_come_last():
    recording = na.simulate.spikes(layer_of(50, 30), n_neuroids=1, n_repetitions=(2, 5))
    present = np.isfinite(recording.values[..., 0]).astype(int)
    assert (np.diff(present, axis=1) <= 0).all()


def test_neurons_on_maps_listen_to_the_middle():
    layer = layer_of(60, 4, 21, 21)
    layer[:, :, 4:-4, 4:-4] = 0
    edges = na.simulate.spikes(layer)["noiseless"].values
    layer[:] = layer_of(60, 4, 21, 21).values
    everywhere = na.simulate.spikes(layer)["noiseless"].values
    assert np.median(correlations(edges, everywhere) ** 2) < 0.2


@pytest.mark.parametrize("pair", [(0, 3), (4, 3)])
def test_numbers_of_repetitions_that_cannot_be_are_refused(pair):
    message = (
        f"n_repetitions={pair} is neither a number nor a pair (fewest, most) of numbers of 1 or "
        "more."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        na.simulate.spikes(layer_of(5, 5), n_repetitions=pair)


def test_neurons_on_a_layer_that_does_not_vary_are_refused():
    message = (
        "3 of 3 neurons would listen to channels that do not vary over stimuli; "
        "plant them on another layer."
    )
    layer = layer_of(5, 5)
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        na.simulate.spikes(layer * 0, n_neuroids=3)


def test_the_simulated_dataset_needs_no_file():
    assert len(dataset_files("simulated-v4")) == 0


def test_the_simulated_dataset_groups_crops_by_photograph(simulated_v4):
    stimuli = simulated_v4.stimuli
    assert stimuli["group"].value_counts().unique().tolist() == [2]
    assert stimuli["group"].nunique() == 17
    assert (stimuli.index.str.partition("/").get_level_values(0) == stimuli["group"]).all()


def test_the_simulated_dataset_states_what_was_planted(simulated_v4):
    attrs = simulated_v4.recordings["simulated"].attrs
    assert attrs["planted_model"] == "efficientnet-lite0"
    assert attrs["planted_layer"] == "_blocks.8"


def test_the_simulated_dataset_keeps_the_contract(simulated_v4):
    again = na.load_dataset("simulated-v4", n_crops=2, n_neuroids=5)
    both = iter([simulated_v4, again])
    check_adapter(dataset_module("simulated-v4")[1], lambda: next(both))


def test_another_layer_can_be_planted_on():
    dataset = na.load_dataset("simulated-v4", n_crops=1, n_neuroids=2, layer="_blocks.3")
    assert dataset.recordings["simulated"].attrs["planted_layer"] == "_blocks.3"
