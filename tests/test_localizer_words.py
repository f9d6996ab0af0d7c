"""Tables of the language localizer become stimuli with conditions, or are refused in a sentence."""

import pytest

from neuroalign.errors import DataError
from neuroalign.readers import read_language_localizer

HEADER = ",".join(f"stim{number}" for number in range(1, 15))
# As published: numbers run anew within each condition, and conditions alternate in blocks.
SENTENCE = "1,JUST,THE,BAREST,SUGGESTION,OF,A,HEEL,IS,FOUND,ON,TEENAGE,PUMPS,S"
NONWORDS = "1,POME,OY,REE,HOLILY,SHOURN,NE,SLEOMING,WHIMP,REE,RERE,OS,OFUKE,N"
NULL = "2,NULL,NA,NAN,HOLILY,SHOURN,NE,SLEOMING,WHIMP,REE,RERE,OS,OFUKE,N"


def write(folder, *rows, name="langloc_fmri_run1_stim_set1.csv", header=HEADER):
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_rows_become_texts_with_conditions_and_labels_of_their_own(tmp_path):
    found = read_language_localizer(write(tmp_path, SENTENCE, NONWORDS, NULL))
    stem = "langloc_fmri_run1_stim_set1"
    assert found.index.tolist() == [f"{stem}/S1", f"{stem}/N1", f"{stem}/N2"]
    assert found["condition"].tolist() == ["sentences", "nonwords", "nonwords"]
    assert found["text"].tolist() == [
        "just the barest suggestion of a heel is found on teenage pumps",
        "pome oy ree holily shourn ne sleoming whimp ree rere os ofuke",
        "null na nan holily shourn ne sleoming whimp ree rere os ofuke",
    ]


def test_several_tables_become_one(tmp_path):
    paths = [write(tmp_path, SENTENCE, name=f"set{number}.csv") for number in (2, 1)]
    assert read_language_localizer(paths).index.tolist() == ["set2/S1", "set1/S1"]


def test_the_order_of_rows_changes_no_label(tmp_path):
    one = read_language_localizer(write(tmp_path, SENTENCE, NONWORDS, NULL))
    two = read_language_localizer(write(tmp_path, NULL, SENTENCE, NONWORDS))
    assert one.equals(two.loc[one.index])


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (
            [SENTENCE[:-2]],
            HEADER.rpartition(",")[0],
            "has 13 columns and 1 rows; 14 columns (a number, twelve words, S or N) and a row or "
            "more are needed.",
        ),
        (
            [SENTENCE],
            HEADER.rpartition(",")[0],
            "has 13 columns and 1 rows; 14 columns (a number, twelve words, S or N) and a row or "
            "more are needed.",
        ),
        (
            [],
            HEADER,
            "has 14 columns and 0 rows; 14 columns (a number, twelve words, S or N) and a row or "
            "more are needed.",
        ),
    ],
)
def test_tables_of_another_shape_are_refused(tmp_path, rows, header, message):
    path = write(tmp_path, *rows, header=header)
    with pytest.raises(DataError) as error:
        read_language_localizer(path)
    assert str(error.value) == f"Table {str(path)!r} of the language localizer {message}"


def test_other_kinds_are_refused(tmp_path):
    path = write(tmp_path, SENTENCE, NONWORDS[:-1] + "W")
    with pytest.raises(DataError) as error:
        read_language_localizer(path)
    assert str(error.value) == (
        f"Row 2 of table {str(path)!r} is of the kind 'W'; S (sentence) or N (nonwords) is needed."
    )


def test_missing_words_are_refused(tmp_path):
    path = write(tmp_path, SENTENCE.replace("HEEL", " "))
    with pytest.raises(DataError) as error:
        read_language_localizer(path)
    assert str(error.value) == f"Row 1 of table {str(path)!r} has fewer than 12 words."


def test_stimuli_given_twice_are_refused(tmp_path):
    path = write(tmp_path, SENTENCE)
    with pytest.raises(DataError) as error:
        read_language_localizer([path, path])
    assert str(error.value) == (
        "1 stimuli of the language localizer occur twice (first: 'langloc_fmri_run1_stim_set1/S1')."
    )


def test_no_table_is_refused():
    with pytest.raises(DataError) as error:
        read_language_localizer([])
    assert str(error.value) == "No table of the language localizer was given; name one or more."
