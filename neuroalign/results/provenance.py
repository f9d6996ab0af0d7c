"""Everything that is needed to run a score again, as one JSON string."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.content import feed
from neuroalign.data.dissimilarities import is_dissimilarities
from neuroalign.data.schema import row_dim
from neuroalign.models.protocol import Model
from neuroalign.splits import Splits

PACKAGES = (
    "neuroalign",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "torch",
    "transformers",
    "tokenizers",
)


def provenance(
    model: Model,
    recordings: Mapping[str, xr.DataArray],
    stimuli: pd.DataFrame,
    splits: Splits | None,
    options: Mapping[str, object],
) -> str:
    """Describe a run.

    Parameters
    ----------
    model : Model
    recordings : mapping of str to DataArray
        Subject -> averaged responses that were scored.
    stimuli : DataFrame
        Those that were scored.
    splits : Splits, optional
        None where nothing is fitted.
    options : mapping
        What else was asked for: names, metric, selection, seed, seconds.

    Returns
    -------
    str
        JSON.
    """
    fingerprint = getattr(model, "fingerprint", None)
    record = {
        **options,
        "model_sha256": fingerprint() if callable(fingerprint) else None,
        # What weights were read from: name, checkpoint, commit of the hub.
        "model_origin": getattr(model, "origin", None),
        "responses_sha256": {name: _hash_array(array) for name, array in recordings.items()},
        "stimuli_sha256": _hash_stimuli(stimuli),
        **({} if splits is None else _divided(splits)),
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "commit": _commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(record, default=str)


def _divided(splits: Splits) -> dict[str, object]:
    return {
        "test_stimuli": [[str(label) for label in fold.test] for fold in splits.folds],
        "train_stimuli": [str(label) for label in splits.folds[0].train]
        if len(splits.folds) == 1
        else "all others"
        if splits.gap is None
        else "all others but those left_out",
        **({} if splits.gap is None else {"left_out": _left_out(splits)}),
    }


def _left_out(splits: Splits) -> list[list[str]]:
    """List the rows that each fold neither trains nor tests on, since they are within the gap."""
    used = [np.concatenate([fold.train, fold.test]) for fold in splits.folds]
    return [[str(label) for label in np.setdiff1d(splits.table.labels, rows)] for rows in used]


def _hash_array(array: xr.DataArray) -> str:
    digest = hashlib.sha256()
    sides = ("stimulus",) if is_dissimilarities(array) else (row_dim(array), "neuroid")
    for labels in (array[name].values for name in sides):
        digest.update("\n".join(map(str, labels)).encode())
    digest.update(np.ascontiguousarray(array.values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _hash_stimuli(stimuli: pd.DataFrame) -> str:
    """Hash labels and content; files by their bytes."""
    digest = hashlib.sha256()
    for label, row in stimuli.iterrows():
        digest.update(repr(str(label)).encode())
        feed(digest, tuple(row))
    return digest.hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the source tree, where neuroalign runs from one."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)
        return git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None
