"""Dissimilarities as data: how they are made, and datasets that hold nothing else."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import squareform

import neuroalign as na
from neuroalign.data.dissimilarities import dissimilarity_label_faults
from neuroalign.errors import DataError
from neuroalign.rsa import make_dissimilarities
from neuroalign.testing import check_dataset

LABELS = ["d", "a", "c", "b"]
PAIRS = np.array([[1.0, 2, 3, 4, 5, 6], [2.0, -1, 0, 3, 7, 9]])


def made(values=PAIRS, **options):
    given = {"stimulus": LABELS, "subject": "m1", "dissimilarity": "crossnobis", "roi": "IT"}
    return make_dissimilarities(values, **{**given, **options})


def dataset(**subjects):
    stimuli = pd.DataFrame({"text": LABELS}, index=LABELS)
    return na.BrainDataset(subjects or {"m1": made(), "m2": made(subject="m2")}, stimuli)


def refused(message, call):
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        call()


def cannot_be_made(fault):
    return f"Dissimilarities cannot be made: {fault}."


@pytest.mark.parametrize(
    "values", [PAIRS, np.stack([squareform(row) for row in PAIRS])], ids=["condensed", "square"]
)
def test_square_and_condensed_values_give_the_same(values):
    found = made(values)
    assert found.dims == ("rdm", "stimulus", "stimulus_other")
    np.testing.assert_array_equal(found, [squareform(row) for row in PAIRS])


@pytest.mark.parametrize("values", [PAIRS[0], squareform(PAIRS[0])], ids=["pairs", "square"])
def test_one_rdm_needs_no_axis_of_its_own(values):
    assert made(values).identical(made(PAIRS[:1]))


def test_labels_stay_in_the_order_given():
    found = made()
    assert found["stimulus"].values.tolist() == LABELS
    assert found["stimulus_other"].values.tolist() == LABELS
    assert found.sel(stimulus="c", stimulus_other="a")[0] == 4


def test_whole_numbers_become_labels():
    found = made(stimulus=[4, 1, 3, 2], subject=7, session=[1, 2])
    assert found["stimulus"].values.tolist() == ["4", "1", "3", "2"]
    assert found["subject"].values.tolist() == ["7", "7"]
    assert found["session"].values.tolist() == ["1", "2"]


def test_one_name_stands_for_all_rdms_and_what_is_unknown_is_left_out():
    found = made(roi=["V4", "IT"], attrs={"space": "none"})
    assert found["subject"].values.tolist() == ["m1", "m1"]
    assert found["roi"].values.tolist() == ["V4", "IT"]
    assert "session" not in found.coords
    assert found.attrs == {"dissimilarity": "crossnobis", "space": "none"}


def test_three_by_three_values_of_three_stimuli_are_square():
    square = squareform([1.0, 2, 3])
    assert made(square, stimulus=["a", "b", "c"]).shape == (1, 3, 3)
    message = cannot_be_made(
        "3 values on the diagonal are 1 to 1, but 0 is needed (first: 'a', 'b', 'c')"
    )
    refused(message, lambda: made(np.ones((3, 3)), stimulus=["a", "b", "c"]))


def test_what_is_given_is_left_alone_and_not_shared():
    square = np.stack([squareform(row) for row in PAIRS])
    square[0, 0, 1] += 1e-9
    before = square.tobytes()
    found = made(square)
    found[:] = 0
    assert square.tobytes() == before


def test_rounding_is_removed_from_both_halves_and_the_diagonal():
    square = squareform(PAIRS[0])
    square[0, 1] += 1e-6
    square[2, 2] = 1e-7
    found = made(square).values[0]
    np.testing.assert_array_equal(found, found.T)
    assert found[0, 1] == pytest.approx(1 + 5e-7, abs=1e-12)
    assert found[2, 2] == 0


def test_rounding_is_a_matter_of_the_scale_of_each_rdm():
    large, small = squareform(PAIRS[0]) * 1e6, squareform(PAIRS[0]) * 1e-6
    large[0, 1] += 2
    small[0, 1] += 1e-6
    message = cannot_be_made(
        "1 pairs differ between the two halves by up to 1e-06 (first: 'd' and 'a')"
    )
    refused(message, lambda: made(np.stack([large, small])))


def test_single_precision_is_kept_and_whole_numbers_become_floats():
    assert made(PAIRS.astype(np.float32)).dtype == np.float32
    assert made(PAIRS.astype(int)).dtype == np.float64
    assert made(squareform(PAIRS[0] > 2)).values.max() == 1


def test_missing_pairs_are_kept_and_counted():
    values = PAIRS.copy()
    values[0, [1, 4]] = np.nan
    found = made(values)
    assert found.isnull().sum() == 4
    shown = repr(dataset(m1=found))
    assert "m1: 2 RDMs (IT) of 4 stimuli, dissimilarity: crossnobis; 2 of 12 pairs are" in shown


def test_nan_of_other_bits_is_missing_too():
    """Damaged files hold signaling NaN, at which the processor objects."""
    pairs = np.array(PAIRS, np.float32)
    pairs.view(np.uint32)[0, 2] = 0x7FA00000
    assert na.data.dissimilarities.count_missing(made(pairs)) == (1, pairs.size)
    square = np.array([squareform(own) for own in PAIRS], np.float32)
    square.view(np.uint32)[0, 1, 2] = 0x7FA00000
    with pytest.raises(DataError, match=r"1 pairs differ between the two halves \(first: "):
        made(square)


def test_those_of_a_model_have_no_subject_and_one_rdm():
    found = made(PAIRS[0], subject=None, roi=None)
    assert found.dims == ("stimulus", "stimulus_other")
    assert set(found.coords) == {"stimulus", "stimulus_other"}
    np.testing.assert_array_equal(found, squareform(PAIRS[0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"subject": None},
            "2 RDMs without a subject were given; pass subject=..., or the one RDM of a model.",
        ),
        (
            {"values": PAIRS[0], "subject": None},
            "Dissimilarities of a model have no roi; pass subject=... or leave it out.",
        ),
        (
            {"values": PAIRS[0], "subject": None, "roi": None, "session": 1},
            "Dissimilarities of a model have no session; pass subject=... or leave it out.",
        ),
        (
            {"stimulus": ["a", "b", "a", "b"]},
            "2 stimulus labels occur more than once (first: 'a', 'b').",
        ),
        (
            {"stimulus": ["a", "b", "c"]},
            "Values of shape (2, 6) are not dissimilarities of 3 stimuli; give 3 x 3 of them for "
            "each RDM, or 3 pairs.",
        ),
        (
            {"values": np.ones((0, 6))},
            "Values of shape (0, 6) are not dissimilarities of 4 stimuli; give 4 x 4 of them for "
            "each RDM, or 6 pairs.",
        ),
        (
            {"values": [1.0], "stimulus": ["a"]},
            "Values of shape (1,) are not dissimilarities of 1 stimuli; give 1 x 1 of them for "
            "each RDM, or 0 pairs.",
        ),
        (
            {"session": [1, 2, 3]},
            "3 labels of session were given for 2 RDMs; give one for each.",
        ),
        (
            {"dissimilarity": " "},
            "dissimilarity=' ' does not say how the values were measured; give a name, as in "
            "dissimilarity='correlation'.",
        ),
        (
            {"values": [[1, 2], [3]]},
            "Dissimilarities are not a rectangular array; their rows differ in length.",
        ),
        (
            {"values": ["x"] * 6},
            "Dissimilarities are numbers, but values of type <U1 were given.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    refused(message, lambda: made(**options))


def changed(*changes):
    square = squareform(PAIRS[0])
    for place, value in changes:
        square[place] = value
    return square


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (
            changed(((1, 2), 4.5), ((3, 0), 1)),
            "2 pairs differ between the two halves by up to 2 (first: 'd' and 'b')",
        ),
        (
            changed(((0, 1), 1.0001)),
            "1 pairs differ between the two halves by up to 0.0001 (first: 'd' and 'a')",
        ),
        (
            changed(((1, 2), np.nan)),
            "1 pairs differ between the two halves (first: 'a' and 'c')",
        ),
        (
            changed(((1, 1), 0.25), ((3, 3), 0.5)),
            "2 values on the diagonal are 0.25 to 0.5, but 0 is needed (first: 'a', 'b')",
        ),
        (
            changed(*(((i, i), np.nan) for i in range(4))),
            "4 values on the diagonal are NaN, but 0 is needed (first: 'd', 'a', 'c')",
        ),
        (
            changed(((1, 2), np.inf), ((2, 1), np.inf)),
            "2 values are infinite; use NaN for what is missing",
        ),
    ],
)
def test_what_was_found_instead_of_dissimilarities_is_said(values, fault):
    refused(cannot_be_made(fault), lambda: made(values))


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (lambda x: x, []),
        (
            lambda x: x.transpose("stimulus", "rdm", "stimulus_other"),
            [
                "dimensions are ('stimulus', 'rdm', 'stimulus_other'), but ('rdm', 'stimulus', "
                "'stimulus_other') in this order are needed"
            ],
        ),
        (lambda x: x.drop_vars("stimulus_other"), ["coordinate 'stimulus_other' is missing"]),
        (
            lambda x: x.assign_coords(stimulus=LABELS[::-1]),
            ["labels of stimulus and stimulus_other are not the same, in one order"],
        ),
        (
            lambda x: x.assign_coords(stimulus=list("aabc"), stimulus_other=list("aabc")),
            ["1 stimulus labels occur more than once (first: 'a')"],
        ),
        (lambda x: x.drop_vars("subject"), ["coordinate 'subject' of the RDMs is missing"]),
        (
            lambda x: x.drop_attrs(),
            ["the attribute 'dissimilarity' (say 'correlation') is missing"],
        ),
    ],
)
def test_faults_of_labels_are_named(change, faults):
    assert dissimilarity_label_faults(change(made())) == faults


def test_a_dataset_holds_dissimilarities_and_says_so():
    held = dataset()
    assert held.recordings["m2"].identical(made(subject="m2"))
    assert repr(held).splitlines()[3:] == [
        f"    {name}: 2 RDMs (IT) of 4 stimuli, dissimilarity: crossnobis" for name in ("m1", "m2")
    ]
    check_dataset(held)


def test_sessions_are_counted():
    assert "2 RDMs (IT) of 4 stimuli in 2 sessions, dissim" in repr(
        dataset(m1=made(session=[1, 2]))
    )


def test_dissimilarities_that_are_read_when_asked_for_are_checked_then():
    held = dataset(m1=lambda: made(subject="other"))
    assert "m1: not read yet" in repr(held)
    message = (
        "Recording of subject 'm1' cannot be used: it says that it belongs to subject 'other'."
    )
    refused(message, lambda: held.recordings["m1"])


def test_rois_and_subjects_are_selected():
    held = dataset(m1=made(roi=["V4", "IT"]), m2=made(subject="m2", roi="V4"))
    chosen = held.select(roi="IT")
    assert chosen.subjects == ["m1"]
    assert chosen.recordings["m1"].identical(made(PAIRS[1:]))
    assert held.select(subjects="m2").subjects == ["m2"]
    with pytest.raises(na.NeuroalignError, match=r"^No roi is called 'V1'\. Known: 'IT', 'V4'\.$"):
        held.select(roi="V1")


def test_neuroids_cannot_be_selected():
    message = (
        "Dataset 'own data' holds dissimilarities, which have no neuroids; select subjects or roi."
    )
    refused(message, lambda: dataset().select(neuroids=["m1/0"]))


def test_shared_stimuli_are_those_of_all_subjects():
    other = make_dissimilarities(
        [1.0], stimulus=["d", "a"], subject="m2", dissimilarity="crossnobis"
    )
    assert na.shared_stimuli(dataset(m1=made(), m2=other)) == ["a", "d"]


def test_stimuli_that_the_table_lacks_are_refused():
    strange = made(stimulus=["d", "a", "c", "z"])
    message = (
        "Recording of subject 'm1' cannot be used: 1 of its stimuli are not in the stimulus table "
        "(first: 'z')."
    )
    refused(message, lambda: dataset(m1=strange))


@pytest.mark.parametrize("first", ["m1", "m2"])
def test_responses_and_dissimilarities_do_not_mix(first):
    held = {
        "m1": made(),
        "m2": na.make_recording(
            np.eye(4), ("stimulus", "neuroid"), subject="m2", units="z", stimulus=LABELS,
            neuroid=range(4),
        ),
    }  # fmt: skip
    kinds = {"m1": "dissimilarities", "m2": "responses"}
    second = {"m1": "m2", "m2": "m1"}[first]
    message = (
        f"Recording of subject {second!r} cannot be used: it holds {kinds[second]}, but that of "
        f"{first!r} {kinds[first]}; load them apart."
    )
    refused(message, lambda: dataset(**{name: held[name] for name in (first, second)}))


def test_a_name_and_a_card_are_told_to_the_dissimilarities():
    attrs = dataset().named("study", None).recordings["m1"].attrs
    assert attrs == {"dissimilarity": "crossnobis", "dataset": "study"}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (lambda x: x.where(x["stimulus"] == "none"), "8 values on the diagonal are NaN"),
        (lambda x: x.where(x == 0), "1 of 2 RDMs hold no dissimilarity at all"),
        (lambda x: 0 * x, "2 of 2 RDMs hold equal dissimilarities only"),
        (lambda x: x + (x["stimulus"] == "d"), "6 pairs differ between the two halves by up to 1"),
    ],
)
def test_faults_of_values_are_found_by_the_contract(values, fault):
    with pytest.raises(DataError, match=re.escape(fault)):
        check_dataset(dataset(m1=values(made()).assign_attrs(made().attrs)))


@pytest.mark.parametrize(
    "call",
    [
        na.average_repetitions,
        lambda x: na.split_repetitions(x, seed=0),
        na.zscore,
        na.ceilings.split_half,
    ],
)
def test_what_is_done_to_responses_is_refused(call):
    message = (
        "Dissimilarities were given where responses of neuroids are needed; compare "
        "dissimilarities with na.rsa."
    )
    refused(message, lambda: call(made()))


def test_an_encoding_metric_is_refused():
    message = (
        "Dataset 'own data' holds dissimilarities only, and no responses to predict; score it by "
        "na.rsa.RSA()."
    )
    layers = {"top": pd.DataFrame(np.eye(4), index=LABELS)}
    refused(message, lambda: na.score(layers, dataset(), na.RidgeEncoding()))
    refused(message, lambda: na.score(layers, dataset(), roi="IT", folds=na.KFold(2)))
