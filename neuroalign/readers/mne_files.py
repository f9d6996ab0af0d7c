"""EEG, MEG and intracranial recordings in any format that MNE-Python reads."""

from __future__ import annotations

import logging
import re
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, MissingPackageError, name_some
from neuroalign.readers.brainvision import check_brainvision
from neuroalign.readers.edf_units import check_edf_units
from neuroalign.readers.fif_tags import check_chain
from neuroalign.readers.files import existing, reading
from neuroalign.readers.mne_channels import (
    chosen_channels,
    facts_of,
    kinds_of,
    marks_of,
    places_of,
    units_of,
)
from neuroalign.readers.voltage_streams import Run, lazy_stream

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]

# Numbers that a byte of a file can hold at most; compressed files are far below.
DENSEST = 64


# What MNE warns of where the end of a file is missing; of other warnings it reads what there is.
CUT_OFF = re.compile(r"not match the file size|[Ii]nvalid tag|truncated at|possibly corrupt")


def mne_package() -> ModuleType:
    """Import MNE-Python, or say what to install."""
    try:
        import mne
    except ModuleNotFoundError as error:
        message = (
            f"Recordings of EEG, MEG and intracranial EEG need the package {error.name!r}, which "
            "is not installed; run pip install 'neuroalign[ieeg]'."
        )
        raise MissingPackageError(message) from error
    return mne


@contextmanager
def reading_whole(path: str | PathLike[str], kind: str) -> Iterator[None]:
    """Turn what MNE raises into one sentence, and what it warns of a file that is cut off.

    Parameters
    ----------
    path : str or path
    kind : str
        What the file should be, as in "epochs".
    """
    log = logging.getLogger("mne")
    log.addFilter(_never)
    try:
        with reading(path, kind), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except Exception as error:
                # MNE leaves a file open that it gives up on, held by the variables it had.
                traceback.clear_frames(error.__traceback__)
                raise
    finally:
        log.removeFilter(_never)
    for warning in caught:
        if CUT_OFF.search(said := str(warning.message)):
            message = (
                f"File {str(path)!r} is shorter than its header says, fetch it anew "
                f"({said.splitlines()[0].rstrip('.')})."
            )
            raise DataError(message)


def _never(_: logging.LogRecord) -> bool:
    """Keep MNE from printing."""
    return False


def read_raw(
    paths: Paths,
    *,
    channels: str | Sequence[str] | None = None,
    keep_bad: bool = False,
    runs: Sequence[str] | None = None,
    space: str | None = None,
) -> xr.DataArray:
    """Read continuous recordings (FIF, EDF, BDF, BrainVision, EEGLAB, CTF, ...) as one stream.

    Values stay in the files until they are asked for. Files are matched by the names of their
    channels; projectors are not applied.

    Parameters
    ----------
    paths : path or sequence of path
        Files of one subject, a run each; all with the same channels and sampling rate.
    channels : str or sequence of str, optional
        A kind ("eeg", "seeg", "ecog", "dbs", "mag", "grad", "eog", "ecg" or "emg"), or names. By
        default all that measure the brain. EDF and BDF files know no kinds: all are "eeg".
    keep_bad : bool
        Keep channels that a file marks as bad; otherwise they are left out of all runs.
    runs : sequence of str, optional
        Names of the runs; by default "run-1", "run-2", ...
    space : str, optional
        Of the coordinates. By default the frame that the file names; a FIF file says "head"
        whatever the electrodes were placed in.

    Returns
    -------
    DataArray (sample, neuroid)
        In uV (fT, fT/cm). On samples `run` and `onset` (s); on neuroids `kind`, `bad`, and x, y, z
        (mm) where the file has them. Attributes: units, sampling_period (s), space, bad_channels.

    Raises
    ------
    DataError
        If a file cannot be read, or the channels differ in units or between files.

    References
    ----------
    Gramfort et al. (2013), doi:10.3389/fnins.2013.00267;
    https://mne.tools/stable/documentation/implementation.html (units and frames).
    """
    files, names = _named(paths, runs)
    raws = [_opened(path) for path in files]
    bad = sorted({name for raw in raws for name in raw.info["bads"]})
    wanted = chosen_channels(raws[0].ch_names, kinds_of(raws[0]), channels, [] if keep_bad else bad)
    units, scale = units_of(kinds_of(raws[0]), wanted)
    for path in files:
        check_edf_units(Path(path).expanduser(), wanted)
    for path, raw in zip(files[1:], raws[1:], strict=True):
        _check_alike(path, raw, raws[0], wanted)
    parts = [
        Run(name, raw.n_times, _reader(path, raw, wanted, scale))
        for name, path, raw in zip(names, files, raws, strict=True)
    ]
    coords, frame = places_of(raws[0], wanted)
    return lazy_stream(
        parts,
        sampling_period=1 / float(raws[0].info["sfreq"]),
        neuroid=wanted,
        coords={"kind": [kinds_of(raws[0])[x] for x in wanted], **marks_of(wanted, bad), **coords},
        attrs=facts_of(units, bad, frame if space is None else space),
    )


