"""Derivatives of fMRIPrep: the right files are found, joined and cleaned, and their events too."""

import json
import re

import nibabel
import numpy as np
import pandas as pd
import pytest
from fmri_files import AFFINE, SHAPE, atlas_of, write_nifti
from nilearn.signal import clean

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError
from neuroalign.numerics.hemodynamics import response
from neuroalign.readers import (
    average_events,
    deconvolve,
    read_bids_events,
    read_confounds,
    read_fmriprep,
)

N_VOLUMES = 40
MNI = "MNI152NLin2009cAsym"
WANTED = {"subject": "01", "task": "faces", "space": MNI}
MOTION = ["trans_x", "trans_x_derivative1", "rot_z"]


def write_run(folder, rng, stem, *, space=MNI, n_volumes=N_VOLUMES):
    """Write a series, its brain mask and description; return its values."""
    folder.mkdir(parents=True, exist_ok=True)
    values = rng.normal(1000, 10, (*SHAPE, n_volumes)).astype("float32")
    inside = np.ones(SHAPE, "uint8")
    inside[rng.integers(0, 4), 0, 0] = 0
    name = f"{stem}_space-{space}" if space else stem
    write_nifti(folder / f"{name}_desc-preproc_bold.nii.gz", values, period=0)
    write_nifti(folder / f"{name}_desc-brain_mask.nii.gz", inside)
    (folder / f"{name}_desc-preproc_bold.json").write_text(json.dumps({"RepetitionTime": 2.0}))
    confounds = pd.DataFrame(
        rng.normal(size=(n_volumes, 5)).cumsum(axis=0),
        columns=["trans_x", "rot_z", "a_comp_cor_00", "a_comp_cor_01", "cosine00"],
    )
    confounds["trans_x_derivative1"] = confounds["trans_x"].diff()
    confounds["framewise_displacement"] = np.nan
    confounds.to_csv(
        folder / f"{stem}_desc-confounds_timeseries.tsv", sep="\t", index=False, na_rep="n/a"
    )
    return values, inside > 0, confounds


@pytest.fixture
def runs(tmp_path, rng):
    """Write runs 1, 2 and 10 of a task, another space, task and subject."""
    func = tmp_path / "prep" / "sub-01" / "func"
    write_run(func, rng, "sub-01_task-faces_run-1", space="T1w")
    written = {
        number: write_run(func, rng, f"sub-01_task-faces_run-{number}") for number in (10, 1, 2)
    }
    write_run(func, rng, "sub-01_task-places_run-1")
    write_run(tmp_path / "prep" / "sub-02" / "func", rng, "sub-02_task-faces_run-1")
    return written


@pytest.fixture
def raw(tmp_path):
    """Write a raw dataset: two runs with events of their own, and one without."""
    func = tmp_path / "raw" / "sub-01" / "func"
    func.mkdir(parents=True)
    for number in (1, 2, 10):
        (func / f"sub-01_task-faces_run-{number}_bold.nii.gz").touch()
        if number < 10:
            text = f"onset\tduration\ttrial_type\n{number}.5\t2\tface\n30\t2\thouse\n"
            (func / f"sub-01_task-faces_run-{number}_events.tsv").write_text(text)
    (tmp_path / "raw" / "task-faces_events.tsv").write_text(
        "onset\tduration\ttrial_type\n7\tn/a\tcat\n"
    )
    return tmp_path / "raw"


def test_runs_of_the_task_are_joined_under_the_mask_that_they_share(tmp_path, runs):
    series = read_fmriprep(tmp_path / "prep", **WANTED)
    inside = np.logical_and.reduce([runs[number][1] for number in (1, 2, 10)])
    expected = [runs[number][0][inside].T for number in (1, 2, 10)]
    assert not in_memory(series)
    np.testing.assert_array_equal(series, np.concatenate(expected))
    assert list(dict.fromkeys(series.run.values)) == ["run-1", "run-2", "run-10"]
    assert series.onset.values[:2].tolist() == [0, 2]
    assert (series.space, series.confounds) == (MNI, "none")


