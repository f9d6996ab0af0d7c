"""Measures of whole recordings on the command line."""

import pandas as pd
import pytest
from typer.testing import CliRunner

import neuroalign as na
from neuroalign.cli import app
from neuroalign.cli_options import MEASURES, named_metric

FEW = ["pixels", "simulated-v4", "--option", "n_crops=3", "--against", "none"]


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(app, list(words))


def test_rsa_is_scored_printed_and_saved(run, tmp_path):
    done = run("score", *FEW, "--metric", "rsa", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "Chance: 0" in done.output
    folder = tmp_path / "pixels_simulated-v4_rsa"
    assert {path.name for path in folder.iterdir()} >= {"scores.nc", "table.csv", "profile.png"}
    scores = na.load_scores(folder)
    table = pd.read_csv(folder / "table.csv")
    assert table["similarity"].item() == pytest.approx(scores.similarity.mean().item())


def test_other_models_are_scored_beside_and_saved_runs_compared(run, tmp_path):
    words = ["score", *FEW[:-2], "--metric", "cka", "--out", str(tmp_path)]
    done = run(*words, "--against", "efficientnet-lite0")
    assert done.exit_code == 0, done.output
    assert "efficientnet-lite0" in done.output
    saved = tmp_path / "pixels_simulated-v4_cka"
    refused = run("compare", str(saved))
    assert "layers by a measure that chooses none; score one of them" in str(refused.exception)
    one = na.load_scores(saved)
    two = na.load_scores(saved / "against" / "efficientnet-lite0").isel(layer=[0])
    na.save_scores(two, tmp_path / "other")
    compared = run("compare", str(saved), str(tmp_path / "other"))
    assert compared.exit_code == 0, compared.output
    gap = (one.similarity.values - two.similarity.values).item()
    assert f"{gap:.3f}" in compared.output
    assert "Difference of mean similarity over views" in compared.output


def test_by_splits_recordings_and_is_for_measures(run):
    done = run("score", *FEW, "--metric", "rsa", "--by", "roi")
    assert done.exit_code == 0, done.output
    refused = run("score", *FEW, "--by", "roi")
    assert refused.exit_code != 0
    assert "splits recordings for measures of whole recordings" in str(refused.exception)


@pytest.mark.parametrize("name", MEASURES)
def test_every_name_makes_its_measure(name):
    assert type(named_metric(name, "cpu")).__name__ == MEASURES[name][1]
