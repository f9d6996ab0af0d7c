"""Tuckute et al. (2024): every response is that of its person, sentence and region."""

import re

import numpy as np
import pandas as pd
import pytest
from miniatures import tuckute2024 as miniature
from study_files import load_in

import neuroalign as na
from neuroalign.errors import DataError, DownloadError


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a table, and loads it."""

    def written(table=None, **options):
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        (miniature.table() if table is None else table).to_csv(
            tmp_path / miniature.FILE, index=False
        )
        return load_in(tmp_path, "tuckute2024", **options)

    return written


def refused(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


def test_every_response_is_that_of_its_person_item_and_region(write):
    dataset = write()
    assert dataset.subjects == ["797", "837", "848", "853"]
    for subject in dataset.subjects:
        recording = dataset.recordings[subject]
        assert recording.dims == ("stimulus", "neuroid")
        assert set(recording.stimulus.values) == {str(i) for i, *_ in miniature.items(int(subject))}
        for item in recording.stimulus.values:
            for roi in miniature.ROIS:
                found = recording.sel(stimulus=item, neuroid=f"{subject}/{roi}").item()
                assert found == miniature.code(int(subject), int(item), roi)


def test_regions_are_those_of_the_left_hemisphere(write):
    recording = write().recordings["848"]
    assert set(recording.roi.values) == set(miniature.ROIS)
    assert set(recording.hemisphere.values) == {"L"}
    assert recording.units == "z"


def test_the_network_is_its_own_average(write):
    recording = write(network=True).recordings["853"]
    assert recording.neuroid.values.tolist() == ["853/lang_LH_netw"]
    assert recording.sel(stimulus="7").item() == miniature.code(853, 7, miniature.NETWORK)


def test_responses_that_are_not_normalized_have_other_units(write):
    one, two = write().recordings["848"], write(normalized=False).recordings["848"]
    np.testing.assert_allclose(two.values, 2 * one.values)
    assert two.units == "GLMsingle estimate"


def test_people_who_read_nothing_else_have_the_baseline_only(write):
    dataset = write()
    condition = dataset.stimuli["condition"]
    assert set(condition[dataset.recordings["848"].stimulus.values]) == {"baseline"}
    driven = condition[dataset.recordings["837"].stimulus.values]
    assert driven.value_counts().to_dict() == {"baseline": 8, "drive": 1, "suppress": 1}


def test_sentences_ratings_and_trials_are_those_of_the_item(write):
    table = miniature.table()
    dataset = write(table)
    row = table[(table.item_id == 5) & (table.target_UID == 853)].iloc[0]
    stimulus = dataset.stimuli.loc["5"]
    assert stimulus["text"] == "Sentence 5, read once."
    assert [stimulus[name] for name in miniature.RATINGS] == row[miniature.RATINGS].tolist()
    shown = dataset.recordings["853"].sel(stimulus="5")
    assert (shown.session.item(), shown.run.item()) == (row.session_id, row.run_id)
    assert shown.trial.item() == str(row.trial_num)
    assert dataset.stimuli.loc["201", "approach"] == "D_modify"


def test_shuffled_rows_and_columns_change_nothing(write):
    table = miniature.table()
    mixed = table.sample(frac=1, random_state=1)[list(table)[::-1]]
    one, two = write(table), write(mixed)
    for subject in one.subjects:
        assert one.recordings[subject].identical(two.recordings[subject])
    pd.testing.assert_frame_equal(
        one.stimuli.sort_index(), two.stimuli.sort_index()[list(one.stimuli)]
    )


def test_a_response_that_is_missing_stays_missing(write):
    table = miniature.table()
    table.loc[table.index[3], "response_target"] = np.nan
    subject, item, roi = table.loc[table.index[3], ["target_UID", "item_id", "roi"]]
    recording = write(table).recordings[str(subject)]
    assert np.isnan(recording.sel(stimulus=str(item), neuroid=f"{subject}/{roi}").item())
    assert np.isnan(recording.values).sum() == 1


def test_words_that_look_missing_are_kept(write):
    table = miniature.table()
    table.loc[table.item_id == 3, "sentence"] = "NA"
    assert write(table).stimuli.loc["3", "text"] == "NA"


def test_a_second_response_is_refused(write):
    table = miniature.table()
    with refused(f"Subject '848' has several responses to item '{table.item_id[0]}'."):
        write(pd.concat([table, table.iloc[[0]]]))


def test_an_item_of_two_sentences_is_refused(write):
    table = miniature.table()
    table.loc[(table.item_id == 2) & (table.target_UID == 853), "sentence"] = "Another."
    with refused("Item '2' is several sentences."):
        write(table)


def test_the_table_of_the_blocked_design_is_refused(write):
    message = "The table has no column 'item_id'; it is not that of the event-related design."
    with refused(message):
        write(miniature.table().drop(columns=["item_id", "trial_num"]))


def test_a_table_without_the_network_is_refused(write):
    table = miniature.table()
    with refused("The table has no row of roi 'lang_LH_netw'."):
        write(table[table.roi != miniature.NETWORK], network=True)


def test_a_response_that_is_no_number_is_refused(write):
    table = miniature.table().astype({"response_target": object})
    table.loc[0, "response_target"] = "high"
    with pytest.raises(
        DataError, match=r"^Responses are numbers, but values of type <U\d+ were given"
    ):
        write(table)


def test_who_lacks_the_file_is_told_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROALIGN_DATA", str(tmp_path))
    message = (
        f"File {miniature.FILE!r} has to be got from https://evlabwebapps.mit.edu/public_data/"
        "tuckute2024_driving_suppressing/data.tar (unpack it) "
        f"and put at {tmp_path / 'tuckute2024' / miniature.FILE}."
    )
    with pytest.raises(DownloadError, match=f"^{re.escape(message)}$"):
        na.load_dataset("tuckute2024")
