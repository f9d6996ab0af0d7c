"""`neuroalign disperse`: systems from the shell, what it writes, and where it refuses."""

import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import neuroalign as na
from neuroalign import cli, cli_disperse

ADAPTER = '''
"""Forty small images, and neurons of three animals that answer to them."""

import numpy as np
import pandas as pd

import neuroalign as na

CARD = na.DatasetCard(
    citation="none", modality="simulated", species="none", stimulus="image", license="CC0-1.0",
    files={},
)


def load(files, *, subjects=None, met=40):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, 6, 6, 3)).astype(np.uint8)
    labels = [f"s{number:02}" for number in range(40)]
    pixels = images.reshape(40, -1) / 50
    recordings = {
        name: na.make_recording(
            (pixels @ random.normal(size=(108, 8)))[:rows], ("stimulus", "neuroid"),
            subject=name, units="z", stimulus=labels[:rows], neuroid=[f"n{k}" for k in range(8)],
            roi=["V1"] * 5 + ["V4"] * 3,
        )
        for name, rows in {"ann": 40, "bob": int(met), "cid": 40}.items()
        if subjects is None or name in subjects
    }
    stimuli = pd.DataFrame({"image": list(images), "detail": np.arange(40.0)}, index=labels)
    return na.BrainDataset(recordings, stimuli)
'''


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disperse") / "tiny"
    folder.mkdir()
    (folder / "dataset.py").write_text(ADAPTER.lstrip())
    return str(folder)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `neuroalign disperse` as a shell would; returns exit code, output and errors."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["neuroalign", "disperse", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code, *capsys.readouterr()

    return run


NETWORK = "efficientnet-lite0-untrained"


def test_the_folder_holds_values_table_and_figure(tiny, run, tmp_path):
    folder = tmp_path / "new" / "run"
    words = ["pixels", "--with-subjects", "--n-null", 2, "--out", folder]
    code, out, err = run(tiny, *words)
    assert (code, err) == (0, "")
    assert sorted(path.name for path in folder.iterdir()) == [
        "dispersion.nc", "dispersion.png", "table.csv",
    ]  # fmt: skip
    assert [path.name for path in folder.parent.iterdir()] == ["run"]
    assert (folder / "dispersion.png").read_bytes().startswith(b"\x89PNG")
    found = xr.load_dataset(folder / "dispersion.nc", engine="h5netcdf")
    data = na.load_dataset(tiny)
    ((_, pixels),) = na.load_model("pixels").activations(data.stimuli)
    expected = na.dispersion.procrustes_dispersion(
        {**data.recordings, "pixels": pixels}, stimuli=data.stimuli, dimensions=3, n_null=2,
        progress=False,
    )  # fmt: skip
    assert found.system.values.tolist() == ["ann", "bob", "cid", "pixels:pixels"]
    np.testing.assert_array_equal(found.dispersion, expected.dispersion)
    assert json.loads(found.attrs["confounds"]) == ["detail"]
    table = pd.read_csv(folder / "table.csv")
    assert table.relative.is_monotonic_increasing
    assert set(table.stimulus) == set(data.stimuli.index)
    assert f"Values, table and figure are in {folder}." in " ".join(out.split())


