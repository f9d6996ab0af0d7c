"""The whole line in memory: selection, subjects, ceilings, provenance, honest layer choice."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign.ceilings import anova, normalize_by_ceiling

QUICK = {"folds": na.KFold(4), "progress": False}


def two_subjects(seed=0, missing=0):
    """Make two subjects, the second of whom missed the last `missing` stimuli."""
    rng = np.random.default_rng(seed)
    labels = [f"s{k:02}" for k in range(48)]
    units = rng.normal(size=(48, 20))
    layer = xr.DataArray(units, {"stimulus": labels}, ("stimulus", "unit"))
    recordings = {
        subject: na.make_recording(
            (units[: 48 - gap] @ rng.normal(size=(20, 5)))[:, None]
            + rng.normal(size=(48 - gap, 3, 5)),
            ("stimulus", "repetition", "neuroid"),
            subject=subject,
            units="z",
            stimulus=labels[: 48 - gap],
            neuroid=range(5),
            roi=["a", "a", "b", "b", "b"],
        )
        for subject, gap in (("ann", 0), ("bob", missing))
    }
    return {"layer": layer}, na.BrainDataset(recordings, pd.DataFrame(index=labels))


def test_own_arrays_score_in_six_lines(rng):
    images = list(rng.integers(0, 255, (40, 8, 8, 3), dtype=np.uint8))
    responses = rng.poisson(3, size=(40, 5, 12))
    dataset = na.make_dataset(responses, {"image": images})
    scores = na.score(na.load_model("pixels"), dataset, **QUICK)
    assert scores.r.sizes == {"layer": 1, "fold": 4, "neuroid": 12}


def test_own_activations_score_in_three_lines(planted):
    layers, dataset = planted
    activations = {"layer": pd.DataFrame(layers["true"].values, index=layers["true"].stimulus)}
    scores = na.score(activations, dataset, **QUICK)
    assert float(scores.r.median()) > 0.5


def test_the_planted_layer_scores_best(planted):
    table = na.summarize(na.score(*planted, **QUICK))
    assert table.set_index("layer")["r"].idxmax() == "true"


@pytest.mark.parametrize("missing", [0, 6])
def test_scoring_subjects_together_equals_scoring_each(missing):
    model, dataset = two_subjects(missing=missing)
    together = na.score(model, dataset, **QUICK)
    for subject in ("ann", "bob"):
        alone = na.score(model, dataset, subjects=subject, **QUICK)
        part = together.isel(neuroid=together.subject.values == subject)
        np.testing.assert_allclose(part.r, alone.r, atol=1e-12)
        np.testing.assert_allclose(part.ceiling_anova, alone.ceiling_anova, atol=1e-12)
    assert together.neuroid.values.tolist()[0] == "ann/0"


def test_predictions_of_subjects_with_other_stimuli_are_kept_side_by_side():
    model, dataset = two_subjects(missing=6)
    scores = na.score(model, dataset, na.RidgeEncoding(keep_predictions=True), **QUICK)
    bob = scores.prediction.isel(neuroid=scores.subject.values == "bob")
    assert scores.sizes["stimulus"] == 48
    assert np.isnan(bob.sel(stimulus="s47")).all()
    assert np.isfinite(bob.sel(stimulus="s41")).all()


def test_selection_by_roi_and_neuroid_keeps_the_scores_of_the_rest():
    model, dataset = two_subjects()
    everything = na.score(model, dataset, **QUICK)
    chosen = na.score(model, dataset, roi="b", neuroids=["ann/2", "bob/4"], **QUICK)
    assert chosen.neuroid.values.tolist() == ["ann/2", "bob/4"]
    np.testing.assert_allclose(chosen.r, everything.r.sel(neuroid=chosen.neuroid), atol=1e-12)


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        ({"subjects": "anne"}, "No subject is called 'anne'. Did you mean 'ann'?"),
        ({"roi": "V9"}, "No roi is called 'V9'. Known: 'a', 'b'."),
        ({"neuroids": ["ann/22"]}, "No neuroid is called 'ann/22'. Did you mean 'ann/2'?"),
        ({"layers": ["layers"]}, "No layer is called 'layers'. Did you mean 'layer'?"),
    ],
)
def test_unknown_names_suggest_the_nearest(selection, sentence):
    model, dataset = two_subjects()
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score(model, dataset, **selection, **QUICK)


def test_a_model_that_reads_images_is_refused_text(rng):
    dataset = na.make_dataset(rng.normal(size=(40, 3)), {"text": ["word"] * 40})
    sentence = "Model 'pixels' reads image stimuli, but dataset 'own data' has text stimuli."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score(na.load_model("pixels"), dataset, **QUICK)


def test_something_that_is_no_model_is_refused(planted):
    sentence = (
        "A str is not a model; wrap a torch module in TorchModel(module), name one with "
        "load_model(name), or give a mapping layer -> labelled array."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score("pixels", planted[1], **QUICK)


def test_the_ceiling_is_that_of_the_stimuli_that_are_held_out(planted):
    layers, dataset = planted
    test = [f"s{k:02}" for k in range(25)]
    scores = na.score(layers, dataset, folds=na.TrainTest(test=test), progress=False)
    recording = dataset.recordings["subject-1"].sel(stimulus=test)
    np.testing.assert_allclose(scores.ceiling_anova, anova(recording).values, atol=1e-12)
    assert scores.sizes["fold"] == 1


def test_averages_without_repetitions_have_no_ceiling(rng):
    dataset = na.make_dataset(rng.normal(size=(40, 3)), pd.DataFrame(index=map(str, range(40))))
    layer = pd.DataFrame(rng.normal(size=(40, 4)), index=map(str, range(40)))
    scores = na.score({"layer": layer}, dataset, **QUICK)
    assert "ceiling_anova" not in scores
    assert scores.attrs["noise_ceiling"] == "none: no stimulus was shown twice"
    sentence = "The scores carry no noise ceiling, because no stimulus was shown twice."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.normalize_by_ceiling(scores, form="r/sqrt(ceiling)")


def test_integer_ids_of_stimuli_are_matched_as_labels(rng):
    responses = pd.DataFrame(rng.normal(size=(40, 3)), index=range(100, 140))
    dataset = na.make_dataset(responses, pd.DataFrame(index=range(100, 140)))
    layer = pd.DataFrame(rng.normal(size=(40, 4)), index=range(100, 140))
    scores = na.score({"layer": layer.sample(frac=1, random_state=0)}, dataset, **QUICK)
    assert np.isfinite(scores.r).all()


def test_provenance_says_how_to_run_it_again(planted):
    layers, dataset = planted
    scores = na.score(layers, dataset, na.RidgeEncoding(alphas=[1]), seed=7, **QUICK)
    record = json.loads(scores.attrs["provenance"])
    assert record["metric"] == repr(na.RidgeEncoding(alphas=[1]))
    assert record["folds"] == "KFold(n_folds=4)"
    assert record["seed"] == 7
    splits = na.KFold(4).split(dataset.stimuli, seed=7)
    assert record["test_stimuli"] == [fold.test.tolist() for fold in splits.folds]
    assert set(record["responses_sha256"]) == {"subject-1"}
    assert record["versions"]["numpy"] == np.__version__


def test_the_attributes_describe_the_scores(planted):
    attrs = na.score(*planted, **QUICK).attrs
    assert attrs["stimuli"] == "60"
    assert attrs["rois"] == "V4, IT"
    assert attrs["repetitions"] == "4-4 (median 4)"
    assert attrs["undefined"] == "0 neuroids have no score in any layer"
    assert attrs["noise_ceiling"].startswith("of variance, median: split-half 0.")


def test_undefined_neuroids_are_counted_and_named(planted):
    layers, dataset = planted
    recording = dataset.recordings["subject-1"].copy(deep=True)
    recording[..., 4] = 2.0
    broken = na.make_dataset({"subject-1": recording}, dataset.stimuli)
    scores = na.score(layers, broken, **QUICK)
    assert scores.attrs["undefined"] == (
        "1 neuroids have no score in any layer (first: 'subject-1/4'): constant response"
    )
    table = na.summarize(scores)
    assert table["n_undefined"].tolist() == [1, 1]
    assert table["r"].notna().all()


def test_same_seed_gives_the_same_bits(planted):
    one, two = (na.score(*planted, **QUICK) for _ in range(2))
    assert one.drop_attrs().identical(two.drop_attrs())


# With a spread of 2, folds of two groups differ much in variance.
@pytest.mark.parametrize(("spread", "tolerance"), [(0.0, 0.02), (2.0, 0.02)])
def test_the_noiseless_response_normalizes_to_one_under_whole_group_folds(spread, tolerance):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 20)
    labels = [f"s{k:03}" for k in range(400)]
    stimuli = pd.DataFrame({"group": groups}, index=labels)
    n = 40  # draws: a neuroid each, and a layer that is its noiseless response
    signal = rng.normal(size=(400, n)) + spread * rng.normal(size=(20, n))[groups]
    noisy = signal[:, None] + 1.5 * rng.normal(size=(400, 4, n))
    scores = na.score(
        {f"truth {k}": pd.DataFrame(signal[:, [k]], index=labels) for k in range(n)},
        na.make_dataset(noisy, stimuli),
        na.RidgeEncoding(alphas=[1e-6]),
        guards=(),
        progress=False,
    )
    shares = [
        np.diagonal(normalize_by_ceiling(scores, form="r/sqrt(ceiling)", ceiling=ceiling))
        for ceiling in ("split_half", "anova")
    ]
    assert np.mean(shares) == pytest.approx(1, abs=tolerance)


def test_subjects_whose_time_axes_differ_are_refused(rng):
    labels = [f"{k:02}" for k in range(40)]
    timed = na.make_recording(
        rng.normal(size=(40, 2, 3)),
        ("stimulus", "neuroid", "time"),
        subject="ann",
        units="z",
        stimulus=labels,
        neuroid=range(2),
        time=[0.0, 0.1, 0.2],
        attrs={"time_convention": "bin centers"},
    )
    flat = na.make_recording(
        rng.normal(size=(40, 2)),
        ("stimulus", "neuroid"),
        subject="bob",
        units="z",
        stimulus=labels,
        neuroid=range(2),
    )
    dataset = na.BrainDataset({"ann": timed, "bob": flat}, pd.DataFrame(index=labels))
    layer = pd.DataFrame(rng.normal(size=(40, 3)), index=labels)
    sentence = (
        "Recordings of subjects 'ann' and 'bob' differ in their time axes; score them apart "
        "(subjects=...), or bring them to the same times."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score({"layer": layer}, dataset, **QUICK)


def test_a_subject_who_met_no_test_stimulus_is_undefined_not_fatal():
    model, dataset = two_subjects(missing=12)
    test = dataset.stimuli.index[-12:]
    scores = na.score(model, dataset, folds=na.TrainTest(test=list(test)), progress=False)
    of_bob = scores.subject.values == "bob"
    assert np.isnan(scores.r[..., of_bob]).all()
    assert np.isnan(scores.ceiling_anova[of_bob]).all()
    assert np.isfinite(scores.r[..., ~of_bob]).all()


def test_a_subject_without_regions_does_not_take_them_from_others():
    model, dataset = two_subjects()
    bob = dataset.recordings["bob"].drop_vars("roi")
    mixed = na.BrainDataset({"ann": dataset.recordings["ann"], "bob": bob}, dataset.stimuli)
    scores = na.score(model, mixed, **QUICK)
    assert scores.roi.values.tolist() == ["a", "a", "b", "b", "b"] + ["unknown"] * 5


class SplitsLikeAnotherLibrary:
    """Takes arrays, and yields row numbers."""

    def split(self, features, targets):
        """Split nothing."""
        yield features, targets

    def __repr__(self):
        return "Foreign()"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"folds": 5},
            "folds=5 does not split stimuli; use KFold(n) or TrainTest(test=[...]).",
        ),
        (
            {"folds": SplitsLikeAnotherLibrary()},
            "folds=Foreign() does not split stimuli; use KFold(n) or TrainTest(test=[...]).",
        ),
        ({"metric": "ridge"}, "A str is not a metric; use one, as in RidgeEncoding()."),
        (
            {"metric": na.RidgeEncoding},
            "The class RidgeEncoding is not a metric; use one, as in RidgeEncoding().",
        ),
        ({"seed": -1}, "seed=-1 is not a whole number of 0 or more."),
        ({"seed": 0.5}, "seed=0.5 is not a whole number of 0 or more."),
        (
            {"dataset": "cowley2023"},
            "A str is not a dataset; use load_dataset(name) or make_dataset(responses, stimuli).",
        ),
    ],
)
def test_arguments_of_another_kind_are_refused(planted, options, sentence):
    arguments = {"model": planted[0], "dataset": planted[1], **options}
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score(**arguments)


def test_a_recording_without_any_response_is_refused(planted):
    layers, dataset = planted
    nothing = dataset.recordings["subject-1"] * np.nan
    nothing.attrs["units"] = "z"
    empty = na.make_dataset({"subject-1": nothing}, dataset.stimuli)
    sentence = "The recording of subject 'subject-1' holds no response that is not NaN."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score(layers, empty, **QUICK)


def test_stimuli_in_a_column_of_another_name_are_named(rng):
    images = list(np.zeros((40, 8, 8, 3), dtype=np.uint8))
    dataset = na.make_dataset(rng.normal(size=(40, 3)), {"images": images})
    sentence = (
        "Model 'pixels' reads image stimuli, but dataset 'own data' has stimuli without a column "
        "'image' (columns: 'images')."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score(na.load_model("pixels"), dataset, **QUICK)


def test_activations_that_are_no_numbers_are_refused(planted):
    words = pd.DataFrame({"name": ["word"] * 60}, index=planted[0]["true"].stimulus.values)
    with pytest.raises(
        na.NeuroalignError, match=r"^Activations of layer 'words' are of type \w+, not numbers\.$"
    ):
        na.score({"words": words}, planted[1], **QUICK)