def read_annotations(paths: Paths, *, runs: Sequence[str] | None = None) -> pd.DataFrame:
    """List the annotations of continuous recordings, such as triggers, on the clock of `read_raw`.

    Parameters
    ----------
    paths, runs
        As of `read_raw`.

    Returns
    -------
    DataFrame
        Columns run, onset (s from the first sample of the run), duration (s) and condition (what
        the annotation says), in the order of the files.
    """
    files, names = _named(paths, runs)
    tables = []
    for name, path in zip(names, files, strict=True):
        raw = _opened(path)
        marks = raw.annotations
        columns = {
            "run": name,
            # MNE counts from the start of the acquisition, not of the file.
            "onset": np.asarray(marks.onset, dtype=float) - raw.first_time,
            "duration": np.asarray(marks.duration, dtype=float),
            "condition": [str(words) for words in marks.description],
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _named(paths: Paths, runs: Sequence[str] | None) -> tuple[list[str | PathLike[str]], list[str]]:
    """Return the files, and a name of the run of each."""
    files = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    names = [f"run-{number + 1}" for number in range(len(files))] if runs is None else list(runs)
    if not files or len(names) != len(files):
        message = f"{len(files)} files and {len(names)} names of runs were given; each needs one."
        raise DataError(message)
    return files, names


def _opened(path: str | PathLike[str]) -> Any:
    """Open a file without reading its values; a header that promises too much is refused."""
    found, mne = _found(path), mne_package()
    if found.is_file():
        check_chain(found)
    if found.suffix.lower() == ".vhdr":
        check_brainvision(found)
    with reading_whole(found, "a continuous recording"):
        raw = mne.io.read_raw(found, preload=False, verbose="warning")
        raw.get_channel_types()  # which a damaged file does not know
    if not 0 < float(raw.info["sfreq"]) < np.inf:
        message = f"File {str(path)!r} states a sampling rate of {raw.info['sfreq']:g} Hz."
        raise DataError(message)
    check_size(found, raw.filenames, raw.n_times * len(raw.ch_names))
    return raw


def _found(path: str | PathLike[str]) -> Path:
    """Return the path of a file, or of a folder, as some formats have it."""
    found = Path(path).expanduser()
    return found if found.is_dir() else existing(found)


def check_size(path: Path, files: Sequence[Any], promised: int) -> None:
    """Refuse a header that promises more values than the bytes of its files could hold."""
    lie = [Path(file) for file in files or () if file is not None and Path(file).is_file()]
    size = sum(file.stat().st_size for file in lie)
    if size and promised > DENSEST * size:
        message = (
            f"File {str(path)!r} promises {promised} values in {size} bytes; it is damaged, fetch "
            "it anew."
        )
        raise DataError(message)


def _check_alike(path: object, raw: Any, first: Any, wanted: Sequence[str]) -> None:
    """Refuse a run whose channels or sampling rate are not those of the first."""
    here = kinds_of(raw)
    if missing := [x for x in wanted if here.get(x) != kinds_of(first)[x]]:
        message = (
            f"File {str(path)!r} lacks {len(missing)} channels of the first file "
            f"{name_some(missing)}; read the runs apart, or name channels that all have."
        )
        raise DataError(message)
    if raw.info["sfreq"] != first.info["sfreq"]:
        message = (
            f"File {str(path)!r} is sampled at {raw.info['sfreq']:g} Hz, the first file at "
            f"{first.info['sfreq']:g} Hz; resample one of them, or read the runs apart."
        )
        raise DataError(message)


def _reader(path: object, raw: Any, wanted: Sequence[str], scale: float) -> Any:
    numbers = np.array([raw.ch_names.index(name) for name in wanted])

    def read(start: int, stop: int, neuroids: np.ndarray) -> np.ndarray:
        with reading_whole(str(path), "a continuous recording"):
            data = raw.get_data(numbers[neuroids], start, stop, verbose="warning")
        with np.errstate(over="ignore"):  # values that are damaged become infinite
            return data.T * scale

    return read
