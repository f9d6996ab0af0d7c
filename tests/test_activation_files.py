"""Files of activations become models whose rows are matched by label, or are refused."""

import re

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import zarr

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.features.matching import design_rows
from neuroalign.models.activation_files import FileModel
from neuroalign.testing import check_model

LABELS = ["s2", "s0", "s1"]
LAYERS = {
    "early": np.arange(3 * 2 * 4 * 5, dtype=np.float32).reshape(3, 2, 4, 5),
    "late": np.arange(6.0).reshape(3, 2),
}


def write(folder, suffix, layers=LAYERS, labels=LABELS):
    path = folder / f"network{suffix}"
    if suffix == ".npz":
        named = {} if labels is None else {"stimulus": np.array(labels)}
        np.savez(path, **layers, **named)
    elif suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.update(layers)
            if labels is not None:
                file["stimulus"] = labels
    elif suffix == ".zarr":
        group = zarr.open_group(path, mode="w")
        for name, values in layers.items():
            group.create_array(name, data=values)
        if labels is not None:
            group.attrs["stimulus"] = labels
    else:
        named = {} if labels is None else {"stimulus": labels}
        torch.save({**{n: torch.tensor(v) for n, v in layers.items()}, **named}, path)
    return path


SUFFIXES = [".npz", ".h5", ".zarr", ".pt"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_layers_come_with_the_labels_of_the_file(tmp_path, suffix):
    model = FileModel(write(tmp_path, suffix))
    assert (model.name, sorted(model.layers)) == ("network", ["early", "late"])
    found = dict(model.activations(pd.DataFrame(index=LABELS)))
    for layer, values in LAYERS.items():
        assert found[layer]["stimulus"].values.tolist() == LABELS
        np.testing.assert_array_equal(found[layer], values)
    assert found["early"].dims == ("stimulus", "channel", "row", "column")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_keeps_what_a_model_promises(tmp_path, suffix):
    check_model(FileModel(write(tmp_path, suffix)), pd.DataFrame(index=sorted(LABELS)))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_may_lie_in_a_file_of_their_own(tmp_path, suffix):
    path = write(tmp_path, suffix, labels=None)
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    model = FileModel(path, labels=tmp_path / "labels.txt")
    ((_, values),) = model.activations(pd.DataFrame(), layers=["late"])
    assert float(values.sel(stimulus="s0")[1]) == 3.0


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_labels_of_a_zarr_store_may_be_an_array(tmp_path):
    path = write(tmp_path, ".zarr", labels=None)
    zarr.open_group(path).create_array("stimulus", data=np.array(LABELS))
    ((_, values),) = FileModel(path).activations(pd.DataFrame(), layers=["late"])
    assert values["stimulus"].values.tolist() == LABELS


def test_a_single_array_is_a_layer_called_as_its_file(tmp_path):
    np.save(tmp_path / "clip.npy", LAYERS["late"])
    model = FileModel(tmp_path / "clip.npy", labels=LABELS)
    ((layer, values),) = model.activations(pd.DataFrame())
    assert layer == "clip"
    assert float(values.sel(stimulus="s2")[1]) == 1.0


def test_a_single_tensor_is_a_layer_and_half_precision_becomes_single(tmp_path):
    torch.save(torch.tensor(LAYERS["late"]).bfloat16(), tmp_path / "clip.pt")
    ((_, values),) = FileModel(tmp_path / "clip.pt", labels=LABELS).activations(pd.DataFrame())
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, LAYERS["late"])


def test_arrays_within_groups_are_layers(tmp_path):
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file["blocks/3"] = LAYERS["late"]
        file["stimulus"] = LABELS
    assert FileModel(tmp_path / "deep.h5").layers == ["blocks/3"]


def read(path):
    """Return the values of the only layer, and the labels of its rows."""
    ((_, values),) = FileModel(path).activations(pd.DataFrame())
    return values.values, values["stimulus"].values.tolist()


