"""GIFTI and CIFTI-2: each value under the label of its vertex or voxel."""

import json
import re

import nibabel
import numpy as np
import pytest
from fmri_files import AFFINE, write_nifti
from fmri_surfaces import (
    brain_axis,
    series_axis,
    write_cifti,
    write_dlabel,
    write_gifti,
    write_labels,
    write_surface,
)

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError
from neuroalign.readers import cifti, read_cifti, read_gifti


@pytest.fixture
def values(rng):
    return {side: rng.normal(size=(5, 12)).astype("float32") for side in ("left", "right")}


@pytest.fixture
def sides(tmp_path, values):
    """Write a run of both hemispheres, twelve vertices each."""
    return {
        side: write_gifti(tmp_path / f"sub-1_hemi-{side[0].upper()}_space-fsLR_bold.func.gii", run)
        for side, run in values.items()
    }


def test_every_vertex_is_a_neuroid_named_by_hemisphere_and_number(sides, values):
    series = read_gifti({"right": sides["right"], "left": sides["left"]}, sampling_period=2)
    assert series.dims == ("sample", "neuroid")
    assert series.neuroid.values[[0, 11, 12]].tolist() == ["left-00", "left-11", "right-00"]
    assert series.hemisphere.values.tolist() == ["left"] * 12 + ["right"] * 12
    np.testing.assert_array_equal(series, np.hstack([values["left"], values["right"]]))
    assert series.onset.values.tolist() == [0, 2, 4, 6, 8]
    assert series.space == "fsLR"


def test_one_array_of_vertices_by_volumes_is_read_like_an_array_a_volume(tmp_path, values):
    path = write_gifti(tmp_path / "L.func.gii", values["left"], single=True)
    series = read_gifti({"left": path}, sampling_period=2)
    np.testing.assert_array_equal(series, values["left"])


def test_runs_are_joined_and_a_part_is_that_of_the_whole(tmp_path, values):
    paths = {
        side: [
            write_gifti(tmp_path / f"task-a_run-{number}_hemi-{side}.func.gii", run + number)
            for number in (2, 1)
        ]
        for side, run in values.items()
    }
    series = read_gifti(paths, sampling_period=1.5)
    assert not in_memory(series)
    assert series.run.values.tolist() == ["run-2"] * 5 + ["run-1"] * 5
    both = np.hstack([values["left"], values["right"]])
    whole = np.vstack([both + 2, both + 1])
    np.testing.assert_array_equal(series, whole)
    part = series.isel(sample=[9, 0, 3], neuroid=[20, 1, 13])
    np.testing.assert_array_equal(part, whole[np.ix_([9, 0, 3], [20, 1, 13])])


def test_the_period_is_that_of_the_description_beside_the_file(sides, tmp_path):
    beside = tmp_path / "sub-1_hemi-L_space-fsLR_bold.json"
    beside.write_text(json.dumps({"RepetitionTime": 0.8, "StartTime": 0.3}))
    series = read_gifti({"left": sides["left"]})
    assert series.sampling_period == 0.8
    assert series.onset.values[:2].tolist() == pytest.approx([-0.1, 0.7])


def test_labels_and_surfaces_give_regions_and_places(sides, tmp_path, rng):
    places = rng.normal(size=(12, 3)).astype("float32")
    numbers = np.arange(12) % 3
    atlas = {side: write_labels(tmp_path / f"{side}.label.gii", numbers) for side in sides}
    surface = {side: write_surface(tmp_path / f"{side}.surf.gii", places) for side in sides}
    series = read_gifti(sides, atlas=atlas, surface=surface, sampling_period=2)
    assert series.roi.values.tolist() == ["unknown", "V1", "V4"] * 8
    np.testing.assert_array_equal([series[axis][12:] for axis in "xyz"], places.T)


def test_an_annotation_of_freesurfer_is_an_atlas(sides, tmp_path):
    numbers = np.array([0, 1, 2, 2, 1, -1, 0, 0, 0, 1, 1, 1])
    colors = np.array([[25, 5, 25, 0, 0], [0, 10, 0, 0, 0], [0, 0, 10, 0, 0]])
    path = tmp_path / "lh.aparc.annot"
    nibabel.freesurfer.write_annot(path, numbers, colors, ["unknown", "V1", "V4"], fill_ctab=True)
    series = read_gifti({"left": sides["left"]}, atlas={"left": path}, sampling_period=2)
    assert series.roi.values[:6].tolist() == ["unknown", "V1", "V4", "V4", "V1", "unknown"]


