"""Tables: every response under its labels, whatever the order and form of the rows."""

import re
import struct

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from miniatures import zhang2011

import neuroalign as na
from neuroalign.errors import DataError, MissingPackageError, UnknownNameError
from neuroalign.readers.arrays import read_rda
from neuroalign.readers.tables import read_table

LONG = {"stimulus": "item", "neuroid": "unit", "response": "rate"}
WIDE = {"stimulus": "item", "neuroids": ["u1", "u2"]}


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.fixture
def long():
    """Make a long table of two showings of two items, with one response missing."""
    rows = [
        (item, trial, unit, roi, kind, rate)
        for rate, (item, trial, unit, roi, kind) in enumerate(
            (item, trial, unit, roi, kind)
            for item, kind in (("007", "cat"), ("x", "dog"))
            for trial in (1, 2)
            for unit, roi in (("b", "V4"), ("a", "V1"))
        )
    ]
    names = ["item", "trial", "unit", "roi", "kind", "rate"]
    return pd.DataFrame(rows[:-1], columns=names)


@pytest.fixture
def save(tmp_path):
    def saved(table, name="a.csv", **options):
        path = tmp_path / name
        if name.endswith("parquet"):
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False, sep="\t" if name.endswith("tsv") else ",", **options)
        return path

    return saved


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.parquet"])
def test_a_long_table_becomes_showings_by_neuroids(long, save, name):
    found = read_table(save(long, name), **LONG, repetition="trial", units="Hz")
    assert found.dims == ("showing", "neuroid")
    assert found.stimulus.values.tolist() == ["007", "007", "x", "x"]
    assert found.repetition.values.tolist() == [1, 2, 1, 2]
    assert found.neuroid.values.tolist() == ["b", "a"]
    assert found.roi.values.tolist() == ["V4", "V1"]
    assert found.kind.dims == ("showing",)
    np.testing.assert_array_equal(found, [[0, 1], [2, 3], [4, 5], [6, np.nan]])
    recording = na.make_recording(found, subject="m")
    assert recording.attrs["units"] == "Hz"
    assert recording.neuroid.values.tolist() == ["m/b", "m/a"]


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_rows_and_columns_change_nothing_after_labels(long, save, seed):
    rng = np.random.default_rng(seed)
    shuffled = long.iloc[rng.permutation(len(long))][rng.permutation(long.columns)]
    key = {**LONG, "repetition": "trial"}
    one, two = read_table(save(long), **key), read_table(save(shuffled), **key)
    rows = pd.MultiIndex.from_arrays([two.stimulus.values, two.repetition.values])
    wanted = list(zip(one.stimulus.values, one.repetition.values, strict=True))
    order = [rows.get_loc(pair) for pair in wanted]
    xr.testing.assert_identical(one, two.isel(showing=order).sel(neuroid=one.neuroid))


def test_rows_and_neuroids_are_in_the_order_of_the_file(long, save):
    found = read_table(save(long[::-1]), **LONG, repetition="trial")
    assert found.stimulus.values.tolist() == ["x", "x", "007", "007"]
    assert found.repetition.values.tolist() == [2, 1, 2, 1]


def test_a_long_table_of_averages_has_one_row_a_stimulus(long, save):
    found = read_table(save(long[long.trial == 1]), **LONG)
    assert found.dims == ("stimulus", "neuroid")
    assert found.stimulus.values.tolist() == ["007", "x"]


def test_a_wide_table_takes_the_columns_that_are_named(save):
    table = pd.DataFrame(
        {"u2": [1.5, 2], "item": ["x", "y"], "u1": ["", "NA"], "onset": [0.5, 1], "day": ["01"] * 2}
    )
    found = read_table(save(table), **WIDE)
    assert found.dims == ("stimulus", "neuroid")
    assert found.neuroid.values.tolist() == ["u1", "u2"]
    np.testing.assert_array_equal(found, [[np.nan, 1.5], [np.nan, 2]])
    assert found.onset.values.tolist() == [0.5, 1.0]
    assert found.day.values.tolist() == ["01", "01"]


