"""Which voxels of an image are neuroids: masks, atlases, labels and places in mm."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from neuroalign.errors import DataError, MissingPackageError
from neuroalign.readers.files import reading
from neuroalign.readers.nifti_files import KIND, open_nifti, units_of
from neuroalign.readers.region_names import Labels, name_regions

TO_MM = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
MOST = 2**31  # of the numbers of regions
SAME_PLACE = 1e-3  # mm; affines are stored in single precision


@dataclass(frozen=True)
class Grid:
    """Voxels of an image: how many along each axis, and where they are in mm.

    `affine` is None where a file does not say.
    """

    shape: tuple[int, ...]
    affine: np.ndarray | None
    name: str


@dataclass(frozen=True)
class Neuroids:
    """Voxels that are read, those of a neuroid side by side, and what is known of each neuroid.

    `starts` is where the voxels of each neuroid begin in `voxels`.
    """

    voxels: np.ndarray  # (voxel, 3)
    starts: np.ndarray
    coords: dict[str, tuple[str, np.ndarray]]

    @property
    def averaged(self) -> bool:
        """Whether a neuroid is an average of voxels."""
        return len(self.starts) < len(self.voxels) or "n_voxels" in self.coords

    def part(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxels of some neuroids, and where those of each begin."""
        ends = np.append(self.starts[1:], len(self.voxels))
        lengths = (ends - self.starts)[numbers]
        begins = np.cumsum(lengths) - lengths
        within = np.arange(lengths.sum()) - np.repeat(begins, lengths)
        return self.voxels[np.repeat(self.starts[numbers], lengths) + within], begins


def grid_of(image: Any, name: str) -> Grid:
    """Return the grid of the volumes of an image, with its affine in mm."""
    scale = TO_MM.get(units_of(image)[0], 1.0)
    affine = np.asarray(image.affine, dtype=float).copy()
    affine[:3] *= scale
    return Grid(tuple(image.shape[:3]), affine, name)


def volume_of(given: Any, what: str, grid: Grid, *, resample: bool) -> tuple[np.ndarray, Grid]:
    """Return the values of a mask or atlas on a grid, and that grid with its affine.

    Parameters
    ----------
    given : path or nibabel image
    what : str
        "mask" or "atlas", for messages.
    grid : Grid
    resample : bool
        Whether to move another grid to this one, each voxel taking the value that is nearest.
    """
    image, name = _single_volume(given, what)
    own = grid_of(image, name)
    if fault := _difference(own, grid):
        if not resample:
            mend = (
                "one of the same voxels is needed"
                if grid.affine is None
                else "pass resample=True to take the nearest value of it in every voxel"
            )
            message = f"The {what} {name!r} has another grid than {grid.name!r} ({fault}); {mend}."
            raise DataError(message)
        image = _resampled(image, grid, what)
    with reading(name, KIND):
        values = np.asanyarray(image.dataobj)
    return values, Grid(grid.shape, own.affine if grid.affine is None else grid.affine, grid.name)


def whole_volume(given: Any, what: str) -> tuple[np.ndarray, Grid]:
    """Return the values of a mask or atlas, and its own grid."""
    image, name = _single_volume(given, what)
    with reading(name, KIND):
        return np.nan_to_num(np.asanyarray(image.dataobj)), grid_of(image, name)


def _single_volume(given: Any, what: str) -> tuple[Any, str]:
    image = open_nifti(given) if isinstance(given, (str, PathLike)) else given
    if not hasattr(image, "affine") or not hasattr(image, "dataobj"):
        message = f"The {what} is a {type(given).__name__}; pass a path or a nibabel image."
        raise DataError(message)
    name = str(given) if isinstance(given, (str, PathLike)) else f"given as {what}"
    if image.ndim > 3 and set(image.shape[3:]) == {1}:
        with reading(name, KIND):
            image = image.slicer[..., 0] if image.ndim == 4 else image.slicer[..., 0, 0]
    if image.ndim != 3:
        message = f"The {what} {name!r} has the shape {image.shape}; three axes are needed."
        raise DataError(message)
    return image, name