def test_single_maps_on_the_surface_are_showings(tmp_path, values):
    paths = [
        write_gifti(tmp_path / f"trial_{number}.func.gii", values["left"][[number]])
        for number in range(3)
    ]
    showings = read_gifti({"left": paths})
    assert showings.dims == ("showing", "neuroid")
    assert showings.file.values.tolist() == ["trial_0", "trial_1", "trial_2"]
    np.testing.assert_array_equal(showings, values["left"][:3])


@pytest.fixture
def dense(tmp_path, rng):
    """Write a CIFTI series of three, two and four columns."""
    values = rng.normal(size=(6, 9)).astype("float32")
    path = tmp_path / "sub-1_task-rest_bold.dtseries.nii"
    return write_cifti(path, values, series_axis(6), brain_axis()), values


def test_vertices_and_voxels_are_labelled_by_structure_and_number(dense):
    series = read_cifti(dense[0])
    assert series.neuroid.values.tolist() == [
        "left-0", "left-2", "left-3", "right-1", "right-2",
        "thalamus_left-01-00-00", "thalamus_left-01-01-00",
        "thalamus_left-02-00-00", "thalamus_left-02-01-00",
    ]  # fmt: skip
    assert series.hemisphere.values.tolist() == ["left"] * 3 + ["right"] * 2 + ["left"] * 4
    assert series.roi.values[[0, 4, 8]].tolist() == ["cortex_left", "cortex_right", "thalamus_left"]
    place = AFFINE @ (2, 1, 0, 1)
    assert [series[axis].values[8] for axis in "xyz"] == place[:3].tolist()
    assert np.isnan(series.x.values[:5]).all()
    np.testing.assert_array_equal(series, dense[1])
    assert series.onset.values[:2].tolist() == [0, 0.72]
    assert na.make_recording(series, subject="1", units="z").sizes["sample"] == 6


@pytest.mark.parametrize("block", [1, 2**24])
@pytest.mark.parametrize("gap", [0, 64])
def test_a_part_of_a_cifti_file_is_that_of_the_whole(block, gap, dense, monkeypatch):
    monkeypatch.setattr(cifti, "BLOCK", block)
    monkeypatch.setattr(cifti, "GAP", gap)
    part = read_cifti(dense[0]).isel(sample=[5, 1, 1], neuroid=[8, 0, 3, 4])
    np.testing.assert_array_equal(part, dense[1][np.ix_([5, 1, 1], [8, 0, 3, 4])])


def test_regions_of_a_dlabel_are_matched_by_vertex_whatever_its_columns(dense, tmp_path):
    brain = brain_axis(left=(1, 1, 1, 1), right=(0, 0, 1, 0), voxels=False)
    atlas = write_dlabel(tmp_path / "a.dlabel.nii", [1, 2, 0, 2, 1], brain)
    roi = read_cifti(dense[0], atlas=atlas).roi.values.tolist()
    assert roi == ["V1", "unknown", "V4", "unknown", "V1", *["thalamus_left"] * 4]


def test_surfaces_give_the_places_of_vertices(dense, tmp_path, rng):
    places = rng.normal(size=(4, 3)).astype("float32")
    surface = {"left": write_surface(tmp_path / "L.surf.gii", places)}
    series = read_cifti(dense[0], surface=surface)
    np.testing.assert_array_equal([series[axis][:3] for axis in "xyz"], places[[0, 2, 3]].T)


def test_maps_of_a_dscalar_are_showings_with_their_names(tmp_path, rng):
    values = rng.normal(size=(2, 9))
    rows = nibabel.cifti2.ScalarAxis(["cat", "dog"])
    showings = read_cifti(write_cifti(tmp_path / "a.dscalar.nii", values, rows, brain_axis()))
    assert showings.dims == ("showing", "neuroid")
    assert showings.map.values.tolist() == ["cat", "dog"]
    np.testing.assert_array_equal(showings, values)


def test_runs_of_cifti_are_joined(tmp_path, rng):
    values = rng.normal(size=(2, 4, 9))
    paths = [
        write_cifti(
            tmp_path / f"task-a_run-{n}_bold.dtseries.nii",
            run,
            series_axis(4, start=7.2 * n),
            brain_axis(),
        )
        for n, run in enumerate(values)
    ]
    series = read_cifti(paths)
    np.testing.assert_array_equal(series, values.reshape(8, 9))
    assert series.run.values.tolist() == ["run-0"] * 4 + ["run-1"] * 4
    np.testing.assert_allclose(series.onset, [0, 0.72, 1.44, 2.16, 7.2, 7.92, 8.64, 9.36])


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])
    return path


