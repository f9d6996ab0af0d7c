"""A small whole file for every reader and adapter, to be damaged: how to write and read it."""

import importlib
import pkgutil
import re
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bids_ieeg_files
import brain_treebank_files
import h5py
import miniatures
import numpy as np
import pandas as pd
import xarray as xr
from fmri_files import SHAPE, atlas_of, write_nifti
from fmri_surfaces import brain_axis, series_axis, write_cifti, write_gifti, write_labels
from fmri_trials import write_nsd, write_python
from miniatures import lebel2023, majajhong2015, zhang2011
from nwb_cases import imaging, save, spiking
from scipy.io import savemat
from voltage_files import write_brainvision, write_edf, write_fif

import neuroalign as na
from neuroalign.data import catalog
from neuroalign.data.download import DataFiles

R = na.readers
ALIKE = 2  # files of a study that are damaged, of those of one folder and ending
RNG = np.random.default_rng
NAMES = ["LA1", "LA2", "LB1"]
TASK = {"subject": "01", "task": "faces", "space": "MNI"}
FILM = {"subject": "01", "task": "film"}
TRIPLET = ["one", "two", "three"]
TREEBANK = {"subject": 1, "trials": [0]}


@dataclass(frozen=True)
class Specimen:
    """Files that can be read, and what reads all of them.

    `files` are those that are damaged; where it is empty, those that a study takes or that are
    written.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], object]
    files: tuple[str, ...] = ()
    study: str = ""

    def paths(self, folder):
        """List the files to damage, relative to the folder that they were written to."""
        taken = []
        if self.study:
            read_study(self.study, folder, taken)
            unlike = {re.sub(r"[0-9]", "", name): name for name in reversed(dict.fromkeys(taken))}
            kinds = {}
            for name in reversed(unlike.values()):
                alike = kinds.setdefault((Path(name).parent, Path(name).suffix), [])
                alike += [name] if len(alike) < ALIKE else []
            return tuple(name for alike in kinds.values() for name in alike)
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        return self.files or tuple(path.relative_to(folder).as_posix() for path in found)


def one(name, write, read):
    """Make a specimen of one file."""
    return Specimen(lambda folder: write(folder / name), lambda f: whole(read(f / name)), (name,))


def whole(found):
    """Read what was left in the files."""
    if isinstance(found, (xr.DataArray, xr.Dataset)):
        found.load()
    return found


def signals(rows=3, columns=300):
    return np.rint(RNG(0).normal(0, 50, (rows, columns)) * 10) / 10


def series(path, n_volumes=6):
    write_nifti(path, RNG(0).normal(size=(*SHAPE, n_volumes)).astype("float32"))


def regions(folder):
    series(folder / "bold.nii")
    write_nifti(folder / "atlas.nii", atlas_of())
    write_nifti(folder / "mask.nii", np.ones(SHAPE, "uint8"))
    (folder / "labels.tsv").write_text("index\tname\n3\tV4\n7\tIT\n")


def read_regions(f):
    paths = {"atlas": f / "atlas.nii", "mask": f / "mask.nii", "labels": f / "labels.tsv"}
    return whole(R.read_nifti(f / "bold.nii", **paths))


def sides(folder):
    write_gifti(folder / "a_hemi-L.func.gii", RNG(0).normal(size=(3, 5)))
    write_labels(folder / "a_hemi-L.label.gii", [0, 1, 2, 1, 2])


def read_sides(f):
    left, atlas = {"left": f / "a_hemi-L.func.gii"}, {"left": f / "a_hemi-L.label.gii"}
    return whole(R.read_gifti(left, atlas=atlas, sampling_period=2.0))


def dense(path):
    brain = brain_axis()
    values = RNG(0).normal(size=(4, len(brain))).astype("float32")
    write_cifti(path, values, series_axis(4), brain)


def fmriprep(folder):
    func = folder / "sub-01" / "func"
    func.mkdir(parents=True)
    stem = func / "sub-01_task-faces"
    series(f"{stem}_space-MNI_desc-preproc_bold.nii.gz", 12)
    write_nifti(f"{stem}_space-MNI_desc-brain_mask.nii.gz", np.ones(SHAPE, "uint8"))
    Path(f"{stem}_space-MNI_desc-preproc_bold.json").write_text('{"RepetitionTime": 1.5}')
    table = pd.DataFrame(RNG(1).normal(size=(12, 2)), columns=["trans_x", "rot_z"])
    table.to_csv(f"{stem}_desc-confounds_timeseries.tsv", sep="\t", index=False)


def read_prep(f):
    return whole(R.read_fmriprep(f, **TASK, confounds=["trans_x"]))


def assembly(path, engine="h5netcdf"):
    words = {"stimulus_id": ["x", "y", "x", "007"]}
    facts = {"neuroid_id": ["a", "b", "c"], "region": ["V4", "IT", "IT"]}
    coords = {name: ("presentation", np.array(part, object)) for name, part in words.items()}
    coords |= {name: ("neuroid", np.array(part, object)) for name, part in facts.items()}
    coords |= {"time_bin_start": ("time_bin", [0, 100]), "time_bin_end": ("time_bin", [100, 200])}
    values = (("presentation", "neuroid", "time_bin"), RNG(0).normal(size=(4, 3, 2)))
    xr.Dataset({"data": values}, coords).to_netcdf(path, engine=engine)


def epochs(path):
    import mne

    info = mne.create_info(NAMES, 100.0, "eeg")
    metadata = pd.DataFrame({"picture": ["a", "b", "c"]})
    events = np.array([[100 * (row + 1), 0, 1] for row in range(3)])
    made = mne.EpochsArray(
        RNG(0).normal(0, 1e-5, (3, 3, 30)), info, events, tmin=-0.1, event_id={"shown": 1},
        metadata=metadata, verbose="error",
    )  # fmt: skip
    made.save(path, overwrite=True, verbose="error")


def hdf5(path):
    with h5py.File(path, "w") as file:
        data = RNG(0).normal(size=(20, 6))
        file.create_dataset("data", data=data, chunks=(5, 3), compression="gzip")


def matlab(path, **options):
    words = np.array([["a"], ["b"]], object)
    savemat(path, {"rates": RNG(0).normal(size=(3, 4)), "names": words}, **options)


def nested(path):
    cells = np.array([["a", np.eye(2)]], object)
    savemat(path, {"s": {"x": np.eye(3), "t": {"word": "ab", "cells": cells}}, "c": cells})


def matlab_7_3(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        made = file.create_dataset("rates", data=RNG(0).normal(size=(4, 3)))
        made.attrs["MATLAB_class"] = np.bytes_("double")
        cell = file.create_dataset("#refs#/a", data=np.array([[97]], np.uint16))
        cell.attrs["MATLAB_class"] = np.bytes_("char")
        cells = np.array([[cell.ref]], dtype=h5py.ref_dtype)
        file.create_dataset("names", data=cells).attrs["MATLAB_class"] = np.bytes_("cell")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file ")


def read_matlab(path):
    return whole(R.read_mat(path, "rates")), whole(R.read_mat(path, "names"))


def long_table(path):
    table = pd.DataFrame(
        [(item, unit, 1.5) for item in ("cat", "dog", "kiwi") for unit in ("a", "b")],
        columns=["item", "unit", "rate"],
    )
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)


def read_long(path):
    return R.read_table(path, stimulus="item", neuroid="unit", response="rate")


def square(path):
    points = RNG(0).normal(size=(4, 3))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    pd.DataFrame(distances, columns=list("dacb")).to_csv(path, index=False)


def choices(path):
    path.write_text("one,two,three,odd\ncat,dog,car,cat\ndog,kiwi,car,kiwi\n")


def data_folder(folder):
    (folder / "dataset.toml").write_text("units = 'spikes/s'\nmodality = 'spikes'\n")
    (folder / "stimuli.csv").write_text("stimulus,text\na,one\nb,two\nc,three\n")
    (folder / "neuroids.csv").write_text("neuroid,roi\nn1,V1\nn2,V4\n")
    np.save(folder / "responses.npy", RNG(0).normal(size=(3, 2)))


def read_dataset(dataset):
    for recording in dataset.recordings.values():
        whole(recording)
    return dataset


def text_events(path):
    path.write_text("onset\tduration\ttrial_type\n0.5\t1.0\tface\n2.5\t1.0\thouse\n")


def brain_table(folder):
    brain_treebank_files.write(folder, rate=128)


def read_treebank(f):
    film = {**TREEBANK, "sampling_rate": 128}
    return whole(R.read_brain_treebank(f, **film)), R.read_brain_treebank_words(f, **film)


def read_ieeg(f):
    return whole(R.read_bids_ieeg(f, **FILM)), R.read_bids_ieeg_events(f, **FILM)


IEEG = tuple(
    f"sub-01/ses-a/ieeg/sub-01_ses-a_{ending}"
    for ending in (
        "task-film_run-1_ieeg.vhdr", "task-film_run-1_channels.tsv", "task-film_run-1_events.tsv",
        "space-MNI152NLin2009bSym_electrodes.tsv", "space-MNI152NLin2009bSym_coordsystem.json",
    )
)  # fmt: skip
TREEBANK_FILES = (
    "sub_1_trial000.h5", "electrode_labels/sub_1/electrode_labels.json", "corrupted_elec.json",
    "subject_timings/sub_1_trial000_timings.csv", "transcripts/toy-film/features.csv",
    "localization/sub_1/depth-wm.csv", "localization/elec_coords_full.csv",
)  # fmt: skip
BINS = {"start": 0, "stop": 0.4, "bin_width": 0.1}
SPIKES = [[0.15, 1.2, 2.25], [0.11, 3.3], [1.15]]
READERS = {
    "npy": one("a.npy", lambda p: np.save(p, RNG(0).normal(size=(5, 4))), R.read_npy),
    "npz": one("a.npz", lambda p: np.savez_compressed(p, rates=np.eye(9)), R.read_npy),
    "mat 5": one("a.mat", matlab, read_matlab),
    "mat 7": one("a.mat", lambda p: matlab(p, do_compression=True), read_matlab),
    "mat 7.3": one("a.mat", matlab_7_3, read_matlab),
    "mat structures": one("a.mat", nested, lambda p: R.read_mat_variables(p, ["s", "c"])),
    "rda": one("a.rda", lambda p: _rda(p), lambda p: R.read_rda(p)),
    "hdf5": one("a.h5", hdf5, lambda p: R.read_hdf5(p, "data", ("showing", "neuroid"))),
    "glmsingle": one("D.hdf5", lambda p: write_python(p, np.ones((*SHAPE, 5))), R.read_glmsingle),
    "nsd": one("betas_session01.hdf5", lambda p: write_nsd(p, np.ones((*SHAPE, 5))), R.read_nsd),
    "nifti": one("bold.nii", series, R.read_nifti),
    "nifti, compressed": one("bold.nii.gz", series, R.read_nifti),
    "nifti with regions": Specimen(
        regions, read_regions, ("bold.nii", "atlas.nii", "mask.nii", "labels.tsv")
    ),
    "gifti": Specimen(sides, read_sides),
    "cifti": one("a.dtseries.nii", dense, R.read_cifti),
    "fmriprep": Specimen(fmriprep, read_prep),
    "events": one("run-1_events.tsv", text_events, R.read_events),
    "textgrid": one("a.TextGrid", lambda p: p.write_text(lebel2023.textgrid()), R.read_textgrid),
    "raw fif": one("a_raw.fif", lambda p: write_fif(p, signals(), NAMES), R.read_raw),
    "raw edf": one("a.edf", lambda p: write_edf(p, signals(), NAMES), R.read_raw),
    "raw brainvision": Specimen(
        lambda f: write_brainvision(f / "a.vhdr", signals(), NAMES, marks=[(5, "word")]),
        lambda f: (whole(R.read_raw(f / "a.vhdr")), R.read_annotations(f / "a.vhdr")),
        ("a.vhdr", "a.vmrk", "a.eeg"),
    ),
    "epochs": one("a-epo.fif", epochs, R.read_epochs),
    "bids ieeg": Specimen(lambda f: bids_ieeg_files.write(f, runs=("1",)), read_ieeg, IEEG),
    "brain treebank": Specimen(brain_table, read_treebank, TREEBANK_FILES),
    "nwb": one("a.nwb", lambda p: save(spiking(SPIKES), p), lambda p: R.read_nwb(p, **BINS)),
    "nwb traces": one(
        "a.nwb", lambda p: save(imaging(RNG(0).normal(size=(7, 3))), p), R.read_nwb_traces
    ),
    "assembly": one("a.nc", assembly, R.read_assembly),
    "assembly, netCDF-3": one("a.nc", lambda p: assembly(p, "scipy"), R.read_assembly),
    "stimulus set": Specimen(
        lambda f: majajhong2015.write(f),
        lambda f: R.read_stimulus_set(f / majajhong2015.TABLE, f / majajhong2015.IMAGES),
        (majajhong2015.TABLE, majajhong2015.IMAGES),
    ),
    "table": one("a.csv", long_table, read_long),
    "table, parquet": one("a.parquet", long_table, read_long),
    "dissimilarities": one(
        "a.csv", square, lambda p: R.read_dissimilarities(p, dissimilarity="judged")
    ),
    "choices": one("a.csv", choices, lambda p: R.read_choices(p, stimuli=TRIPLET, chosen="odd")),
    "folder": Specimen(data_folder, lambda f: read_dataset(na.load_dataset(f))),
}


def _rda(path):
    zhang2011.write(path.parent)
    (path.parent / zhang2011.FILE).rename(path)


def adapter(name):
    """Make a specimen of the miniature of a study: the files that loading one subject takes."""
    module = importlib.import_module(f"miniatures.{name}")
    study = name.replace("_", "-")
    return Specimen(module.write, lambda folder: read_study(study, folder), study=study)


@contextmanager
def unverified(study, folder, taken=None):
    """Let a study be loaded by its name from a folder, whatever the hashes of its files."""
    files = _Noting(study, folder, taken)
    before, catalog._files = catalog._files, lambda *_: files
    try:
        yield
    finally:
        catalog._files = before


class _Noting(DataFiles):
    """Files that note which of them are taken."""

    def __init__(self, study, folder, taken):
        card = catalog.dataset_module(study)[1].CARD
        super().__init__(study, dict.fromkeys(card.files, ""), folder=folder, verify=False)
        self._taken = [] if taken is None else taken

    def fetch(self, names=None):
        wanted = list(self if names is None else names)
        self._taken += wanted
        return super().fetch(wanted)


def read_study(study, folder, taken=None):
    """Load a subject of a study by the way of users, and read all of it."""
    with unverified(study, folder, taken):
        dataset = catalog.load_dataset(study)
        return read_dataset(dataset.select(subjects=dataset.subjects[:1]))


ADAPTERS = {
    module.name: adapter(module.name) for module in pkgutil.iter_modules(miniatures.__path__)
}
SPECIMENS = {**READERS, **ADAPTERS}
