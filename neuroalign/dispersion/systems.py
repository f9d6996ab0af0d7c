"""Systems that met the same stimuli, matched by label and never by position."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.repetitions import average_repetitions
from neuroalign.data.schema import as_labels, is_stream
from neuroalign.errors import DataError, name_some
from neuroalign.features.matching import design_rows, label_rows
from neuroalign.folds import FoldRule, KFold
from neuroalign.preparation import check_options
from neuroalign.splits import Splits

View = xr.DataArray | pd.DataFrame

# Columns of stimuli that say where they belong, and nothing of what they are like.
PLACES = ("position", "run", "onset", "duration")


@dataclass(frozen=True, eq=False)
class Systems:
    """Arrays of systems at the same stimuli.

    Parameters
    ----------
    names : list of str
    rows : list of float arrays (stimuli, units)
    stimuli : DataFrame
        Index: the labels of the rows, sorted.
    """

    names: list[str]
    rows: list[np.ndarray]
    stimuli: pd.DataFrame

    @property
    def labels(self) -> np.ndarray:
        """Labels of the stimuli."""
        return self.stimuli.index.to_numpy(str)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Numeric columns of the stimuli that may be confounds."""
        numeric = self.stimuli.select_dtypes("number")
        return {str(c): numeric[c].to_numpy(float) for c in numeric if c not in (*PLACES, "group")}

    @property
    def hashes(self) -> dict[str, str]:
        """Hash of the matched values of each system, whatever the type of their numbers."""
        return {name: _hash(rows) for name, rows in zip(self.names, self.rows, strict=True)}

    def split(self, folds: FoldRule | None, seed: int) -> tuple[Splits, list]:
        """Split the stimuli; return the splits, and pairs of training and test rows."""
        check_options(folds, seed)
        splits = (KFold(n_folds=5) if folds is None else folds).split(self.stimuli, seed)
        places = pd.Index(self.labels)
        rows = [(places.get_indexer(f.train), places.get_indexer(f.test)) for f in splits.folds]
        return splits, rows


def match_systems(
    views: Mapping[str, View], stimuli: pd.DataFrame | Sequence[str] | None = None
) -> Systems:
    """Bring systems to the same stimuli.

    Parameters
    ----------
    views : mapping of str to DataArray or DataFrame
        System -> activations (stimulus, ...), DataFrame indexed by stimulus, or a recording, whose
        repetitions are averaged. At least two.
    stimuli : DataFrame or sequence of str, optional
        Index, or labels, of the stimuli to use; all systems must have them, and may have others. By
        default all stimuli of all systems, which must be the same.

    Returns
    -------
    Systems
    """
    if not isinstance(views, Mapping) or len(views) < 2:
        given = f"{len(views)} systems" if isinstance(views, Mapping) else type(views).__name__
        message = f"{given} given; give a mapping from the names of at least 2 systems to views."
        raise DataError(message)
    arrays = {str(name): as_rows(name, view) for name, view in views.items()}
    if stimuli is None:
        every = sorted({label for array in arrays.values() for label in array["stimulus"].values})
        table = pd.DataFrame(index=pd.Index(every))
    elif isinstance(stimuli, pd.DataFrame):
        table = stimuli.set_axis(as_labels(stimuli.index, "stimulus"))
    else:
        table = pd.DataFrame(index=pd.Index(as_labels(stimuli, "stimulus")))
    if not len(table):
        message = "No stimuli are named; leave stimuli out to use all."
        raise DataError(message)
    table = table.sort_index()
    labels = table.index.to_numpy(str)
    return Systems(
        list(arrays), [_rows_of(name, array, labels) for name, array in arrays.items()], table
    )


def as_rows(name: object, view: View) -> xr.DataArray:
    """Return a view with string labels of stimuli, its repetitions averaged."""
    if isinstance(view, xr.DataArray) and "neuroid" in view.dims:
        view = average_repetitions(view)
    rows = label_rows(view)
    if is_stream(rows):
        message = (
            f"System {str(name)!r} is a stream of samples, and dispersion is of stimuli; cut the "
            "story into passages by na.dispersion.passages(dataset)."
        )
        raise DataError(message)
    return rows


def _rows_of(name: str, array: xr.DataArray, labels: np.ndarray) -> np.ndarray:
    """Return the rows of a system, in the order of the labels."""
    missing = sorted(set(labels) - set(array["stimulus"].values))
    if missing:
        message = (
            f"{len(missing)} of {len(labels)} stimuli are missing from system {name!r} "
            f"{name_some(missing)}; give all systems the same stimuli, or say which to use by "
            "stimuli=[...]."
        )
        raise DataError(message)
    return design_rows(array.drop_vars("layer", errors="ignore").assign_coords(layer=name), labels)


def _hash(rows: np.ndarray) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update((np.asarray(row, dtype=float) + 0.0).tobytes())  # -0 becomes 0
    return digest.hexdigest()[:16]
