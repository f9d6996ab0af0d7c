"""The skeleton of a dataset loads, scores and tests as it is written."""

import os
import re
import subprocess
import sys

import pytest

import neuroalign as na
from neuroalign.data.skeleton import write_skeleton
from neuroalign.errors import DataError
from neuroalign.testing import load_and_check


def test_a_skeleton_has_no_faults(tmp_path):
    paths = write_skeleton("author2024", tmp_path)
    assert [path.name for path in paths] == [
        "dataset.py",
        "test_author2024.py",
        "stimuli.csv",
        "responses.csv",
    ]
    dataset = load_and_check("author2024", lambda: na.load_dataset(tmp_path / "author2024"))
    assert dataset.name == "author2024"
    recording = dataset.recordings["sub-01"]
    assert recording.sel(stimulus="s3", neuroid="sub-01/MTG").item() == (7 * 3 + 1) % 5 / 2


def test_the_load_of_a_skeleton_is_short(tmp_path):
    adapter = write_skeleton("author2024", tmp_path)[0].read_text()
    assert len([line for line in adapter.splitlines() if line]) <= 30


def test_the_test_of_a_skeleton_passes_and_can_fail(tmp_path):
    adapter, test, *_ = write_skeleton("my-study", tmp_path)

    def run():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
        environment = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
        return subprocess.run(
            command, capture_output=True, check=False, env=environment, cwd=tmp_path
        )

    assert run().returncode == 0
    adapter.write_text(adapter.read_text().replace('stimulus="text"', 'stimulus="image"'))
    assert run().returncode == 1


@pytest.mark.parametrize("name", ["Author2024", "2024", "a b", "../a", "a_b", "", "a-"])
def test_a_name_that_cannot_be_is_refused(name, tmp_path):
    message = (
        f"{name!r} cannot be the name of a dataset; use small letters, digits and hyphens, as in "
        "'author2024'."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        write_skeleton(name, tmp_path)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "author2024").mkdir()
    home = str(tmp_path / "author2024")
    message = f"{home!r} exists already; choose another name, or move it away."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        write_skeleton("author2024", tmp_path)


def test_the_name_of_a_known_dataset_is_refused(tmp_path):
    message = "A dataset is called 'cowley2023' already, and would be loaded in its place."
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        write_skeleton("cowley2023", tmp_path)
