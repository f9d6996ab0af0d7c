"""TextGrids: the words of every tier with their times, whatever the layout of the file."""

import re

import pytest
from miniatures import lebel2023

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers import read_textgrid

SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
3
<exists>
2
"IntervalTier"
"word"
0
3
3
0
1
"in"
1
1.5
""
1.5
3
"12 "
"TextTier"
"click"
0
3
1
2.25
"a ""b"" ! c"
"""
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 ! a note of 5 words, "hidden"
xmax = 3
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "word"
        xmin = 0
        xmax = 3
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1
            text = "in"
        intervals [2]:
            xmin = 1
            xmax = 1.5
            text = ""
        intervals [3]:
            xmin = 1.5
            xmax = 3
            text = "12 "
    item [2]:
        class = "TextTier"
        name = "click"
        xmin = 0
        xmax = 3
        points: size = 1
        points [1]:
            number = 2.25
            mark = "a ""b"" ! c"
"""
ROWS = [("word", "in", 0.0, 1.0), ("word", "12", 1.5, 1.5), ("click", 'a "b" ! c', 2.25, 0.0)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.TextGrid"


def rows(table):
    assert list(table) == ["tier", "text", "onset", "duration"]
    assert table.index.tolist() == list(range(len(table)))
    return list(table.itertuples(index=False, name=None))


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("text", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_words_of_every_tier_have_their_times(path, text, encoding):
    path.write_bytes(text.encode(encoding))
    assert rows(read_textgrid(path)) == ROWS


def test_a_tier_is_read_by_its_name_or_its_place(path):
    path.write_text(SHORT)
    assert rows(read_textgrid(path, tier="click")) == ROWS[2:]
    assert rows(read_textgrid(path, tier=1)) == ROWS[2:]
    assert rows(read_textgrid(path, tier="word")) == rows(read_textgrid(path, tier=0)) == ROWS[:2]


def test_a_tier_without_words_has_no_rows(path):
    path.write_text(SHORT.replace('"in"', '" "').replace('"12 "', '""'))
    assert rows(read_textgrid(path, tier="word")) == []


@pytest.mark.parametrize("tier", [2, -1])
def test_a_place_without_a_tier_is_refused(path, tier):
    path.write_text(SHORT)
    with refused(f"TextGrid '{path}' has no tier {tier}, from 0; its tiers: word, click."):
        read_textgrid(path, tier=tier)


def test_an_unknown_tier_names_the_nearest(path):
    path.write_text(SHORT)
    message = f"No tier of {str(path)!r} is called 'words'. Did you mean 'word'?"
    with refused(message, UnknownNameError):
        read_textgrid(path, tier="words")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("1.5\n3\n", "1.5\n1\n", "has an interval '12' of tier 'word' that ends at 1 s, before "
         "it begins, at 1.5 s"),
        ("1.5\n3\n", "1.5\n", "has '\"12 \"' where a number should be (value 17); it is damaged"),
        ("1.5\n3\n", "1.5\n1e999\n", "has '1e999' where a number should be (value 17); it is "
         "damaged"),
        ('3\n0\n1\n"in"', '2.5\n0\n1\n"in"', "has '2.5' where a count should be (value 9); it is "
         "damaged"),
        ('3\n0\n1\n"in"', '-3\n0\n1\n"in"', "has '-3.0' where a count should be (value 9); it is "
         "damaged"),
        ("<exists>", "<absent>", "has '<absent>' where <exists> should be (value 3); it is "
         "damaged"),
        ('"in"', "7", "has '7' where a text should be (value 12); it is damaged"),
        ('"TextTier"', '"PitchTier"', "has 'PitchTier' where IntervalTier or TextTier should be "
         "(value 20); it is damaged"),
        ('"a ""b"" ! c"', "", "ends after 24 values, where a text should follow; it is cut short"),
    ],
)  # fmt: skip
def test_a_damaged_textgrid_is_refused_in_a_sentence(path, old, new, fault):
    assert SHORT.count(old) == 1
    path.write_text(SHORT.replace(old, new))
    with refused(f"TextGrid '{path}' {fault}."):
        read_textgrid(path)


@pytest.mark.parametrize("text", ["onset\tword\n", 'File type = "ooTextFile"\n"PitchTier"\n'])
def test_another_file_is_no_textgrid(path, text):
    path.write_text(text)
    with refused(f"File '{path}' is no TextGrid as text, which begins by saying so."):
        read_textgrid(path)


def test_text_of_another_encoding_is_refused(path):
    path.write_bytes(SHORT.replace("in", "né").encode("latin-1"))
    with pytest.raises(DataError, match=r"^File '.*' cannot be read as a TextGrid \(Unicode"):
        read_textgrid(path)


def test_a_missing_textgrid_is_refused(path):
    with refused(f"File '{path}' does not exist; check its name and folder."):
        read_textgrid(path)


def test_a_textgrid_that_is_cut_anywhere_is_refused_or_whole(path):
    text = lebel2023.textgrid()
    for end in range(1, text.rindex('"you"'), 7):
        path.write_text(text[:end])
        with pytest.raises(DataError, match=r"^(File|TextGrid) '[^\n]*\.$"):
            read_textgrid(path)
