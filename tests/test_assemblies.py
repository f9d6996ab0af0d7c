"""Assemblies of Brain-Score: labels and values of the file, unread until asked for."""

import re
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from miniatures import freemanziemba2013, majajhong2015
from study_files import load_in

import neuroalign as na
from neuroalign.data.catalog import dataset_module
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers import assemblies
from neuroalign.readers.assemblies import read_assembly
from neuroalign.readers.stimulus_sets import read_stimulus_set


def refused(message, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(message)}$")


@pytest.fixture
def content(rng):
    """Make the content of a file, as a Dataset without any index."""
    return xr.Dataset(
        {"data": (("presentation", "neuroid", "time_bin"), rng.normal(size=(4, 3, 2)))},
        {
            "stimulus_id": ("presentation", np.array(["x", "y", "x", "007"], dtype=object)),
            "repetition": ("presentation", [0, 0, 1, 0]),
            "neuroid_id": ("neuroid", np.array(["a", "b", "c"], dtype=object)),
            "region": ("neuroid", np.array(["V4", "IT", "IT"], dtype=object)),
            "time_bin_start": ("time_bin", [100, 0]),
            "time_bin_end": ("time_bin", [200, 100]),
        },
    )


@pytest.fixture
def save(tmp_path):
    def saved(content, engine="h5netcdf"):
        content.to_netcdf(tmp_path / "a.nc", engine=engine)
        return tmp_path / "a.nc"

    return saved


@pytest.mark.parametrize("order", [("presentation", "neuroid"), ("neuroid", "presentation")])
@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_values_and_labels_are_those_of_the_file(content, save, order, engine):
    found = read_assembly(save(content.transpose("time_bin", *order), engine))
    assert found.dims == ("showing", "neuroid", "time")
    assert found.stimulus.values.tolist() == ["x", "y", "x", "007"]
    assert found.neuroid.values.tolist() == ["a", "b", "c"]
    assert found.roi.values.tolist() == ["V4", "IT", "IT"]
    assert found.repetition.values.tolist() == [0, 0, 1, 0]
    assert not {"neuroid_id", "stimulus_id"} & set(found.coords)
    np.testing.assert_array_equal(found.values, content["data"].values[..., ::-1])


def test_bins_are_in_seconds_and_in_order(content, save):
    found = read_assembly(save(content))
    assert found.time.values.tolist() == [0.05, 0.15]
    assert found.attrs == {"bin_width": 0.1, "time_convention": "bin centers"}


def test_a_single_bin_has_no_axis_but_says_when_it_is(content, save):
    found = read_assembly(save(content.isel(time_bin=[0])), units="spikes/s")
    assert found.dims == ("showing", "neuroid")
    wanted = {"window_start": 0.1, "window_stop": 0.2, "bin_width": 0.1, "units": "spikes/s"}
    assert found.attrs == wanted


def test_values_stay_in_the_file_until_they_are_asked_for(content, save, monkeypatch):
    found = read_assembly(save(content))
    opened = []
    original = assemblies._opened
    monkeypatch.setattr(assemblies, "_opened", lambda file: opened.append(file) or original(file))
    part = na.make_recording(found, subject="m", units="z").isel(neuroid=[2, 0], showing=[3, 1])
    assert not in_memory(part)
    assert not opened
    expected = content["data"].values[[3, 1]][:, [2, 0]][..., ::-1]
    np.testing.assert_array_equal(part.values, expected)
    assert len(opened) == 1


def test_an_older_file_names_stimuli_image_id(content, save):
    older = content.rename(stimulus_id="image_id")
    older = older.assign_coords(stimulus=("presentation", [5, 6, 5, 7]))
    found = read_assembly(save(older))
    assert found.stimulus.values.tolist() == ["x", "y", "x", "007"]
    assert found.stimulus_number.values.tolist() == [5, 6, 5, 7]


@pytest.mark.parametrize("name", ["neuroid", "neuroid_"])
def test_the_only_level_of_an_index_may_be_called_as_its_axis(content, save, name):
    alone = content.assign_coords({name: ("neuroid", ["a", "b", "c"])}).drop_vars("neuroid_id")
    assert read_assembly(save(alone)).neuroid.values.tolist() == ["a", "b", "c"]


def test_neuroids_of_several_animals_are_told_apart(content, save):
    both = content.assign_coords(
        neuroid_id=("neuroid", [1, 2, 1]), animal=("neuroid", np.array(["m", "m", "n"], object))
    )
    path = save(both)
    message = (
        f"1 neuroid labels of {str(path)!r} occur more than once (first: '1'); name the "
        "coordinates that tell neuroids apart, as in neuroid=['animal', 'neuroid_id'] (there are "
        "neuroid_id, region, animal)."
    )
    with refused(message):
        read_assembly(path)
    found = read_assembly(path, neuroid=["animal", "neuroid_id"])
    assert found.neuroid.values.tolist() == ["m-1", "m-2", "n-1"]


