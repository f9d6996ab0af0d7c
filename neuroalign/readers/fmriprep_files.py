"""What fMRIPrep lays beside a preprocessed series: masks, descriptions and confounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from neuroalign.data.streams import checked_period
from neuroalign.errors import DataError
from neuroalign.readers.bids_names import (
    companion,
    entities_of_task,
    images,
    runs_of_task,
    without_prefix,
)
from neuroalign.readers.confounds import confound_table
from neuroalign.readers.files import existing, reading
from neuroalign.readers.grids import require_same, whole_volume
from neuroalign.readers.nifti_files import open_nifti, period_of

TABLES = ("_desc-confounds_timeseries.tsv", "_desc-confounds_regressors.tsv")


def preprocessed_series(
    where: Path,
    task: str,
    space: str | None,
    session: object,
    run: object,
    entities: Mapping[str, str] | None,
) -> list[Path]:
    """Return the preprocessed series that are wanted, by session and run."""
    label, _, resolution = (space or "").partition(":")
    wanted = entities_of_task(task, session, entities)
    wanted["space"] = without_prefix("space", label) if space else None
    if resolution:
        wanted["res"] = without_prefix("res", resolution)
    kind = "desc-preproc_bold"
    return runs_of_task(where, images(where, f"_{kind}"), kind, wanted, run=run)


def shared_mask(files: Sequence[Path]) -> Any:
    """Return the voxels that the brain masks of all runs share, as an image."""
    import nibabel

    beside = [
        existing(path.with_name(path.name.replace("_desc-preproc_bold", "_desc-brain_mask")))
        for path in files
    ]
    values, grid = whole_volume(beside[0], "mask")
    inside = values > 0
    for path in beside[1:]:
        values, other = whole_volume(path, "mask")
        require_same(other, grid)
        inside &= values > 0
    return nibabel.Nifti1Image(inside.astype("uint8"), grid.affine)


def repetition_time(files: Sequence[Path]) -> float | None:
    """Return the repetition time that the descriptions beside the series state, if they do."""
    found = zip(files, _stated(files, "RepetitionTime"), strict=True)
    periods = {path.name: period for path, period in found if period is not None}
    if len(set(periods.values())) > 1:
        message = f"Descriptions state several repetition times ({periods}); read the runs apart."
        raise DataError(message)
    return next(iter(periods.values()), None)


def first_onsets(files: Sequence[Path], period: float) -> list[float]:
    """Return when the interval of the first sample of each run begins, in s.

    Slice timing correction moves each volume to ``StartTime`` after it began, which the
    description states; that is taken to be the middle of the interval. It is 0 where none is
    stated.
    """
    checked_period(period, ("sample", "neuroid"))
    return [
        0.0 if time is None else round(time - period / 2, 6) for time in _stated(files, "StartTime")
    ]


def _stated(files: Sequence[Path], name: str) -> list[float | None]:
    """Return a number that the description beside each series states, None where it does not."""
    found: list[float | None] = []
    for path in files:
        beside, said = path.with_name(path.name.partition(".")[0] + ".json"), None
        if beside.exists():
            with reading(beside, "a description"):
                said = json.loads(beside.read_text(encoding="utf-8")).get(name)
                said = None if said is None else float(said)
        found.append(said)
    return found


def agreed_period(files: Sequence[Path]) -> float | None:
    """Return the repetition time of the descriptions, which no header may contradict."""
    period = repetition_time(files)
    for path in files:
        stated = period_of(open_nifti(path))
        if period is not None and abs(stated - period) > 1e-3 * period:
            message = (
                f"The header of {str(path)!r} states a sampling period of {stated:g} s, the "
                f"description beside it {period:g} s; mend the one that is wrong."
            )
            raise DataError(message)
    return period


def run_sizes(series: xr.DataArray, names: Sequence[str]) -> list[int]:
    """Return how many samples of a series are of each run."""
    runs = series["run"].values
    return [int((runs == name).sum()) for name in names]


def confound_tables(
    files: Sequence[Path], names: Sequence[str], sizes: Sequence[int], columns: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Return the chosen confounds of each run; tables without columns where none is chosen."""
    if isinstance(columns, str):
        message = f"confounds={columns!r} is one string; give a list of columns."
        raise DataError(message)
    tables = {}
    for path, name, size in zip(files, names, sizes, strict=True):
        if not columns:
            tables[name] = pd.DataFrame(index=range(size))
            continue
        beside = companion(path, TABLES)
        if beside is None:
            message = f"Series {str(path)!r} has no table of confounds beside it ({TABLES[0]})."
            raise DataError(message)
        tables[name] = confound_table(beside, columns, size)
    return tables
