"""`neuroalign compare` and `neuroalign advise`: saved runs and datasets, in and out."""

import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import neuroalign as na
from neuroalign.cli import app
from neuroalign.errors import DataError
from neuroalign.report.comparison import print_comparison, read_runs


def run(*words):
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Save a run of a good model, with a bad one scored against it."""
    rng = np.random.default_rng(0)
    labels = [f"s{number:02}" for number in range(60)]
    units = rng.normal(size=(60, 6))
    responses = units @ rng.normal(size=(6, 8)) + rng.normal(size=(60, 8))
    dataset = na.make_dataset(responses, pd.DataFrame(index=labels))
    folder = tmp_path_factory.mktemp("runs")
    for name, values in (("good", units), ("bad", rng.normal(size=(60, 6)))):
        scores = na.score({"layer": pd.DataFrame(values, labels)}, dataset, progress=False)
        scores.attrs["model"] = name
        na.save_scores(scores, folder / "good/against/bad" if name == "bad" else folder / "good")
    return folder


def test_a_run_is_compared_with_what_was_scored_against_it(runs):
    result = run("compare", runs / "good")
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    assert re.search(r"good │ bad │", words)
    assert "<.0001" in words
    assert "Intervals: over new stimuli, models fitted anew, for these neuroids." in words


def test_the_table_is_written_as_it_is_computed(runs, tmp_path):
    out = tmp_path / "table.csv"
    result = run("compare", runs / "good", runs / "good/against/bad", "--out", out)
    assert result.exit_code == 0, result.output
    expected = na.compare(read_runs([runs / "good"]))
    pd.testing.assert_frame_equal(pd.read_csv(out), expected)


def test_two_runs_of_one_model_go_by_their_folders(runs, tmp_path):
    scores = na.load_scores(runs / "good")
    folders = [na.save_scores(scores, tmp_path / name / "run") for name in ("one", "two")]
    assert list(read_runs(folders)) == ["one/run", "two/run"]
    beside = na.save_scores(scores, tmp_path / "one/run/against/b")
    assert list(read_runs([folders[0], beside])) == ["run", "run/against/b"]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (
            ["good/against/bad"],
            "is one run, with nothing scored against it; name two runs or more.",
        ),
        (["good", "good"], "A run is named twice among"),
        (["good", "nowhere"], "holds no scores.nc."),
        (["nowhere"], "holds no scores.nc."),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(runs, folders, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read_runs([runs / folder for folder in folders])


def test_undefined_similarities_are_dashes_and_nothing_is_called_fitted(capsys):
    row = {"first": "a[one]", "second": "b", "similarity_first": 0.5, "similarity_second": np.nan}
    unknown = dict.fromkeys(("difference", "low", "high", "p", "p_holm"), np.nan)
    print_comparison(pd.DataFrame([row | unknown | {"interval": "conditional"}]))
    printed = capsys.readouterr().out
    assert "0.500" in printed
    assert "a[one]" in printed  # brackets are no markup
    assert "nan" not in printed
    assert printed.splitlines()[-1] == (
        "Intervals: over new stimuli, for these neuroids and subjects."
    )


def test_advice_is_a_table_of_questions():
    result = run("advise", "simulated-v4", "--option", "n_crops=2", "--n-folds", "5")
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    for part in ("question", "KFold(n_folds=5)", "Noise ceiling", "17 groups"):
        assert part in words
