"""How guards work: on which layer, neuroids and folds, on streams, and beside which metrics."""

import json
import re
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from guard_cases import PARTED, WHOLE, guarded, lines, noise_layers, passages
from sklearn.linear_model import Ridge
from stream_cases import make_events, make_stream

import neuroalign as na
from neuroalign.guards.chosen import ChosenLayer
from neuroalign.numerics.undefined import NOT_SCORED, REASONS

SCORING = ("content-free", "shuffled", "baseline")


def folds_scored(scores, guard):
    flags = scores.guard_undefined.sel(guard=guard)
    return (flags != NOT_SCORED).any("neuroid").values


@pytest.mark.parametrize(
    ("n_layers", "folds", "expected"),
    [(1, na.KFold(6), [1, 1]), (2, na.KFold(6), [3, 3]), (4, na.KFold(6), [6, 6])],
)
def test_guards_score_no_more_folds_than_the_layers_were(n_layers, folds, expected):
    dataset = passages(0)
    scores = guarded(noise_layers(dataset, n_layers=n_layers), dataset, *SCORING, folds=folds)
    found = [int(folds_scored(scores, name).sum()) for name in ("content-free", "shuffled")]
    # The baseline takes none of its share, since there are neither images nor texts.
    assert found == expected


@pytest.mark.parametrize(("n_units", "expected"), [(80, 1), (200, 3)])
def test_features_wider_than_the_layer_are_scored_on_fewer_folds(n_units, expected):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 6, 6, 3), dtype=np.uint8)
    responses = np.random.default_rng(1).normal(size=(200, 3))
    dataset = na.make_dataset(responses, {"image": list(pixels)})
    layers = noise_layers(dataset, n_units=n_units)
    scores = guarded(layers, dataset, "baseline", folds=na.KFold(5))
    assert int(folds_scored(scores, "baseline").sum()) == expected


def test_guards_that_find_no_time_say_so():
    stimuli = passages(0).stimuli.assign(text="one two")
    dataset = na.make_dataset(np.random.default_rng(0).normal(size=(120, 5)), stimuli)
    split = na.TrainTest(groups=["p00", "p03", "p05", "p09"])
    scores = guarded(noise_layers(dataset), dataset, *SCORING, folds=split)
    assert list(scores.guard.values) == ["content-free"]
    assert lines(scores)["shuffled"] == (
        "left out, since the other guards took the time that there was; ask for it alone, "
        "guards=['shuffled']"
    )
    alone = guarded(noise_layers(dataset), dataset, "shuffled", folds=split)
    assert list(alone.guard.values) == ["shuffled"]


def test_few_held_out_groups_are_said_to_tell_little():
    dataset = passages(0)
    scores = guarded(
        noise_layers(dataset), dataset, "shuffled", folds=na.TrainTest(groups=["p00", "p03"])
    )
    assert lines(scores)["shuffled"].endswith(": too few were held out to tell")


def test_guards_score_some_neuroids_of_many_and_leave_the_others_undefined():
    dataset = passages(0, n_neuroids=900)
    scores = guarded(noise_layers(dataset), dataset, "shuffled", folds=WHOLE)
    left_out = (scores.guard_undefined == NOT_SCORED).all(["guard", "fold"]).values
    assert (~left_out).sum() == 300
    assert scores.guard_r.isel(neuroid=left_out).isnull().all()
    flags = scores.guard_undefined.attrs
    meanings = dict(zip(flags["flag_values"], flags["flag_meanings"].split(), strict=True))
    assert meanings[NOT_SCORED] == "not_scored_by_guard"
    assert meanings[0] == "defined"


def test_what_is_undefined_by_construction_is_so_for_every_neuroid_at_no_cost():
    dataset = passages(0, n_neuroids=900, columns=())
    scores = guarded(noise_layers(dataset), dataset, "content-free", "shuffled", folds=WHOLE)
    assert "r is undefined for all 900 neuroids" in lines(scores)["content-free"]
    codes = np.unique(scores.guard_undefined.sel(guard="content-free"))
    assert [REASONS[code] for code in codes] == ["constant_prediction"]
    assert folds_scored(scores, "shuffled").sum() == 4  # all that there is time for