def neuroids_of(
    grid: Grid,
    *,
    mask: Any = None,
    atlas: Any = None,
    labels: Labels | None = None,
    average: str | None = None,
    resample: bool = False,
) -> Neuroids:
    """Choose the voxels of a grid that are read, in the order of their indices.

    Parameters
    ----------
    grid : Grid
    mask, atlas : path or nibabel image, optional
        Voxels above 0 of the mask; without one those of the atlas; without either all.
    labels : mapping, DataFrame or path, optional
        Names of the regions of the atlas.
    average : "roi", optional
        One neuroid for each region of the atlas rather than for each voxel.
    resample : bool
    """
    if average not in (None, "roi") or (average and atlas is None):
        message = f"average={average!r} is not possible; it is 'roi', with an atlas, or left out."
        raise DataError(message)
    if labels is not None and atlas is None:
        message = "labels names the regions of an atlas; pass the atlas too."
        raise DataError(message)
    inside = np.ones(grid.shape, dtype=bool)
    if mask is not None:
        values, grid = volume_of(mask, "mask", grid, resample=resample)
        inside = _inside(values)
    codes = None
    if atlas is not None:
        values, grid = volume_of(atlas, "atlas", grid, resample=resample)
        codes = _codes(values)
        if mask is None or average:
            inside = inside & (codes > 0)
    voxels = np.argwhere(inside)
    if not len(voxels):
        message = "No voxel is inside of the mask and the atlas; one is needed at least."
        raise DataError(message)
    roi = None if codes is None else name_regions(codes[inside], labels)
    places = None if grid.affine is None else voxels @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    if average:
        return _regions(voxels, roi, places)
    coords = {"neuroid": voxel_labels(voxels, grid.shape)}
    if roi is not None:
        coords["roi"] = roi
    if places is not None:
        coords |= dict(zip("xyz", places.T, strict=True))
    return Neuroids(voxels, np.arange(len(voxels)), _on_neuroids(coords))


def voxel_labels(voxels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the labels of voxels, as in "12-03-40": their indices, which sort as they do."""
    digits = max(2, len(str(max(shape) - 1)))
    first, second, third = (np.char.zfill(axis.astype(str), digits) for axis in voxels.T)
    dash = np.full(len(voxels), "-")
    return np.char.add(np.char.add(np.char.add(np.char.add(first, dash), second), dash), third)


def require_same(one: Grid, other: Grid) -> None:
    """Refuse two files whose voxels are not the same."""
    if fault := _difference(one, other):
        message = f"Files {one.name!r} and {other.name!r} have different grids ({fault})."
        raise DataError(message)


def _regions(voxels: np.ndarray, roi: Any, places: Any) -> Neuroids:
    names, number = np.unique(roi, return_inverse=True)
    order = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    coords = {"neuroid": names, "roi": names, "n_voxels": counts}
    if places is not None:
        sums = [np.bincount(number, weights=axis) for axis in places.T]
        coords |= {axis: total / counts for axis, total in zip("xyz", sums, strict=True)}
    return Neuroids(voxels[order], np.cumsum(counts) - counts, _on_neuroids(coords))


def _on_neuroids(coords: dict[str, Any]) -> dict[str, tuple[str, np.ndarray]]:
    return {name: ("neuroid", values) for name, values in coords.items()}


def _inside(values: np.ndarray) -> np.ndarray:
    inside = np.nan_to_num(values) > 0
    if (levels := np.unique(values[inside])).size > 1:
        message = (
            f"The mask holds {levels.size} values above 0, where one is needed; cut it at a "
            "threshold, or pass it as the atlas if they are regions."
        )
        raise DataError(message)
    return inside


def _codes(values: np.ndarray) -> np.ndarray:
    given = np.nan_to_num(values.astype(float))
    whole = np.rint(given)
    if not np.allclose(whole, given, atol=1e-4, rtol=0) or np.abs(whole).max() > MOST:
        message = (
            "The atlas holds values that are not whole numbers, as maps of probability do, or "
            "above 2^31; a number for each region is needed."
        )
        raise DataError(message)
    return whole.astype(np.int64)


def _difference(one: Grid, other: Grid) -> str:
    if one.shape != other.shape:
        return f"{one.shape} rather than {other.shape} voxels"
    if one.affine is None or other.affine is None:
        return ""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in one.shape], [1])).reshape(4, -1)
    moved = np.abs((one.affine - other.affine) @ corners).max()
    return "" if moved <= SAME_PLACE else f"voxels up to {moved:.3g} mm away"  # NaN is away


def _resampled(image: Any, grid: Grid, what: str) -> Any:
    try:
        from nilearn.image import resample_img
    except ModuleNotFoundError as error:
        message = "resample=True needs the package nilearn; run pip install 'neuroalign[fmri]'."
        raise MissingPackageError(message) from error
    if grid.affine is None:
        message = f"The {what} has other voxels than {grid.name!r}, which does not say where it is."
        raise DataError(message)
    return resample_img(
        image, grid.affine, grid.shape, interpolation="nearest",
        force_resample=True, copy_header=True,
    )  # fmt: skip