def left(folder, values, name="a.func.gii", **options):
    path = write_gifti(folder / name, values)
    return read_gifti({"left": path}, **{"sampling_period": 2, **options})


def ragged(folder):
    arrays = [nibabel.gifti.GiftiDataArray(np.zeros(size, "float32")) for size in (3, 4)]
    nibabel.gifti.GiftiImage(darrays=arrays).to_filename(folder / "a.func.gii")
    return read_gifti({"left": folder / "a.func.gii"})


def empty(folder):
    nibabel.gifti.GiftiImage().to_filename(folder / "a.func.gii")
    return read_gifti({"left": folder / "a.func.gii"})


def outside(folder):
    """Say in the file that a surface has fewer vertices than are listed."""
    path = write_cifti(folder / "b.dtseries.nii", np.zeros((2, 9)), series_axis(2), brain_axis())
    text = path.read_bytes()
    path.write_bytes(text.replace(b'SurfaceNumberOfVertices="4"', b'SurfaceNumberOfVertices="3"'))
    return read_cifti(path)


def dense_file(folder, rows=None, brain=None, name="b.dtseries.nii", **options):
    rows, brain = rows or series_axis(2), brain or brain_axis()
    path = write_cifti(folder / name, np.zeros((len(rows), len(brain))), rows, brain)
    return read_cifti([*options.pop("before", []), path], **options)


def parcels(folder):
    axis = nibabel.cifti2.ParcelsAxis.from_brain_models([("V1", brain_axis(voxels=False))])
    path = write_cifti(folder / "a.ptseries.nii", np.zeros((2, 1)), series_axis(2), axis)
    return read_cifti(path)


