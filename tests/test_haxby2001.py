"""Haxby et al. (2001): one response for each run and category, from labelled volumes."""

import re

import nibabel
import numpy as np
import pandas as pd
import pytest
from miniatures import haxby2001 as miniature
from study_files import files_in

import neuroalign as na
from neuroalign.data.catalog import dataset_module

ADAPTER = dataset_module("haxby2001")[1]
LABELS = miniature.labels()
INSIDE = [voxel for voxel in np.ndindex(miniature.SHAPE) if voxel not in miniature.OUTSIDE]
ORDER = [name for run in miniature.RUNS for name in run]


@pytest.fixture
def files(tmp_path):
    miniature.write(tmp_path)
    return files_in(tmp_path, "haxby2001")


def volumes_of(files):
    return np.asarray(nibabel.load(files["bold.nii.gz"]).dataobj)


def recording_of(files):
    return ADAPTER.load(files).recordings["sub001"]


def reference(volumes):
    """Fit a line to each voxel in each run, divide by the spread about it, average each block."""
    responses, first = [], 0
    for run, names in zip(LABELS, miniature.RUNS, strict=True):
        time = np.arange(len(run))
        here = np.zeros((len(names), len(INSIDE)))
        for number, voxel in enumerate(INSIDE):
            signal = volumes[voxel][first : first + len(run)].astype(float)
            about = signal - np.polyval(np.polyfit(time, signal, 1), time)
            z = about / np.sqrt(np.mean(about**2))
            here[:, number] = [z[[x == name for x in run]].mean() for name in names]
        responses.append(here)
        first += len(run)
    return np.concatenate(responses)


def test_responses_are_means_of_blocks_of_standardized_signals(files):
    found = recording_of(files)
    assert found.dims == ("showing", "neuroid")
    np.testing.assert_allclose(found.values, reference(volumes_of(files)), atol=1e-10)


def test_each_category_was_shown_once_a_run_and_rest_is_no_stimulus(files):
    dataset = ADAPTER.load(files)
    recording = dataset.recordings["sub001"]
    assert dataset.stimuli["condition"].to_dict() == {x: x for x in ("cat", "face", "house")}
    assert recording["stimulus"].values.tolist() == ORDER
    runs = [number for number in range(4) for _ in range(3)]
    assert recording["run"].values.tolist() == recording["repetition"].values.tolist() == runs


def test_onsets_are_those_of_the_first_labelled_volume_of_a_block(files):
    assert recording_of(files)["onset"].values.tolist() == [5.0, 17.5, 30.0] * 4


def test_voxels_of_the_mask_have_the_coordinates_of_the_header(files):
    recording = recording_of(files)
    labels = [f"sub001/{i:02}-{j:02}-{k:02}" for i, j, k in INSIDE]
    assert recording["neuroid"].values.tolist() == labels
    place = np.stack([recording[axis].values for axis in "xyz"], axis=1)
    expected = [(4.65 - 3.1 * i, 3.75 * j - 3.75, 3.75 * k) for i, j, k in INSIDE]
    np.testing.assert_allclose(place, expected, atol=1e-6)


def test_level_scale_and_trend_of_a_voxel_in_a_run_do_not_matter(files, tmp_path):
    before, volumes = recording_of(files), volumes_of(files)
    here = slice(0, len(LABELS[0]))
    volumes[1, 1, 0, here] = 3 * volumes[1, 1, 0, here] + 11 * np.arange(len(LABELS[0])) - 200
    miniature.save(tmp_path, "bold.nii.gz", volumes)
    np.testing.assert_allclose(recording_of(files), before, atol=1e-10)


@pytest.mark.parametrize("slope", [0, 2])
def test_a_voxel_without_variance_in_a_run_has_no_response_there(slope, files, tmp_path):
    volumes = volumes_of(files)
    n = len(LABELS[0])
    volumes[1, 1, 0, :n] = 700 + slope * np.arange(n)
    miniature.save(tmp_path, "bold.nii.gz", volumes)
    missing = recording_of(files).isnull()
    assert missing.sel(neuroid="sub001/01-01-00").values.tolist() == [True] * 3 + [False] * 9
    assert missing.sum() == 3


def test_volumes_without_a_label_are_refused(files):
    path = files["attributes_literal.txt"]
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    message = "67 labels and a mask of (4, 3, 1) for volumes of shape (4, 3, 1, 68)."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ADAPTER.load(files)


def test_a_mask_of_another_shape_is_refused(files, tmp_path):
    miniature.save(tmp_path, "mask.nii.gz", np.ones((3, 3, 1), dtype=np.int16))
    message = "68 labels and a mask of (3, 3, 1) for volumes of shape (4, 3, 1, 68)."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ADAPTER.load(files)


def test_a_model_that_reads_images_is_refused(files):
    dataset = ADAPTER.load(files).named("haxby2001", ADAPTER.CARD)
    message = "Model 'pixels' reads image stimuli, but dataset 'haxby2001' has condition stimuli."
    with pytest.raises(na.NeuroalignError, match=f"^{re.escape(message)}$"):
        na.score(na.load_model("pixels"), dataset)


@pytest.mark.usefixtures("real_data")
def test_activations_computed_elsewhere_score_beside_noise_ceilings(rng):
    dataset = na.load_dataset("haxby2001")
    layers = {
        "category": pd.DataFrame(np.eye(8), index=dataset.stimuli.index),
        "random": pd.DataFrame(rng.normal(size=(8, 3)), index=dataset.stimuli.index),
    }
    scores = na.score(layers, dataset, folds=na.KFold(2), progress=False)
    assert scores.r.sizes == {"layer": 2, "fold": 2, "neuroid": 530}
    # A category that was left out has no column among those that were trained on.
    meanings = scores.undefined.attrs["flag_meanings"].split()
    constant = meanings.index("constant_prediction")
    assert (scores.undefined.sel(layer="category") == constant).all()
    assert scores.r.sel(layer="random").notnull().all()
    assert 0.4 < float(scores["ceiling_split_half"].median()) < 0.7
    assert "ceiling_anova" not in scores  # a fold of four stimuli says too little about variance
