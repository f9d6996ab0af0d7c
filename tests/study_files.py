"""The files of a study as a miniature writes them: unverified, and by the way that users take."""

import re

import pytest

from neuroalign.data import catalog
from neuroalign.data.download import DataFiles

# What is said before, of a recording that is made when it is first asked for.
LAZY = r"(Recording of subject '[\w-]+' could not be loaded: )?"


def files_in(folder, name):
    """Return the files of a study as they lie in a folder, whatever their hashes."""
    card = catalog.dataset_module(name)[1].CARD
    addresses = dict.fromkeys(card.files, "")
    return DataFiles(name, addresses, how_to_get=card.how_to_get, folder=folder, verify=False)


def load_in(folder, name, **options):
    """Load a study by its own function from a folder."""
    return catalog.dataset_module(name)[1].load(files_in(folder, name), **options)


def load_from(folder, name, monkeypatch, **options):
    """Load a study by its name from a folder, so that errors are said as users see them."""
    monkeypatch.setattr(catalog, "_files", lambda *_: files_in(folder, name))
    return catalog.load_dataset(name, **options)


def refused(message, error=ValueError):
    """Expect an error that says this, perhaps of a recording."""
    return pytest.raises(error, match=f"^{LAZY}{re.escape(message)}$")
