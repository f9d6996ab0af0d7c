"""Odd-one-out judgments of THINGS: labels, counts, and what is refused."""

import re
import types
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from miniatures.hebart2023_choices import OBJECTS, PLACES, TABLE, odd_of, write

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.errors import DataError


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "hebart2023-choices"
    folder.mkdir()
    write(folder)
    monkeypatch.setenv("NEUROALIGN_DATA", str(tmp_path))
    return folder


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def by_hand():
    """Count, triplet by triplet, how often a pair was left as the pair."""
    kept, judged = {}, {}
    for triplet in combinations(range(len(OBJECTS)), 3):
        odd = triplet[odd_of(triplet) - 1]
        for pair in combinations(triplet, 2):
            judged[pair] = judged.get(pair, 0) + 1
            kept[pair] = kept.get(pair, 0) + (odd not in pair)
    return {pair: 1 - kept[pair] / judged[pair] for pair in judged}


@pytest.mark.usefixtures("home")
def test_dissimilarities_are_the_share_of_judgments_in_which_a_pair_was_parted():
    found = na.load_dataset("hebart2023-choices").recordings["people"].isel(rdm=0)
    for (one, other), expected in by_hand().items():
        value = found.sel(stimulus=OBJECTS[one], stimulus_other=OBJECTS[other])
        assert float(value) == pytest.approx(expected, abs=1e-12)


@pytest.mark.usefixtures("home")
def test_repeated_triplets_count_where_they_are_wanted():
    usual = na.load_dataset("hebart2023-choices").recordings["people"]
    more = na.load_dataset("hebart2023-choices", repeated=True).recordings["people"]
    changed = np.argwhere((usual != more).values[0])
    assert set(changed.ravel()) == {0, 1, 2}  # the objects of the first triplet


@pytest.mark.usefixtures("home")
def test_choices_are_labels_and_the_place_of_the_odd_one():
    table = na.similarity.load_choices("hebart2023-choices")
    usual = table[table["noise_ceiling"] == 0]
    assert len(usual) == 20
    for _, row in usual.iterrows():
        shown = [OBJECTS.index(row[f"stimulus_{place}"]) for place in (1, 2, 3)]
        assert row["chosen"] == odd_of(shown) - 1
    assert set(table["subject"]) == {"w0", "w1"}


def test_shuffled_rows_change_nothing(home, rng):
    before = na.load_dataset("hebart2023-choices").recordings["people"]
    table = pd.read_csv(home / TABLE, sep="\t")
    shuffled = table.iloc[rng.permutation(len(table))][table.columns[::-1]]
    shuffled.to_csv(home / TABLE, sep="\t", index=False)
    xr.testing.assert_identical(na.load_dataset("hebart2023-choices").recordings["people"], before)


@pytest.mark.usefixtures("home")
def test_a_model_of_the_places_is_closest():
    dataset = na.load_dataset("hebart2023-choices")
    places = pd.DataFrame({"place": PLACES, "more": PLACES}, index=list(OBJECTS))
    other = pd.DataFrame(np.random.default_rng(1).normal(size=(6, 4)), index=list(OBJECTS))
    measure = na.rsa.RSA("squared_euclidean", "spearman")
    scores = na.score({"places": places, "other": other}, dataset, measure, progress=False)
    similarity = scores["similarity"].isel(view=0)
    assert float(similarity.sel(layer="places")) > 0.8 > float(similarity.sel(layer="other"))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("image2", 7, f"{TABLE} has numbers of objects from 1 to 7, but unique_id.txt names 6"),
        ("image1", 0, f"{TABLE} has numbers of objects from 0 to 6, but unique_id.txt names 6"),
        ("choice", 4, f"{TABLE} has choices other than 1, 2 and 3"),
    ],
)
def test_numbers_that_cannot_be_are_refused(column, value, reason, home):
    table = pd.read_csv(home / TABLE, sep="\t")
    table.loc[3, column] = value
    table.to_csv(home / TABLE, sep="\t", index=False)
    with refused(f"Dataset 'hebart2023-choices' could not be loaded: {reason}."):
        na.load_dataset("hebart2023-choices")


def test_a_table_with_commas_is_refused(home):
    table = pd.read_csv(home / TABLE, sep="\t")
    table.to_csv(home / TABLE, index=False)
    with pytest.raises(DataError, match=r"^Dataset 'hebart2023-choices' could not be loaded: Usec"):
        na.load_dataset("hebart2023-choices")


def study_with(choices):
    study = types.ModuleType("study2020")
    study.CARD = dataset_module("hebart2023-choices")[1].CARD
    study.load, study.choices = None, lambda files: choices  # noqa: ARG005
    return study


def table(**changes):
    columns = {"stimulus_1": ["a"], "stimulus_2": ["b"], "stimulus_3": ["c"], "chosen": [0]}
    return pd.DataFrame({**columns, "subject": ["ann"], **changes})


def test_a_dataset_without_choices_says_how_to_read_some():
    message = (
        "Dataset 'simulated-v4' comes with no choices; read yours with na.readers.read_choices."
    )
    with refused(message):
        na.similarity.load_choices("simulated-v4")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (table().drop(columns="chosen"), "The choices of dataset 'study2020' lack chosen."),
        (
            table(stimulus_3=["a"]),
            "1 choices of dataset 'study2020' show a stimulus twice (first: '0').",
        ),
        (table(chosen=[3]), "1 choices of dataset 'study2020' are not 0, 1 or 2 (first: '0')."),
    ],
    ids=["columns", "twice", "chosen"],
)
def test_choices_that_cannot_be_are_refused(choices, message):
    with refused(message):
        na.similarity.load_choices(study_with(choices))