def test_a_wide_table_whose_stimuli_repeat_has_showings(save):
    table = pd.DataFrame({"item": ["x", "x"], "u1": [1, 2], "u2": [3, 4], "take": [1, 2]})
    found = read_table(save(table), stimulus="item", neuroids="u*", repetition="take")
    assert found.dims == ("showing", "neuroid")
    assert found.repetition.values.tolist() == [1, 2]
    np.testing.assert_array_equal(found, [[1, 3], [2, 4]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_text_is_utf_8_with_or_without_its_mark(save, encoding):
    table = pd.DataFrame({"item": ["Käse", "NA"], "u1": [1, 2], "u2": [3, 4]})
    found = read_table(save(table, encoding=encoding), **WIDE)
    assert found.stimulus.values.tolist() == ["Käse", "NA"]


def test_another_encoding_is_read_where_it_is_named(save):
    table = pd.DataFrame({"item": ["Käse"], "u1": [1], "u2": [3]})
    path = save(table, encoding="latin-1")
    message = (
        f"File {str(path)!r} is not UTF-8 text (byte 0xe4 at 12); save it as UTF-8, or say what it "
        "is, as in encoding='latin-1'."
    )
    with refused(message):
        read_table(path, **WIDE)
    assert read_table(path, **WIDE, encoding="latin-1").stimulus.values.tolist() == ["Käse"]


def test_a_mark_of_utf_8_is_no_part_of_a_name_where_the_encoding_is_given(save):
    path = save(pd.DataFrame({"item": ["x"], "u1": [1], "u2": [3]}), encoding="utf-8-sig")
    assert read_table(path, **WIDE, encoding="utf-8").values.tolist() == [[1, 3]]


TEXTS = {
    "decimal commas": (
        'item,u1,u2\nx,"1,5",2\n',
        "Column 'u1' of {path!r} has decimal commas (first: '1,5'); write decimal points.",
    ),
    "words": (
        "item,u1,u2\nx,1,2\ny,good,2\n",
        "Column 'u1' of {path!r} has 1 values that are not numbers (first: 'good' in row 2).",
    ),
    "semicolons": (
        "item;u1;u2\nx;1;2\n",
        "Table {path!r} has the one column 'item;u1;u2'; say what separates columns, as in "
        "separator=';'.",
    ),
    "a name twice": (
        "item,u1,u1\nx,1,2\n",
        "Table {path!r} has 1 column names twice (first: 'u1').",
    ),
    "no row": ("item,u1,u2\n", "Table {path!r} has a header, but no row."),
    "cut short": (
        "item,u1,u2\nx,1,2\ny,1\n",
        "Line 3 of table {path!r} has 2 cells, but the header 3; the file may be cut short.",
    ),
    "a short row": (
        "item,u1,u2\nx,1\ny,1,2\n",
        "Line 2 of table {path!r} has 2 cells, but the header 3; the file may be cut short.",
    ),
    "a long row": (
        "item,u1,u2\nx,1,2,3\ny,1,2\n",
        "Line 2 of table {path!r} has 4 cells, but the header 3; the file may be cut short.",
    ),
    "marks that swallow a row": (
        'item,u1,u2\n"x,1,2\ny,3,4\n5 "inch",5,6\n',
        "Table {path!r} has a quotation mark out of place, in line 4 or before it; put cells that "
        "hold one in quotation marks, and double it there.",
    ),
    "no stimulus": (
        "item,u1,u2\nx,1,2\n,3,4\n",
        "1 rows of {path!r} have no stimulus (column 'item', first: row 2); it may be cut short.",
    ),
    "bytes of 0": (
        "item,u1,u2\nx,1,\0\n",
        "File {path!r} is not a table of text: it has bytes of value 0.",
    ),
}


@pytest.mark.parametrize(("text", "message"), TEXTS.values(), ids=TEXTS)
def test_faults_of_text_are_said_in_one_sentence(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with refused(message.format(path=str(path))):
        read_table(path, **WIDE)


def test_words_in_quotation_marks_may_hold_all_that_separates(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('item,u1,u2\n"a, ""b""\nc",1,2\n5" disc,3,4\n\n')
    assert read_table(path, **WIDE).stimulus.values.tolist() == ['a, "b"\nc', '5" disc']


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"stimulus": "item", "neuroids": "*"}, "item"),
        ({**WIDE, "repetition": "u2"}, "u2"),
        ({**LONG, "response": "unit"}, "unit"),
    ],
)
def test_a_column_is_one_thing(save, options, name):
    path = save(pd.DataFrame({"item": [1], "unit": [2], "rate": [3], "u1": [4], "u2": [5]}))
    message = (
        f"Column {name!r} is given for two things; stimulus, repetition, neuroids and responses "
        "are columns of their own."
    )
    with refused(message):
        read_table(path, **options)


def test_what_is_missing_in_typed_columns_is_nan_or_an_empty_word(save):
    table = pd.DataFrame(
        {
            "item": ["x", "y", "z"],
            "u1": pd.array([1, None, 3], dtype="Int32"),
            "u2": pd.Categorical(["2.5", "4", None]),
            "kind": pd.Categorical([None, "dog", "cat"]),
            "trial": pd.array([7, 8, 9], dtype="Int32"),
            "press": pd.array([1, None, 3], dtype="Int32"),
            "right": pd.array([True, None, False], dtype="boolean"),
        }
    )
    found = read_table(save(table, "a.parquet"), **WIDE)
    np.testing.assert_array_equal(found.values, [[1, 2.5], [np.nan, 4], [3, np.nan]])
    assert found.kind.values.tolist() == ["", "dog", "cat"]
    assert found.trial.dtype == int
    np.testing.assert_array_equal(found.press, [1, np.nan, 3])
    np.testing.assert_array_equal(found.right, [1, np.nan, 0])


