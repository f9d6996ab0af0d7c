"""CIFTI-2: vertices of the cortex and voxels below it in one file."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.readers.cifti_columns import KIND, all_placed, column_coords
from neuroalign.readers.files import existing
from neuroalign.readers.fmriprep_files import first_onsets
from neuroalign.readers.nifti_files import check_size, reading_image
from neuroalign.readers.rows import entities, joined_rows, listed, sample_coords
from neuroalign.readers.surfaces import PathOf

GAP = 64  # columns between wanted ones that are read along rather than skipped
BLOCK = 2**24  # values that are held at a time, beside those that are wanted


def read_cifti(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    atlas: str | PathLike[str] | None = None,
    surface: PathOf | None = None,
    run: str | Sequence[str] | None = None,
    sampling_period: float | None = None,
    units: str | None = None,
    space: str | None = None,
) -> xr.DataArray:
    """Read CIFTI-2 files: series in time (dtseries) or maps (dscalar) of gray matter.

    The values stay in the files until they are asked for.

    Parameters
    ----------
    paths : path or sequence of path
        ``*.dtseries.nii`` (one a run) or ``*.dscalar.nii``, of the same vertices and voxels.
    atlas : path, optional
        ``*.dlabel.nii``. Its vertices and voxels are matched by structure and number; it may lack
        some, as those below the cortex.
    surface : mapping, optional
        "left" and "right" -> ``*.surf.gii``, for the places of the vertices of the cortex.
    run : str or sequence of str, optional
        Of each series. By default as BIDS names say it, else "run-1", "run-2", ...
    sampling_period : float, optional
        Seconds from one sample to the next. By default as the file says.
    units : str, optional
    space : str, optional
        By default that of the BIDS name, else "fsLR".

    Returns
    -------
    DataArray (sample, neuroid) or (showing, neuroid)
        Vertices of the cortex are labelled as in "left-00012", voxels by structure and indices, as
        in "thalamus_left-12-03-40", with `structure`, `hemisphere`, `x`, `y`, `z` (mm; NaN where
        not known) and `roi`: of the atlas, else, and for voxels that it lacks, the structure.
        Samples have `run` and `onset` (from where the file says that its series starts, in s, and
        as `read_fmriprep` has it); showings have `file` and `map`.

    Raises
    ------
    DataError
        If a file is no CIFTI-2 file of series or maps, is shorter than its header promises, or
        differs from the others.

    References
    ----------
    https://www.nitrc.org/projects/cifti/ (CIFTI-2); Glasser et al. (2013),
    doi:10.1016/j.neuroimage.2013.04.127.

    Examples
    --------
    >>> import nibabel, numpy as np, tempfile
    >>> from neuroalign.readers import read_cifti
    >>> cortex = nibabel.cifti2.BrainModelAxis.from_mask(np.array([1, 0, 1]), name="CortexLeft")
    >>> axes = nibabel.cifti2.SeriesAxis(0, 0.72, 4), cortex
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image = nibabel.Cifti2Image(np.zeros((4, 2), "float32"), axes)
    ...     image.to_filename(f"{folder}/bold.dtseries.nii")
    ...     series = read_cifti(f"{folder}/bold.dtseries.nii").load()
    >>> series.neuroid.values.tolist(), series.sampling_period
    (['left-0', 'left-2'], 0.72)
    """
    files = listed(paths)
    opened = [_open(path) for path in files]
    _require_same(files, opened)
    _, first, brain = opened[0]
    sizes = [len(axis) for _, axis, _ in opened]
    attrs: dict[str, Any] = {"space": space or entities(files[0]).get("space", "fsLR")}
    if units is not None:
        attrs["units"] = units
    kind = "sample" if type(first).__name__ == "SeriesAxis" else "showing"
    if kind == "sample":
        period = _period(files, opened) if sampling_period is None else sampling_period
        attrs["sampling_period"] = period
        starts = [
            float(axis.start) + late
            for (_, axis, _), late in zip(opened, first_onsets(files, period), strict=True)
        ]
        coords = sample_coords(files, sizes, run, period, starts)
    else:
        coords = {
            "file": np.repeat([path.name.partition(".")[0] for path in files], sizes),
            "map": np.concatenate([axis.name.astype(str) for _, axis, _ in opened]),
        }
    dtype = np.result_type(*(image.get_data_dtype() for image, _, _ in opened))

    def read_file(number: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        with reading_image(files[number], KIND):
            return _read(files[number], rows, columns, dtype)

    return xr.DataArray(
        joined_rows(sizes, len(brain), dtype, read_file),
        dims=(kind, "neuroid"),
        coords={name: (kind, values) for name, values in coords.items()}
        | {
            name: ("neuroid", values)
            for name, values in column_coords(brain, atlas, surface).items()
        },
        attrs=attrs,
    )


def _open(path: str | PathLike[str]) -> tuple[Any, Any, Any]:
    """Return an image, the axis of its rows and that of its columns, having checked them."""
    import nibabel

    found = existing(path)
    with reading_image(found, KIND):
        image = nibabel.load(found, mmap=False)
        if not isinstance(image, nibabel.Cifti2Image):
            message = f"File {str(path)!r} is a {type(image).__name__}, but {KIND} is needed."
            raise DataError(message)
        check_size(image, found)
        axes = [image.header.get_axis(number) for number in range(image.ndim)]
        kinds = [type(axis).__name__.removesuffix("Axis") for axis in axes]
        if len(axes) != 2 or kinds[1] != "BrainModel" or kinds[0] not in ("Series", "Scalar"):
            message = (
                f"File {str(path)!r} has the axes {' by '.join(kinds)}; a series (dtseries) or "
                "maps (dscalar) by vertices and voxels are needed."
            )
            raise DataError(message)
        if tuple(image.shape) != tuple(len(axis) for axis in axes):
            message = (
                f"File {str(path)!r} holds values of shape {image.shape}, but its axes have the "
                f"lengths {tuple(len(axis) for axis in axes)}."
            )
            raise DataError(message)
        if not all_placed(axes[1]):
            message = (
                f"File {str(path)!r} has vertices or voxels outside of its surfaces or volume."
            )
            raise DataError(message)
    return image, axes[0], axes[1]


def _require_same(files: Sequence[Path], opened: Sequence[tuple[Any, Any, Any]]) -> None:
    _, first, brain = opened[0]
    for path, (_, axis, other) in zip(files, opened, strict=True):
        if type(axis) is not type(first):
            message = f"File {str(path)!r} and {str(files[0])!r} are of different kinds."
            raise DataError(message)
        if other != brain:
            message = (
                f"File {str(path)!r} has other vertices or voxels than {str(files[0])!r}; files of "
                "the same are needed."
            )
            raise DataError(message)


def _period(files: Sequence[Path], opened: Sequence[tuple[Any, Any, Any]]) -> float:
    periods = []
    for path, (_, axis, _) in zip(files, opened, strict=True):
        if axis.unit != "SECOND" or not (np.isfinite(axis.step) and axis.step > 0):
            message = (
                f"File {str(path)!r} states a step of {axis.step:g} {axis.unit.lower()}; pass "
                "sampling_period, in seconds."
            )
            raise DataError(message)
        periods.append(float(axis.step))
    if not np.allclose(periods, periods[0], rtol=1e-4):
        message = (
            f"The files have several sampling periods ({sorted(set(periods))}); read them apart."
        )
        raise DataError(message)
    return periods[0]


def _read(path: Path, rows: np.ndarray, columns: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Read the values of some columns, which lie side by side in the file, a block at a time."""
    import nibabel

    image: Any = nibabel.load(path, mmap=False, keep_file_open=True)
    first, last = int(rows[0]), int(rows[-1]) + 1
    most = max(1, BLOCK // (last - first))
    values = np.empty((len(rows), len(columns)), dtype)
    begin = 0
    while begin < len(columns):
        # As many columns as lie near each other and fit into a block.
        far = (np.diff(columns[begin:]) > GAP) | (columns[begin + 1 :] - columns[begin] >= most)
        end = begin + 1 + (int(np.argmax(far)) if far.any() else len(far))
        low, high = int(columns[begin]), int(columns[end - 1]) + 1
        block = np.asanyarray(image.dataobj[first:last, low:high])
        with np.errstate(over="ignore"):  # values that are damaged become infinite
            values[:, begin:end] = block[np.ix_(rows - first, columns[begin:end] - low)]
        begin = end
    return values