def test_subjects_of_the_file_are_no_subject_of_the_recording(content, save):
    path = save(content.assign_coords(subject=("neuroid", np.array(["m", "m", "n"], object))))
    recording = na.make_recording(read_assembly(path, units="z"), subject="both")
    assert recording.neuroid_subject.values.tolist() == ["m", "m", "n"]
    assert recording.subject.item() == "both"


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_another_order_are_the_same_after_their_labels(content, save, seed):
    order = np.random.default_rng(seed).permutation(4)
    one = read_assembly(save(content)).load()
    two = read_assembly(save(content.isel(presentation=order))).load()
    keys = [f"{s}/{r}" for s, r in zip(one.stimulus.values, one.repetition.values, strict=True)]
    others = [f"{s}/{r}" for s, r in zip(two.stimulus.values, two.repetition.values, strict=True)]
    back = [others.index(key) for key in keys]
    xr.testing.assert_identical(one, two.isel(showing=back))


CHANGES = {
    "no stimulus": (
        lambda c: c.drop_vars("stimulus_id"),
        "File {path!r} does not say what was shown: it has no 'stimulus_id'.",
    ),
    "no bins": (
        lambda c: c.drop_vars("time_bin_start"),
        "File {path!r} does not say when its bins are: it has no 'time_bin_start'.",
    ),
    "no neuroid": (
        lambda c: c.drop_vars("neuroid_id"),
        "No coordinate of the neuroids is called 'neuroid_id'. Known: 'region'.",
    ),
    "another dimension": (
        lambda c: c.expand_dims(band=2),
        "Variable 'data' of {path!r} has the dimension 'band'; presentation, neuroid and time_bin "
        "are known.",
    ),
    "another layout": (
        lambda c: c.rename(neuroid="voxel"),
        "File {path!r} has no variable of presentation and neuroid (its dimensions: "
        "'presentation', 'voxel', 'time_bin').",
    ),
    "a name of several lines": (
        lambda c: c.rename(neuroid="voxel\n\n"),
        "File {path!r} has no variable of presentation and neuroid (its dimensions: "
        "'presentation', 'voxel\\n\\n', 'time_bin').",
    ),
    "spike times": (
        lambda c: c.rename(neuroid="event"),
        "File {path!r} has no variable of presentation and neuroid (its dimensions: "
        "'presentation', 'event', 'time_bin'; times of single spikes are binned with bin_spikes).",
    ),
    "two variables": (
        lambda c: c.assign(noise=c["data"]),
        "File {path!r} has 2 variables of presentation and neuroid (first: 'data', 'noise'); pass "
        "variable=... for one of them.",
    ),
    "words": (
        lambda c: c.assign(data=c["data"].astype(str).astype(object)),
        "Variable 'data' of {path!r} holds words, not numbers.",
    ),
    "an id that is none": (
        lambda c: c.assign_coords(stimulus_id=("presentation", [0.5, 1, 2, 3])),
        "A stimulus id is 0.5; ids are strings or whole numbers.",
    ),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_what_is_no_assembly_is_said_in_one_sentence(content, save, change, message):
    path = save(change(content))
    with refused(message.format(path=str(path)), (DataError, UnknownNameError)):
        read_assembly(path)


def test_a_variable_is_chosen_by_name(content, save):
    path = save(content.assign(noise=content["data"] * 2))
    found = read_assembly(path, variable="noise")
    np.testing.assert_array_equal(found.values, 2 * content["data"].values[..., ::-1])
    message = "No variable of presentation and neuroid is called 'nois'. Did you mean 'noise'?"
    with refused(message, UnknownNameError):
        read_assembly(path, variable="nois")


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "a.nc").write_text("stimulus,response\n")
    message = f"File '{tmp_path}/a.nc' is not a netCDF file; its first bytes are those of another."
    with refused(message):
        read_assembly(tmp_path / "a.nc")


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_short_is_refused(content, save, engine, share):
    path = save(content, engine)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=re.escape(repr(str(path)))):
        read_assembly(path).load()


def test_flipped_bytes_give_one_sentence_and_no_trace_of_another_library(content, save):
    path = save(content)
    whole = path.read_bytes()
    for seed in range(60):
        draw = np.random.default_rng(seed)
        raw = bytearray(whole)
        for place in draw.integers(0, 1500, 3):
            raw[place] ^= 1 << draw.integers(8)
        path.write_bytes(bytes(raw))
        try:
            read_assembly(path).load()
        except (DataError, UnknownNameError) as error:
            assert "\n" not in str(error)  # noqa: PT017 - it may also be read


