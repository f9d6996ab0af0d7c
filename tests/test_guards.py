"""Guards beside a score: what they find where there is something, and where there is nothing."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from guard_cases import PARTED, WHOLE, guarded, lines, median, noise_layers, passages

import neuroalign as na
from neuroalign.guards import GUARDS


def content_free(seed, folds, **options):
    dataset = passages(seed, **options)
    layers = noise_layers(dataset, n_layers=3, n_units=128)
    return guarded(layers, dataset, "content-free", folds=folds, seed=seed)


def test_content_free_features_predict_what_shuffled_folds_leak_and_nothing_else():
    whole, parted = (
        [median(content_free(seed, folds), "content-free") for seed in range(3)]
        for folds in (WHOLE, PARTED)
    )
    assert np.median(np.abs(whole)) < 0.1
    assert min(parted) > 0.3


@pytest.mark.slow  # 2 minutes
def test_content_free_features_stay_below_003_over_twenty_seeds():
    case = {"n_passages": 24, "n_neuroids": 60}
    whole, parted = (
        [median(content_free(seed, folds, **case), "content-free") for seed in range(20)]
        for folds in (na.KFold(10), na.KFold(10, part_groups=True))
    )
    assert np.median(np.abs(whole)) < 0.03
    assert min(parted) > 0.3


def test_a_leak_through_parted_groups_is_said_in_words():
    scores = content_free(0, PARTED)
    r = median(scores, "content-free")
    said = lines(scores)["content-free"]
    form = (
        r"features that know the group and the place in it, and no content, predict r = (\S+) \(95%"
        r" interval \S+ to \S+\), layer 'layer \d' -?0\.\d+: the folds part groups, so that what "
        r"neighbors share counts as predicted"
    )
    assert float(re.fullmatch(form, said)[1]) == pytest.approx(r, abs=5e-4)
    assert scores.attrs["guards_alarmed"] == "content-free"


def test_whole_groups_are_said_to_leave_a_smoothed_identity_undefined():
    scores = content_free(0, WHOLE)
    assert lines(scores)["content-free"].endswith(
        ": no more than chance; groups are held out whole, where a smoothed identity predicts a "
        "constant, with r undefined for all 20 neuroids"
    )
    assert scores.attrs["guards_alarmed"] == "none"


@pytest.mark.parametrize(("folds", "defined"), [(WHOLE, False), (PARTED, True)])
def test_a_smoothed_identity_is_undefined_in_whole_groups_only(folds, defined):
    dataset = passages(0)
    model = {"identity": na.guards.smoothed_identity(dataset.stimuli)}
    scores = na.score(model, dataset, folds=folds, guards=(), progress=False)
    if defined:
        assert float(scores.r.median()) > 0.3
    else:
        assert scores.r.isnull().all()
        assert (scores.undefined == 3).all()
        assert scores.undefined.attrs["flag_meanings"].split()[3] == "constant_prediction"


def test_groups_without_an_order_held_out_whole_leave_nothing_to_predict_from():
    dataset = passages(0, columns=())
    scores = guarded(noise_layers(dataset), dataset, "content-free", folds=WHOLE)
    assert lines(scores)["content-free"] == (
        "groups are held out whole, where features that know the group only predict a constant: r "
        "is undefined for all 20 neuroids, as it should be"
    )
    assert (scores.guard_undefined == 3).all()


def test_groups_without_an_order_are_told_apart_where_they_are_parted():
    dataset = passages(0, columns=(), smooth=20)
    scores = guarded(noise_layers(dataset, n_layers=3), dataset, "content-free", folds=PARTED)
    assert median(scores, "content-free") > 0.3
    assert lines(scores)["content-free"].startswith(
        "features that know the group, and no content, predict r = "
    )


def test_a_response_to_the_place_in_a_passage_is_no_leak_but_is_said():
    dataset = passages(0)
    recording = dataset.recordings["subject-1"]
    place = dataset.stimuli.loc[recording.stimulus.values, "position"].to_numpy()
    drifting = na.make_dataset({"subject-1": recording + place[:, None]}, dataset.stimuli)
    layers = noise_layers(drifting, n_layers=3, n_units=60)
    scores = guarded(layers, drifting, "content-free", folds=WHOLE)
    assert median(scores, "content-free") > 0.5
    assert (
        ": responses follow the place in the group, which a model may know too; groups are held"
        in lines(scores)["content-free"]
    )
    assert scores.attrs["guards_alarmed"] == "content-free"


def test_stimuli_of_unknown_order_are_said_to_be_so():
    dataset = na.make_dataset(np.random.default_rng(0).normal(size=(40, 3)), images(40))
    scores = guarded(noise_layers(dataset), dataset, "content-free", "autocorrelation")
    sentence = (
        "does not apply: the stimuli have no group, run, position or onset, so that their order is "
        "unknown"
    )
    assert lines(scores) == {"content-free": sentence, "autocorrelation": sentence}
    assert "guard_r" not in scores


def images(n_images, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n_images, 6, 6, 3), dtype=np.uint8)
    return pd.DataFrame({"image": list(pixels)}, index=[f"s{k:02}" for k in range(n_images)])


def readout(stimuli, layer, *, noise=0.5, seed=0):
    """Make responses that read out a layer."""
    rng = np.random.default_rng([seed, 3])
    signal = layer.to_numpy() @ rng.normal(size=(layer.shape[1], 8))
    responses = signal[:, None] + noise * signal.std() * rng.normal(size=(len(layer), 3, 8))
    return na.make_dataset(responses, stimuli)


def planted_layer(n_rows=80, n_units=10):
    stimuli = images(n_rows)
    values = np.random.default_rng(4).normal(size=(n_rows, n_units))
    layer = pd.DataFrame(values, index=stimuli.index)
    return {"noise": layer[::-1].set_axis(layer.index), "true": layer}, readout(stimuli, layer)


def test_a_layer_predicts_nothing_once_its_stimuli_are_exchanged():
    layers, dataset = planted_layer()
    scores = guarded(layers, dataset, "shuffled", folds=na.KFold(5))
    assert float(scores.r.sel(layer="true").median()) > 0.7
    assert abs(median(scores, "shuffled")) < 0.2
    form = (
        r"layer 'true', its stimuli exchanged \(at random\), predicts r = \S+ \(95% interval "
        r"\S+ to \S+\): no more than chance"
    )
    assert re.fullmatch(form, lines(scores)["shuffled"])


def test_exchanged_passages_still_predict_where_folds_part_them():
    dataset = passages(0, smooth=3)
    model = {"order": na.guards.order_features(dataset.stimuli, seed=8)}
    scores = guarded(model, dataset, "shuffled", folds=PARTED)
    assert lines(scores)["shuffled"].startswith(
        "layer 'order', its stimuli exchanged (whole groups), predicts r = 0."
    )
    assert lines(scores)["shuffled"].endswith(
        ": more than chance, so that part of the score is not about what the stimuli are"
    )
    assert scores.attrs["guards_alarmed"] == "shuffled"


def test_pixels_are_scored_as_na_score_scores_them_beside_the_same_folds_of_the_layer():
    layers, dataset = planted_layer()
    options = {"folds": na.KFold(5), "metric": na.RidgeEncoding(alphas=[1.0])}
    scores = guarded({"true": layers["true"]}, dataset, "baseline", **options)
    pixels = na.score(na.load_model("pixels"), dataset, guards=(), **options)
    scored = scores.guard_r.sel(guard="baseline", drop=True).dropna("fold", how="all")
    assert scored.fold.values.tolist() == [0, 2, 4]
    np.testing.assert_allclose(scored, pixels.r.isel(layer=0).sel(fold=[0, 2, 4]), atol=1e-12)
    form = (
        r"baseline 'pixels' predicts r = \S+ \(95% interval \S+ to \S+\), layer 'true' "
        r"(0\.\d{3}): the layer is ahead"
    )
    of_layer = scores.r.isel(layer=0).sel(fold=[0, 2, 4]).mean("fold").median()
    said = re.fullmatch(form, lines(scores)["baseline"])
    assert float(said[1]) == pytest.approx(float(of_layer), abs=5e-4)
    assert said[1] != f"{float(scores.r.isel(layer=0).mean('fold').median()):.3f}"


def test_a_layer_that_pixels_beat_is_named():
    stimuli = images(80)
    pixels = pd.DataFrame(
        [image[:2, :2].ravel() / 255 for image in stimuli["image"]], index=stimuli.index
    )
    dataset = readout(stimuli, pixels, noise=0.1)
    scores = guarded(noise_layers(dataset), dataset, "baseline", folds=na.KFold(5))
    assert lines(scores)["baseline"].endswith(": the layer is not ahead")
    assert scores.attrs["guards_alarmed"] == "baseline"


@pytest.mark.parametrize(
    ("model", "column", "sentence"),
    [
        (None, None, "does not apply: the stimuli have no column image or text or audio or video"),
        ("pixels", "image", "does not apply: the model is the baseline 'pixels' itself"),
        (
            None,
            "text",
            "baseline 'word-rate' predicts nothing (r is undefined for all 3 neuroids)",
        ),
    ],
)
def test_a_baseline_that_says_nothing_says_why(model, column, sentence):
    stimuli = images(40).assign(text="word")
    kept = stimuli[[] if column is None else [column]]
    dataset = na.make_dataset(np.random.default_rng(0).normal(size=(40, 3)), kept)
    own = noise_layers(dataset) if model is None else na.load_model(model)
    assert lines(guarded(own, dataset, "baseline", folds=na.KFold(4)))["baseline"] == sentence


def test_a_baseline_that_is_not_installed_does_not_lose_the_score(monkeypatch):
    def missing(name):
        message = f"Model {name!r} needs a package that is not installed."
        raise na.NeuroalignError(message)

    monkeypatch.setattr("neuroalign.guards.baseline.load_model", missing)
    layers, dataset = planted_layer()
    scores = guarded(layers, dataset, "baseline", "duplicates", folds=na.KFold(4))
    assert lines(scores)["baseline"] == (
        "could not be run: Model 'pixels' needs a package that is not installed"
    )
    assert scores.r.notnull().any()
    assert lines(scores)["duplicates"].startswith("none of 80 test stimuli has the same image")


def test_a_guard_that_breaks_does_not_lose_the_score(monkeypatch):
    monkeypatch.setattr("neuroalign.guards.baseline.load_model", lambda _: 1 / 0)
    layers, dataset = planted_layer()
    scores = guarded(layers, dataset, "baseline", folds=na.KFold(4))
    assert lines(scores)["baseline"] == "could not be run: ZeroDivisionError: division by zero"


def test_scores_do_not_depend_on_guards():
    dataset = passages(0)
    layers = noise_layers(dataset, n_layers=2)
    with_guards, without = (
        na.score(layers, dataset, folds=WHOLE, guards=names, progress=False)
        for names in (GUARDS, ())
    )
    extra = ["guard_r", "guard_undefined"]
    assert with_guards.drop_vars([*extra, "guard"]).drop_attrs().identical(without.drop_attrs())
    assert "guards" not in without.attrs
    one, two = (json.loads(scores.attrs["provenance"]) for scores in (with_guards, without))
    assert list(one.pop("guards")) == list(GUARDS)
    assert two.pop("guards") == {}
    varying = {"seconds", "finished"}
    assert {k: v for k, v in one.items() if k not in varying} == {
        k: v for k, v in two.items() if k not in varying
    }


def test_guards_are_the_same_at_the_same_seed_and_survive_a_file(tmp_path):
    dataset = passages(0)
    one, two = (
        na.score(noise_layers(dataset), dataset, folds=WHOLE, progress=False, seed=3)
        for _ in range(2)
    )
    assert one.drop_attrs().identical(two.drop_attrs())
    assert one.attrs["guards"] == two.attrs["guards"]
    assert na.load_scores(na.save_scores(one, tmp_path / "run")).identical(one)


def test_best_layers_keep_what_guards_found():
    dataset = passages(0)
    scores = na.score(noise_layers(dataset, n_layers=2), dataset, folds=WHOLE, progress=False)
    best = na.best_layer(scores, by="subject").isel(layer=0)
    np.testing.assert_array_equal(best.guard_r, scores.guard_r)
    assert best.attrs["guards"] == scores.attrs["guards"]


@pytest.mark.parametrize("names", [["shuffeld"], "shuffeld"])
def test_unknown_guards_are_refused_before_any_work(names):
    layers, dataset = planted_layer()
    sentence = "No guard is called 'shuffeld'. Did you mean 'shuffled'?"
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(sentence)}$"):
        na.score(layers, dataset, guards=names)


def test_one_guard_may_be_given_by_its_name():
    layers, dataset = planted_layer()
    scores = na.score(layers, dataset, guards="duplicates", progress=False)
    assert list(lines(scores)) == ["duplicates"]
