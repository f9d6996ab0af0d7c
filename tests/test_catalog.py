"""Finding datasets by name, module, file or folder, and what is said when they do not load."""

import re
import sys
import types
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pytest

import neuroalign as na
from neuroalign.data.catalog import dataset_files
from neuroalign.errors import DataError, MissingPackageError, UnknownNameError

ADAPTER = '''
"""Nobody et al. (1900): three texts, read by nobody."""
import numpy as np
import neuroalign as na

CARD = na.DatasetCard(
    citation="doi:10/x", modality="fmri", species="human", stimulus="text", license="CC0-1.0"
)

def load(files, *, subjects=None, scale=1):
    texts = {"text": ["a", "b", "c"]}
    return na.make_dataset({"s1": scale * np.eye(3), "s2": np.eye(3)}, texts, units="z")
'''


@pytest.fixture
def adapter():
    """Make the module of an adapter that works."""
    module = types.ModuleType("nobody_1900")
    exec(ADAPTER, module.__dict__)
    return module


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def breaking(module, error):
    """Let the adapter fail with an error."""

    def load(files, *, subjects=None):  # noqa: ARG001
        raise error

    module.load = load
    return module


def test_datasets_are_listed_in_sorted_order():
    names = na.list_datasets()
    assert {"cowley2023", "simulated-v4"} <= set(names)
    assert names == sorted(names)


def test_a_module_is_a_dataset(adapter):
    dataset = na.load_dataset(adapter)
    assert (dataset.name, dataset.card) == ("nobody-1900", adapter.CARD)
    assert dataset.recordings["s1"].attrs["dataset"] == "nobody-1900"


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_a_dataset(tmp_path, kind):
    (tmp_path / "my_study.py").write_text(ADAPTER)
    assert na.load_dataset(kind(tmp_path / "my_study.py")).name == "my-study"


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_is_a_dataset(tmp_path, kind):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "dataset.py").write_text(ADAPTER)
    assert na.load_dataset(kind(folder)).name == "mine"


def test_files_of_a_folder_are_looked_for_in_the_folder(tmp_path):
    card = "files={'a.csv': '#sha256=" + "0" * 64 + "'}, citation="
    (tmp_path / "dataset.py").write_text(ADAPTER.replace("citation=", card))
    message = f"File 'a.csv' has to be got from its owners and put at {tmp_path / 'a.csv'}."
    with pytest.raises(na.NeuroalignError, match=re.escape(message)):
        dataset_files(tmp_path)["a.csv"]


def test_a_folder_without_an_adapter_is_refused(tmp_path):
    with refused(
        f"Folder {str(tmp_path)!r} holds no dataset.py with CARD and load, and no stimuli.csv "
        "with responses."
    ):
        na.load_dataset(tmp_path)


def test_a_file_that_is_no_adapter_is_refused(tmp_path):
    (tmp_path / "responses.csv").write_text("1,2")
    with refused(
        f"File {str(tmp_path / 'responses.csv')!r} is not a dataset; give a Python file with CARD "
        "and load that reads it (docs/add_a_dataset.md), or make_dataset(...) in Python."
    ):
        na.load_dataset(tmp_path / "responses.csv")


@pytest.mark.parametrize("loader", [na.load_dataset, dataset_files])
def test_an_unknown_dataset_names_the_nearest(loader):
    message = "No dataset is called 'cowley2022'. Did you mean 'cowley2023'?"
    with refused(message, UnknownNameError):
        loader("cowley2022")


@pytest.mark.parametrize("path", ["./nowhere/mine", "mine.py"])
def test_a_path_that_leads_nowhere_is_no_misspelt_name(path):
    with refused(f"There is no file or folder '{path}'; check its name and folder."):
        na.load_dataset(path)


