"""Derivatives of fMRIPrep and events of BIDS: found by name, joined over runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.readers.bids_names import (
    entities_of_task,
    events_of_runs,
    images,
    runs_of_task,
    subject_folder,
)
from neuroalign.readers.confounds import basis_of, cosine_drifts, without
from neuroalign.readers.fmriprep_files import (
    agreed_period,
    confound_tables,
    first_onsets,
    preprocessed_series,
    run_sizes,
    shared_mask,
)
from neuroalign.readers.nifti import read_nifti
from neuroalign.readers.nifti_files import open_nifti
from neuroalign.readers.region_names import Labels
from neuroalign.readers.rows import joined_rows, run_names


def read_fmriprep(
    folder: str | PathLike[str],
    *,
    subject: object,
    task: str,
    space: str | None,
    session: object = None,
    run: object = None,
    entities: Mapping[str, str] | None = None,
    mask: Any = None,
    atlas: Any = None,
    labels: Labels | None = None,
    average: str | None = None,
    resample: bool = False,
    confounds: Sequence[str] = (),
    high_pass: float | None = None,
) -> xr.DataArray:
    """Read the preprocessed series of a subject that fMRIPrep wrote, all runs of a task.

    The values stay in the files until they are asked for. Nothing is regressed out unless it is
    named: fMRIPrep lists confounds, and leaves the choice.

    Parameters
    ----------
    folder : path
        Of the derivatives, which has ``sub-*`` folders.
    subject : str or int
        As in "01" or "sub-01".
    task : str
    space : str or None
        As in "MNI152NLin2009cAsym" or "T1w", perhaps with the resolution, "MNI152NLin6Asym:res-2";
        None is the space of the acquisition, which names leave out.
    session : str, optional
        By default all.
    run : str, int or sequence of these, optional
        By default all.
    entities : mapping, optional
        Further parts of the names, as in ``{"acq": "mb4"}``.
    mask : path or nibabel image, optional
        By default the voxels that the brain masks of all runs share.
    atlas, labels, average, resample
        As in `read_nifti`.
    confounds : sequence of str
        Columns that are regressed out of each run (least squares; the mean stays), or patterns:
        ``["trans_?", "rot_?", "a_comp_cor_0[0-4]", "cosine*"]``. Where `deconvolve` follows, give
        them there instead (see `read_confounds`), so that they are fitted together.
    high_pass : float, optional
        Frequency in Hz below which drifts are regressed out with them, as in 1/128. The columns
        "cosine*" are such drifts already, and belong to those of CompCor.

    Returns
    -------
    DataArray (sample, neuroid)
        As `read_nifti` with `run`; attributes `confounds` and `high_pass` say what was done. Where
        slice timing was corrected to another moment than the middle of the volumes (``StartTime``
        of their description), their intervals, and so the onsets, move with it.

    Raises
    ------
    DataError
        If files are missing, ambiguous or do not fit each other, or there is no such confound.

    References
    ----------
    Esteban et al. (2019), doi:10.1038/s41592-018-0235-4; https://fmriprep.org/en/stable/outputs.html.
    """
    where = subject_folder(folder, subject)
    files = preprocessed_series(where, task, space, session, run, entities)
    names = run_names(files, None)
    if mask is None:
        mask = shared_mask(files)
    series = read_nifti(
        files,
        mask=mask,
        atlas=atlas,
        labels=labels,
        average=average,
        resample=resample,
        run=names,
        sampling_period=agreed_period(files),
        space=None if space is None else space.partition(":")[0],
    )
    starts = first_onsets(files, series.attrs["sampling_period"])
    late = np.repeat(starts, run_sizes(series, names))
    series = series.assign_coords(onset=series["onset"] + late)
    series.attrs["confounds"] = "none"
    if not confounds and high_pass is None:
        return series
    tables = confound_tables(files, names, run_sizes(series, names), confounds)
    bases = []
    for name, table in tables.items():
        drifts = cosine_drifts(len(table), series.attrs["sampling_period"], high_pass or 0.0)
        bases.append(basis_of(np.column_stack([table.to_numpy(), drifts]), f"run {name!r}"))
    facts = {"confounds": ", ".join(map(str, next(iter(tables.values())).columns)) or "none"}
    if high_pass is not None:
        facts["high_pass"] = f"{high_pass:.6g} Hz"
    return _cleaned(series, bases).assign_attrs(facts)


def read_confounds(
    folder: str | PathLike[str],
    columns: Sequence[str],
    *,
    subject: object,
    task: str,
    space: str | None,
    session: object = None,
    run: object = None,
    entities: Mapping[str, str] | None = None,
) -> dict[str, pd.DataFrame]:
    """Read chosen confounds of the series that `read_fmriprep` reads with the same arguments.

    Parameters
    ----------
    folder : path
    columns : sequence of str
        Names of columns, or patterns such as "a_comp_cor_0[0-4]" and "cosine*".
    subject, task, space, session, run, entities
        As in `read_fmriprep`.

    Returns
    -------
    dict of str to DataFrame
        Run -> confounds, one row a volume; what `deconvolve` takes.

    Raises
    ------
    DataError
        If a table is missing, or has no such column.
    """
    files = preprocessed_series(
        subject_folder(folder, subject), task, space, session, run, entities
    )
    names = run_names(files, None)
    sizes = [open_nifti(path).shape[-1] for path in files]
    return confound_tables(files, names, sizes, columns)


def read_bids_events(
    folder: str | PathLike[str],
    *,
    subject: object,
    task: str,
    session: object = None,
    run: object = None,
) -> pd.DataFrame:
    """Read the events of a subject in a task, all runs, from a BIDS dataset.

    Parameters
    ----------
    folder : path
        Of the raw dataset: derivatives have no events. Series are found by name and not opened; a
        table higher up holds for every run that has none of its own.
    subject : str or int
    task : str
    session : str, optional
        By default all.
    run : str, int or sequence of these, optional
        By default all.

    Returns
    -------
    DataFrame
        As `read_events`, with the runs named as `read_fmriprep` names them.

    Raises
    ------
    DataError
        If there is no series of the task, or a run has no events.

    References
    ----------
    https://bids-specification.readthedocs.io/en/stable/common-principles.html (inheritance)
    """
    where = subject_folder(folder, subject)
    files = runs_of_task(
        where, images(where, "_bold"), "bold", entities_of_task(task, session), run=run
    )
    return events_of_runs(files, where.parent)


def _cleaned(series: xr.DataArray, bases: Sequence[np.ndarray]) -> xr.DataArray:
    """Return the series without what lies along the basis of each run, still unread."""
    sizes = [len(basis) for basis in bases]
    starts = np.cumsum([0, *sizes])

    def read_file(number: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        whole = series.isel(sample=slice(starts[number], starts[number + 1]), neuroid=columns)
        with np.errstate(invalid="ignore"):  # values that are damaged become NaN
            values = whole.values.astype(float)
        return without(values, bases[number])[rows]

    data = joined_rows(sizes, series.sizes["neuroid"], float, read_file)
    return xr.DataArray(data, dims=series.dims, coords=series.coords, attrs=series.attrs)
