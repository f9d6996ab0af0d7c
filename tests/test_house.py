"""The rules of the house: imports point down, and public names, docstrings and words are kept."""

import ast
import difflib
import inspect
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

import neuroalign as na

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "neuroalign"

# A module may import from its own tier and from those before it.
TIERS = [
    {"errors"},
    {"progress", "numerics", "data.schema"},
    {"data.transfer", "data.download", "data.cards"},
    {"data", "splits", "folds", "features", "models", "readers", "simulate"},
    {"preparation"},
    {"ceilings", "guards", "mappings", "metrics", "inference", "rsa", "similarity", "dispersion"},
    {"results", "score_ceilings", "similarity_scores", "scoring"},
    {"report"},
    {"cli_options", "cli_outputs", "testing"},
    {"cli_words", "cli_rivals"},
    {"cli_cache", "cli_disperse"},
    {"cli"},
    {"__main__"},
]
# Parameter names that are alike and mean different things.
ALIKE = {
    frozenset(pair)
    for pair in (
        ("n_neuroids", "neuroids"),
        ("n_stimuli", "stimuli"),
        ("n_subjects", "subject"),
        ("n_subjects", "subjects"),
        ("n_folds", "folds"),
        ("recording", "recordings"),
        ("subject", "subjects"),
    )
}
FORBIDDEN = {
    "presentation", "image_id", "rep", "target", "assembly", "betas", "embeddings", "brain_area",
    "participant", "lambda_", "random_state", "rng", "backend", "gpu", "sub", "subj",
}  # fmt: skip


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def name_of(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def tier(name):
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        for number, members in enumerate(TIERS):
            if ".".join(parts[:length]) in members:
                return number
    message = f"module {name} has no tier"
    raise AssertionError(message)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("neuroalign."):
            yield node.module.removeprefix("neuroalign.")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_point_down(path):
    for other in imported(path):
        if other != "datasets":
            assert tier(other) <= tier(name_of(path)), f"{name_of(path)} imports {other}"


def test_numerics_know_numpy_scipy_torch_their_threads_and_errors_only():
    allowed = {"numpy", "scipy", "torch", "threadpoolctl"}
    for path in (PACKAGE / "numerics").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = (
                    [node.module]
                    if isinstance(node, ast.ImportFrom)
                    else [a.name for a in node.names]
                )
                for name in names:
                    known = name.startswith(("neuroalign.numerics", "neuroalign.errors"))
                    root = name.partition(".")[0]
                    standard = root in sys.stdlib_module_names
                    assert known or standard or root in allowed, (path, name)


@pytest.mark.parametrize("path", sorted((ROOT / "datasets").glob("*.py")), ids=lambda p: p.stem)
def test_datasets_use_public_names_only(path):
    tree = ast.parse(path.read_text())
    assert not list(imported(path))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "na"
    }
    assert used <= set(na.__all__) | set(na._ROOMS)


def test_public_names_are_few_and_exist():
    assert len(na.__all__) <= 25
    for name in na.__all__:
        assert getattr(na, name).__name__ == name


def test_static_imports_match_the_names_imported_on_first_use():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    static = {alias.name: node.module for node in block.body for alias in node.names}
    assert {name for name, home in static.items() if home == "neuroalign"} == set(na._ROOMS)
    static = {name: home for name, home in static.items() if home != "neuroalign"}
    assert static == {name: f"neuroalign.{home}" for name, home in na._HOMES.items()}


def public_callables():
    for name in na.__all__:
        value = getattr(na, name)
        if not (inspect.isclass(value) and issubclass(value, Exception)):
            yield name, value


@pytest.mark.parametrize(("name", "value"), list(public_callables()))
def test_public_names_have_docstrings_with_parameters_and_an_example(name, value):
    text = inspect.getdoc(value)
    assert "Examples\n--------" in text
    for parameter in inspect.signature(value).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            assert parameter.name in text, f"{name} does not document {parameter.name}"


def test_arguments_after_the_third_are_keyword_only():
    for name, value in public_callables():
        positional = [
            p for p in inspect.signature(value).parameters.values()
            if p.kind is p.POSITIONAL_OR_KEYWORD
        ]  # fmt: skip
        assert len(positional) <= 3, name


def parameter_names():
    names = set()
    for _, value in public_callables():
        names |= set(inspect.signature(value).parameters)
    return sorted(names)


def test_no_two_parameter_names_are_nearly_alike():
    for one, two in itertools.combinations(parameter_names(), 2):
        ratio = difflib.SequenceMatcher(None, one, two).ratio()
        assert ratio <= 0.8 or frozenset((one, two)) in ALIKE, (one, two)


def test_parameters_use_the_words_of_the_field():
    assert not FORBIDDEN & set(parameter_names())


def test_the_library_never_asserts():
    for path in modules():
        asserts = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Assert)]
        assert not asserts, path


def test_importing_and_listing_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; start = time.process_time(); import neuroalign as na; "
        "seconds = time.process_time() - start; import neuroalign.cli; "
        "heavy = {'torch', 'transformers', 'xarray', 'pandas', 'matplotlib', 'sklearn'}; "
        "heavy &= set(sys.modules); "
        "assert not heavy, heavy; assert seconds < 0.5, seconds; "
        "na.list_models(), na.list_datasets(); "
        "plugins = [m for m in sys.modules if m.startswith('neuroalign.datasets.')]; "
        "assert 'torch' not in sys.modules and not plugins, plugins"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
