"""Brain Treebank: voltages of people who watched films.

The layout is that of https://braintreebank.dev and of the code that its authors release with it
(https://github.com/czlwang/brain_treebank_code_release); no original file was at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.readers.brain_treebank_tables import (
    Electrodes,
    electrodes_of,
    root_of,
    site_coords,
    timings_of,
    trial_names,
)
from neuroalign.readers.files import existing, reading
from neuroalign.readers.film_words import RATE, check_rate
from neuroalign.readers.sizes import check_promised
from neuroalign.readers.voltage_streams import Run, lazy_stream

# Where the files of voltages lie, below the folder of all.
PLACES = ("", "all_subject_data")


def read_brain_treebank(
    folder: str | PathLike[str],
    *,
    subject: int,
    trials: int | Sequence[int],
    electrodes: Sequence[str] | None = None,
    keep_bad: bool = False,
    sampling_rate: float = RATE,
    units: str = "units of the recording",
) -> xr.DataArray:
    """Read the voltages of a subject of the Brain Treebank, a run for each film.

    Values stay in the HDF5 files until they are asked for, electrode by electrode.

    Parameters
    ----------
    folder : path
        With what the archives of https://braintreebank.dev unfold to: electrode_labels,
        localization, subject_timings, ...; and the files ``sub_<n>_trial<nnn>.h5``, in it or in
        all_subject_data.
    subject : int
        1 to 10.
    trials : int or sequence of int
        Films, as the files number them from 0.
    electrodes : sequence of str, optional
        Labels without marks, as in "LT3aHb4". By default all; channels of triggers (DC, TRIG) are
        never among them.
    keep_bad : bool
        Keep electrodes that ``corrupted_elec.json`` lists.
    sampling_rate : float, Hz
        Refused where the triggers say that it is another; subject 9 seems to have 1024 Hz.
    units : str
        Of the values, which the files do not say.

    Returns
    -------
    DataArray (sample, neuroid)
        Runs "trial000", ...; `onset` (s from the first sample of the file). On neuroids `roi`
        (Desikan-Killiany), `hemisphere`, the other columns of ``depth-wm.csv``, among them the
        native coordinates L, I and P, and x, y and z of ``elec_coords_full.csv``, which are
        projected onto the cortex of a template. Attributes: bad_channels, space.

    Raises
    ------
    DataError
        If files are missing or damaged, or do not agree.

    References
    ----------
    Wang et al. (2024), arXiv:2411.08343.
    """
    root, names = root_of(folder), trial_names(subject, trials)
    known = electrodes_of(root, subject)
    wanted = _wanted(known, electrodes, keep_bad)
    numbers = [known.numbers[name] for name in wanted]
    runs = []
    for name in names:
        path = _voltages(root, name)
        if (timings := timings_of(root, name, missing_ok=True)) is not None:
            check_rate(timings, sampling_rate, name)
        runs.append(Run(name.partition("_trial")[2].join(("trial", "")), *_opened(path, numbers)))
    coords, space = site_coords(root, subject, wanted)
    bad = {"bad": np.isin(wanted, known.corrupted)} if keep_bad else {}
    facts = {"units": units}
    facts |= {"bad_channels": ", ".join(known.corrupted)} if known.corrupted else {}
    return lazy_stream(
        runs,
        sampling_period=1 / float(sampling_rate),
        neuroid=wanted,
        coords={**coords, **bad},
        attrs=facts | ({"space": space} if space else {}),
    )


def _wanted(known: Electrodes, electrodes: Sequence[str] | None, keep_bad: bool) -> list[str]:
    """Return the labels of the electrodes to read, in the order of the file, or as given."""
    left_out = [] if keep_bad else known.corrupted
    for name in electrodes or ():
        if name not in known.numbers:
            raise unknown_name(name, known.numbers, kind="electrode")
    given = list(known.numbers) if electrodes is None else [str(name) for name in electrodes]
    if not (kept := [name for name in given if name not in left_out]):
        message = (
            f"All {len(given)} electrodes asked for are corrupted {name_some(given)}; keep them "
            "with keep_bad=True."
        )
        raise DataError(message)
    return kept


def _voltages(root: Path, name: str) -> Path:
    for place in PLACES:
        if (path := root / place / f"{name}.h5").exists():
            return path
    return existing(root / f"{name}.h5")


def _opened(
    path: Path, numbers: Sequence[int]
) -> tuple[int, Callable[[int, int, np.ndarray], np.ndarray]]:
    """Return the number of samples of a file, and what reads them."""
    lengths = set()
    with reading(existing(path), "voltages of the Brain Treebank"), h5py.File(path) as file:
        for number in numbers:
            data = file.get(f"data/electrode_{number}")
            if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.dtype.kind not in "iuf":
                message = f"File {str(path)!r} has no voltages 'data/electrode_{number}'."
                raise DataError(message)
            if data.external or data.is_virtual:
                message = f"File {str(path)!r} keeps 'data/electrode_{number}' in another file."
                raise DataError(message)
            lengths.add(len(data))
            check_promised(path, data.nbytes, f"electrode {number}")
    if len(lengths) > 1:
        message = f"Electrodes of {str(path)!r} have {min(lengths)} to {max(lengths)} samples."
        raise DataError(message)

    def read(start: int, stop: int, neuroids: np.ndarray) -> np.ndarray:
        values = np.empty((stop - start, len(neuroids)))
        with reading(path, "voltages of the Brain Treebank"), h5py.File(path) as file:
            for column, place in enumerate(neuroids):
                values[:, column] = file[f"data/electrode_{numbers[place]}"][start:stop]
        return values

    return lengths.pop(), read
