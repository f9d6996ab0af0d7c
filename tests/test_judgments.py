"""Judgments: the odd one out by name or position, and dissimilarities from any square file."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers.judgments import read_choices, read_dissimilarities

TRIPLET = {"stimuli": ["a", "b", "c"], "chosen": "odd"}


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.fixture
def save(tmp_path):
    def saved(text):
        (tmp_path / "a.csv").write_text(text)
        return tmp_path / "a.csv"

    return saved


def test_the_odd_one_is_found_by_its_name(save):
    path = save("a,b,c,odd,who\ncat,dog,car,car,1\n7,cat,dog,7,2\ncat,car,dog,car,1\n")
    found = read_choices(path, **TRIPLET, subject="who")
    assert found.columns.tolist() == ["stimulus_1", "stimulus_2", "stimulus_3", "chosen", "subject"]
    assert found["chosen"].tolist() == [2, 0, 1]
    assert found["stimulus_1"].tolist() == ["cat", "7", "cat"]
    assert found["subject"].tolist() == ["1", "2", "1"]


def test_the_odd_one_is_found_by_its_position(save):
    path = save("a,b,c,odd\ncat,dog,car,3\ncat,car,dog,1\n")
    assert read_choices(path, **TRIPLET, counted_from=1)["chosen"].tolist() == [2, 0]


def test_a_triplet_whose_last_is_the_odd_one_names_that_column(save):
    path = save("a,b,c\ncat,dog,car\n")
    assert read_choices(path, stimuli=["a", "b", "c"], chosen="c")["chosen"].tolist() == [2]


def test_choices_are_what_similarities_are_scored_on(save):
    path = save("a,b,c,odd\ncat,dog,car,car\ndog,car,cat,car\ncar,cat,dog,cat\n")
    choices = read_choices(path, **TRIPLET)
    items = pd.Index(["car", "cat", "dog"])
    triplets = np.stack([items.get_indexer(choices[f"stimulus_{n}"]) for n in (1, 2, 3)], axis=1)
    ceiling = na.similarity.choice_ceiling(triplets, choices["chosen"].to_numpy())
    assert ceiling.upper == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (
            "a,b,c,odd\ncat,cat,car,car\n",
            {},
            "1 triplets of {path!r} hold a stimulus twice (first: row 1).",
        ),
        (
            "a,b,c,odd\ncat,dog,car,3\n",
            {},
            "In 1 rows of {path!r} column 'odd' is none of the three stimuli (first: '3' in row "
            "1); where it is a position, give counted_from=1.",
        ),
        (
            "a,b,c,odd\ncat,dog,car,1\ncat,dog,car,3\n",
            {"counted_from": 0},
            "In 1 rows of {path!r} column 'odd' is none of the three stimuli (first: '3' in row "
            "2).",
        ),
        (
            "a,b,c,odd\ncat,,car,car\n",
            {},
            "1 rows of {path!r} have no stimulus (column 'b', first: row 1); it may be cut short.",
        ),
        (
            "a,b,c,odd\ncat,dog,car,car\n",
            {"stimuli": ["a", "b"]},
            "stimuli=['a', 'b'] does not name the three columns of a triplet.",
        ),
        (
            "a,b,c,odd\ncat,dog,car,car\n",
            {"stimuli": ["a", "b", "b"]},
            "stimuli=['a', 'b', 'b'] does not name the three columns of a triplet.",
        ),
        (
            "a,b,c,odd\ncat,dog,car,car\ncat,car,cat,car\nx,y,y,x\n",
            {},
            "2 triplets of {path!r} hold a stimulus twice (first: row 2).",
        ),
    ],
)
def test_what_is_no_choice_is_said_in_one_sentence(save, text, change, message):
    path = save(text)
    with refused(message.format(path=str(path))):
        read_choices(path, **{**TRIPLET, **change})


def test_columns_of_choices_are_asked_for_by_name(save):
    path = save("a,b,c,odd\ncat,dog,car,car\n")
    with refused("No column of the table is called 'od'. Did you mean 'odd'?", UnknownNameError):
        read_choices(path, stimuli=["a", "b", "c"], chosen="od")


@pytest.fixture
def square(rng):
    """Make dissimilarities of four stimuli for two people."""
    points = rng.normal(size=(2, 4, 3))
    return np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)


LABELS = ["d", "a", "c", "b"]


@pytest.mark.parametrize("index", [True, False])
def test_a_square_table_names_its_stimuli(tmp_path, square, index):
    path = tmp_path / "a.csv"
    pd.DataFrame(square[0], index=LABELS, columns=LABELS).to_csv(path, index=index)
    found = read_dissimilarities(path, dissimilarity="judged", subject="s1")
    assert found.stimulus.values.tolist() == LABELS
    np.testing.assert_allclose(found.values[0], square[0])


@pytest.mark.parametrize("form", ["npy", "npz", "mat", "mat, RDMs last", "npy, pairs"])
def test_arrays_are_given_their_stimuli(tmp_path, square, form):
    path = tmp_path / f"a.{form[:3]}"
    given = np.moveaxis(square, 0, -1) if form.endswith("last") else square
    if form.endswith("pairs"):
        given = square[:, *np.triu_indices(4, 1)]
    if path.suffix == ".mat":
        savemat(path, {"D": given})
    elif path.suffix == ".npz":
        np.savez(path, D=given)
    else:
        np.save(path, given)
    found = read_dissimilarities(
        path, dissimilarity="judged", stimulus=LABELS, subject=["s1", "s2"], name="D"
    )
    np.testing.assert_allclose(found.values, square)
    assert found.subject.values.tolist() == ["s1", "s2"]


def test_pairs_of_one_person_may_be_a_row(tmp_path, square):
    savemat(tmp_path / "a.mat", {"D": square[0][np.triu_indices(4, 1)]})
    found = read_dissimilarities(
        tmp_path / "a.mat", dissimilarity="judged", stimulus=LABELS, name="D"
    )
    assert found.dims == ("stimulus", "stimulus_other")
    np.testing.assert_allclose(found.values, square[0])


def test_as_many_people_as_stimuli_lie_along_the_first_axis(tmp_path, square):
    people = square[[0, 1, 1, 0]] * np.arange(1, 5)[:, None, None]
    np.save(tmp_path / "a.npy", people)
    found = read_dissimilarities(
        tmp_path / "a.npy", dissimilarity="judged", stimulus=LABELS, subject=list("abcd")
    )
    np.testing.assert_allclose(found.values, people)


def test_faults_of_dissimilarities_are_said_in_one_sentence(tmp_path, square):
    path = tmp_path / "a.npy"
    np.save(path, square)
    with refused(f"File {str(path)!r} does not name its stimuli; pass stimulus=[...]."):
        read_dissimilarities(path, dissimilarity="judged")
    with pytest.raises(DataError, match=r"^Values of shape \(2, 4, 4\) are not dissimilarities"):
        read_dissimilarities(path, dissimilarity="judged", stimulus=["a"], subject="s")
    mat = tmp_path / "a.mat"
    savemat(mat, {"D": square})
    message = f"Say which variable of {str(mat)!r} holds dissimilarities, as in name='D'."
    with refused(message):
        read_dissimilarities(mat, dissimilarity="judged", stimulus=LABELS)
    table = tmp_path / "a.csv"
    table.write_text("a,b\n0,1\n1,0\n2,2\n")
    with refused(f"Table {str(table)!r} has 3 rows and 2 columns; it must be square."):
        read_dissimilarities(table, dissimilarity="judged")
    table.write_text(",a,b\nb,0,1\na,1,0\n")
    message = f"Rows and columns of {str(table)!r} do not name the same stimuli in one order."
    with refused(message):
        read_dissimilarities(table, dissimilarity="judged")
    table.write_text("a,b\n0,1\n1,0\n")
    message = f"The header of {str(table)!r} names other stimuli than stimulus= does."
    with refused(message):
        read_dissimilarities(table, dissimilarity="judged", stimulus=["b", "a"])
    table.write_text("a,b\n0,1\n3,0\n")
    with pytest.raises(DataError, match="pairs differ between the two halves"):
        read_dissimilarities(table, dissimilarity="judged")