def chosen(*r2, keep=True):
    """Let layers with these inner R2 (per fold) pass by."""
    layer = ChosenLayer(keep=keep)
    for number, values in enumerate(r2):
        inner = xr.DataArray(
            np.array(values, dtype=float)[:, None] * np.ones(3),
            {"fold": range(len(values))},
            ("fold", "neuroid"),
        )
        activations = xr.DataArray(np.full((2, 4), number), dims=("stimulus", "unit"))
        layer.see(str(number), activations, xr.Dataset({"inner_r2": inner}))
    return layer


@pytest.mark.parametrize(
    ("r2", "name"),
    [
        ([[0.1, 0.1], [0.3, 0.2], [0.2, 0.2]], "1"),
        ([[-0.3, -0.2], [-0.1, -0.1]], "1"),
        ([[0.1, 0.5], [0.35, 0.35]], "1"),
        ([[0.2, 0.2], [0.2, 0.2]], "0"),
        ([[np.nan, np.nan], [0.1, np.nan]], "1"),
        ([[np.nan, np.nan]], "0"),
        ([[np.nan, np.nan], [np.nan, np.nan]], None),
    ],
)
def test_the_layer_of_highest_inner_r2_over_folds_is_chosen(r2, name):
    assert chosen(*r2).name == name


def test_the_layer_that_training_stimuli_choose_is_guarded():
    rng = np.random.default_rng(0)
    labels = [f"s{k:02}" for k in range(60)]
    layers = {
        name: pd.DataFrame(rng.normal(size=(60, 8)), index=labels) for name in ("a", "b", "c")
    }
    responses = layers["b"].to_numpy() @ rng.normal(size=(8, 5)) + rng.normal(size=(60, 5))
    dataset = na.make_dataset(responses, pd.DataFrame(index=labels))
    scores = guarded(layers, dataset, "shuffled", "duplicates", folds=na.KFold(5))
    assert set(na.best_layer(scores).chosen_layer.values.ravel()) == {"b"}
    assert all("layer 'b'" in said for said in lines(scores).values())


def test_the_activations_of_the_layer_that_leads_are_kept():
    leader = chosen([0.1], [0.3], [0.2])
    assert leader.activations(None, None).values[0, 0] == 1
    assert leader.n_units == 4


class Counting:
    """A model that counts how often it is asked for activations."""

    name, reads = "counting", None

    def __init__(self, layers):
        self.given, self.layers, self.asked = layers, list(layers), []

    def activations(self, stimuli, layers=None):
        """Yield what was given."""
        del stimuli
        self.asked.append(layers)
        for layer in self.layers if layers is None else layers:
            values = self.given[layer]
            coords = {"stimulus": values.index.astype(str)}
            yield layer, xr.DataArray(values.to_numpy(), coords, ("stimulus", "unit"))


@pytest.mark.parametrize(
    ("share", "asked"), [(0.25, [None]), (0.0, [None, ["layer 0"]])], ids=["kept", "again"]
)
def test_activations_that_memory_does_not_hold_are_computed_again(share, asked, monkeypatch):
    monkeypatch.setattr("neuroalign.guards.chosen.KEPT_SHARE", share)
    dataset = passages(0)
    model = Counting(noise_layers(dataset))
    scores = guarded(model, dataset, "shuffled", "duplicates", folds=WHOLE)
    assert model.asked == asked
    assert scores.guard_r.notnull().any()


def test_without_inner_folds_no_layer_of_several_is_guarded():
    dataset = passages(0)
    metric = na.metrics.MappingEncoding(Ridge(), inner_folds=0)
    scores = guarded(
        noise_layers(dataset, n_layers=2), dataset, *SCORING, metric=metric, folds=WHOLE
    )
    assert lines(scores)["shuffled"] == (
        "does not apply: training stimuli chose no layer, since inner_r2 is undefined"
    )
    assert list(scores.guard.values) == ["content-free"]


MAPS = {"channel": 3, "row": 2, "column": 2}