@pytest.mark.parametrize("dtype", [">f4", ">i8", "?", "<f2"])
@pytest.mark.parametrize("suffix", [".npz", ".h5", ".zarr"])
def test_arrays_of_any_type_and_order_of_bytes_are_native(tmp_path, suffix, dtype):
    layer = np.asfortranarray(LAYERS["late"].astype(dtype))
    values, labels = read(write(tmp_path, suffix, layers={"late": layer}))
    assert values.dtype.isnative
    assert labels == LABELS
    np.testing.assert_array_equal(torch.from_numpy(values.copy()), layer.astype(float))


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["ä".encode(), b"b", b"c"]),
        np.array(["ä", "b", "c"], dtype=h5py.string_dtype()),
        np.array(["ä".encode(), b"b", b"c"], dtype=h5py.string_dtype("utf-8", 2)),
    ],
    ids=["bytes", "any length", "fixed length"],
)
def test_labels_of_hdf5_may_be_strings_of_any_kind(tmp_path, labels):
    layers = {"late": LAYERS["late"]}
    assert read(write(tmp_path, ".h5", layers, labels))[1] == ["ä", "b", "c"]


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".pt"])
def test_labels_may_be_whole_numbers(tmp_path, suffix):
    labels = torch.tensor([3, 1, 2]) if suffix == ".pt" else np.array([3, 1, 2])
    assert read(write(tmp_path, suffix, {"late": LAYERS["late"]}, labels))[1] == ["3", "1", "2"]


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".pt"])
def test_a_single_word_is_no_list_of_labels(tmp_path, suffix):
    labels = np.array("s2") if suffix == ".npz" else "s2"
    assert refused(write(tmp_path, suffix, labels=labels)) == (
        "'stimulus' in 'FILE' is no list; give one label for each row."
    )