def test_an_unknown_dataset_without_a_near_name_lists_the_known(monkeypatch):
    known = {"alpha": "", "beta": ""}
    monkeypatch.setattr("neuroalign.data.catalog._locations", lambda: known)
    with refused("No dataset is called 'zzz'. Known: 'alpha', 'beta'.", UnknownNameError):
        na.load_dataset("zzz")


def test_packages_can_add_datasets(monkeypatch, adapter):
    entry = types.SimpleNamespace(name="theirs", value="nobody_1900")
    monkeypatch.setitem(sys.modules, "nobody_1900", adapter)
    monkeypatch.setattr("neuroalign.data.catalog.entry_points", lambda group: [entry])  # noqa: ARG005
    assert "theirs" in na.list_datasets()
    assert na.load_dataset("theirs").name == "theirs"


@pytest.mark.parametrize(
    ("missing", "said"),
    [(["CARD"], "CARD"), (["load"], "load"), (["CARD", "load"], "CARD and load")],
)
def test_a_module_that_is_no_adapter_is_refused(adapter, missing, said):
    for name in missing:
        delattr(adapter, name)
    with refused(f"Dataset module 'nobody_1900' lacks {said}."):
        na.load_dataset(adapter)


def test_options_reach_the_adapter(adapter):
    loaded = na.load_dataset(adapter, scale=5)
    assert loaded.recordings["s1"].max() == 5


def test_an_unknown_option_names_the_nearest(adapter):
    message = "No option of dataset 'nobody-1900' is called 'scales'. Did you mean 'scale'?"
    with refused(message, UnknownNameError):
        na.load_dataset(adapter, scales=5)


@pytest.mark.parametrize("subjects", ["s2", ["s2"]])
def test_only_the_subjects_asked_for_are_returned(adapter, subjects):
    assert na.load_dataset(adapter, subjects=subjects).subjects == ["s2"]


def test_an_unknown_subject_lists_the_known(adapter):
    with refused("No subject is called 's3'. Known: 's1', 's2'.", UnknownNameError):
        na.load_dataset(adapter, subjects="s3")


def test_photographs_that_are_not_installed_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    message = (
        "The photographs come with scikit-image and scikit-learn; run pip install "
        "'neuroalign[demo]'."
    )
    with refused(message, MissingPackageError):
        na.load_dataset("simulated-v4")


def test_the_extra_that_brings_a_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdata", None)
    file = tmp_path / "mine.py"
    file.write_text("import rdata")
    message = (
        f"Dataset {str(file)!r} needs the package 'rdata', which is not installed; run pip install "
        "'neuroalign[tables]'."
    )
    with refused(message, MissingPackageError):
        na.load_dataset(file)


def test_a_package_that_a_file_imports_is_named(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import no_such_package_at_all")
    message = (
        f"Dataset {str(file)!r} needs the package 'no_such_package_at_all', which is not "
        "installed; run pip install no_such_package_at_all."
    )
    with refused(message, MissingPackageError):
        na.load_dataset(file)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("3 rows for 4 images."), "3 rows for 4 images"),
        (KeyError("subject"), "KeyError 'subject'"),
        (BadZipFile("File is not a zip file"), "File is not a zip file"),
        (EOFError(), "EOFError"),
        (ValueError("Expected 1 field,\nsaw 2\n"), "Expected 1 field, saw 2"),
    ],
)
def test_an_adapter_that_fails_says_so_in_one_sentence(adapter, error, reason):
    with refused(f"Dataset 'nobody-1900' could not be loaded: {reason}."):
        na.load_dataset(breaking(adapter, error))


def test_refusals_of_neuroalign_pass_through_as_they_are(adapter):
    with refused("The rows are wrong."):
        na.load_dataset(breaking(adapter, DataError("The rows are wrong.")))


def test_an_adapter_must_return_a_dataset(adapter):
    adapter.load = lambda files, *, subjects=None: np.eye(3)  # noqa: ARG005
    with refused("Dataset 'nobody-1900' loads a ndarray, but a BrainDataset is needed."):
        na.load_dataset(adapter)
