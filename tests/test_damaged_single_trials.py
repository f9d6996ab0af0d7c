"""What cannot be read as responses to single trials is refused in one sentence."""

import pickle
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
from fmri_files import SHAPE, atlas_of, write_nifti
from fmri_trials import write_matlab, write_python

from neuroalign.errors import DataError
from neuroalign.readers import read_events, read_glmsingle, read_nsd

VALUES = np.zeros((*SHAPE, 5), "float32")


def glmsingle(folder, values=VALUES, **options):
    return read_glmsingle(write_python(folder / "D.hdf5", values), **options)


def truncated(folder):
    path = write_python(folder / "D.hdf5", np.zeros((10, 10, 10, 10)))
    path.write_bytes(path.read_bytes()[:-20000])
    return read_glmsingle(path)


def text(folder):
    (folder / "D.hdf5").write_text("no array\n" * 100)
    return read_glmsingle(folder / "D.hdf5")


def old_mat(folder):
    scipy.io.savemat(folder / "D.mat", {"modelmd": VALUES})
    return read_glmsingle(folder / "D.mat")


def pickled(folder):
    np.save(folder / "D.npy", {"betasmd": VALUES})
    return read_glmsingle(folder / "D.npy")


def bare_pickle(folder):
    (folder / "D.npy").write_bytes(pickle.dumps({"betasmd": VALUES}))
    return read_glmsingle(folder / "D.npy")


def cut_npy(folder):
    np.save(folder / "D.npy", VALUES)
    (folder / "D.npy").write_bytes((folder / "D.npy").read_bytes()[:200])
    return read_glmsingle(folder / "D.npy")


def words_npy(folder):
    np.save(folder / "D.npy", np.full((2, 2), "a"))
    return read_glmsingle(folder / "D.npy")


def other_member(folder):
    with h5py.File(folder / "D.hdf5", "w") as file:
        file["R2"] = np.zeros(3)
    return read_glmsingle(folder / "D.hdf5")


def group(folder):
    with h5py.File(folder / "D.hdf5", "w") as file:
        file.create_group("betasmd")
    return read_glmsingle(folder / "D.hdf5")


def cells(folder):
    with h5py.File(folder / "A.mat", "w") as file:
        file.create_dataset("modelmd", (2, 1), dtype=h5py.ref_dtype)
    return read_glmsingle(folder / "A.mat")


def absurd(folder):
    with h5py.File(folder / "D.hdf5", "w") as file:
        file.create_dataset("betasmd", (10**5, 10**5, 10**5, 750), "float32", chunks=(1, 1, 1, 750))
        file["betasmd"][0, 0, 0] = 1
    return read_glmsingle(folder / "D.hdf5")


def unequal(folder):
    paths = [write_python(folder / "a.hdf5", VALUES), write_python(folder / "b.hdf5", VALUES[1:])]
    return read_glmsingle(paths)


def masked(folder, values, **options):
    mask = write_nifti(folder / "m.nii", (np.arange(24) < 10).reshape(SHAPE).astype("int8"))
    return glmsingle(folder, values, mask=mask, **options)


def events(folder, table, **options):
    (folder / "run-1_events.tsv").write_text(table)
    return read_events(folder / "run-1_events.tsv", **options)


def labelled(folder, **columns):
    return glmsingle(folder, events=pd.DataFrame(columns))