def test_labels_of_a_zarr_store_of_version_2_may_be_bytes(tmp_path):
    group = zarr.open_group(tmp_path / "old.zarr", mode="w", zarr_format=2)
    group.create_array("late", data=LAYERS["late"], chunks=(2, 1))
    group.create_array("stimulus", data=np.array(LABELS, dtype="S2"))
    values, labels = read(tmp_path / "old.zarr")
    assert labels == LABELS
    np.testing.assert_array_equal(values, LAYERS["late"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_single_numbers_beside_layers_are_passed_over(tmp_path, suffix):
    path = write(tmp_path, suffix, layers={"late": LAYERS["late"], "seed": np.array(3.0)})
    assert FileModel(path).layers == ["late"]


def test_an_empty_dataset_beside_layers_is_passed_over(tmp_path):
    path = write(tmp_path, ".h5")
    with h5py.File(path, "a") as file:
        file["nothing"] = h5py.Empty("f4")
    assert FileModel(path).layers == list(LAYERS)


def test_tensors_within_dicts_are_layers_and_plain_values_are_passed_over(tmp_path):
    late = torch.nn.Parameter(torch.tensor(LAYERS["late"]))
    held = {"blocks": {"3": late, "depth": 3}, "by": "me", "stimulus": LABELS}
    torch.save(held, tmp_path / "deep.pt")
    assert FileModel(tmp_path / "deep.pt").layers == ["blocks/3"]
    np.testing.assert_array_equal(read(tmp_path / "deep.pt")[0], LAYERS["late"])


def test_a_tensor_of_double_precision_stays_so(tmp_path):
    torch.save(
        {"late": torch.full((3, 2), 1e300, dtype=float), "stimulus": LABELS}, tmp_path / "d.pt"
    )
    assert (read(tmp_path / "d.pt")[0] == 1e300).all()


def test_a_torch_file_of_the_old_format_is_read(tmp_path):
    held = {"late": torch.tensor(LAYERS["late"]), "stimulus": LABELS}
    torch.save(held, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(read(tmp_path / "old.pt")[0], LAYERS["late"])


def test_arrays_of_numpy_in_a_torch_file_are_refused(tmp_path):
    torch.save({"late": LAYERS["late"], "stimulus": LABELS}, tmp_path / "network.pt")
    assert refused(tmp_path / "network.pt") == (
        "File 'FILE' holds objects beside tensors, NumPy's perhaps, which are not unpickled, as "
        "they could run code; save tensors, and labels as a list of str."
    )


def test_a_list_of_tensors_is_refused(tmp_path):
    torch.save({"late": [torch.ones(3, 2)], "stimulus": LABELS}, tmp_path / "network.pt")
    assert refused(tmp_path / "network.pt") == (
        "'late' in 'FILE' is a list; a tensor for each layer is needed."
    )


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(
        UnknownNameError, match=r"^No kind of file of activations is called '\.mat'"
    ):
        FileModel(tmp_path / "network.mat")


def test_labels_that_are_not_those_of_the_dataset_are_shown(tmp_path):
    wanted = [f"s{number}" for number in range(10)]

    def refusal(*labels):
        np.savez(tmp_path / "a.npz", late=np.eye(10)[: len(labels)], stimulus=np.array(labels))
        ((_, activations),) = FileModel(tmp_path / "a.npz").activations(pd.DataFrame())
        with pytest.raises(DataError) as error:
            design_rows(activations, wanted)
        return str(error.value)

    lost, told = (
        "stimuli have no activations in layer 'late' (first: 's0', 's1', 's2')",
        ("others have some (first: '0', '1', '2'); label rows as the stimuli of the dataset are."),
    )
    assert refusal(*range(10)) == f"10 of 10 {lost}, but 10 {told}"
    assert refusal(*range(6), *wanted[6:]) == f"6 of 10 {lost}, but 6 {told}"
    assert refusal(*range(5), *wanted[5:]) == f"5 of 10 {lost}."
    assert refusal(wanted[9]) == f"9 of 10 {lost}."


def test_rows_in_another_order_give_the_same_scores(tmp_path):
    dataset = na.load_dataset("simulated-v4", n_crops=10)
    labels = list(dataset.stimuli.index)
    values = np.random.default_rng(0).normal(size=(len(labels), 20))
    order = np.random.default_rng(1).permutation(len(labels))
    files = [(values, labels), (values[order], [labels[place] for place in order])]
    scores = []
    for number, (rows, names) in enumerate(files):
        np.savez(tmp_path / f"{number}.npz", units=rows, stimulus=np.array(names))
        scores.append(na.score(FileModel(tmp_path / f"{number}.npz"), dataset, guards=()).r)
    np.testing.assert_allclose(*scores, rtol=1e-9)


def refused(path, **options):
    with pytest.raises(DataError) as error:
        list(FileModel(path, **options).activations(pd.DataFrame()))
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(path), "FILE")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_labels_are_refused(tmp_path, suffix):
    assert refused(write(tmp_path, suffix, labels=None)) == (
        "File 'FILE' does not say which stimulus is in which row; save them as 'stimulus' beside "
        "the layers, or give labels=, a text file with a label on each line."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_that_repeat_are_refused(tmp_path, suffix):
    assert refused(write(tmp_path, suffix, labels=["a", "b", "a"])) == (
        "1 labels of 'FILE' occur more than once (first: 'a')."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_too_few_labels_are_refused(tmp_path, suffix):
    message = refused(write(tmp_path, suffix, labels=["a", "b"]))
    expected = "Layer '(early|late)' of 'FILE' has 3 rows, but there are 2 labels of stimuli."
    assert re.fullmatch(re.escape(expected).replace(r"\(early\|late\)", "(early|late)"), message)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_from_two_sources_are_refused(tmp_path, suffix):
    assert refused(write(tmp_path, suffix), labels=LABELS) == (
        "File 'FILE' has labels of its own, in 'stimulus', and labels were given too; leave those "
        "out."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_vectors_are_no_layers(tmp_path, suffix):
    assert refused(write(tmp_path, suffix, layers={"loss": np.zeros(3)})) == (
        "Layer 'loss' of 'FILE' has the shape (3,); (stimulus, unit), (stimulus, token, channel) "
        "or (stimulus, channel, row, column) is needed."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_complex_numbers_are_refused(tmp_path, suffix):
    path = write(tmp_path, suffix, layers={"waves": np.zeros((3, 2), dtype=np.complex64)})
    assert refused(path) == (
        "'waves' in 'FILE' is of type complex64; layers are of real numbers, and labels of stimuli "
        "are called 'stimulus'."
    )


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".pt"])
@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.95])
def test_files_that_are_cut_short_are_refused(tmp_path, suffix, kept):
    path = write(tmp_path, suffix, layers={"late": np.random.default_rng(0).normal(size=(3, 500))})
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if kept in (0, 10) else int(kept * len(whole))])
    assert refused(path).startswith("File 'FILE' cannot be read as activations")


