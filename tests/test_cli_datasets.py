"""The command line lists datasets, checks them, and begins new ones."""

import pytest
from cli_cases import write_dataset

import neuroalign as na


@pytest.fixture
def tiny(tmp_path):
    return write_dataset(tmp_path / "tiny")


def test_options_of_a_dataset_are_read_as_the_type_of_their_default(tiny, run):
    code, out, _ = run("check", tiny, "--option", "noise=0.5")
    assert (code, "No faults." in out) == (0, True)
    code, _, err = run("check", tiny, "--option", "noise=loud")
    sentence = "Option noise='loud' is not a number, as 'noise' needs."
    assert (code, err) == (1, f"Error: {sentence}\n")


def test_datasets_are_listed_with_their_cards(run):
    code, out, err = run("datasets")
    assert (code, err) == (0, "")
    for name in na.list_datasets():
        assert name in out
    assert "CC0-1.0" in out


def test_check_finds_no_faults_in_a_sound_dataset(tiny, run):
    code, out, err = run("check", tiny)
    assert (code, err) == (0, "")
    assert out.startswith("BrainDataset 'tiny'\n  stimuli   40 (image)\n")
    assert out.endswith("\nNo faults.\n")


def test_check_lists_the_faults_of_a_dataset(run, tmp_path):
    spoil = "responses[:, :, 1] = 3; responses[:, :, 2] = np.nan"
    code, out, err = run("check", write_dataset(tmp_path / "faulty", spoil=spoil))
    assert (code, out) == (1, "")
    assert err == (
        "Error: Dataset 'faulty' has 2 faults:\n"
        "  - subject 'subject-1': 1 neuroids have no response at all (first: 'subject-1/2'): "
        "leave these neuroids out\n"
        "  - subject 'subject-1': 1 neuroids have a constant response (first: 'subject-1/1'): "
        "leave these neuroids out, or declare the fault on the card (known_faults)\n"
    )


def test_check_lists_faults_of_labels_and_of_values_together(run, tmp_path):
    spoil = "responses[:, :, 1] = 3; images[5:] = images[5]"
    folder = tmp_path / "faulty"
    write_dataset(folder, spoil=spoil)
    adapter = (folder / "dataset.py").read_text()
    wrong = adapter.replace("return na.make_dataset(", "made = na.make_dataset(") + (
        "    return na.BrainDataset(\n"
        "        {'subject-1': made.recordings['subject-1']}, made.stimuli.drop(index=['0'])\n"
        "    )\n"
    )
    (folder / "dataset.py").write_text(wrong)
    code, out, err = run("check", str(folder))
    assert (code, out) == (1, "")
    assert "has 2 faults:" in err
    assert "1 of its stimuli are not in the stimulus table (first: '0')" in err
    assert "1 neuroids have a constant response (first: 'subject-1/1')" in err


def test_subjects_are_no_option_of_a_dataset(tiny, run):
    code, _, err = run("check", tiny, "--option", "subjects=bob")
    assert (code, err) == (
        1,
        "Error: --option subjects=... is not an option of the dataset; use --subjects.\n",
    )


def test_check_remarks_on_missing_responses(run, tmp_path):
    folder = write_dataset(tmp_path / "gaps", spoil="responses[0, :, 1] = np.nan")
    code, out, err = run("check", folder)
    assert (code, err) == (0, "")
    assert out.endswith(
        "\nNote: subject 'subject-1': 1 of 4 neuroids lack responses, 0.6% of all (NaN).\n"
        "No faults.\n"
    )


def test_a_new_dataset_is_written_and_has_no_faults(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("new-dataset", "author2024")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        "Change these to your data; `neuroalign check author2024` lists what is wrong."
    )
    assert run("check", "author2024")[0] == 0
    code, _, err = run("new-dataset", "author2024")
    assert (code, err) == (
        1,
        "Error: 'author2024' exists already; choose another name, or move it away.\n",
    )
