"""Noise-corrected dispersion of recordings with repetitions."""

import numpy as np
import pytest
from oracles_procrustes import planted_systems

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.numerics.procrustes.noise_corrected import noise_corrected_dispersion

LABELS = [f"s{number:03}" for number in range(120)]


def repeated(seed=0, noise=1.5):
    random = np.random.default_rng(seed)
    signals = planted_systems(120, 6, 3, 0.7, 4, seed=seed)
    return [rows + noise * random.standard_normal((4, 120, 6)) / np.sqrt(6) for rows in signals]


def recordings_of(systems):
    return {
        f"m{k}": na.make_recording(
            values, ("repetition", "stimulus", "neuroid"),
            subject=f"m{k}", units="spikes/s", stimulus=LABELS, neuroid=range(6),
        )
        for k, values in enumerate(systems)
    }  # fmt: skip


def as_showings(values, subject, order):
    rows = values.reshape(-1, 6)[order]
    labels = np.tile(LABELS, len(values))[order]
    return na.make_recording(
        rows, ("showing", "neuroid"),
        subject=subject, units="spikes/s", stimulus=labels, neuroid=range(6),
    )  # fmt: skip


def test_repetitions_and_showings_give_one_dispersion_and_less_than_noise_does():
    systems = repeated()
    recordings = recordings_of(systems)
    one = na.dispersion.noise_corrected(recordings)
    order = np.random.default_rng(0).permutation(480)
    shown = {f"m{k}": as_showings(values, f"m{k}", order) for k, values in enumerate(systems)}
    other = na.dispersion.noise_corrected(shown)
    np.testing.assert_allclose(one.dispersion, other.dispersion, atol=1e-8)
    noisy = na.dispersion.procrustes_dispersion(recordings, n_null=0)
    assert one.dispersion.mean() < noisy.dispersion.mean() - 0.05
    assert one.attrs["n_train"] == 96


def test_labels_are_those_of_the_arrays():
    systems = repeated()
    found = na.dispersion.noise_corrected(recordings_of(systems), folds=na.KFold(n_folds=4))
    splits = na.KFold(n_folds=4).split(
        found.stimulus.to_dataframe().drop(columns="stimulus"), seed=0
    )
    folds = [
        (np.searchsorted(LABELS, f.train), np.searchsorted(LABELS, f.test)) for f in splits.folds
    ]
    expected = noise_corrected_dispersion(systems, folds)
    np.testing.assert_allclose(found.dispersion, expected.raw, atol=1e-8)
    np.testing.assert_allclose(found.squared_norm, expected.squared_norm, atol=1e-8)


def test_a_stimulus_shown_once_is_undefined():
    systems = repeated()
    systems[1][1:, 7] = np.nan
    found = na.dispersion.noise_corrected(recordings_of(systems))
    assert found.stimulus[found.dispersion.isnull()].values.tolist() == ["s007"]


def test_activations_have_no_repetitions():
    with pytest.raises(DataError) as error:
        na.dispersion.noise_corrected({"net": np.ones((3, 2))})
    assert str(error.value) == (
        "System 'net' is not a recording; noise-corrected dispersion needs repetitions."
    )