@pytest.mark.usefixtures("runs")
def test_volumes_are_where_slice_timing_was_corrected_to(tmp_path):
    for run, start in ((1, 0.0), (2, 0.967)):
        described(tmp_path, {"RepetitionTime": 2.0, "StartTime": start}, run=run)
    series = read_fmriprep(tmp_path / "prep", **WANTED)
    first = [series.onset.values[series.run == f"run-{run}"][:2].tolist() for run in (1, 2, 10)]
    assert first == [[-1, 1], [-0.033, 1.967], [0, 2]]
    # A response that is sampled from 0 s on, as the description says, is found as it was.
    bold = 5 * response(np.arange(N_VOLUMES) * 2 - 10.0) + 100
    one = series.isel(sample=series.run == "run-1", neuroid=[0]).copy(data=bold[:, None])
    events = pd.DataFrame({"onset": [10.0], "stimulus": ["face"]})
    np.testing.assert_allclose(deconvolve(one, events, high_pass=0), 5, rtol=1e-9)


@pytest.mark.usefixtures("runs")
def test_a_run_a_space_and_a_mask_are_chosen(tmp_path):
    one = read_fmriprep(tmp_path / "prep", **WANTED, run="02")
    assert set(one.run.values) == {"run-2"}
    both = read_fmriprep(tmp_path / "prep", **WANTED, run=[1, 10])
    assert set(both.run.values) == {"run-1", "run-10"}
    space = read_fmriprep(tmp_path / "prep", subject="sub-01", task="faces", space="T1w")
    assert space.sizes["sample"] == N_VOLUMES
    mask = nibabel.Nifti1Image(np.eye(4, 3)[..., None].repeat(2, 2), AFFINE)
    masked = read_fmriprep(tmp_path / "prep", **WANTED, mask=mask)
    assert masked.sizes["neuroid"] == 6


def test_sessions_without_runs_are_named_by_session(tmp_path, rng):
    for session in ("b", "a"):
        folder = tmp_path / "sub-3" / f"ses-{session}" / "func"
        write_run(folder, rng, f"sub-3_ses-{session}_task-rest")
    options = {"subject": 3, "task": "rest", "space": MNI}
    assert set(read_fmriprep(tmp_path, **options).run.values) == {"ses-a", "ses-b"}
    assert set(read_fmriprep(tmp_path, **options, session="b").run.values) == {"ses-b"}


def test_the_space_of_the_acquisition_is_that_without_a_name(tmp_path, rng):
    write_run(tmp_path / "sub-3" / "func", rng, "sub-3_task-rest", space=None)
    series = read_fmriprep(tmp_path, subject=3, task="rest", space=None)
    assert series.space == "scanner"


def test_versions_of_a_run_are_told_apart_by_resolution_and_entities(tmp_path, rng):
    func = tmp_path / "sub-3" / "func"
    for resolution in ("1", "2"):
        write_run(func, rng, "sub-3_task-rest", space=f"{MNI}_res-{resolution}")
    two = read_fmriprep(tmp_path, subject=3, task="rest", space=f"{MNI}:res-2")
    same = read_fmriprep(tmp_path, subject=3, task="rest", space=MNI, entities={"res": "2"})
    np.testing.assert_array_equal(two, same)
    with pytest.raises(
        DataError, match=r"^Several files are of one run \(first: .*'res': '2'}, or .*\.$"
    ):
        read_fmriprep(tmp_path, subject=3, task="rest", space=MNI)


@pytest.mark.parametrize("high_pass", [None, 1 / 64])
def test_what_is_regressed_out_is_what_nilearn_regresses_out(high_pass, tmp_path, runs):
    series = read_fmriprep(
        tmp_path / "prep", **WANTED, confounds=["trans_x*", "rot_z"], high_pass=high_pass
    )
    assert not in_memory(series)
    assert series.confounds == ", ".join(MOTION)
    inside = np.logical_and.reduce([runs[number][1] for number in (1, 2, 10)])
    for number in (1, 2, 10):
        values, _, confounds = runs[number]
        chosen = confounds[MOTION].bfill().to_numpy()
        raw = values[inside].T.astype(float)
        expected = clean(
            raw, detrend=False, standardize=None, confounds=chosen, t_r=2.0,
            filter="cosine" if high_pass else False, high_pass=high_pass,
        )  # fmt: skip
        ours = series.isel(sample=series.run == f"run-{number}").values
        np.testing.assert_allclose(
            ours - ours.mean(axis=0), expected - expected.mean(axis=0), atol=1e-6
        )
        np.testing.assert_allclose(ours.mean(axis=0), raw.mean(axis=0))