@pytest.mark.parametrize(
    ("mapping", "axes"),
    [
        (na.mappings.FactorizedReadout(), MAPS),
        (na.mappings.GaussianReadout(), MAPS),
        (na.mappings.AttentionReadout(), {"token": 3, "channel": 4}),
    ],
    ids=["factorized", "gaussian", "attention"],
)
def test_guards_run_beside_readouts_of_places(mapping, axes):
    stimuli = passages(0, n_passages=6, length=8).stimuli.assign(text="one two")
    stimuli.loc[stimuli["position"] > 3, "text"] = "one"
    rng = np.random.default_rng(0)
    dataset = na.make_dataset(rng.normal(size=(48, 4)), stimuli)
    layer = xr.DataArray(
        rng.normal(size=(48, *axes.values())), {"stimulus": stimuli.index}, ("stimulus", *axes)
    )
    metric = na.metrics.MappingEncoding(mapping)
    scores = guarded({"maps": layer}, dataset, *SCORING, metric=metric, folds=na.KFold(3))
    assert list(scores.guard.values) == list(SCORING)
    assert not any("could not" in said for said in lines(scores).values())


def test_guards_run_beside_metrics_of_spaces_as_far_as_they_can():
    dataset = passages(0)
    layers = noise_layers(dataset, n_layers=2)
    named = {name: {name: values} for name, values in layers.items()}
    stimuli = dataset.stimuli.assign(text="one")
    dataset = na.BrainDataset(dataset.recordings, stimuli)
    metric = na.metrics.BandedRidgeEncoding(n_candidates=5)
    scores = guarded(
        na.models.JoinedModel(named), dataset, *SCORING, metric=metric, folds=na.KFold(3)
    )
    assert list(scores.guard.values) == ["content-free", "shuffled"]
    assert lines(scores)["baseline"].startswith(
        "could not be run: Layer 'word_rate' does not say which space its units belong to"
    )


def test_times_of_a_response_are_guarded_like_neuroids():
    stimuli = passages(0).stimuli
    recording = na.make_recording(
        np.random.default_rng(0).normal(size=(120, 4, 3)),
        ("stimulus", "neuroid", "time"),
        subject="s1",
        units="z",
        stimulus=stimuli.index,
        neuroid=range(4),
        time=[0.0, 0.1, 0.2],
        attrs={"time_convention": "bin centers"},
    )
    dataset = na.BrainDataset({"s1": recording}, stimuli)
    scores = na.score(noise_layers(dataset), dataset, folds=WHOLE, progress=False)
    assert scores.guard_r.dims == ("guard", "fold", "neuroid", "time")
    assert not any("could not" in said for said in lines(scores).values())


def test_subjects_who_met_other_stimuli_are_guarded_side_by_side():
    dataset = passages(0)
    ann = dataset.recordings["subject-1"]
    bob = ann[:100].assign_coords(
        subject="bob", neuroid=[f"bob/{k}" for k in range(ann.sizes["neuroid"])]
    )
    both = na.BrainDataset({"bob": bob, "subject-1": ann}, dataset.stimuli)
    scores = na.score(noise_layers(both), both, folds=PARTED, progress=False)
    assert not any("could not" in said for said in lines(scores).values())
    alone = na.score(noise_layers(both), both, subjects="subject-1", folds=PARTED, progress=False)
    same = scores.guard_r.sel(neuroid=alone.neuroid)
    np.testing.assert_allclose(same, alone.guard_r, atol=1e-12)


def stream(runs, seed=0, **stimuli):
    events, layer = make_events(runs=runs, n_events=20, n_units=20)
    recording = make_stream(runs=runs, seed=seed)
    return {"h.3": layer}, na.BrainDataset({"s1": recording}, events.assign(**stimuli))


def test_streams_are_guarded_by_sample():
    model, dataset = stream(("a", "b", "c"))
    scores = na.score(model, dataset, progress=False)
    said = lines(scores)
    assert not any("could not" in sentence for sentence in said.values())
    assert said["content-free"].startswith("features that know the run and the place in it")
    assert "its samples exchanged (whole runs)" in said["shuffled"]
    assert said["baseline"].startswith("baseline 'word-rate' predicts r = ")
    assert said["autocorrelation"].startswith("responses to neighboring samples of a run correlate")
    assert said["duplicates"] == (
        "no run that was tested repeats, event by event, a run that was trained on"
    )


def test_one_run_is_shifted_in_a_circle():
    model, dataset = stream(("a",))
    folds = na.folds.ContiguousKFold(3, gap=2)
    said = lines(guarded(model, dataset, "shuffled", folds=folds))
    assert "its samples exchanged (runs shifted in a circle)" in said["shuffled"]


