"""Which texts form the input of which: passages, their order, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.contexts import (
    checked_stride,
    most_texts,
    passages,
    stimulus_texts,
    window_start,
)


def refusal(error, sentence):
    """Expect an error that says this whole sentence and nothing else."""
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def words(*texts, **columns):
    labels = [f"w{number}" for number in range(len(texts))]
    return pd.DataFrame({"text": texts, **columns}, index=labels)


def read(stimuli):
    """Return the texts of each passage, in the order of reading."""
    return [[stimuli["text"].iloc[row] for row in rows] for rows in passages(stimuli)]


def test_a_table_without_runs_and_groups_is_one_passage():
    assert read(words("b", "c", "a", position=[2, 3, 1])) == [["a", "b", "c"]]


@pytest.mark.parametrize("unit", ["run", "group"])
def test_a_passage_is_a_run_or_a_group(unit):
    stimuli = words("b", "y", "a", "x", onset=[2.0, 9.5, 1.5, 0.5], **{unit: [1, 2, 1, 2]})
    assert sorted(read(stimuli)) == [["a", "b"], ["x", "y"]]


def test_runs_come_before_groups():
    stimuli = words("a", "b", "c", onset=[0, 1, 2], run=["r", "r", "s"], group=["g", "h", "h"])
    assert sorted(read(stimuli)) == [["a", "b"], ["c"]]


def test_the_position_tells_texts_of_one_onset_apart():
    stimuli = words("b", "c", "a", onset=[1.0, 2.0, 1.0], position=[7, 0, 3])
    assert read(stimuli) == [["a", "b", "c"]]


def test_numbers_are_not_ordered_by_their_digits():
    assert read(words("b", "a", position=[10, 9])) == [["a", "b"]]


@pytest.mark.parametrize("seed", range(5))
def test_passages_do_not_depend_on_the_order_of_rows(seed):
    stimuli = words(*"abcdefgh", onset=range(8), run=list("rrssrsrs"))
    shuffled = stimuli.sample(frac=1, random_state=seed)
    assert sorted(read(shuffled)) == sorted(read(stimuli)) == [list("abeg"), list("cdfh")]


def test_stimuli_without_an_order_are_refused():
    with refusal(
        DataError,
        "The order of the stimuli is not known; give them a column 'onset' or 'position', or use "
        "context='alone'.",
    ):
        passages(words("a", "b", run=[1, 1]))


@pytest.mark.parametrize("column", ["onset", "position", "run", "group"])
def test_a_gap_in_a_column_is_refused(column):
    columns = {"position": [1.0, 2.0, 3.0], column: [1.0, np.nan, 3.0]}
    with refusal(
        DataError,
        f"1 stimuli have no {column} (first: 'w1'); without it their context is not known.",
    ):
        passages(words("a", "b", "c", **columns))


def test_an_order_that_is_no_number_is_refused():
    with refusal(DataError, "The column 'onset' holds '10'; numbers are needed."):
        passages(words("a", "b", onset=["10", "9"]))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"onset": [0.5, 2.0, 0.5]}, "2 stimuli share their onset within one table"),
        (
            {"onset": [1, 2, 1], "position": [1, 1, 1], "run": [7, 7, 7]},
            "2 stimuli share their onset and position within one run",
        ),
    ],
)
def test_texts_of_one_place_are_refused(columns, sentence):
    with refusal(DataError, f"{sentence} (first: 'w0', 'w2'); give each its own."):
        passages(words("a", "b", "c", **columns))


def test_texts_of_one_place_in_different_runs_are_fine():
    assert sorted(read(words("a", "b", onset=[1, 1], run=["r", "s"]))) == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("context", "window", "most"),
    [("alone", None, 1), ("growing", None, None), ("window", 1, 1), ("window", np.int64(20), 20)],
)
def test_a_context_limits_the_texts_of_an_input(context, window, most):
    assert most_texts(context, window) == most


def test_an_unknown_context_suggests_the_nearest():
    with refusal(UnknownNameError, "No context is called 'windows'. Did you mean 'window'?"):
        most_texts("windows", 20)


@pytest.mark.parametrize("window", [0, -1, 2.0, True, None])
def test_a_window_of_no_words_is_refused(window):
    with refusal(
        DataError,
        f"window={window!r} is not a positive number of words; give context='window' one, as in "
        "window=32.",
    ):
        most_texts("window", window)


@pytest.mark.parametrize("context", ["alone", "growing"])
def test_a_window_with_another_context_is_refused(context):
    with refusal(DataError, f"window=20 needs context='window', but context={context!r} is given."):
        most_texts(context, 20)


@pytest.mark.parametrize(
    ("window", "stride", "starts"),
    [
        (3, 1, [0, 0, 0, 1, 2, 3, 4, 5]),
        (3, 2, [0, 0, 0, 2, 2, 4, 4, 6]),
        (3, 3, [0, 0, 0, 3, 3, 3, 6, 6]),
        (1, 1, [0, 1, 2, 3, 4, 5, 6, 7]),
        (None, 1, [0] * 8),
    ],
)
def test_windows_that_stride_start_as_by_hand(window, stride, starts):
    assert [window_start(number, window, stride) for number in range(8)] == starts


@pytest.mark.parametrize("window", range(1, 8))
def test_a_text_is_served_by_the_first_window_that_holds_it(window):
    for stride in range(1, window + 1):
        for number in range(40):
            first = next(start for start in range(0, 99, stride) if start + window > number)
            assert window_start(number, window, stride) == first
            seen = number - first
            assert min(number, window - stride) <= seen < window


@pytest.mark.parametrize(("stride", "window"), [(1, None), (1, 1), (3, 3), (np.int64(2), 3)])
def test_a_window_moves_by_its_own_length_at_most(stride, window):
    assert checked_stride(stride, window) == stride


@pytest.mark.parametrize("stride", [0, -1, True, 1.5])
def test_a_stride_of_no_words_is_refused(stride):
    with refusal(DataError, f"stride={stride!r} is not a positive number of words."):
        checked_stride(stride, 20)


@pytest.mark.parametrize(
    ("window", "need"), [(None, "needs context='window'"), (3, "is more than window=3")]
)
def test_a_stride_beyond_the_window_is_refused(window, need):
    with refusal(DataError, f"stride=4 {need}; a window moves by its own length at most."):
        checked_stride(4, window)


def test_texts_come_in_the_order_of_rows():
    assert stimulus_texts(words("b", "a", " c"), "mine") == ["b", "a", " c"]


@pytest.mark.parametrize("text", ["", " \n", None, np.nan, 7])
def test_a_stimulus_without_a_text_is_refused(text):
    with refusal(
        DataError,
        f"The text of stimulus 'w1' is {text!r}; give it one that can be read, or leave the "
        "stimulus out.",
    ):
        stimulus_texts(pd.DataFrame({"text": ["a", text]}, ["w0", "w1"], dtype=object), "mine")


def test_stimuli_without_texts_are_refused():
    with refusal(
        DataError,
        "Model 'mine' reads the column 'text', which the stimuli lack; give it to them, or choose "
        "another model.",
    ):
        stimulus_texts(pd.DataFrame({"word": ["a"]}, ["w0"]), "mine")


def test_no_stimuli_are_refused():
    with refusal(DataError, "Model 'mine' was given no stimuli."):
        stimulus_texts(words(), "mine")
