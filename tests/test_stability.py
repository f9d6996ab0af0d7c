"""What must not matter does not: threads, batches, the order of rows, near-duplicate runs."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

import neuroalign as na

QUICK = {"folds": na.KFold(4), "progress": False}


def small_network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 8, 3),
        torch.nn.ReLU(),
    )


@pytest.fixture
def pictures(rng):
    images = list(rng.integers(0, 255, (60, 20, 20, 3), dtype=np.uint8))
    means = np.array([image.mean((0, 1)) for image in images])
    responses = (means @ rng.normal(size=(3, 6)))[:, None] + rng.normal(size=(60, 3, 6))
    return na.make_dataset(responses, {"image": images})


def test_the_number_of_threads_changes_r_by_less_than_1e_6(planted):
    with threadpool_limits(1):
        one = na.score(*planted, **QUICK)
    with threadpool_limits(2):
        two = na.score(*planted, **QUICK)
    np.testing.assert_allclose(one.r, two.r, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_the_batch_size_changes_r_by_less_than_1e_4(pictures, batch_size):
    usual = na.score(na.TorchModel(small_network()), pictures, **QUICK)
    other = na.score(na.TorchModel(small_network(), batch_size=batch_size), pictures, **QUICK)
    np.testing.assert_allclose(other.r, usual.r, atol=1e-4)


def test_spooling_to_disk_changes_nothing(pictures):
    options = {"batch_size": 8}  # by default a small budget makes small batches, which round anew
    in_memory = na.score(na.TorchModel(small_network(), **options), pictures, **QUICK)
    model = na.TorchModel(small_network(), memory_budget=1, **options)
    on_disk = na.score(model, pictures, **QUICK)
    np.testing.assert_array_equal(on_disk.r, in_memory.r)
    np.testing.assert_allclose(
        na.score(na.TorchModel(small_network(), memory_budget=1), pictures, **QUICK).r,
        in_memory.r,
        atol=1e-5,
    )


def test_the_order_of_stimuli_and_showings_changes_nothing(pictures, rng):
    recording = pictures.recordings["subject-1"]
    rows = rng.permutation(60)
    shuffled = na.BrainDataset(
        {"subject-1": recording[rows]}, pictures.stimuli.iloc[rng.permutation(60)]
    )
    model = na.load_model("pixels")
    one, two = (na.score(model, dataset, **QUICK) for dataset in (pictures, shuffled))
    np.testing.assert_array_equal(one.r, two.r)
    np.testing.assert_array_equal(one.ceiling_split_half, two.ceiling_split_half)


def test_showings_and_padded_events_give_the_same_scores(pictures):
    recording = pictures.recordings["subject-1"]
    values = recording.values.reshape(180, 6)
    showings = na.make_recording(
        values,
        ("showing", "neuroid"),
        subject="subject-1",
        units="z",
        stimulus=np.repeat(recording.stimulus.values, 3),
        neuroid=range(6),
    )
    as_showings = na.BrainDataset({"subject-1": showings}, pictures.stimuli)
    model = na.load_model("pixels")
    one, two = (na.score(model, dataset, **QUICK) for dataset in (pictures, as_showings))
    np.testing.assert_allclose(one.r, two.r, atol=1e-12)
    np.testing.assert_allclose(one.ceiling_split_half, two.ceiling_split_half, atol=1e-12)


@pytest.mark.parametrize("wanted", [True, False])
def test_progress_is_shown_only_where_it_is_wanted(pictures, monkeypatch, capsys, wanted):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes the standard error for a terminal
    na.score(na.TorchModel(small_network()), pictures, folds=na.KFold(4), progress=wanted)
    shown = capsys.readouterr().err
    assert ("activations" in shown) == wanted
    assert ("layers scored" in shown) == wanted
