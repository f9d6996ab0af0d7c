"""Co-smoothing: neurons are predicted from others, single response by single response."""

import numpy as np
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.errors import DataError

POISSON = na.metrics.MappingEncoding(na.mappings.Poisson([0.01]), keep_predictions=True)
LAYER = "held-in neuroids"


def population(*, shared, seed=0, n_stimuli=12, n_neuroids=12, n_repetitions=5):
    """Count spikes of neurons that share a gain within each single response, or do not."""
    rng = np.random.default_rng(seed)
    size = (n_stimuli, n_repetitions, 1 if shared else n_neuroids)
    gain = np.exp(rng.normal(0, 0.7, size))
    return na.make_recording(
        rng.poisson(5 * gain, (n_stimuli, n_repetitions, n_neuroids)).astype(float),
        ("stimulus", "repetition", "neuroid"),
        subject="m1",
        units="spikes per bin",
        stimulus=[f"s{number:02}" for number in range(n_stimuli)],
        neuroid=[f"{number:02}" for number in range(n_neuroids)],
        roi=["M1"] * 8 + ["PMd"] * (n_neuroids - 8),
    )


def co_bits(recording, subject="m1"):
    held_in, held_out = na.metrics.co_smoothing_split(recording, seed=0)
    scores = na.score(held_in, held_out, POISSON, folds=na.KFold(4))
    return na.metrics.spiking_scores(scores, held_out.recordings[subject]).sel(layer=LAYER)


def test_shared_gain_of_single_responses_is_found_and_private_gain_is_not():
    assert (co_bits(population(shared=True)).bits_per_spike > 0.1).all()
    assert co_bits(population(shared=False)).bits_per_spike.median() < 0.02


def test_rows_are_single_responses_of_neuroids_that_are_either_held_in_or_out():
    recording = population(shared=True)
    recording[2, 3:] = np.nan
    held_in, held_out = na.metrics.co_smoothing_split(recording, seed=0)
    units, out = held_in[LAYER], held_out.recordings["m1"]
    assert units.dims == ("stimulus", "unit")
    assert (units.sizes["unit"], out.sizes["neuroid"]) == (9, 3)
    assert sorted([*units.unit.values, *out.neuroid.values]) == recording.neuroid.values.tolist()
    assert len(out) == 12 * 5 - 2
    for label in ("s00/0", "s02/2", "s11/4"):
        stimulus, showing = label.split("/")
        given = recording.sel(stimulus=stimulus)[int(showing)]
        np.testing.assert_array_equal(
            units.sel(stimulus=label).values, given.sel(neuroid=units.unit.values).values
        )
        np.testing.assert_array_equal(
            out.sel(stimulus=label).values, given.sel(neuroid=out.neuroid.values).values
        )
    regions = recording.roi.sel(neuroid=out.neuroid.values).values.tolist()
    assert out.roi.values.tolist() == regions


def test_responses_to_one_stimulus_are_one_group():
    _, held_out = na.metrics.co_smoothing_split(population(shared=True), seed=0)
    groups = held_out.stimuli["group"]
    assert (groups == [label.split("/")[0] for label in groups.index]).all()
    assert groups.value_counts().tolist() == [5] * 12


@pytest.mark.parametrize("seed", range(3))
def test_split_depends_on_labels_and_seed_only(seed):
    recording = population(shared=True)
    rng = np.random.default_rng(seed)
    moved = recording.isel(neuroid=rng.permutation(12), stimulus=rng.permutation(12))
    given, other = (na.metrics.co_smoothing_split(r, seed=seed) for r in (recording, moved))
    chosen = [set(split.held_out.recordings["m1"].neuroid.values) for split in (given, other)]
    assert chosen[0] == chosen[1]
    xr.testing.assert_identical(
        given.held_in[LAYER],
        other.held_in[LAYER].sel(unit=given.held_in[LAYER].unit.values),
    )


def test_seeds_hold_out_different_neuroids():
    recording = population(shared=True)
    chosen = {
        tuple(
            na.metrics.co_smoothing_split(recording, seed=s)
            .held_out.recordings["m1"]
            .neuroid.values
        )
        for s in range(5)
    }
    assert len(chosen) > 1


@pytest.mark.parametrize(("share", "n_out"), [(0.01, 1), (0.25, 3), (0.5, 6), (0.99, 11)])
def test_share_is_rounded_and_leaves_one_on_each_side(share, n_out):
    _, held_out = na.metrics.co_smoothing_split(population(shared=True), share_held_out=share)
    assert held_out.recordings["m1"].sizes["neuroid"] == n_out