def test_a_file_that_promises_more_than_it_can_hold_is_refused(content, save):
    path = save(content)
    with h5py.File(path, "a") as file:
        file.create_dataset("huge", shape=(10**12,), dtype="f8", chunks=(1024,))
        del file["repetition"]
        file.move("huge", "repetition")
        for name in ("presentation",):
            file["repetition"].dims[0].attach_scale(file[name])
    with pytest.raises(DataError) as caught:
        read_assembly(path)
    assert str(path) in str(caught.value)


@pytest.fixture
def images(tmp_path):
    majajhong2015.write(tmp_path)
    return tmp_path / majajhong2015.TABLE, tmp_path / majajhong2015.IMAGES


def test_images_belong_to_their_rows(images):
    table = read_stimulus_set(*images)
    assert table.index.tolist() == majajhong2015.stimuli()["image_id"].tolist()
    assert [image[0, 0] for image in table["image"]] == [20 * number for number in range(12)]
    assert table["image"].iloc[0].shape == (majajhong2015.PIXELS,) * 2
    assert "image" not in read_stimulus_set(images[0])


def rewrite(path, change):
    table = pd.read_csv(path, dtype=str)
    change(table).to_csv(path, index=False)


def test_faults_of_a_stimulus_set_are_said_in_one_sentence(images):
    table, archive = images
    original = table.read_text()
    rewrite(table, lambda t: t.drop(columns="image_id"))
    message = f"Table of stimuli {str(table)!r} has no column 'stimulus_id' or 'image_id'."
    with refused(message):
        read_stimulus_set(table, archive)
    table.write_text(original.splitlines()[0])
    with refused(f"Table of stimuli {str(table)!r} has no row."):
        read_stimulus_set(table, archive)
    table.write_text(original)
    rewrite(table, lambda t: t.assign(image_id="same"))
    with refused(f"1 stimuli of {str(table)!r} occur more than once (first: 'same')."):
        read_stimulus_set(table, archive)
    table.write_text(original)
    rewrite(table, lambda t: t.drop(columns="filename"))
    with refused(f"Table of stimuli {str(table)!r} has no column 'filename'."):
        read_stimulus_set(table, archive)
    table.write_text(original)
    rewrite(table, lambda t: t.assign(filename="../../etc/passwd"))
    message = (
        f"12 images of the table are not in {str(archive)!r} (first: '../../etc/passwd', "
        "'../../etc/passwd', '../../etc/passwd')."
    )
    with refused(message):
        read_stimulus_set(table, archive)


def test_damaged_images_are_said_in_one_sentence(images):
    table, archive = images
    names = majajhong2015.stimuli()["filename"]
    with zipfile.ZipFile(archive, "w") as opened:
        for name in names:
            opened.writestr(name, b"no image")
    first = names[0]
    message = f"Image {first!r} of {str(archive)!r} cannot be read (UnidentifiedImageError)."
    with refused(message):
        read_stimulus_set(table, archive)
    archive.write_bytes(archive.read_bytes()[:100])
    with refused(
        f"File {str(archive)!r} cannot be read as a ZIP archive of images (BadZipFile: File is not "
        "a zip file)."
    ):
        read_stimulus_set(table, archive)


def test_sites_of_majajhong2015_belong_to_their_animal(tmp_path):
    majajhong2015.write(tmp_path)
    dataset = load_in(tmp_path, "majajhong2015")
    raw = xr.open_dataset(tmp_path / majajhong2015.ASSEMBLY, engine="h5netcdf")
    raw = raw["dicarlo.MajajHong2015.public"].load()
    assert dataset.subjects == ["Chabo", "Tito"]
    for animal, recording in dataset.recordings.items():
        own = raw.isel(neuroid=raw.animal.values == animal, time_bin=0)
        np.testing.assert_array_equal(recording.values, own.values.T)
        assert recording.roi.values.tolist() == own.region.values.tolist()
        assert recording.stimulus.values.tolist() == own.image_id.values.tolist()


def test_spikes_of_freemanziemba2013_are_added_up_in_the_window(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_module("freemanziemba2013")[1], "TOGETHER", 2)
    freemanziemba2013.write(tmp_path)
    raw = xr.open_dataset(tmp_path / freemanziemba2013.ASSEMBLY, engine="h5netcdf")["data"].load()
    recording = load_in(tmp_path, "freemanziemba2013").recordings["pooled"]
    np.testing.assert_array_equal(recording.values, raw.values[:, 50:200].sum(axis=1).T)
    assert recording.attrs["units"] == "spikes per 150 ms"
    assert not {"bin_width", "time_convention"} & set(recording.attrs)
    bins = load_in(tmp_path, "freemanziemba2013", start=0, stop=20, timed=True)
    timed = bins.recordings["pooled"]
    np.testing.assert_array_equal(timed.values, raw.values[:, :20].transpose(2, 0, 1))
    with pytest.raises(ValueError, match=r"^The file has 10 bins of 1 ms from 290 to 310 ms\.$"):
        load_in(tmp_path, "freemanziemba2013", start=290, stop=310)
