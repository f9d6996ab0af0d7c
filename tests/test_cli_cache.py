"""`--cache` in the shell: what is read, what is computed, and what misses."""

import pytest
import xarray as xr
from cli_networks import networks, words_data  # noqa: F401 (fixtures)

import neuroalign as na
from neuroalign.models.passes import Pass

NAME = "own_networks:load"
QUICK = ("--n-folds", 3, "--guards", "none")


@pytest.fixture
def score(run, networks, words_data, tmp_path, monkeypatch):  # noqa: F811, ARG001
    """Score the network, in a cache of the test; returns output, scores and number of passes."""
    monkeypatch.setenv("NEUROALIGN_CACHE", str(tmp_path / "cache"))
    passes, of_network = [], Pass.run

    def counted(*words):
        passes.append(words)
        return of_network(*words)

    monkeypatch.setattr(Pass, "run", counted)

    def score(*words, out="runs"):
        passes.clear()
        options = [*QUICK, *words, "--out", tmp_path / out]
        code, said, err = run("score", NAME, words_data, *options)
        assert (code, err) == (0, "")
        (found,) = (tmp_path / out).iterdir()
        return said, na.load_scores(found), len(passes)

    return score


def test_a_second_run_reads_what_the_first_one_kept_and_computes_no_pass(score):
    said, first, passes = score("--cache", "--against", "none", out="one")
    assert "Cache: 0 layers read, 3 computed.\n" in said
    assert passes == 1
    said, second, passes = score("--cache", "--against", "none", out="two")
    assert "Cache: 3 layers read, 0 computed.\n" in said
    assert passes == 0
    _, plain, _ = score("--against", "none", out="three")
    for other in (second, plain):
        xr.testing.assert_identical(first.drop_attrs(), other.drop_attrs())


def test_a_changed_option_misses_and_another_layer_is_computed(score):
    score("--cache", "--against", "none", "--layers", "0", out="one")
    changed = ("--model-option", "gain=0.5", "--layers", "0")
    said, _, _ = score("--cache", "--against", "none", *changed, out="two")
    assert "Cache: 0 layers read, 1 computed.\n" in said
    said, _, _ = score("--cache", "--against", "none", "--layers", "0,1", out="three")
    assert "Cache: 1 layers read, 1 computed.\n" in said


def test_rivals_and_the_model_beside_are_cached_where_they_can_be(score):
    words = ("--cache", "--against", f"{NAME},pixels", "--layers", "1")
    said, _, _ = score(*words, out="one")
    assert "Cache: 1 layers read, 1 computed; models without a cache: pixels.\n" in said
    said, _, passes = score(*words, "--with", "pixels", out="two")
    assert "Cache: 2 layers read, 0 computed; models without a cache: pixels.\n" in said
    assert passes == 0


def test_without_the_flag_nothing_is_kept_or_said(score, tmp_path):
    said, _, _ = score("--against", "none")
    assert "Cache" not in said
    assert not (tmp_path / "cache").exists()


def test_disperse_reads_what_it_kept(run, networks, words_data, tmp_path, monkeypatch):  # noqa: F811, ARG001
    monkeypatch.setenv("NEUROALIGN_CACHE", str(tmp_path / "cache"))
    words = [words_data, f"{NAME}:0", f"{NAME}:2", "--n-null", 0, "--n-folds", 2, "--cache"]
    for system, sentence in (
        ("pixels", "Cache: 0 layers read, 2 computed; models without a cache: pixels.\n"),
        (f"{NAME}:0,gain=2.0", "Cache: 2 layers read, 1 computed.\n"),
    ):
        code, out, err = run("disperse", *words, system)
        assert (code, err) == (0, "")
        assert sentence in out


def test_tests_never_write_into_the_cache_of_a_user(tmp_path_factory):
    from neuroalign.models.cache_folder import open_cache

    assert open_cache().path.is_relative_to(tmp_path_factory.getbasetemp())