@pytest.mark.usefixtures("runs")
def test_a_part_of_a_cleaned_series_is_that_of_the_whole(tmp_path):
    series = read_fmriprep(tmp_path / "prep", **WANTED, confounds=MOTION)
    part = series.isel(sample=[79, 3, 41], neuroid=[5, 2])
    np.testing.assert_allclose(part, series.values[np.ix_([79, 3, 41], [5, 2])])


@pytest.mark.usefixtures("runs")
def test_regions_may_be_averaged_and_cleaned(tmp_path):
    atlas = nibabel.Nifti1Image(atlas_of(), AFFINE)
    options = {"atlas": atlas, "confounds": MOTION, **WANTED}
    voxels = read_fmriprep(tmp_path / "prep", **options)
    regions = read_fmriprep(tmp_path / "prep", **options, average="roi")
    expected = [voxels.values[:, voxels.roi == code].mean(axis=1) for code in ("3", "7")]
    np.testing.assert_allclose(regions.T, expected)


def test_confounds_may_be_fitted_with_the_events_instead(tmp_path, runs):
    table = read_confounds(tmp_path / "prep", ["rot_z"], **WANTED)
    assert list(table) == ["run-1", "run-2", "run-10"]
    np.testing.assert_allclose(table["run-10"]["rot_z"], runs[10][2]["rot_z"])
    events = pd.DataFrame({"run": list(table) * 2, "onset": [4.0] * 3 + [30.0] * 3})
    events["stimulus"] = list("abcabc")
    series = read_fmriprep(tmp_path / "prep", **WANTED)
    assert deconvolve(series, events, confounds=table).sizes["showing"] == 6


def test_events_of_every_run_are_found_its_own_before_those_of_all(raw):
    events = read_bids_events(raw, subject="01", task="faces")
    assert events["run"].tolist() == ["run-1"] * 2 + ["run-2"] * 2 + ["run-10"]
    assert events["trial_type"].tolist() == ["face", "house"] * 2 + ["cat"]
    assert events["onset"].tolist() == [1.5, 30, 2.5, 30, 7]
    assert events["duration"].tolist() == [2, 2, 2, 2, 0]
    one = read_bids_events(raw, subject="01", task="faces", run=2)
    assert one["run"].tolist() == ["run-2"] * 2


@pytest.mark.usefixtures("runs")
def test_series_and_events_make_a_recording(tmp_path, raw):
    events = read_bids_events(raw, subject="01", task="faces")
    series = read_fmriprep(tmp_path / "prep", **WANTED, confounds=MOTION)
    showings = average_events(series, events, start=4, stop=8)
    recording = na.make_recording(showings, subject="01", units="scanner units")
    assert recording.stimulus.values.tolist() == ["face", "house"] * 2 + ["cat"]
    assert not in_memory(recording)


def edited(folder, change):
    """Change the confounds of run 2, and read them."""
    path = folder / "prep/sub-01/func/sub-01_task-faces_run-2_desc-confounds_timeseries.tsv"
    change(pd.read_csv(path, sep="\t")).to_csv(path, sep="\t", index=False)
    return read_fmriprep(folder / "prep", **WANTED, confounds=["rot_z"])


def described(folder, facts, run=2):
    """Change the description of a run."""
    name = f"sub-01_task-faces_run-{run}_space-{MNI}_desc-preproc_bold.json"
    (folder / "prep/sub-01/func" / name).write_text(json.dumps(facts))
    return read_fmriprep(folder / "prep", **WANTED)


def without_file(folder, name):
    (folder / "prep/sub-01/func" / name).unlink()
    return read_fmriprep(folder / "prep", **WANTED, confounds=["rot_z"])


