"""Networks that packages carry tell where their weights are from."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

import neuroalign as na
from neuroalign.errors import MissingPackageError
from neuroalign.models.catalog import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_says_which_weights_of_which_package_it_has(name):
    try:
        trained = na.load_model(name)
    except MissingPackageError as missing:
        pytest.skip(str(missing))
    assert trained.origin["name"] == name
    package, _, version = trained.origin["revision"].partition(" ")
    assert metadata.version(package) == version
    (folder,) = find_spec(package).submodule_search_locations
    file = Path(trained.origin["checkpoint"]).name
    assert len(list(Path(folder).rglob(file))) == 1


@pytest.mark.parametrize("name", NETWORKS)
def test_a_twin_says_that_it_has_none(name):
    try:
        twin = na.load_model(name, untrained=True, seed=3)
    except MissingPackageError as missing:
        pytest.skip(str(missing))
    assert twin.name == f"{name}-untrained"
    assert (twin.origin["name"], twin.origin["checkpoint"]) == (name, "none: random under seed 3")