def test_a_run_that_repeats_a_run_is_found():
    model, dataset = stream(("a", "b", "c"))
    texts = [f"word {number}" for number in range(20)]
    stimuli = dataset.stimuli.sort_values(["run", "onset"])
    stimuli["text"] = [*texts, *texts[::-1], *texts]
    other_times = na.BrainDataset(dataset.recordings, stimuli)
    onsets = stimuli["onset"].to_numpy()
    # With a jitter of half a sampling period.
    again = stimuli.assign(onset=[*onsets[:40], *np.clip(onsets[:20] + 1, 0, 59)])
    same_times = na.BrainDataset(dataset.recordings, again)
    assert lines(guarded(model, other_times, "duplicates"))["duplicates"].startswith("no run")
    scores = guarded(model, same_times, "duplicates")
    assert lines(scores)["duplicates"] == (
        "2 of 3 runs repeat, event by event, a run that was trained on (first: 'a', 'c')"
    )
    assert scores.attrs["guards_alarmed"] == "duplicates"


def test_a_run_that_repeats_a_run_is_found_where_both_are_cut():
    model, dataset = stream(("a", "b"))
    stimuli = dataset.stimuli.sort_values(["run", "onset"])
    onsets = stimuli["onset"].to_numpy()[:20]
    texts = [f"word {number}" for number in range(20)]
    again = stimuli.assign(text=texts * 2, onset=[*onsets, *onsets])
    other = again.assign(text=[*texts, *texts[::-1]])
    test = [f"a/{k:04}" for k in range(10)] + [f"b/{k:04}" for k in range(20, 30)]
    folds = na.TrainTest(test, part_groups=True)
    for table, found in ((again, "2 of 2 runs repeat"), (other, "no run that was tested")):
        changed = na.BrainDataset(dataset.recordings, table)
        said = lines(guarded(model, changed, "duplicates", folds=folds))
        assert said["duplicates"].startswith(found)


def test_a_run_of_most_stimuli_is_said_to_stay():
    stimuli = pd.DataFrame(
        {"group": ["big"] * 40 + ["a"] * 6 + ["b"] * 6}, index=[f"s{k:02}" for k in range(52)]
    )
    dataset = na.make_dataset(np.random.default_rng(0).normal(size=(52, 3)), stimuli)
    folds = na.KFold(3, part_groups=True)
    said = lines(guarded(noise_layers(dataset), dataset, "shuffled", folds=folds))
    assert said["shuffled"] == (
        "could not be run: one group holds most of the stimuli, so that none can be exchanged"
    )


def cost(**options):
    """Return the seconds of a score, and of its guards, on the clock of this process."""
    spent = {}
    for names in ((), na.guards.GUARDS):
        start = time.process_time()
        scores = na.score(guards=names, progress=False, **options)
        spent[names] = time.process_time() - start
    assert not re.search("could not", scores.attrs["guards"])
    record = json.loads(scores.attrs["provenance"])
    assert set(record["guards"]) == set(na.guards.GUARDS)
    return spent[()], spent[na.guards.GUARDS] - spent[()]


@pytest.mark.slow  # half a minute
@pytest.mark.parametrize("n_layers", [1, 4])
@pytest.mark.parametrize(
    ("n_stimuli", "n_units", "n_neuroids", "folds"),
    [
        (400, 1000, 100, na.KFold(10)),
        (400, 100, 100, na.KFold(10)),
        (400, 1000, 2000, na.KFold(5)),
        (600, 2000, 100, na.TrainTest(groups=[f"p{k:02}" for k in range(12)])),
    ],
    ids=["wide", "narrow", "many neuroids", "one fold"],
)
def test_guards_take_no_longer_than_the_score(n_layers, n_stimuli, n_units, n_neuroids, folds):
    dataset = passages(0, n_passages=n_stimuli // 10, n_neuroids=n_neuroids)
    pixels = np.random.default_rng(0).integers(0, 256, (n_stimuli, 16, 16, 3), dtype=np.uint8)
    stimuli = dataset.stimuli.assign(image=list(pixels))
    dataset = na.BrainDataset(dataset.recordings, stimuli)
    layers = noise_layers(dataset, n_layers=n_layers, n_units=n_units)
    score, guards = cost(model=layers, dataset=dataset, folds=folds)
    print(f"{n_layers} layers: guards {guards:.2f} s, score {score:.2f} s, {guards / score:.2f}")
    assert guards <= 1.1 * score + 0.2
