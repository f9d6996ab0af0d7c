"""Find datasets by name, and load them."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from neuroalign.data.dataset import BrainDataset
from neuroalign.data.download import DataFiles
from neuroalign.data.folder import folder_module, is_data_folder
from neuroalign.errors import DataError, MissingPackageError, NeuroalignError, reason, unknown_name

ENTRY_POINTS = "neuroalign.datasets"
FOLDER_MODULE = "dataset.py"
# Package -> the extra of neuroalign that brings it.
EXTRAS = {
    "mne": "ieeg", "nilearn": "fmri", "pyarrow": "tables", "pynwb": "nwb", "rdata": "tables",
    "skimage": "demo", "sklearn": "demo", "transformers": "text",
}  # fmt: skip


def list_datasets() -> list[str]:
    """List the names that `load_dataset` knows, sorted. Loads no adapter.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import neuroalign as na
    >>> "cowley2023" in na.list_datasets()
    True
    """
    return sorted(_locations())


def _locations() -> dict[str, str]:
    """Map the name of every dataset to the module that loads it."""
    import neuroalign.datasets as shipped

    found = {
        module.name.replace("_", "-"): f"{shipped.__name__}.{module.name}"
        for module in pkgutil.iter_modules(shipped.__path__)
    }
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, entry.value)
    return found


def dataset_module(dataset: str | Path | ModuleType) -> tuple[str, ModuleType, Path | None]:
    """Find the adapter of a dataset.

    Parameters
    ----------
    dataset : str, Path or module
        A name, a module, a file that holds one, or a folder that holds a ``dataset.py``.

    Returns
    -------
    name : str
    module : module
        With `CARD` and `load`.
    folder : Path or None
        Where its files lie, if that is known from the path.
    """
    if isinstance(dataset, ModuleType):
        return dataset.__name__.rpartition(".")[2].replace("_", "-"), _checked(dataset), None
    locations = _locations()
    if str(dataset) in locations:
        return str(dataset), _checked(importlib.import_module(locations[str(dataset)])), None
    path = Path(dataset).expanduser()
    if path.is_dir():
        if not (path / FOLDER_MODULE).is_file():
            if is_data_folder(path):
                return path.resolve().name, folder_module(path), path
            message = (
                f"Folder {str(path)!r} holds no {FOLDER_MODULE} with CARD and load, and no "
                "stimuli.csv with responses."
            )
            raise DataError(message)
        return path.resolve().name, _checked(_module_from(path / FOLDER_MODULE)), path
    if path.suffix == ".py" and path.is_file():
        home = path.resolve().parent
        name = home.name if path.name == FOLDER_MODULE else path.stem.replace("_", "-")
        return name, _checked(_module_from(path)), home
    if path.is_file():
        message = (
            f"File {str(path)!r} is not a dataset; give a Python file with CARD and load that "
            "reads it (docs/add_a_dataset.md), or make_dataset(...) in Python."
        )
        raise DataError(message)
    if len(path.parts) > 1 or path.suffix:
        message = f"There is no file or folder {str(dataset)!r}; check its name and folder."
        raise DataError(message)
    raise unknown_name(dataset, locations, kind="dataset")


def _module_from(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        message = f"File {str(path)!r} is not a Python module."
        raise DataError(message)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise _missing_package(str(path), error) from error
    except NeuroalignError:
        raise
    except Exception as error:
        message = f"File {str(path)!r} does not run: {reason(error)}."
        raise DataError(message) from error
    return module


def _checked(module: ModuleType) -> ModuleType:
    missing = [name for name in ("CARD", "load") if not hasattr(module, name)]
    if missing:
        message = f"Dataset module {module.__name__!r} lacks {' and '.join(missing)}."
        raise DataError(message)
    return module


def load_dataset(
    dataset: str | Path | ModuleType,
    *,
    subjects: str | Sequence[str] | None = None,
    **options: object,
) -> BrainDataset:
    """Load a dataset, fetching the files it needs.

    Parameters
    ----------
    dataset : str, Path or module
        One of `list_datasets()`, a module with `CARD` and `load`, a Python file that is one, or a
        folder that holds a ``dataset.py`` and its files.
    subjects : str or sequence of str, optional
        All by default.
    **options
        Passed to the adapter, as in ``load_dataset("cowley2023", session="201025")``.

    Returns
    -------
    BrainDataset

    Raises
    ------
    UnknownNameError
        If there is no such dataset or subject.
    DownloadError
        If a file cannot be fetched or is not what its hash promises.

    Examples
    --------
    >>> import neuroalign as na
    >>> dataset = na.load_dataset("simulated-v4", n_crops=2)
    >>> dataset.subjects
    ['simulated']
    """
    name, module, folder = dataset_module(dataset)
    files = _files(name, module, folder)
    wanted = [subjects] if isinstance(subjects, str) else subjects
    try:
        loaded = module.load(files, subjects=wanted, **_known_options(name, module, options))
    except ModuleNotFoundError as error:
        raise _missing_package(name, error) from error
    except NeuroalignError:
        raise
    except Exception as error:
        message = f"Dataset {name!r} could not be loaded: {reason(error)}."
        raise DataError(message) from error
    if not isinstance(loaded, BrainDataset):
        message = f"Dataset {name!r} loads a {type(loaded).__name__}, but a BrainDataset is needed."
        raise DataError(message)
    named = loaded.named(name, module.CARD)
    return named if wanted is None else named.select(subjects=wanted)


def dataset_files(dataset: str | Path | ModuleType) -> DataFiles:
    """Return the files of a dataset, each fetched and verified when it is indexed."""
    return _files(*dataset_module(dataset))


def _files(name: str, module: ModuleType, folder: Path | None) -> DataFiles:
    card = module.CARD
    return DataFiles(name, card.files, how_to_get=card.how_to_get, folder=folder)


def _missing_package(dataset: str, error: ModuleNotFoundError) -> MissingPackageError:
    package = str(error.name).partition(".")[0]
    wanted = f"'neuroalign[{EXTRAS[package]}]'" if package in EXTRAS else package
    return MissingPackageError(
        f"Dataset {dataset!r} needs the package {package!r}, which is not installed; run pip "
        f"install {wanted}."
    )


def _known_options(name: str, module: ModuleType, options: dict[str, object]) -> dict[str, object]:
    import inspect

    parameters = list(inspect.signature(module.load).parameters)[1:]
    for option in options:
        if option not in parameters:
            raise unknown_name(option, parameters, kind=f"option of dataset {name!r}")
    return options
