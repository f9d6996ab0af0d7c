"""Simulated neurons: their truth agrees with what is measured on them."""

import inspect

import numpy as np
import pytest
from simulate_cases import (
    agrees,
    correlations,
    estimated_share,
    layer_of,
    noise_over_truth,
    shuffled,
)

import neuroalign as na
from neuroalign.data.catalog import dataset_files, dataset_module
from neuroalign.testing import check_adapter


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
    found = estimated_share(many)
    np.testing.assert_allclose(found, many["true_ceiling"], atol=0.15)
    assert abs(found.mean() - many["true_ceiling"].values.mean()) < 0.01


def test_the_true_ceiling_rises_with_repetitions():
    few, more = (
        na.simulate.spikes(layer_of(50, 20), n_repetitions=(n, n))["true_ceiling"] for n in (2, 20)
    )
    assert (more.values > few.values).all()


@pytest.mark.parametrize(
    "options",
    [{}, {"n_repetitions": 1}, {"gain_variance": 0.0}, {"base_rate": 0.3, "gain_variance": 0.5}],
    ids=str,
)
def test_the_true_ceiling_says_how_much_noise_is_left_in_averages(options):
    layer = layer_of(100, 20)
    recordings = (na.simulate.spikes(layer, seed=seed, **options) for seed in range(40))
    assert agrees([noise_over_truth(recording).mean() for recording in recordings], 0.03)


def test_without_gain_fluctuation_counts_are_poisson():
    recording = na.simulate.spikes(layer_of(300, 40), gain_variance=0.0, n_repetitions=4)
    variance = np.nanvar(recording.values, axis=1, ddof=1).mean()
    assert variance == pytest.approx(float(recording["noiseless"].mean()), rel=0.02)


def test_rates_scale_with_the_base_rate():
    few, many = (na.simulate.spikes(layer_of(20, 30), base_rate=r)["noiseless"] for r in (1, 4))
    np.testing.assert_allclose(4 * few, many)


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
    assert na.simulate.spikes(shuffled(layer)).identical(na.simulate.spikes(layer))


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


def test_counts_are_those_of_the_first_release():
    """The order of the draws is part of simulated-v4, whose numbers are published."""
    recording = na.simulate.spikes(layer_of(5, 6), n_neuroids=3, seed=1)
    assert recording.values[0, :2].tolist() == [[1, 1, 5], [1, 2, 5]]
    assert float(np.nansum(recording.values)) == 365


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


def test_the_simulated_dataset_names_the_region(simulated_v4):
    assert set(simulated_v4.recordings["simulated"]["roi"].values) == {"V4"}


@pytest.mark.parametrize("name", na.simulate.__all__)
def test_simulators_document_their_arguments_with_an_example(name):
    simulator = getattr(na.simulate, name)
    text = inspect.getdoc(simulator)
    assert "Examples\n--------" in text
    assert all(f"\n{parameter} : " in text for parameter in inspect.signature(simulator).parameters)