ZEROS = np.zeros((5, 12))
REFUSED = {
    "one path": (
        lambda folder: read_gifti(folder / "a.func.gii"),
        "Files of surfaces are given by hemisphere, as in {'left': 'L.func.gii', 'right': "
        "'R.func.gii'}.",
    ),
    "another hemisphere": (
        lambda folder: read_gifti({"L": folder / "a.func.gii"}),
        "Files of surfaces are given by hemisphere, as in {'left': 'L.func.gii', 'right': "
        "'R.func.gii'}.",
    ),
    "truncated": (
        lambda folder: read_gifti({"left": cut(write_gifti(folder / "a.func.gii", ZEROS))}),
        "File '<folder>/a.func.gii' cannot be read as a GIFTI file (*).",
    ),
    "NIfTI for GIFTI": (
        lambda folder: read_gifti({"left": write_nifti(folder / "a.nii", ZEROS[None])}),
        "File '<folder>/a.nii' is a Nifti1Image, but a GIFTI file is needed.",
    ),
    "labels for values": (
        lambda folder: read_gifti({"left": write_labels(folder / "a.label.gii", [0, 1])}),
        "File '<folder>/a.label.gii' holds labels, where values on vertices are needed.",
    ),
    "nothing": (
        empty,
        "File '<folder>/a.func.gii' holds nothing, where values on vertices are needed.",
    ),
    "several shapes": (
        ragged,
        "File '<folder>/a.func.gii' holds arrays of several shapes; one for all is needed.",
    ),
    "no period": (
        lambda folder: left(folder, ZEROS, sampling_period=None),
        "Neither '<folder>/a.func.gii' nor a description beside it states the sampling period; "
        "pass sampling_period, in seconds.",
    ),
    "volumes of the hemispheres": (
        lambda folder: read_gifti(
            {
                "left": write_gifti(folder / "L.gii", ZEROS),
                "right": write_gifti(folder / "R.gii", ZEROS[:4]),
            }
        ),
        "File '<folder>/R.gii' has 4 volumes of 12 vertices, but 5 of 12 are needed, as in the "
        "other files.",
    ),
    "runs of the hemispheres": (
        lambda folder: read_gifti(
            {
                "left": [
                    write_gifti(folder / "hemi-L_run-1.gii", ZEROS),
                    write_gifti(folder / "hemi-L_run-2.gii", ZEROS),
                ],
                "right": [
                    write_gifti(folder / "hemi-R_run-2.gii", ZEROS),
                    write_gifti(folder / "hemi-R_run-1.gii", ZEROS),
                ],
            }
        ),
        "Files of different runs stand at the same place in both lists (first: "
        "'hemi-L_run-1.gii', 'hemi-R_run-2.gii'); give both in the same order.",
    ),
    "number of files": (
        lambda folder: read_gifti(
            {
                "left": [write_gifti(folder / f"L{n}.gii", ZEROS) for n in range(2)],
                "right": write_gifti(folder / "R.gii", ZEROS),
            }
        ),
        "There are 2 of the left and 1 of the right hemisphere; a file of each is needed for "
        "every run.",
    ),
    "atlas of another surface": (
        lambda folder: left(folder, ZEROS, atlas={"left": write_labels(folder / "l.gii", [0, 1])}),
        "File '<folder>/l.gii' has 2 vertices, but the series of the left hemisphere 12; files of "
        "the same surface are needed.",
    ),
    "atlas of the other side": (
        lambda folder: left(folder, ZEROS, atlas={"right": write_labels(folder / "l.gii", [0])}),
        "The atlas has no file of the left hemisphere; give it by hemisphere too.",
    ),
    "labels without names": (
        lambda folder: left(
            folder, ZEROS, atlas={"left": write_labels(folder / "l.gii", np.arange(12))}
        ),
        "File '<folder>/l.gii' has labels without a name (first: '3', '4', '5').",
    ),
    "values for labels": (
        lambda folder: left(folder, ZEROS, atlas={"left": write_gifti(folder / "l.gii", ZEROS)}),
        "File '<folder>/l.gii' holds no single array of labels; one is needed.",
    ),
    "values for a surface": (
        lambda folder: left(folder, ZEROS, surface={"left": write_gifti(folder / "s.gii", ZEROS)}),
        "File '<folder>/s.gii' holds no places of vertices; a surface is needed.",
    ),
    "NIfTI for CIFTI": (
        lambda folder: read_cifti(write_nifti(folder / "a.nii", ZEROS[None])),
        "File '<folder>/a.nii' is a Nifti1Image, but a CIFTI-2 file is needed.",
    ),
    "truncated CIFTI": (
        lambda folder: (dense_file(folder), read_cifti(cut(folder / "b.dtseries.nii"))),
        "File '<folder>/b.dtseries.nii' has * bytes, but its header promises *; fetch it anew.",
    ),
    "vertices outside": (
        outside,
        "File '<folder>/b.dtseries.nii' has vertices or voxels outside of its surfaces or volume.",
    ),
    "parcels": (
        parcels,
        "File '<folder>/a.ptseries.nii' has the axes Series by Parcels; a series (dtseries) or "
        "maps (dscalar) by vertices and voxels are needed.",
    ),
    "other columns": (
        lambda folder: (
            dense_file(folder, brain=brain_axis(left=(1, 1, 1, 1))),
            dense_file(folder, name="c.dtseries.nii", before=[folder / "b.dtseries.nii"]),
        ),
        "File '<folder>/c.dtseries.nii' has other vertices or voxels than "
        "'<folder>/b.dtseries.nii'; files of the same are needed.",
    ),
    "series and maps": (
        lambda folder: (
            dense_file(folder, rows=nibabel.cifti2.ScalarAxis(["a"]), name="b.dscalar.nii"),
            dense_file(folder, name="c.dtseries.nii", before=[folder / "b.dscalar.nii"]),
        ),
        "File '<folder>/c.dtseries.nii' and '<folder>/b.dscalar.nii' are of different kinds.",
    ),
    "step": (
        lambda folder: dense_file(folder, rows=series_axis(2, unit="HERTZ")),
        "File '<folder>/b.dtseries.nii' states a step of 0.72 hertz; pass sampling_period, in "
        "seconds.",
    ),
    "steps": (
        lambda folder: (
            dense_file(folder, rows=series_axis(2, step=2.0)),
            dense_file(folder, name="c.dtseries.nii", before=[folder / "b.dtseries.nii"]),
        ),
        "The files have several sampling periods ([0.72, 2.0]); read them apart.",
    ),
    "series as atlas": (
        lambda folder: (
            dense_file(folder),
            read_cifti(folder / "b.dtseries.nii", atlas=folder / "b.dtseries.nii"),
        ),
        "File '<folder>/b.dtseries.nii' holds no labels of vertices; a dlabel.nii is needed.",
    ),
    "atlas of another mesh": (
        lambda folder: dense_file(
            folder,
            atlas=write_dlabel(
                folder / "a.dlabel.nii", [1, 1], brain_axis((1, 0, 0, 0, 0), (1, 0, 0, 0, 0), False)
            ),
        ),
        "File '<folder>/a.dlabel.nii' has none of the vertices and voxels of the data.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path):
    call, sentence = REFUSED[case]
    pattern = re.escape(sentence.replace("<folder>", str(tmp_path))).replace(r"\*", r"[^\n]+")
    with pytest.raises(DataError, match=f"^{pattern}$"):
        call(tmp_path)