CASES = {
    "absent": (
        lambda folder: read_glmsingle(folder / "no.hdf5"),
        "File '{folder}/no.hdf5' does not exist; check its name and folder.",
    ),
    "truncated": (
        truncated,
        "File '{folder}/D.hdf5' cannot be read as responses to single trials (*truncated file*).",
    ),
    "text": (text, "File '{folder}/D.hdf5' is not an HDF5 file."),
    "old MAT": (
        old_mat,
        "File '{folder}/D.mat' is a MAT file of an old version; save it anew in MATLAB with "
        "'-v7.3'.",
    ),
    "pickled dictionary": (
        pickled,
        "File '{folder}/D.npy' is a pickle, which could run code, and is not opened; run "
        "GLMsingle with wanthdf5=1, or save the array alone: np.save('trials.npy', "
        "results['typed']['betasmd']).",
    ),
    "pickle": (
        bare_pickle,
        "File '{folder}/D.npy' is a pickle, which could run code, and is not opened; run "
        "GLMsingle with wanthdf5=1, or save the array alone: np.save('trials.npy', "
        "results['typed']['betasmd']).",
    ),
    "truncated NPY": (
        cut_npy,
        "File '{folder}/D.npy' cannot be read as responses to single trials (*).",
    ),
    "words": (words_npy, "File '{folder}/D.npy' holds values of type <U1; numbers are needed."),
    "other member": (
        other_member,
        "File '{folder}/D.hdf5' has no array 'betasmd' or 'modelmd' (first: 'R2').",
    ),
    "group": (group, "'betasmd' in '{folder}/D.hdf5' is a group; plain numbers are needed."),
    "cells": (
        cells,
        "'modelmd' in '{folder}/A.mat' is of type object; plain numbers are needed.",
    ),
    "absurd size": (
        absurd,
        "File '{folder}/D.hdf5' promises 3,000,000,000,000,000,000 bytes in 'betasmd', but "
        "stores 3,000; fetch it anew.",
    ),
    "three axes": (
        lambda folder: glmsingle(folder, np.zeros(SHAPE)),
        "File '{folder}/D.hdf5' holds an array of shape (4, 3, 2); voxels along three axes (or "
        "one) by trials are needed.",
    ),
    "no trial": (
        lambda folder: glmsingle(folder, np.zeros((*SHAPE, 0))),
        "File '{folder}/D.hdf5' holds an array of shape (4, 3, 2, 0); voxels along three axes "
        "(or one) by trials are needed.",
    ),
    "other voxels": (
        unequal,
        "File '{folder}/b.hdf5' has voxels of shape (3, 3, 2), but '{folder}/a.hdf5' of shape "
        "(4, 3, 2).",
    ),
    "mask of another shape": (
        lambda folder: masked(folder, np.zeros((5, 3, 2, 4))),
        "The mask '{folder}/m.nii' has another grid than '{folder}/D.hdf5' ((4, 3, 2) rather "
        "than (5, 3, 2) voxels); one of the same voxels is needed.",
    ),
    "mask of other voxels": (
        lambda folder: masked(folder, np.zeros((9, 4))),
        "The mask has 10 voxels above 0, but '{folder}/D.hdf5' holds 9; the mask that GLMsingle "
        "was given is needed.",
    ),
    "atlas without mask": (
        lambda folder: glmsingle(
            folder, np.zeros((9, 4)), atlas=write_nifti(folder / "a.nii", atlas_of())
        ),
        "File '{folder}/D.hdf5' holds voxels one below the other; pass the mask that they are "
        "from, so that the atlas can be laid on them.",
    ),
    "sessions": (
        lambda folder: glmsingle(folder, session=["1", "2"]),
        "2 sessions are named for 1 files; name one for each.",
    ),
    "NSD of fractions": (
        lambda folder: read_nsd(write_matlab(folder / "b.hdf5", VALUES, name="betas")),
        "File '{folder}/b.hdf5' holds values of type float32; the whole numbers of the dataset, "
        "percent signal change times 300, are needed.",
    ),
    "fewer events": (
        lambda folder: labelled(folder, onset=[1, 2], stimulus=["a", "b"]),
        "There are 2 events for 5 trials; GLMsingle saves one for each event of its design, so "
        "leave out of the events what the design lacked.",
    ),
    "events without stimulus": (
        lambda folder: labelled(folder, onset=[1, 2], shown=["a", "b"]),
        "The events have no column 'stimulus' that says what was shown; name one of theirs "
        "(first: 'onset', 'shown') as stimulus.",
    ),
    "events of nothing": (
        lambda folder: labelled(folder, onset=[1, 2], stim_file=["a", None]),
        "1 of 2 events have no stim_file; leave them out, or say what was shown.",
    ),
    "events without onset": (
        lambda folder: labelled(folder, trial_type=["a"]),
        "The table of events has no column 'onset'; onset and duration, in s, are needed.",
    ),
    "no events": (
        lambda folder: labelled(folder, onset=[], stimulus=[]),
        "The table of events is empty; a row for each event is needed.",
    ),
    "events as a list": (
        lambda folder: glmsingle(folder, events=["a"]),
        "events is a list; a DataFrame is needed (see read_events).",
    ),
    "a table without durations": (
        lambda folder: events(folder, "onset\ttrial_type\n1\ta\n"),
        "File '{folder}/run-1_events.tsv' has no column 'duration'; onset and duration, in s, "
        "are needed.",
    ),
    "a table of words": (
        lambda folder: events(folder, "onset\tduration\n1\t2\nsoon\t1\n"),
        "File '{folder}/run-1_events.tsv' has 1 events whose onset is no number of seconds "
        "(first: 'soon').",
    ),
    "negative duration": (
        lambda folder: events(folder, "onset\tduration\n1\t2\n2\t-1\n"),
        "File '{folder}/run-1_events.tsv' has 1 events whose duration is no number of seconds "
        "(first: '-1').",
    ),
    "ragged table": (
        lambda folder: events(folder, "onset\tduration\n1\t2\n2\t1\t3\t4\n"),
        "File '{folder}/run-1_events.tsv' cannot be read as a table of events (*).",
    ),
    "bad encoding": (
        lambda folder: (
            (folder / "e.tsv").write_bytes(b"onset\tduration\n\xff\xfe\t1\n"),
            read_events(folder / "e.tsv"),
        ),
        "File '{folder}/e.tsv' cannot be read as a table of events (UnicodeDecodeError: *).",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path):
    call, sentence = CASES[case]
    pattern = re.escape(sentence.format(folder=tmp_path)).replace(r"\*", r"[^\n]*")
    with pytest.raises(DataError, match=f"^{pattern}$"):
        call(tmp_path)
