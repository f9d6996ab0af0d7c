"""NIfTI: volumes of an MRI scanner, or maps of single trials, with a mask or an atlas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.readers.files import reading
from neuroalign.readers.grids import Neuroids, grid_of, neuroids_of, require_same
from neuroalign.readers.nifti_files import KIND, open_nifti, period_of, space_of, units_of
from neuroalign.readers.region_names import Labels
from neuroalign.readers.rows import entities, joined_rows, listed, sample_coords


def read_nifti(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    mask: Any = None,
    atlas: Any = None,
    labels: Labels | None = None,
    average: str | None = None,
    resample: bool = False,
    rows: str | None = None,
    run: str | Sequence[str] | None = None,
    sampling_period: float | None = None,
    units: str | None = None,
    space: str | None = None,
) -> xr.DataArray:
    """Read NIfTI images: runs of volumes in time, or one volume for each showing.

    The values stay in the files until they are asked for. Reading one region takes what lies
    between its first and last voxel, one volume after the other; of a compressed file all before
    is unpacked on the way.

    Parameters
    ----------
    paths : path or sequence of path
        ``.nii`` or ``.nii.gz``, all of one grid: series (4-d), one a run, or volumes (3-d).
    mask : path or nibabel image, optional
        Voxels above 0 are the neuroids. By default those of the atlas, and without one all.
    atlas : path or nibabel image, optional
        A whole number for each region, of the same grid; 0 and below is outside.
    labels : mapping, DataFrame or path, optional
        Whole number -> name of the region; or a table with columns `index` and `name`, as a BIDS
        ``dseg.tsv``. By default the numbers.
    average : "roi", optional
        One neuroid for each region: the mean of its voxels, those that are NaN left out.
    resample : bool
        Whether a mask or atlas of another grid is moved to this one, the nearest value in each
        voxel (needs nilearn); else it is refused.
    rows : "sample" or "showing", optional
        What a volume is. By default a sample of a stream in a series, and a showing where each
        file is one volume, as in maps of single trials.
    run : str or sequence of str, optional
        Of each file, for samples. By default as BIDS names say it, else "run-1", "run-2", ...
    sampling_period : float, optional
        Seconds from one volume to the next. By default as the header says.
    units : str, optional
        Of the values; headers do not say.
    space : str, optional
        Of the coordinates. By default that of the BIDS name, else of the header.

    Returns
    -------
    DataArray (sample, neuroid) or (showing, neuroid)
        Neuroids are labelled by their indices, as in "12-03-40", with `x`, `y`, `z` in mm of the
        affine, and `roi` ("unknown" outside the atlas). Samples have `run` and `onset` (s), and
        the attribute `sampling_period`; showings have `file` and `volume`.

    Raises
    ------
    DataError
        If a file is no NIfTI image or shorter than its header promises; grids differ; the atlas
        has regions without a name; or the header states no sampling period.

    References
    ----------
    NIfTI-1: https://nifti.nimh.nih.gov/nifti-1. Tables of regions:
    https://bids-specification.readthedocs.io/en/stable/derivatives/imaging.html.

    Examples
    --------
    >>> import nibabel, numpy as np, tempfile
    >>> from neuroalign.readers import read_nifti
    >>> image = nibabel.Nifti1Image(np.arange(24, dtype="int16").reshape(2, 2, 2, 3), np.eye(4))
    >>> image.header.set_xyzt_units("mm", "sec")
    >>> image.header["pixdim"][4] = 1.5
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image.to_filename(f"{folder}/bold.nii")
    ...     series = read_nifti(f"{folder}/bold.nii").load()
    >>> series.onset.values.tolist(), series.neuroid.values[1].item()
    ([0.0, 1.5, 3.0], '00-00-01')
    """
    files = listed(paths)
    images = [open_nifti(path) for path in files]
    if len({image.ndim for image in images}) > 1:
        message = "Some files are single volumes and some are series; read them apart."
        raise DataError(message)
    grid = grid_of(images[0], str(files[0]))
    for image, path in zip(images, files, strict=True):
        require_same(grid_of(image, str(path)), grid)
    neuroids = neuroids_of(
        grid, mask=mask, atlas=atlas, labels=labels, average=average, resample=resample
    )
    kind = rows or ("sample" if images[0].ndim == 4 else "showing")
    sizes = [image.shape[3] if image.ndim == 4 else 1 for image in images]
    attrs: dict[str, Any] = {"space": space or entities(files[0]).get("space", space_of(images[0]))}
    if units is not None:
        attrs["units"] = units
    if kind == "sample":
        period = _period(images, files) if sampling_period is None else sampling_period
        if set(sizes) == {1} and len(sizes) > 1 and (run is None or isinstance(run, str)):
            # Files of one volume each are one run, in the order given.
            coords = sample_coords(files[:1], [len(sizes)], run or "run-1", period)
        else:
            coords = sample_coords(files, sizes, run, period)
        attrs["sampling_period"] = period
    elif kind == "showing":
        coords = _showing_coords(files, sizes)
    else:
        message = f"rows={rows!r} cannot be read; volumes are 'sample' or 'showing'."
        raise DataError(message)
    return xr.DataArray(
        _values(files, images, sizes, neuroids),
        dims=(kind, "neuroid"),
        coords={name: (kind, values) for name, values in coords.items()} | neuroids.coords,
        attrs=attrs,
    )


def _showing_coords(files: Sequence[Path], sizes: Sequence[int]) -> dict[str, np.ndarray]:
    names = [path.name.partition(".")[0] for path in files]
    return {
        "file": np.repeat(names, sizes),
        "volume": np.concatenate([np.arange(size) for size in sizes]),
    }


def _period(images: Sequence[Any], files: Sequence[Path]) -> float:
    """Return the seconds from one volume to the next, on which all headers must agree."""
    periods = []
    for image, path in zip(images, files, strict=True):
        period = period_of(image)
        if np.isnan(period):
            stated = f"{image.header['pixdim'][4]:g}, unit {units_of(image)[1]}"
            message = (
                f"The header of {str(path)!r} states no usable sampling period ({stated}); pass "
                "sampling_period, in seconds."
            )
            raise DataError(message)
        periods.append(period)
    if not np.allclose(periods, periods[0], rtol=1e-4):
        other = int(np.argmax(~np.isclose(periods, periods[0], rtol=1e-4)))
        message = (
            f"The sampling period is {periods[0]:g} s in {str(files[0])!r} and {periods[other]:g} "
            f"s in {str(files[other])!r}; read them apart."
        )
        raise DataError(message)
    return periods[0]


def _values(
    files: Sequence[Path], images: Sequence[Any], sizes: Sequence[int], neuroids: Neuroids
) -> Any:
    """Return the values of neuroids in the volumes of all files, unread."""
    types = []
    for path, image in zip(files, images, strict=True):
        with reading(path, KIND):
            types.append(np.asanyarray(image.dataobj[(slice(0, 1),) * image.ndim]).dtype)
    dtype = np.dtype(float) if neuroids.averaged else np.result_type(*types)

    def read_file(number: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        with reading(files[number], KIND):
            return read_volumes(files[number], rows, neuroids, columns, dtype)

    return joined_rows(sizes, len(neuroids.starts), dtype, read_file)


def read_volumes(
    path: Path, rows: np.ndarray, neuroids: Neuroids, columns: np.ndarray, dtype: np.dtype
) -> np.ndarray:
    """Read some neuroids in some volumes, holding the part of one volume that they lie in."""
    import nibabel
    from nibabel.volumeutils import apply_read_scaling

    image: Any = nibabel.load(path, mmap=False)
    grid, proxy, stored = image.shape[:3], image.dataobj, image.get_data_dtype()
    slope, inter = np.float64(proxy.slope), np.float64(proxy.inter)
    voxels, begins = neuroids.part(columns)
    values = np.empty((len(rows), len(columns)), dtype)
    if not values.size:
        return values
    places = np.ravel_multi_index(tuple(voxels.T), grid, order="F")
    first = int(places.min())
    places -= first
    span = np.empty(int(places.max()) + 1, stored)
    with image.file_map["image"].get_prepare_fileobj("rb") as stream:
        for line, row in enumerate(rows.tolist()):
            stream.seek(int(proxy.offset) + (row * math.prod(grid) + first) * stored.itemsize)
            if stream.readinto(span.view(np.uint8)) < span.nbytes:
                message = f"File {str(path)!r} ends within volume {row}; fetch it anew."
                raise DataError(message)
            taken = apply_read_scaling(span[places], slope, inter)
            values[line] = average_parts(taken, begins) if neuroids.averaged else taken
    return values


def average_parts(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Average parts that lie side by side, each beginning where it is said; NaN is left out."""
    values = values.astype(float)
    there = ~np.isnan(values)
    counts = np.add.reduceat(there.astype(float), begins)
    sums = np.add.reduceat(np.where(there, values, 0.0), begins)
    return sums / np.where(counts > 0, counts, np.nan)