FUNC = "{folder}/prep/sub-01/func/sub-01_task-faces_run-2"
REFUSED = {
    "folder": (
        lambda folder: read_fmriprep(folder / "no", **WANTED),
        "Folder '{folder}/no' does not exist; give that of the dataset.",
    ),
    "subject": (
        lambda folder: read_fmriprep(folder / "prep", **{**WANTED, "subject": "9"}),
        "Folder '{folder}/prep' has no subject '9'; subjects there (first: 'sub-01', 'sub-02').",
    ),
    "no subject": (
        lambda folder: read_fmriprep(folder / "raw" / "sub-01", **WANTED),
        "Folder '{folder}/raw/sub-01' has no subject '01'; there is none.",
    ),
    "task": (
        lambda folder: read_fmriprep(folder / "prep", **{**WANTED, "task": "rest"}),
        "Folder '{folder}/prep/sub-01' has no file desc-preproc_bold with task-rest, "
        f"space-{MNI} (first: *).",
    ),
    "run": (
        lambda folder: read_fmriprep(folder / "prep", **WANTED, run=[1, 3]),
        "Run '3' of the task was not found; runs there (first: '1', '10', '2').",
    ),
    "mask": (
        lambda folder: without_file(
            folder, f"sub-01_task-faces_run-2_space-{MNI}_desc-brain_mask.nii.gz"
        ),
        f"File '{FUNC}_space-{MNI}_desc-brain_mask.nii.gz' does not exist; check its name and "
        "folder.",
    ),
    "confounds": (
        lambda folder: without_file(
            folder, "sub-01_task-faces_run-2_desc-confounds_timeseries.tsv"
        ),
        f"Series '{FUNC}_space-{MNI}_desc-preproc_bold.nii.gz' has no table of confounds beside it "
        "(_desc-confounds_timeseries.tsv).",
    ),
    "rows of confounds": (
        lambda folder: edited(folder, lambda table: table[:-1]),
        f"File '{FUNC}_desc-confounds_timeseries.tsv' has 39 rows, but its series 40 volumes.",
    ),
    "missing confounds": (
        lambda folder: edited(folder, lambda table: table.drop(index=5).reindex(range(40))),
        f"File '{FUNC}_desc-confounds_timeseries.tsv' has 1 confounds with missing values after "
        "the first volume (first: 'rot_z'); leave them out.",
    ),
    "words for confounds": (
        lambda folder: edited(folder, lambda table: table.assign(rot_z="still")),
        f"File '{FUNC}_desc-confounds_timeseries.tsv' has a confound 'rot_z' that is no column of "
        "numbers.",
    ),
    "name of confounds": (
        lambda folder: read_fmriprep(folder / "prep", **WANTED, confounds=["pitch"]),
        "File '{folder}/prep/sub-01/func/sub-01_task-faces_run-1_desc-confounds_timeseries.tsv' "
        "has no confound 'pitch'; its columns (first: 'trans_x', 'rot_z', 'a_comp_cor_00').",
    ),
    "confounds as a string": (
        lambda folder: read_fmriprep(folder / "prep", **WANTED, confounds="rot_z"),
        "confounds='rot_z' is one string; give a list of columns.",
    ),
    "high-pass": (
        lambda folder: read_fmriprep(folder / "prep", **WANTED, high_pass=128),
        "high_pass=128 Hz leaves nothing of 40 volumes 2 s apart; lower it.",
    ),
    "events": (
        lambda folder: (
            (folder / "raw/task-faces_events.tsv").unlink(),
            read_bids_events(folder / "raw", subject="01", task="faces"),
        ),
        "File 'sub-01_task-faces_run-10_bold.nii.gz' has no events.tsv in '{folder}/raw' that "
        "holds for it.",
    ),
    "period as a word": (
        lambda folder: described(folder, {"RepetitionTime": "two"}),
        f"File '{FUNC}_space-{MNI}_desc-preproc_bold.json' cannot be read as a description (*).",
    ),
    "other period": (
        lambda folder: described(folder, {"RepetitionTime": 1.5}),
        "Descriptions state several repetition times (*); read the runs apart.",
    ),
    "period of the header": (
        lambda folder: (
            write_nifti(
                folder / FUNC[9:].replace("run-2", f"run-2_space-{MNI}_desc-preproc_bold.nii.gz"),
                np.zeros((*SHAPE, N_VOLUMES)),
                period=1.5,
            ),
            read_fmriprep(folder / "prep", **WANTED),
        ),
        f"The header of '{FUNC}_space-{MNI}_desc-preproc_bold.nii.gz' states a sampling period of "
        "1.5 s, the description beside it 2 s; mend the one that is wrong.",
    ),
    "description": (
        lambda folder: (
            (
                folder
                / f"prep/sub-01/func/sub-01_task-faces_run-2_space-{MNI}_desc-preproc_bold.json"
            ).write_text("{"),
            read_fmriprep(folder / "prep", **WANTED),
        ),
        f"File '{FUNC}_space-{MNI}_desc-preproc_bold.json' cannot be read as a description (*).",
    ),
}


@pytest.mark.usefixtures("runs", "raw")
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path):
    call, sentence = REFUSED[case]
    pattern = re.escape(sentence.replace("{folder}", str(tmp_path))).replace(r"\*", r"[^\n]+")
    with pytest.raises(DataError, match=f"^{pattern}$"):
        call(tmp_path)
