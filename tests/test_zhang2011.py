"""Zhang et al. (2011): counts of sites that were recorded in sessions, from an R data file."""

import re
import sys

import numpy as np
import pytest
from miniatures import zhang2011 as miniature
from study_files import files_in

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.errors import MissingPackageError
from neuroalign.testing import check_adapter

ADAPTER = dataset_module("zhang2011")[1]
SHOWN = [f"{name}_{where}" for name in miniature.OBJECTS for where in miniature.POSITIONS]
LATE = [100, 150, 200, 250, 300, 350]  # ms: bins within 100 to 500 ms


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "zhang2011")


def expected(begins):
    """Return the counts of the miniature (stimulus, repetition, neuroid, bin)."""
    values = np.full((9, miniature.N_REPETITIONS, 5, len(begins)), np.nan)
    for stimulus, name in enumerate(SHOWN):
        for site, (session, _, _) in enumerate(miniature.SITES):
            fewer = (session, name) == miniature.FEWER
            for repetition in range(miniature.N_REPETITIONS - fewer):
                for bin_, begin in enumerate(begins):
                    found = miniature.count(site + 1, name, repetition, begin)
                    values[stimulus, repetition, site, bin_] = found
    return values


def recording_of(files, **options):
    return ADAPTER.load(files, **options).recordings["bp"]


def test_responses_are_means_over_the_bins_of_the_window(files):
    recording = recording_of(files)
    assert recording.dims == ("stimulus", "repetition", "neuroid")
    assert recording["stimulus"].values.tolist() == SHOWN
    np.testing.assert_allclose(recording, expected(LATE).mean(axis=-1), rtol=1e-12)


def test_a_window_of_one_bin_holds_whole_counts(files):
    found = recording_of(files, start=100, stop=250)
    np.testing.assert_array_equal(found, expected([100])[..., 0])


def test_bins_may_be_an_axis_of_time(files):
    recording = recording_of(files, start=-500, timed=True)
    assert recording.dims == ("stimulus", "repetition", "neuroid", "time")
    np.testing.assert_array_equal(recording, expected(list(miniature.BEGINS)))
    np.testing.assert_allclose(recording["time"], np.arange(-0.425, 0.45, 0.05), atol=1e-12)


def test_bins_in_time_keep_the_contract(files):
    check_adapter(ADAPTER, lambda: ADAPTER.load(files, timed=True))


def test_a_stimulus_that_was_shown_less_lacks_its_last_repetition(files):
    missing = recording_of(files).isnull()
    assert missing.sum() == 2
    assert missing.sel(stimulus="hand_upper").values[2].tolist() == [False] * 3 + [True] * 2


def test_mixed_rows_columns_and_levels_change_nothing(files, tmp_path):
    before = recording_of(files, timed=True)
    raw = files[miniature.FILE].read_bytes()
    miniature.write(tmp_path, mixed=np.random.default_rng(3))
    assert files[miniature.FILE].read_bytes() != raw
    after = recording_of(files, timed=True)
    assert after["neuroid"].values.tolist() != before["neuroid"].values.tolist()
    assert after.sel(neuroid=before["neuroid"], stimulus=before["stimulus"]).identical(before)


def test_neuroids_say_their_session_and_electrode(files):
    recording = recording_of(files)
    names = ["bp/1001-1A", "bp/1001-2A", "bp/1001-2B", "bp/1002-1A", "bp/1002-4C"]
    assert recording["neuroid"].values.tolist() == names
    assert recording["session"].values.tolist() == ["1001"] * 3 + ["1002"] * 2
    assert recording["session"].dims == ("neuroid",)
    assert recording["electrode"].values.tolist() == ["1", "2", "2", "1", "4"]
    assert recording.attrs["simultaneous"] == "in a session"


def test_stimuli_are_objects_at_places_grouped_by_object(files):
    stimuli = ADAPTER.load(files).stimuli
    assert stimuli.index.tolist() == stimuli["condition"].tolist() == SHOWN
    assert stimuli["object"].tolist() == stimuli["group"].tolist()
    assert (stimuli["object"] + "_" + stimuli["location"]).tolist() == SHOWN


def test_a_window_without_a_bin_is_refused(files):
    message = (
        "No bin of 150 ms lies within 420 to 500 ms; the first begins at -500 ms, the last at "
        "350 ms."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ADAPTER.load(files, start=420)


def test_the_package_that_reads_the_file_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdata", None)
    message = (
        "Dataset 'zhang2011' needs the package 'rdata', which is not installed; "
        "run pip install 'neuroalign[tables]'."
    )
    with pytest.raises(MissingPackageError, match=f"^{re.escape(message)}$"):
        na.load_dataset("zhang2011")
