"""Guards that look at rows: duplicates across folds, neighbors across folds, and their order."""

import re

import numpy as np
import pandas as pd
import pytest
from guard_cases import PARTED, WHOLE, guarded, lines, noise_layers, passages
from PIL import Image

import neuroalign as na
from neuroalign.data.content import content_codes
from neuroalign.data.row_table import read_rows
from neuroalign.features.row_order import read_order

FOLDS = na.TrainTest(test=[f"s{k:02}" for k in range(30, 40)])


def forty(column=None, values=None):
    """Make forty stimuli; `values` of some of them are set, by number."""
    labels = [f"s{k:02}" for k in range(40)]
    stimuli = pd.DataFrame(index=labels)
    if column is not None:
        stimuli[column] = [f"{column} {k}" for k in range(40)]
        for number, value in (values or {}).items():
            stimuli.loc[labels[number], column] = value
    return stimuli


def say_duplicates(stimuli, layer=None, folds=FOLDS):
    rng = np.random.default_rng(0)
    dataset = na.make_dataset(rng.normal(size=(40, 3)), stimuli)
    layers = noise_layers(dataset) if layer is None else {"layer 0": layer}
    scores = guarded(layers, dataset, "duplicates", folds=folds)
    return lines(scores)["duplicates"], scores.attrs["guards_alarmed"]


NONE_ALIKE = (
    "none of 10 test stimuli has activations in layer 'layer 0' that correlate above 0.999 with "
    "those of another training stimulus"
)


def test_texts_that_were_trained_on_are_counted_and_named():
    texts = {3: "again", 31: "again", 38: "text 5", 39: "text 30"}
    said, alarmed = say_duplicates(forty("text", texts))
    assert said == (
        "2 of 10 test stimuli have the same text as a training stimulus (first: 's31', 's38'); "
        + NONE_ALIKE
    )
    assert alarmed == "duplicates"


def test_distinct_texts_are_no_duplicates():
    said, alarmed = say_duplicates(forty("text"))
    assert said == f"none of 10 test stimuli has the same text as a training stimulus; {NONE_ALIKE}"
    assert alarmed == "none"


def test_activations_that_were_trained_on_are_counted_and_named():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(40, 50))
    values[35] = values[7] * (1 + 1e-6)
    said, alarmed = say_duplicates(forty(), pd.DataFrame(values, index=forty().index))
    assert said == (
        "1 of 10 test stimuli has activations in layer 'layer 0' that correlate above 0.999 with "
        "those of a training stimulus (first: 's35')"
    )
    assert alarmed == "duplicates"


def test_a_stimulus_of_equal_content_is_not_counted_twice():
    values = np.random.default_rng(1).normal(size=(40, 50))
    values[35] = values[7]
    layer = pd.DataFrame(values, index=forty().index)
    said, _ = say_duplicates(forty("text", {35: "text 7"}), layer)
    assert said == (
        "1 of 10 test stimuli has the same text as a training stimulus (first: 's35'); "
        + NONE_ALIKE
    )


def test_a_layer_of_few_directions_is_said_to_tell_nothing():
    layer = pd.DataFrame(np.random.default_rng(1).normal(size=(40, 2)), index=forty().index)
    said, alarmed = say_duplicates(forty(), layer)
    assert said == "layer 'layer 0' varies along too few directions to tell nearly equal stimuli"
    assert alarmed == "none"


def test_what_folds_leave_out_was_not_trained_on():
    stimuli = pd.DataFrame(
        {"group": "story", "position": range(40), "text": [f"text {k // 2}" for k in range(40)]},
        index=forty().index,
    )
    near = say_duplicates(stimuli, folds=na.folds.ContiguousKFold(4, gap=0))[0]
    assert near.startswith("none of 40 test stimuli has the same text")
    stimuli["text"] = [f"text {k % 20}" for k in range(40)]
    far = say_duplicates(stimuli, folds=na.folds.ContiguousKFold(4, gap=2))[0]
    assert far.startswith("40 of 40 test stimuli have the same text")
    stimuli["text"] = [f"text {k}" for k in range(40)]
    stimuli.loc["s09", "text"] = stimuli.loc["s11", "text"] = "again"
    apart = say_duplicates(stimuli, folds=na.folds.ContiguousKFold(4, gap=2))[0]
    assert apart.startswith("none of 40 test stimuli has the same text")


def test_content_is_compared_by_its_bytes(tmp_path):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for name in "ab":
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    Image.fromarray(pixels + 1).save(tmp_path / "c.png")
    values = [
        pixels, pixels.copy(), pixels.reshape(2, 8, 3), pixels + 1, Image.fromarray(pixels),
        tmp_path / "a.png", str(tmp_path / "b.png"), tmp_path / "c.png", "a.png",
    ]  # fmt: skip
    codes = content_codes(pd.DataFrame({"image": values}), ["image"]).tolist()
    groups = [codes.index(code) for code in codes]
    assert groups == [0, 0, 2, 3, 0, 5, 5, 7, 8]


def test_only_content_that_the_model_reads_is_compared():
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (40, 6, 6, 3), dtype=np.uint8))
    dataset = na.make_dataset(rng.normal(size=(40, 3)), {"image": images, "text": ["same"] * 40})
    read = guarded(na.load_model("pixels"), dataset, "duplicates", folds=na.KFold(4))
    both = guarded(noise_layers(dataset), dataset, "duplicates", folds=na.KFold(4))
    assert "has the same image as" in lines(read)["duplicates"]
    assert "has the same text and image as" in lines(both)["duplicates"]