def test_whole_numbers_that_are_not_available_in_r_are_nan(tmp_path):
    rdata = pytest.importorskip("rdata")
    given = np.ma.array([[1, 0], [3, 4], [5, 6]], mask=[[0, 1], [0, 0], [0, 0]], dtype=np.int32)
    rdata.write_rds(tmp_path / "a.rds", given)
    np.testing.assert_array_equal(
        read_rda(tmp_path / "a.rds").values, [[1, np.nan], [3, 4], [5, 6]]
    )


def test_utf_16_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("item,u1,u2\nx,1,2\n", encoding="utf-16")
    message = f"File {str(path)!r} is UTF-16 text; save it as UTF-8, or pass encoding='utf-16'."
    with refused(message):
        read_table(path, **WIDE)


def test_two_responses_to_a_showing_are_refused(long, save):
    path = save(long)
    message = (
        f"Neuroid 'b' has several responses to stimulus '007' in {str(path)!r} (3 such rows more); "
        "name the column that tells showings apart, as in repetition='trial'."
    )
    with refused(message):
        read_table(path, **LONG)
    path = save(pd.concat([long, long[:1]]))
    message = (
        f"Neuroid 'b' has several responses to stimulus '007' in {str(path)!r} (1 such rows more); "
        "each may have one."
    )
    with refused(message):
        read_table(path, **LONG, repetition="trial")


def test_columns_are_asked_for_by_their_names(long, save):
    path = save(long)
    with refused("No column of the table is called 'rat'. Did you mean 'rate'?", UnknownNameError):
        read_table(path, **{**LONG, "response": "rat"})
    message = (
        f"read_table needs neuroid= and response= for a long table, or neuroids= for a wide one; "
        f"{str(path)!r} has the columns item, trial, unit, roi, kind, rate."
    )
    with refused(message):
        read_table(path, stimulus="item", neuroid="unit")
    with refused("No column fits neuroids='V*'; there are item, trial, unit, roi, kind, rate."):
        read_table(path, stimulus="item", neuroids="V*")
    with refused("neuroids= names no column; name each column of responses once."):
        read_table(path, stimulus="item", neuroids=[])
    message = "neuroids= names 1 columns twice (first: 'rate'); name each column of responses once."
    with refused(message):
        read_table(path, stimulus="item", neuroids=["rate", "rate"])


def test_a_damaged_parquet_file_is_refused(long, save):
    path = save(long, "a.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=f"^File {str(path)!r} cannot be read as a Parquet table"):
        read_table(path, **LONG)


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        ("pyarrow.parquet", "a.parquet", "Parquet files need pyarrow; run pip install "),
        ("rdata", "a.rda", "R data files need rdata; run pip install "),
    ],
)
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, module, name, message):
    (tmp_path / name).write_bytes(b"some")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with refused(f"{message}'neuroalign[tables]'.", MissingPackageError):
        read_table(tmp_path / name, **LONG)


def test_a_data_frame_of_r_is_a_table(tmp_path):
    zhang2011.write(tmp_path)
    path = tmp_path / zhang2011.FILE
    frame = read_rda(path)
    assert {"siteID", "labels.stimulus_ID"} <= set(frame.columns)
    found = read_table(path, stimulus="labels.combined_ID_position", neuroids="time.*")
    assert found.sizes == {"showing": len(frame), "neuroid": len(zhang2011.BEGINS)}
    np.testing.assert_allclose(found.values[:, 0], frame["time.-500_-350"])


def r_vector(**named):
    """Write numbers as R does: a list of names and vectors of doubles."""
    body = b""
    for name, values in named.items():
        body += struct.pack(">ii", 0x402, 1) + struct.pack(">ii", 0x40009, len(name))
        body += name.encode() + struct.pack(">ii", 14, len(values))
        body += struct.pack(f">{len(values)}d", *values)
    return b"RDX2\nX\n" + struct.pack(">iii", 2, 0x30000, 0x20300) + body + struct.pack(">i", 254)


def test_an_object_of_r_is_chosen_by_its_name(tmp_path):
    path = tmp_path / "a.rda"
    path.write_bytes(r_vector(a=[1.0, 2.0], b=[3.0]))
    assert read_rda(path, "a").values.tolist() == [1.0, 2.0]
    with refused(f"File {str(path)!r} has 2 objects (a, b); name one of them."):
        read_rda(path)
    with refused(f"No object of {str(path)!r} is called 'aa'. Did you mean 'a'?", UnknownNameError):
        read_rda(path, "aa")
    path.write_bytes(r_vector(a=[1.0]))
    with refused(f"File {str(path)!r} holds an array, not a table; read it with read_rda."):
        read_table(path, **LONG)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=f"^File {str(path)!r} cannot be read as R data"):
        read_rda(path)


def test_the_original_trials_of_r_are_a_table(real_data):
    frame = read_rda(real_data / "zhang2011" / "ZD_150bins_50sampled.Rda")
    assert len(frame) == 55433
    assert frame["siteID"].nunique() == 132
