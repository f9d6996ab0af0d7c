"""Cards say what there is: counts and sizes as the files have them, and tables made of them."""

import re
from pathlib import Path

import pandas as pd
import pytest

import neuroalign as na
from neuroalign.data.catalog import dataset_files, dataset_module
from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.report.cards import as_markdown, cards_page, table_of_cards

ON_ORIGINALS = [
    name
    for name in na.list_datasets()
    if dataset_module(name)[1].CARD.verified == "original files" and len(dataset_files(name))
]
# Options that together load everything that is published.
OPTIONS = {"cowley2023": [{"session": s} for s in ("210325", "190923", "201025", "210322")]}

SHA = "#sha256=" + "0" * 64
PAGE = Path(__file__).parent.parent / "docs" / "studies.md"
# What the page of studies holds between its marks, and how to write it anew.
MARKED = re.compile(r"(?<=<!-- studies -->\n).*(?=\n<!-- /studies -->)", re.DOTALL)
WRITE_ANEW = (
    "docs/studies.md is not what the cards say. From the root of the repository:\n"
    'python -c "import re, pathlib, neuroalign as na; '
    "from neuroalign.data.catalog import dataset_module as find; "
    "from neuroalign.report.cards import cards_page; "
    "found = {name: find(name)[1] for name in na.list_datasets()}; "
    "made = cards_page({name: one.CARD for name, one in found.items() "
    "if one.__name__.startswith('neuroalign.')}); "
    "page = pathlib.Path('docs/studies.md'); "
    "page.write_text(re.sub(r'(?s)(<.-- studies -->\\n).*(\\n<.-- /studies -->)', "
    'lambda found: found[1] + made + found[2], page.read_text()))"'
)


def card(**changes):
    facts = {"citation": "doi:10/x", "modality": "fmri", "species": "human"}
    return na.DatasetCard(**{**facts, "stimulus": "text", "license": "CC0-1.0", **changes})


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("name", ON_ORIGINALS)
def test_counts_of_a_card_are_those_of_the_files(name):
    stated = dataset_module(name)[1].CARD
    subjects, images, neuroids = set(), set(), set()
    for options in OPTIONS.get(name, [{}]):
        dataset = na.load_dataset(name, **options)
        subjects |= set(dataset.subjects)
        kind = dataset.stimulus_kinds[0]
        images |= (
            {image.tobytes() for image in dataset.stimuli["image"]}
            if kind == "image" and "image" in dataset.stimuli
            else set(dataset.stimuli.index)
        )
        for recording in dataset.recordings.values():
            neuroids |= set() if is_dissimilarities(recording) else set(recording["neuroid"].values)
    assert stated.n_subjects == len(subjects)
    assert stated.n_stimuli == len(images)
    assert (stated.n_neuroids or 0) == len(neuroids)


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize("name", ON_ORIGINALS)
def test_the_size_of_a_card_is_that_of_the_files(name):
    files = dataset_files(name)
    assert dataset_module(name)[1].CARD.size == sum(files[file].stat().st_size for file in files)


@pytest.mark.parametrize("name", na.list_datasets())
def test_a_study_states_its_counts(name):
    stated = dataset_module(name)[1].CARD
    if stated.modality != "simulated":
        assert stated.n_subjects
        assert stated.n_stimuli


def test_a_table_has_a_row_for_each_card():
    table = table_of_cards(
        {
            "b": card(n_subjects=8, n_stimuli=73_000, size=1_500_000_000, n_repetitions="3"),
            "a": card(files={"x": "#sha256=" + "0" * 64}, how_to_get="https://x"),
            "c": card(modality="eeg", files={"x": "https://x#sha256=" + "0" * 64}, size=999),
        }
    )
    assert table["dataset"].tolist() == ["c", "a", "b"]
    assert table["from"].tolist() == ["download", "by hand", "no files"]
    assert table["stimuli"].tolist() == ["text", "text", "73,000 text"]
    assert table["size"].tolist() == ["999 bytes", "-", "1.5 GB"]
    assert table["repetitions"].tolist() == ["-", "-", "3"]


def test_files_without_address_or_hash_are_got_by_hand():
    free = {"x": "https://x" + SHA, "y": ""}
    table = table_of_cards(
        {"a": card(files={"x": ""}, how_to_get="the form"), "b": card(files=free, how_to_get="x")}
    )
    assert table["from"].tolist() == ["by hand", "download and by hand"]


def test_a_page_says_where_files_are_got_by_hand():
    asked, free = card(files={"x": ""}, how_to_get="the form"), card(files={"x": "https://x" + SHA})
    cards = {"c": asked, "b": free, "a": card(files={"x": ""}, how_to_get="mail")}
    table = as_markdown(table_of_cards(cards))
    by_hand = "- `a`: mail\n- `c`: the form"
    assert cards_page(cards) == f"{table}\n\nGot by hand, from:\n\n{by_hand}"
    assert cards_page({"a": free}) == as_markdown(table_of_cards({"a": free}))


def test_the_page_of_studies_is_what_the_cards_say():
    found = {name: dataset_module(name)[1] for name in na.list_datasets()}
    shipped = {
        name: module.CARD
        for name, module in found.items()
        if module.__name__.startswith("neuroalign.")
    }
    written = MARKED.search(PAGE.read_text())
    assert written, "docs/studies.md lacks the marks <!-- studies --> and <!-- /studies -->"
    assert written[0] == cards_page(shipped), WRITE_ANEW


def test_a_table_is_written_for_a_page():
    assert as_markdown(pd.DataFrame({"a": ["x|y"], "b": ["1"]})) == (
        "| a | b |\n|---|---|\n| x\\|y | 1 |"
    )
