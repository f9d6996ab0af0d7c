"""Every example runs: docstrings, the code of the README and the docs, and the notebooks."""

import contextlib
import copy
import doctest
import functools
import importlib
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from typer.testing import CliRunner

from neuroalign.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "neuroalign").rglob("*.py")
    if ">>> " in path.read_text()
)
# Lines of shell that set a machine up, measure speed, or run the tests that this one belongs to.
RECORDED = {"cowley2023", "brennan2016"}
SETUP = re.compile(r"python3 -m venv |python tests/speed|pytest ")


@pytest.fixture(scope="module", autouse=True)
def planted_once():
    """Plant simulated-v4 once for each set of options: tens of examples load the same."""
    module = importlib.import_module("neuroalign.datasets.simulated_v4")
    plant, planted = module.load, {}

    @functools.wraps(plant)
    def load(files, **options):
        key = repr(sorted(options.items()))
        if key not in planted:
            planted[key] = plant(files, **options)
        return copy.deepcopy(planted[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load", load)
        yield


def blocks(page):
    """Return the code blocks of a page as (language, code)."""
    return re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_print_what_they_say(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed


def run_python(page):
    """Run the Python of a page, top to bottom, writing the files it says to write."""
    namespace = {}
    for language, code in blocks(page):
        if language == "python":
            if named := re.match(r"# file: (\S+)\n", code):
                Path(named[1]).write_text(code[named.end() :])
            exec(compile(code, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_the_docs_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python(page)


def commands():
    """Return (page, lines) for each block of shell that calls neuroalign.

    Two networks on all images of cowley2023, or all words of brennan2016, take minutes.
    """
    found = []
    for page in PAGES:
        for language, code in blocks(page):
            lines = [line for line in code.splitlines() if line and not SETUP.match(line)]
            if language == "sh" and lines:
                marks = pytest.mark.slow if RECORDED & set(" ".join(lines).split()) else ()
                found.append(pytest.param(page, lines, marks=marks, id=lines[-1][-40:]))
    return found


@pytest.mark.parametrize(("page", "lines"), commands())
def test_the_commands_of_the_docs_run(page, lines, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    for words in map(shlex.split, lines):
        assert words[0] == "neuroalign", words
        if RECORDED & set(words):
            request.getfixturevalue("real_data")
        if "author2024" in words:
            run_python(page)
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, (result.output, result.exception)


@pytest.mark.parametrize("path", sorted((ROOT / "tutorials").glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_run(path, tmp_path, request):
    notebook = nbformat.read(path, as_version=4)
    if any('load_dataset("brennan2016"' in cell.source for cell in notebook.cells):
        request.getfixturevalue("real_data")
    for cell in notebook.cells:
        assert not cell.get("outputs"), "notebooks are stored without outputs"
    with contextlib.chdir(tmp_path):
        NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