@pytest.mark.parametrize(
    ("folds", "smooth", "form", "alarmed"),
    [
        (
            PARTED,
            1.5,
            "responses to neighboring stimuli of a group correlate {} (median over neuroids), 0.1 "
            "or more up to 2 stimuli apart; those to a test stimulus and the nearest training "
            "stimulus of its group {} on average: what they share counts as predicted",
            "autocorrelation",
        ),
        (
            WHOLE,
            1.5,
            "responses to neighboring stimuli of a group correlate {} (median over neuroids), 0.1 "
            "or more up to 2 stimuli apart; those to a test stimulus and the nearest training "
            "stimulus of its group 0.00 on average: the folds keep them apart",
            "none",
        ),
        (
            PARTED,
            0,
            "responses to neighboring stimuli of a group correlate {} (median over neuroids): too "
            "little to leak",
            "none",
        ),
    ],
)
def test_neighbors_are_said_to_leak_where_folds_part_them(folds, smooth, form, alarmed):
    dataset = passages(0, smooth=smooth)
    scores = guarded(noise_layers(dataset), dataset, "autocorrelation", folds=folds)
    said = lines(scores)["autocorrelation"]
    numbers = [word for word in said.split() if word[0] in "-0" and len(word) in (4, 5)]
    assert said == form.format(*numbers)
    assert (0.5 < float(numbers[0]) < 0.8) == bool(smooth)
    assert scores.attrs["guards_alarmed"] == alarmed


def test_a_gap_keeps_neighbors_apart():
    dataset = passages(0, n_passages=1, length=200, smooth=2)
    near, far = (
        guarded(
            noise_layers(dataset),
            dataset,
            "autocorrelation",
            folds=na.folds.ContiguousKFold(2, gap=gap),
        )
        for gap in (0, 12)
    )
    # Neighbors at the one border are alike, those of the other hundred rows are not.
    said = lines(near)["autocorrelation"]
    assert re.search(
        r"stimulus of its group 0\.0[1-9] on average: the folds keep them apart$", said
    )
    assert lines(far)["autocorrelation"].endswith("0.00 on average: the folds keep them apart")


def test_members_of_a_group_are_neighbors_where_no_order_is_known():
    dataset = passages(0, columns=(), smooth=20)
    said = lines(guarded(noise_layers(dataset), dataset, "autocorrelation", folds=PARTED))
    assert said["autocorrelation"].startswith("responses to stimuli of one group correlate 0.")
    assert said["autocorrelation"].endswith("what they share counts as predicted")


def test_groups_of_one_have_no_neighbors():
    stimuli = forty().assign(group=[f"g{k}" for k in range(40)])
    dataset = na.make_dataset(np.random.default_rng(0).normal(size=(40, 3)), stimuli)
    said = lines(guarded(noise_layers(dataset), dataset, "autocorrelation", folds=na.KFold(4)))
    assert said["autocorrelation"] == (
        "does not apply: no group has two stimuli with responses that vary"
    )


def order_of(**columns):
    stimuli = pd.DataFrame(columns, index=["d", "c", "b", "a"])
    return read_order(stimuli, read_rows(stimuli))


def test_stimuli_stand_in_the_order_of_group_and_position():
    order = order_of(group=["y", "x", "y", "x"], position=[2, 1, 1, 10])
    assert (order.labels.tolist(), order.runs.tolist()) == (["c", "a", "b", "d"], [0, 0, 1, 1])
    assert (order.word, order.placed, order.ranks.tolist()) == ("group", True, [0, 1, 0, 1])


def test_onsets_in_runs_are_an_order_too():
    order = order_of(run=["2", "2", "1", "1"], onset=[0.5, 0.1, 3.0, 2.0])
    assert (order.labels.tolist(), order.word) == (["a", "b", "c", "d"], "run")


@pytest.mark.parametrize("column", ["position", "onset"])
def test_places_alone_are_one_sequence(column):
    order = order_of(**{column: [4, 3, 2, 1.5]})
    assert (order.labels.tolist(), order.runs.tolist()) == (["a", "b", "c", "d"], [0] * 4)
    assert order.word == "sequence"


@pytest.mark.parametrize("position", [[1, 2, np.nan, 4], ["first", "2", "3", "4"]])
def test_places_that_are_no_numbers_are_no_order(position):
    assert order_of(position=position) is None
    order = order_of(group=list("xxyy"), position=position)
    assert (order.word, order.placed) == ("group", False)


def test_order_features_of_unknown_order_are_refused():
    sentence = (
        "The order of these stimuli is unknown; give them a column group, run, position or onset."
    )
    with pytest.raises(na.NeuroalignError, match=f"^{sentence}$"):
        na.guards.order_features(forty())


def test_a_smoothed_identity_needs_an_order_in_groups():
    sentence = "A smoothed identity needs the order in groups: a column 'position' or 'onset'."
    with pytest.raises(na.NeuroalignError, match=f"^{sentence}$"):
        na.guards.smoothed_identity(forty().assign(group="x"))


def test_order_features_do_not_depend_on_the_order_of_the_table():
    stimuli = passages(0).stimuli
    one = na.guards.order_features(stimuli, seed=1)
    assert na.guards.order_features(stimuli[::-1], seed=1).identical(one)
    assert not na.guards.order_features(stimuli, seed=2).identical(one)
