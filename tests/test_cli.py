"""The command line: what it writes and prints, and one sentence where it refuses."""

import re
import subprocess
import sys
import textwrap

import pytest
import torch
from cli_cases import write_dataset
from typer.testing import CliRunner

import neuroalign as na
from neuroalign import cli, cli_options, cli_rivals
from neuroalign.guards import GUARDS


def plain(text):
    """Take the colors out, which continuous integration may ask for."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture
def tiny(tmp_path):
    return write_dataset(tmp_path / "tiny")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Score the pixels once; returns what was printed, and the folder."""
    root = tmp_path_factory.mktemp("cli")
    words = ["score", "pixels", write_dataset(root / "tiny"), "--out", str(root / "runs")]
    result = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output, root / "runs" / "pixels_tiny_ridge", words


def test_score_writes_a_folder(finished):
    _, folder, _ = finished
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["profile.png", "provenance.json", "scores.nc", "table.csv"]
    assert (folder / "profile.png").read_bytes().startswith(b"\x89PNG")


def test_score_writes_the_scores_that_the_library_computes(finished):
    _, folder, words = finished
    expected = na.score(na.load_model("pixels"), na.load_dataset(words[2]))
    assert na.load_scores(folder).drop_attrs().identical(expected.drop_attrs())


def test_score_prints_the_table_that_it_writes(finished):
    printed, folder, _ = finished
    header, row = (folder / "table.csv").read_text().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    assert values["layer"] == "pixels"
    for name in ("r", "r_low", "r_high", "ceiling_r", "normalized_r"):
        assert f"{float(values[name]):.3f}" in printed


def test_score_says_what_was_scored_and_where_it_is(finished):
    printed, folder, _ = finished
    assert "BrainDataset 'tiny'" in printed
    assert "pixels on tiny: median r over neuroids" in printed
    assert f"Scores, table and figure are in {folder}." in printed


def test_score_prints_what_guards_found(finished):
    printed, folder, _ = finished
    attrs = na.load_scores(folder).attrs
    words = " ".join(printed.split())
    assert f"Guards, at the chosen layer (alarmed: {attrs['guards_alarmed']}):" in words
    for line in attrs["guards"].splitlines():
        assert f"{line}." in words


def test_guards_are_chosen_by_name_and_a_rival_is_no_guard_too():
    guards_of, every = cli_options.guards_of, list(GUARDS)
    assert guards_of(None, "image", []) == every
    assert guards_of(None, "text", ["pixels"]) == every
    assert guards_of(None, "image", ["pixels"]) == [name for name in every if name != "baseline"]
    assert guards_of("duplicates, shuffled", "image", []) == ["shuffled", "duplicates"]
    assert guards_of("none", "image", []) == []
    with pytest.raises(na.NeuroalignError, match=r"^No guard is called 'shuffle'\. Did you mean"):
        guards_of("shuffle", "image", [])


def test_a_second_run_into_the_same_folder_is_refused_before_any_work(finished, run, monkeypatch):
    _, folder, words = finished
    monkeypatch.setattr(na, "load_dataset", lambda *_, **__: pytest.fail("work was done"))
    code, out, err = run(*words)
    assert (code, out) == (1, "")
    assert err == (
        f"Error: Folder {str(folder)!r} exists already; remove it or choose another --out.\n"
    )


