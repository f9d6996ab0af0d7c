"""Files of one's own in the shell, options of metrics, and outputs that cannot be written."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform

import neuroalign as na
from neuroalign.errors import shortened

RNG = np.random.default_rng(0)
LABELS = [f"{number:02}" for number in range(20)]
UNITS = RNG.normal(size=(20, 5))


@pytest.fixture
def study(tmp_path):
    """Write three people who met twenty stimuli three times, as tables and arrays."""
    folder = tmp_path / "study"
    folder.mkdir()
    pd.DataFrame({"stimulus": LABELS, "text": LABELS}).to_csv(folder / "stimuli.csv", index=False)
    (folder / "dataset.toml").write_text(
        'modality = "fmri"\nspecies = "human"\nunits = "z"\ncitation = "none"\n'
        'license = "CC0-1.0"\ndims = ["stimulus", "repetition", "neuroid"]\n'
    )
    for subject in ("ann", "bob", "cid"):
        (folder / subject).mkdir()
        noise = RNG.normal(size=(20, 3, 6))
        np.save(
            folder / subject / "responses.npy", (UNITS @ RNG.normal(size=(5, 6)))[:, None] + noise
        )
    return folder


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "net0.csv"
    pd.DataFrame(UNITS, pd.Index(LABELS, name="stimulus")).to_csv(path)
    return path


RSA = ("--metric", "rsa", "--against", "none")


def test_a_table_of_activations_is_a_model_of_one_layer(run, study, table, tmp_path):
    code, out, err = run("score", table, study, *RSA, "--out", tmp_path / "runs")
    assert code == 0, err
    scores = na.load_scores(tmp_path / "runs" / "net0_study_rsa")
    frame = pd.DataFrame(UNITS, LABELS)
    expected = na.score({"net0": frame}, na.load_dataset(study), na.rsa.RSA(), progress=False)
    np.testing.assert_allclose(scores.similarity, expected.similarity)
    assert scores.layer.values.tolist() == ["net0"]
    assert "net0 on study" in out


def test_dissimilarities_in_a_file_are_compared_as_they_are(run, study, tmp_path):
    square = pd.DataFrame(squareform(pdist(UNITS)), LABELS, LABELS)
    square.to_csv(tmp_path / "rdm.csv")
    code, _, err = run("score", tmp_path / "rdm.csv", study, *RSA, "--out", tmp_path / "runs")
    assert code == 0, err
    made = na.rsa.make_dissimilarities(square, stimulus=LABELS, dissimilarity="own")
    expected = na.score({"rdm": made}, na.load_dataset(study), na.rsa.RSA(), progress=False)
    scores = na.load_scores(tmp_path / "runs" / "rdm_study_rsa")
    np.testing.assert_allclose(scores.similarity, expected.similarity)


def test_a_netcdf_file_is_a_model_of_its_variables(study, tmp_path):
    values = xr.DataArray(UNITS, {"stimulus": LABELS}, ("stimulus", "unit"))
    values.to_netcdf(tmp_path / "one.nc")
    xr.Dataset({"low": values, "high": 2 * values}).to_netcdf(tmp_path / "two.nc")
    assert na.load_model(str(tmp_path / "one.nc")).layers == ["one"]
    two = na.load_model(str(tmp_path / "two.nc"))
    assert (two.name, two.layers) == ("two", ["low", "high"])
    scores = na.score(two, na.load_dataset(study), na.similarity.CKA(), progress=False)
    assert scores.sizes["layer"] == 2


def test_files_are_systems_of_dispersion(run, study, table, tmp_path):
    other = tmp_path / "net1.csv"
    pd.DataFrame(UNITS + RNG.normal(size=(20, 5)), LABELS).to_csv(other)
    code, out, err = run("disperse", study, table, other, "--n-null", 0, "--n-folds", 2)
    assert code == 0, err
    assert "net0" in out


def test_labels_in_a_file_are_text(tmp_path):
    frame = pd.DataFrame(UNITS[:3], ["01", "NA", "1e3"])
    frame.to_csv(tmp_path / "odd.csv")
    _, values = next(na.load_model(str(tmp_path / "odd.csv")).activations(None))
    assert values.stimulus.values.tolist() == ["01", "NA", "1e3"]
    square = pd.DataFrame(squareform(pdist(UNITS)), LABELS, LABELS)
    square.iloc[1, 3] = square.iloc[3, 1] = np.nan
    square.to_csv(tmp_path / "holes.csv")
    _, values = next(na.load_model(str(tmp_path / "holes.csv")).activations(None))
    assert values.dims == ("stimulus", "stimulus_other")
    assert int(values.isnull().sum()) == 2


def test_files_that_hold_no_model_are_refused(run, study, tmp_path):
    words = tmp_path / "words.csv"
    pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}, ["s1", "s2"]).to_csv(words)
    broken, empty, other = (tmp_path / name for name in ("broken.nc", "empty.csv", "net.onnx"))
    broken.write_text("no")
    empty.write_text("")
    other.write_text("no")
    bare = tmp_path / "bare.nc"
    xr.DataArray(UNITS, dims=("stimulus", "unit")).to_netcdf(bare)
    own = (
        " A file of activations of your own ends in .csv, .nc, .npy, .npz, .h5, .hdf5, .zarr, .pt, "
        ".pth."
    )
    for path, sentence in (
        (
            tmp_path / "none.csv",
            f"File '{tmp_path}/none.csv' does not exist, so that it is no model.",
        ),
        (
            words,
            f"File '{words}' has columns without numbers (first: 'a'); give labels of stimuli in "
            "the first column, and numbers in the others.",
        ),
        (broken, f"File '{broken}' is no NetCDF file; write it by DataArray.to_netcdf."),
        (empty, f"File '{empty}' is no table with a header; write it by DataFrame.to_csv."),
        (
            bare,
            f"File '{bare}' holds no labelled activations; write a DataArray with the coordinate "
            "'stimulus' by .to_netcdf, or a Dataset of one for each layer.",
        ),
    ):
        code, _, err = run("score", path, study, *RSA)
        assert (code, err) == (1, f"Error: {sentence}\n")
        with pytest.raises(na.errors.DataError) as caught:
            na.load_model(str(path))
        assert str(caught.value) == sentence
    code, _, err = run("score", other, study, *RSA)
    assert code == 1
    assert err.startswith(f"Error: No model is called {shortened(other)}.")
    assert err.endswith(f"{own}\n")
    code, _, err = run("disperse", study, "pixels", tmp_path / "none.csv")
    assert err.endswith("none.csv' does not exist, so that it is no model.\n")


def test_options_of_a_metric_reach_it(run, study, table, tmp_path):
    words = ["--metric-option", "dissimilarity=crossnobis", "--metric-option", "comparison=rho_a"]
    code, _, err = run("score", table, study, *RSA, *words, "--out", tmp_path / "runs")
    assert code == 0, err
    scores = na.load_scores(tmp_path / "runs" / "net0_study_rsa")
    assert scores.attrs["metric"] == "RSA(dissimilarity='crossnobis', comparison='rho_a')"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("k=x",),
            "No option of metric 'rsa' is called 'k'. Known: 'comparison', 'dissimilarity'.",
        ),
        (
            ("comparison=rho",),
            "No comparison of dissimilarities is called 'rho'. Did you mean 'rho_a'?",
        ),
        (("comparison",), "--metric-option 'comparison' is not of the form name=value."),
    ],
)
def test_options_that_a_metric_has_not_are_refused(run, study, table, words, sentence):
    code, _, err = run("score", table, study, *RSA, "--metric-option", *words)
    assert (code, err) == (1, f"Error: {sentence}\n")


def test_numbers_of_mappings_are_numbers():
    from neuroalign.cli_options import named_metric

    assert named_metric("mutual-neighbors", "cpu", {"k": "7"}) == na.similarity.MutualNeighbors(k=7)
    assert named_metric("pls", "cpu").mapping == na.mappings.PartialLeastSquares()


def test_self_inclusion_is_beside_the_upper_bound(run, study, table):
    code, out, _ = run("score", table, study, *RSA)
    assert code == 0
    assert "self-inclusion" in out.split("Mean over views")[0]
    assert "0.577" in out  # 1 / root 3
    assert "\n0 comparisons are undefined.\n" in out
    assert "Self-inclusion: what upper would read if subjects had nothing in common." in out


def test_why_comparisons_are_undefined_is_printed(run, study, tmp_path):
    path = tmp_path / "still.csv"
    pd.DataFrame(np.ones((20, 3)), LABELS).to_csv(path)
    code, out, _ = run(
        "score", path, study, *RSA, "--metric-option", "dissimilarity=squared_euclidean"
    )
    assert code == 0
    assert "3 comparisons are undefined (constant prediction: 3)." in out


def test_a_roi_of_recordings_without_any_is_refused(run, study, table):
    code, _, err = run("score", table, study, *RSA, "--roi", "V1")
    assert (code, err) == (
        1,
        "Error: The recordings of dataset 'study' name no roi, so that none can be selected; leave "
        "it out.\n",
    )


def test_outputs_that_cannot_be_written_are_refused_before_any_work(run, study, table, tmp_path):
    below = table / "run"
    file = f"Nothing can be written to --out '{below}': '{table}' is a file."
    for out, command, sentence in (
        (table, "score", f"Nothing can be written to --out '{table}': '{table}' is a file."),
        (below, "score", file),
        (below, "disperse", file),
        (table, "disperse", f"--out '{table}' is a file; choose a folder that does not exist yet."),
        (tmp_path, "compare", f"--out '{tmp_path}' is a folder; name a file in it."),
        (
            tmp_path / "no" / "t.csv",
            "compare",
            f"Folder '{tmp_path}/no' of --out does not exist; make it first.",
        ),
        (below, "compare", file),
        ("/proc/t.csv", "compare", None),
    ):
        words = {
            "score": ("score", table, study, *RSA),
            "disperse": ("disperse", study, "--with-subjects"),
            "compare": ("compare", tmp_path / "nowhere"),
        }[command]
        code, printed, err = run(*words, "--out", out)
        assert (code, printed) == (1, "")
        if sentence is None:
            assert err.startswith("Error: Nothing can be written to --out '/proc/t.csv'")
        else:
            assert err == f"Error: {sentence}\n"


def test_python_runs_the_package():
    command = [sys.executable, "-m", "neuroalign", "models"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert "pixels" in done.stdout