def test_a_text_called_npz_is_refused_without_the_advice_to_unpickle_it(tmp_path):
    (tmp_path / "notes.npz").write_text("hello")
    assert refused(tmp_path / "notes.npz") == (
        "File 'FILE' cannot be read as activations (.npz): it is no archive of arrays, or one that "
        "is cut short; write it anew by np.savez."
    )


def test_a_zarr_store_without_its_metadata_is_refused(tmp_path):
    path = write(tmp_path, ".zarr")
    (path / "zarr.json").unlink()
    assert refused(path).startswith("File 'FILE' cannot be read as activations (.zarr)")


def test_a_zarr_store_that_lacks_a_chunk_is_refused(tmp_path):
    path = write(tmp_path, ".zarr")
    (chunk,) = (path / "late" / "c").rglob("0/0")
    chunk.unlink()
    assert refused(path) == (
        "Layer 'late' of 'FILE' lacks 1 of its 1 chunks; copy the store anew, or write its zeros "
        "(write_empty_chunks)."
    )


class Code:
    """What a pickle would run."""

    def __reduce__(self):
        return (print, ("code from a file ran",))


def test_no_code_of_a_torch_file_runs(tmp_path, capsys):
    torch.save({"late": Code(), "stimulus": LABELS}, tmp_path / "bad.pt")
    assert refused(tmp_path / "bad.pt").startswith("File 'FILE' holds objects beside tensors")
    assert capsys.readouterr().out == ""


def test_labels_that_are_objects_are_refused_with_what_to_save(tmp_path):
    labels = np.array(["a", "b"], dtype=object)
    np.savez(tmp_path / "bad.npz", late=np.eye(2), stimulus=labels)
    assert refused(tmp_path / "bad.npz") == (
        "'stimulus' in 'FILE' holds objects, which are not unpickled; save it as np.array(labels, "
        "dtype=str)."
    )


def test_no_objects_of_a_numpy_file_are_unpickled(tmp_path, capsys):
    np.savez(tmp_path / "bad.npz", late=np.array([[Code()]], dtype=object), stimulus=["a"])
    assert refused(tmp_path / "bad.npz") == (
        "'late' in 'FILE' is of type object; layers are of real numbers, and labels of stimuli are "
        "called 'stimulus'."
    )
    assert capsys.readouterr().out == ""


def test_an_array_that_lies_in_another_file_is_refused(tmp_path):
    write(tmp_path, ".h5")
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file.create_dataset("late", (3, 2), "f8", external=[(tmp_path / "network.h5", 0, 48)])
        file["stimulus"] = LABELS
    assert refused(tmp_path / "links.h5").startswith("Array '/late' of 'FILE' lies in another file")


def test_a_file_without_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "none.npz", stimulus=np.array(LABELS))
    assert refused(tmp_path / "none.npz") == (
        "File 'FILE' holds no array of activations, of two axes or more."
    )


def test_a_model_is_loaded_by_the_name_of_its_file(tmp_path):
    model = na.load_model(str(write(tmp_path, ".npz")))
    assert sorted(model.layers) == ["early", "late"]
    labelled = na.load_model(str(write(tmp_path, ".zarr", labels=None)), labels=LABELS)
    assert sorted(labelled.layers) == ["early", "late"]


def test_a_file_that_is_not_there_is_no_model(tmp_path):
    with pytest.raises(DataError) as error:
        na.load_model(f"{tmp_path}/none.npz")
    assert str(error.value) == f"File '{tmp_path}/none.npz' does not exist, so that it is no model."