def test_score_without_a_folder_writes_nothing(tiny, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("score", "pixels", tiny, "--n-folds", 3)
    assert (code, err) == (0, "")
    assert "median r over neuroids" in out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_options_reach_the_score(tiny, run, tmp_path):
    words = ["--roi", "V1", "--n-folds", 4, "--seed", 5, "--layers", "pixels"]
    code, _, _ = run("score", "pixels", tiny, *words, "--out", tmp_path / "runs")
    scores = na.load_scores(tmp_path / "runs" / "pixels_tiny_ridge")
    assert code == 0
    assert dict(scores.sizes) | {"fold": 4, "neuroid": 3} == dict(scores.sizes)
    assert '"seed": 5' in scores.attrs["provenance"]


def test_options_of_the_dataset_reach_its_adapter(tiny, run):
    _, quiet, _ = run("score", "pixels", tiny, "--n-folds", 3, "--option", "noise=0.001")
    assert "noise ceiling of variance: median 1.00 split-half" in quiet


def test_rivals_are_scored_beside_and_saved(tiny, run, tmp_path):
    words = ["--against", "pixels", "--n-folds", 3, "--out", tmp_path / "runs"]
    code, _, _ = run("score", "pixels", tiny, *words)
    folder = tmp_path / "runs" / "pixels_tiny_ridge"
    assert code == 0
    own, rival = (na.load_scores(path) for path in (folder, folder / "against" / "pixels"))
    # The rival needs no guards of its own.
    assert own[list(rival.data_vars)].drop_attrs().identical(rival.drop_attrs())


def test_a_network_has_to_beat_its_untrained_twin_and_the_pixels():
    twin = "efficientnet-lite0-untrained"
    assert cli_rivals.rivals_of("efficientnet-lite0", "image", None) == [twin, "pixels"]
    assert cli_rivals.rivals_of(twin, "image", None) == ["pixels"]
    assert cli_rivals.rivals_of("pixels", "image", None) == []
    assert cli_rivals.rivals_of("minilm", "text", None) == ["minilm-untrained", "word-rate"]


def test_against_none_scores_the_model_alone():
    assert cli_rivals.rivals_of("efficientnet-lite0", "image", "none") == []


REFUSALS = {
    "model": (["pixel"], [], "No model is called 'pixel'. Did you mean 'pixels'?"),
    "dataset": (
        ["pixels", "simulated-v5"],
        [],
        "No dataset is called 'simulated-v5'. Did you mean 'simulated-v4'?",
    ),
    "metric": (
        ["pixels"],
        ["--metric", "rigde"],
        "No metric is called 'rigde'. Did you mean 'ridge'?",
    ),
    "rival": (
        ["pixels"],
        ["--against", "pixls"],
        "No model is called 'pixls'. Did you mean 'pixels'?",
    ),
    "roi": (["pixels"], ["--roi", "V2,V1"], "No roi is called 'V2'. Known: 'V1', 'V4'."),
    "subject": (
        ["pixels"],
        ["--subjects", "subject-2"],
        "No subject is called 'subject-2'. Did you mean 'subject-1'?",
    ),
    "layer": (
        ["pixels"],
        ["--layers", "pixel"],
        "No layer is called 'pixel'. Did you mean 'pixels'?",
    ),
    "option": (
        ["pixels"],
        ["--option", "nois=2"],
        "No option of dataset 'tiny' is called 'nois'. Did you mean 'noise'?",
    ),
    "form of an option": (
        ["pixels"],
        ["--option", "noise"],
        "--option 'noise' is not of the form name=value.",
    ),
    "option given twice": (
        ["pixels"],
        ["--option", "noise=1", "--option", "noise=2"],
        "--option noise=... is given twice, as '1' and '2'; keep one.",
    ),
    "too many folds": (
        ["pixels"],
        ["--n-folds", "30"],
        "KFold(n_folds=30) needs at least 90 stimuli (3 a fold), but there are 40; use fewer "
        "folds or more "
        "stimuli.",
    ),
    "option of the model": (
        ["pixels"],
        ["--model-option", "context=window"],
        "No option of model 'pixels' is called 'context'. There are none.",
    ),
    "model beside": (
        ["pixels"],
        ["--with", "pixls"],
        "No model is called 'pixls'. Did you mean 'pixels'?",
    ),
    "one space": (
        ["pixels"],
        ["--metric", "banded"],
        "--metric banded needs two feature spaces; add --with MODEL.",
    ),
    "one fold": (
        ["pixels"],
        ["--n-folds", "1"],
        "KFold(n_folds=1) holds nothing out; use 2 or more folds.",
    ),
}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_said_before_any_work(tiny, run):
    code, out, err = run("score", "pixels", tiny, "--device", "cuda")
    sentence = "Device 'cuda' was asked for, but torch finds no CUDA device; use 'cpu'."
    assert (code, out, err) == (1, "", f"Error: {sentence}\n")


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_sentence_and_writes_nothing(case, tiny, run, tmp_path):
    words, options, sentence = REFUSALS[case]
    words = words if len(words) == 2 else [*words, tiny]
    code, _, err = run("score", *words, *options, "--out", tmp_path / "runs")
    assert (code, err) == (1, f"Error: {sentence}\n")
    assert not (tmp_path / "runs").exists()


def test_debug_shows_the_traceback_before_the_sentence(run):
    code, _, err = run("--debug", "score", "pixel")
    assert code == 1
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("Error: No model is called 'pixel'. Did you mean 'pixels'?\n")


@pytest.mark.parametrize("words", [["--seed", "-1"], ["--n-folds", "many"], ["--unheard"]])
def test_a_wrong_word_is_a_usage_error(words, tiny, run):
    code, out, err = run("score", "pixels", tiny, *words)
    assert (code, out) == (2, "")
    assert words[0] in plain(err)


def test_ctrl_c_is_one_sentence_and_leaves_nothing(tiny, run, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(na, "score", interrupted)
    code, _, err = run("score", "pixels", tiny, "--out", tmp_path / "runs")
    assert (code, err) == (130, "Error: Interrupted; what was written before is whole.\n")
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_while_a_rival_is_scored_keeps_the_scores_of_the_model(
    tiny, run, tmp_path, monkeypatch
):
    score, calls = na.score, []

    def interrupted_second(*words, **options):
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return score(*words, **options)

    monkeypatch.setattr(na, "score", interrupted_second)
    words = ["--n-folds", 3, "--against", "pixels", "--out", tmp_path / "runs"]
    code, _, _ = run("score", "pixels", tiny, *words)
    assert code == 130
    (folder,) = (tmp_path / "runs").iterdir()
    assert na.load_scores(folder).sizes["neuroid"] == 4
    assert (folder / "table.csv").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(tiny, run, monkeypatch):
    def working(*_, **__):
        pytest.fail("the dataset was loaded")

    monkeypatch.setattr(na, "load_dataset", working)
    code, _, err = run("score", "pixels", tiny, "--out", "/proc/neuroalign")
    sentence = "Nothing can be written to --out '/proc/neuroalign': no such file or directory."
    assert (code, err) == (1, f"Error: {sentence}\n")


def test_memory_that_runs_out_is_one_sentence(tiny, run, monkeypatch):
    def too_large(*_, **__):
        message = "Unable to allocate 900 GiB"
        raise MemoryError(message)

    monkeypatch.setattr(na, "score", too_large)
    code, _, err = run("score", "pixels", tiny)
    sentence = "Memory ran out (Unable to allocate 900 GiB); use fewer layers or stimuli."
    assert (code, err) == (1, f"Error: {sentence}\n")


@pytest.mark.parametrize("rivals", ["none", "pixels"])
def test_scores_are_saved_before_the_figure_is_drawn(rivals, tiny, run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(na, "plot_profile", full)
    words = ["--n-folds", 3, "--against", rivals, "--out", tmp_path / "runs"]
    code, _, err = run("score", "pixels", tiny, *words)
    assert (code, err) == (
        1,
        "Error: The system refuses: [Errno 28] No space left on device.\n",
    )
    folder = tmp_path / "runs" / "pixels_tiny_ridge"
    assert na.load_scores(folder).sizes["fold"] == 3
    assert (folder / "table.csv").exists()
    assert (folder / "against" / "pixels" / "scores.nc").exists() == (rivals == "pixels")


def test_models_are_listed(run):
    code, out, err = run("models")
    names, families = out.split("\n\n")
    assert (code, names.split("\n"), err) == (0, na.list_models(), "")
    assert "timm:resnet50.a1_in1k" in families
    assert "neuroalign[vision]" in families


def test_without_words_the_help_is_shown(run):
    code, out, err = run()
    assert code in (0, 2)
    for command in ("score", "datasets", "models", "check", "fetch"):
        assert re.search(rf"\b{command}\b", plain(out + err))


LOADED = "assert not set(sys.modules) & {'torch', 'xarray', 'pandas', 'matplotlib'}"
NO_TORCH = "assert 'torch' not in sys.modules"


@pytest.mark.parametrize(
    "code",
    [
        f"import neuroalign, sys; {LOADED}",
        f"import neuroalign.cli, sys; {LOADED}",
        f"import neuroalign as na, sys; dir(na); na.NeuroalignError; {LOADED}",
        f"import neuroalign as na, sys; na.list_models(); {NO_TORCH}",
        f"import neuroalign as na, sys; na.list_datasets(); {NO_TORCH}",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_help_loads_neither_torch_nor_xarray():
    code = f"""
        import atexit, sys
        from neuroalign import cli

        sys.argv = ["neuroalign", "score", "--help"]
        try:
            cli.main()
        except SystemExit as stop:
            assert stop.code == 0
            {LOADED}
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    )
    assert "--against" in plain(done.stdout)