def test_each_time_bin_is_a_row():
    rng = np.random.default_rng(0)
    recording = na.make_recording(
        rng.poisson(2, (6, 4, 11)).astype(float),
        ("showing", "neuroid", "time"),
        subject="m1",
        units="spikes per bin",
        attrs={"time_convention": "bin centers"},
        stimulus=["b", "a", "b", "a", "a", "c"],
        neuroid=list("wxyz"),
        time=np.arange(11) / 50,
    )
    held_in, held_out = na.metrics.co_smoothing_split(recording, seed=0)
    out = held_out.recordings["m1"]
    assert out.sizes["stimulus"] == 66
    bin_of = recording.isel(showing=3, time=10)  # the second showing of "a"
    assert out.sel(stimulus="a/1/10").values.tolist() == (
        bin_of.sel(neuroid=out.neuroid.values).values.tolist()
    )
    assert held_in[LAYER].sel(stimulus="a/1/10").values.tolist() == (
        bin_of.sel(neuroid=held_in[LAYER].unit.values).values.tolist()
    )
    assert held_out.stimuli["group"]["a/1/10"] == "a"


def test_samples_of_a_run_are_one_group():
    rng = np.random.default_rng(0)
    stream = na.make_recording(
        rng.poisson(2, (2, 8, 4)).astype(float),
        ("repetition", "sample", "neuroid"),
        subject="m1",
        units="spikes per bin",
        sampling_period=0.5,
        run=["one"] * 3 + ["two"] * 5,
        neuroid=list("wxyz"),
    )
    held_in, held_out = na.metrics.co_smoothing_split(stream, seed=0)
    out = held_out.recordings["m1"]
    assert held_out.stimuli["group"].value_counts().to_dict() == {"one": 6, "two": 10}
    label = f"{stream.sample.values[4]}/1"
    given = stream.isel(repetition=1, sample=4)
    assert held_in[LAYER].sel(stimulus=label).values.tolist() == (
        given.sel(neuroid=held_in[LAYER].unit.values).values.tolist()
    )
    assert held_out.stimuli["group"][label] == "two"
    assert out.sizes["stimulus"] == 16


def test_neuroids_of_one_session_are_split():
    recording = sessions()
    of_one = recording.isel(neuroid=(recording.session == "tue").values)
    _, held_out = na.metrics.co_smoothing_split(of_one)
    assert set(held_out.recordings["m1"].session.values) == {"tue"}


def test_recording_is_not_changed():
    recording = population(shared=True)
    before = recording.copy(deep=True)
    held_in, held_out = na.metrics.co_smoothing_split(recording)
    held_in[LAYER][:] = -1
    held_out.recordings["m1"][:] = -1
    xr.testing.assert_identical(recording, before)


def sessions():
    days = np.repeat(["mon", "tue"], 6)
    return population(shared=True).assign_coords(session=("neuroid", days))


def gaps():
    recording = population(shared=True)
    recording[0, 1, :6] = np.nan
    return recording


@pytest.mark.parametrize(
    ("make", "share", "message"),
    [
        (gaps, 1.0, "share_held_out=1.0 is not a share above 0 and below 1."),
        (
            gaps,
            0.25,
            "1 of 60 single responses lack some held-in neuroids (first: 's00/1'); select neuroids "
            "recorded together.",
        ),
        (
            sessions,
            0.25,
            "The neuroids come from 2 sessions (first: 'mon', 'tue'), but co-smoothing needs "
            "neurons recorded together; select those of one session.",
        ),
        (
            lambda: population(shared=True)[:, :, :1],
            0.25,
            "Co-smoothing needs 2 neuroids or more, but the recording has 1.",
        ),
        (
            lambda: na.average_repetitions(population(shared=True)),
            0.25,
            "Co-smoothing needs single responses, but these are averages over repetitions; give "
            "the recording as it was before average_repetitions.",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(make, share, message):
    with pytest.raises(DataError) as caught:
        na.metrics.co_smoothing_split(make(), share_held_out=share)
    assert str(caught.value) == message


@pytest.mark.usefixtures("real_data")
def test_neurons_of_an_array_predict_each_other():
    co_smoothing = co_bits(na.load_dataset("cowley2023").recordings["PE"], "PE")
    assert (co_smoothing.bits_per_spike > 0.01).all()
    population = co_smoothing.bits_per_spike.weighted(co_smoothing.n_spikes).mean()
    assert float(population) == pytest.approx(0.0335, abs=0.001)