def test_without_a_folder_the_report_is_printed_and_nothing_is_written(
    tiny, run, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(tiny, "--with-subjects", "--n-null", 1, "--dimensions", 2)
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    assert "The 6 most and the 6 least agreed stimuli of 40, by relative dispersion" in words
    assert "3 systems, 40 stimuli held out, d = 2 dimensions" in words
    assert "32 training stimuli: 16.0 for each dimension." in words
    assert not list(tmp_path.iterdir())


def test_layers_are_named_with_options_and_the_last_one_is_taken_by_default(tiny, run, tmp_path):
    words = [f"{NETWORK}:_blocks.0,seed=1", f"{NETWORK}:_blocks.0,seed=2", NETWORK]
    code, _, _ = run(tiny, *words, "--n-null", 0, "--n-folds", 2, "--out", tmp_path / "run")
    assert code == 0
    found = xr.load_dataset(tmp_path / "run" / "dispersion.nc", engine="h5netcdf")
    assert found.system.values.tolist() == [*words[:2], f"{NETWORK}:_blocks.15"]
    assert len(set(json.loads(found.attrs["provenance"])["systems"].values())) == 3
    assert (found.attrs["n_train"], found.attrs["d"]) == (20, 2)


def test_stimuli_are_those_that_all_subjects_met(tiny, run):
    code, out, _ = run(tiny, "--with-subjects", "--option", "met=30", "--n-null", 0)
    assert code == 0
    assert "3 systems, 30 stimuli held out" in out
    code, out, _ = run(tiny, "pixels", "--subjects", "ann,cid", "--option", "met=30")
    assert code == 0
    assert "3 systems, 40 stimuli held out" in out


def test_regions_make_narrower_systems_of_subjects(tiny, run):
    code, out, _ = run(tiny, "--roi", "V4", "--dimensions", 0, "--n-null", 0)
    assert code == 0
    assert "3 systems, 40 stimuli held out, d = 3 dimensions (100%" in " ".join(out.split())


def test_dimensions_are_few_by_default_and_no_more_than_units():
    labels = [f"s{number:02}" for number in range(50)]
    wide, narrow = (
        xr.DataArray(np.zeros((50, width)), {"stimulus": labels}, ("stimulus", "unit"))
        for width in (30, 3)
    )
    stimuli, rule = pd.DataFrame(index=labels), na.KFold(5)
    kept = cli_disperse.kept_dimensions
    assert kept(None, {"wide": wide}, stimuli, rule) == 4
    assert kept(None, {"wide": wide, "narrow": narrow}, stimuli, rule) == 3
    assert kept(7, {"wide": wide}, stimuli, rule) == 7
    assert kept(0, {"wide": wide}, stimuli, rule) is None


def test_a_folder_that_exists_is_refused_before_any_work(tiny, run, tmp_path, monkeypatch):
    monkeypatch.setattr(na, "load_dataset", lambda *_, **__: pytest.fail("work was done"))
    code, out, err = run(tiny, "--with-subjects", "--out", tmp_path)
    assert (code, out) == (1, "")
    assert err == (
        f"Error: Folder {str(tmp_path)!r} exists already; remove it or choose another --out.\n"
    )


FEW = (
    "{} systems were named, where 2 are needed, and 3 tell more; name layers of models, as in "
    "efficientnet-lite0:_blocks.8, or add --with-subjects."
)
REFUSALS = {
    "no system": ([], FEW.format(0)),
    "one layer": (["pixels"], FEW.format(1)),
    "one subject": (["--subjects", "bob"], FEW.format(1)),
    "model": (["pixls", "pixels"], "No model is called 'pixls'. Did you mean 'pixels'?"),
    "layer": (["pixels:pixel", "minilm"], "No layer is called 'pixel'. Did you mean 'pixels'?"),
    "roi": (["--roi", "V2"], "No roi is called 'V2'. Known: 'V1', 'V4'."),
    "form of an option": (
        ["pixels:pixels,seed", "minilm"],
        "Option of pixels 'seed' is not of the form name=value.",
    ),
    "option": (
        ["pixels:pixels,seed=1", "minilm"],
        "No option of model 'pixels' is called 'seed'. There are none.",
    ),
    "twice": (
        ["pixels", "pixels:pixels"],
        "Layer 'pixels' of pixels is named twice; a system agrees with itself.",
    ),
    "what a model reads": (
        ["word-rate", "pixels"],
        "Model 'word-rate' reads text stimuli, but dataset 'tiny' has image stimuli.",
    ),
    "folds": (
        ["--with-subjects", "--n-folds", "1"],
        "KFold(n_folds=1) holds nothing out; use 2 or more folds.",
    ),
    "dimensions": (
        ["--with-subjects", "--dimensions", "9"],
        "dimensions=9 were asked for, but system 'ann' has 8 units; ask for at most so many.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_sentence_and_writes_nothing(case, tiny, run, tmp_path):
    words, sentence = REFUSALS[case]
    code, _, err = run(tiny, *words, "--out", tmp_path / "run")
    assert (code, err) == (1, f"Error: {sentence}\n")
    assert not list(tmp_path.iterdir())


def test_values_are_saved_before_the_figure_is_drawn(tiny, run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neuroalign.report.dispersion.plot_dispersion", full)
    code, _, err = run(tiny, "--with-subjects", "--n-null", 0, "--out", tmp_path / "run")
    assert (code, err) == (1, "Error: The system refuses: [Errno 28] No space left on device.\n")
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["dispersion.nc", "table.csv"]


def test_help_names_every_system_and_option(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run("--help")
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    assert "efficientnet-lite0-untrained:_blocks.8,seed=1" in plain
    for name in ("--with-subjects", "--n-folds", "--dimensions", "--n-null", "--out"):
        assert name in plain
