"""The columns of a CIFTI-2 file: vertices of surfaces, and voxels."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from neuroalign.data.schema import UNKNOWN
from neuroalign.errors import DataError
from neuroalign.readers.files import existing, reading
from neuroalign.readers.grids import voxel_labels
from neuroalign.readers.nifti_files import check_size
from neuroalign.readers.region_names import outside_or_name
from neuroalign.readers.surfaces import PathOf, places_on_surface

KIND = "a CIFTI-2 file"


def all_placed(brain: Any) -> bool:
    """Tell whether every column is a vertex of its surface, or a voxel of the volume."""
    for full, part, _ in brain.iter_structures():
        if full in brain.nvertices:
            inside = np.asarray(brain.vertex[part]) < (brain.nvertices[full] or 0)
            inside &= brain.vertex[part] >= 0
        elif brain.volume_shape is None or brain.affine is None:
            return False
        else:
            inside = (brain.voxel[part] < brain.volume_shape) & (brain.voxel[part] >= 0)
        if not inside.all():
            return False
    return True


def column_coords(brain: Any, atlas: Any, surface: PathOf | None) -> dict[str, np.ndarray]:
    """Return labels, structures, hemispheres, regions and places of the columns of a file."""
    structures = np.asarray([_structure(name) for name in brain.name])
    names = np.empty(len(brain), dtype=object)
    places = np.full((len(brain), 3), np.nan)
    for full, part, _ in brain.iter_structures():
        structure = _structure(full)
        if full in brain.nvertices:
            vertices, count = brain.vertex[part], brain.nvertices[full]
            side = structure.removeprefix("cortex_")
            numbers = np.char.zfill(vertices.astype(str), len(str(count - 1)))
            names[part] = np.char.add(f"{side}-", numbers)
            if surface is not None and side in surface:
                places[part] = _of_vertices(surface[side], vertices, count)
        else:
            voxels = brain.voxel[part]
            names[part] = np.char.add(f"{structure}-", voxel_labels(voxels, brain.volume_shape))
            places[part] = voxels @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    coords = {
        "neuroid": names.astype(str),
        "structure": structures,
        "hemisphere": np.asarray([_side(structure) for structure in structures]),
        "roi": structures if atlas is None else _regions(brain, structures, atlas),
    }
    if np.isfinite(places).any():
        coords |= dict(zip("xyz", places.T, strict=True))
    return coords


def _regions(brain: Any, structures: np.ndarray, atlas: str | PathLike[str]) -> np.ndarray:
    """Return the regions of a dlabel file, matched by structure and vertex or voxel."""
    import nibabel

    found = existing(atlas)
    with reading(found, KIND):
        image: Any = nibabel.load(found, mmap=False)
        axes = [image.header.get_axis(number) for number in range(2)]
        if type(axes[0]).__name__ != "LabelAxis" or type(axes[1]).__name__ != "BrainModelAxis":
            message = f"File {str(atlas)!r} holds no labels of vertices; a dlabel.nii is needed."
            raise DataError(message)
        check_size(image, found)
        if len(axes[0]) != 1:
            message = f"File {str(atlas)!r} holds {len(axes[0])} maps of labels; one is needed."
            raise DataError(message)
        table = {key: outside_or_name(name) for key, (name, _) in axes[0].label[0].items()}
        numbers = np.asarray(image.dataobj).ravel().astype(int).tolist()
        known = {
            place: table.get(number, UNKNOWN)
            for place, number in zip(_keys(axes[1]), numbers, strict=True)
        }
    places = _keys(brain)
    if not any(place in known for place in places):
        message = f"File {str(atlas)!r} has none of the vertices and voxels of the data."
        raise DataError(message)
    elsewhere = np.where(np.char.startswith(structures, "cortex_"), UNKNOWN, structures)
    return np.asarray(
        [known.get(place, other) for place, other in zip(places, elsewhere.tolist(), strict=True)]
    )


def _keys(brain: Any) -> list[tuple]:
    """Return what tells a column from others: structure, mesh size, vertex and voxel."""
    meshes = [brain.nvertices.get(name, 0) for name in brain.name]
    voxels = map(tuple, brain.voxel.tolist())
    return list(zip(brain.name.tolist(), meshes, brain.vertex.tolist(), voxels, strict=True))


def _of_vertices(path: str | PathLike[str], vertices: np.ndarray, count: int) -> np.ndarray:
    places = places_on_surface(path)
    if len(places) != count:
        message = (
            f"File {str(path)!r} has {len(places)} vertices, but the data are on a surface of "
            f"{count}."
        )
        raise DataError(message)
    return places[vertices]


def _structure(name: str) -> str:
    return str(name).removeprefix("CIFTI_STRUCTURE_").lower()


def _side(structure: str) -> str:
    return next((side for side in ("left", "right") if structure.endswith(f"_{side}")), UNKNOWN)
