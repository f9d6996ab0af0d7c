"""Arrays whose headers lie, hold code, or point to other files."""

import gzip
import io
import pickle
import struct
import zipfile

import h5py
import nibabel
import numpy as np
import scipy.sparse
import specimens
from fmri_files import SHAPE, write_nifti
from scipy.io import savemat

import neuroalign as na

R = na.readers


def npy(folder, header, body=b""):
    """Write a NumPy file whose header says anything."""
    text = header.encode("latin-1")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body
    (folder / "a.npy").write_bytes(content)
    return R.read_npy(folder / "a.npy")


def content(folder, held):
    """Write a file of any bytes, and read it as one of NumPy."""
    (folder / "a.npy").write_bytes(held)
    return R.read_npy(folder / "a.npy")


def described(folder, shape="(2,)", kind="'<f8'", order="False", body=bytes(16)):
    return npy(folder, f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}", body)


def npz(folder, *, inside="a.npy", content=None, more=(), declared=False):
    file = io.BytesIO()
    np.save(file, np.arange(3.0))
    with zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside, file.getvalue() if content is None else content)
        for name in more:
            archive.writestr(name, file.getvalue())
    if declared:
        declare_gigabytes(folder / "a.npz")
    return R.read_npy(folder / "a.npz")


def declare_gigabytes(path):
    """Let an archive declare that its first member has 4 GB."""
    content = bytearray(path.read_bytes())
    begin = content.index(b"PK\x01\x02")
    content[begin + 24 : begin + 28] = b"\xfe\xff\xff\xff"
    path.write_bytes(content)


def pickled(folder, name):
    np.save(folder / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    if name == "a.npz":
        np.savez(folder / "a.npz", a=np.array([{"a": 1}], object))
    return R.read_npy(folder / name)


def mat(folder, name="x", **variables):
    savemat(folder / "a.mat", variables, do_compression=True)
    return R.read_mat(folder / "a.mat", name)


def cells(*items):
    made = np.empty((len(items), 1), object)
    for number, item in enumerate(items):
        made[number, 0] = item
    return made


def h5(folder, write, name="a.h5"):
    """Write an HDF5 file, and read its array "data"."""
    with h5py.File(folder / name, "w") as file:
        write(file)
    return R.read_hdf5(folder / name, "data", ("showing", "neuroid")).load()


def promised(shape, **options):
    return lambda folder: h5(folder, lambda f: f.create_dataset("data", shape, "f4", **options))


def linked(folder, link):
    return h5(folder, lambda file: file.__setitem__("data", link))


def elsewhere(folder):
    """Point to another file of HDF5, as links do."""
    with h5py.File(folder / "b.h5", "w") as file:
        file["data"] = np.ones((2, 3))
    return linked(folder, h5py.ExternalLink("b.h5", "/data"))


def raw_elsewhere(folder):
    """Let the values of an array be the bytes of any other file."""
    (folder / "secret").write_bytes(bytes(range(48)))
    secret = [(str(folder / "secret"), 0, 48)]
    return h5(folder, lambda f: f.create_dataset("data", (2, 3), "f8", external=secret))


def single_trials_elsewhere(folder):
    (folder / "secret").write_bytes(bytes(48))
    with h5py.File(folder / "D.hdf5", "w") as file:
        file.create_dataset("betasmd", (2, 3), "f8", external=[(str(folder / "secret"), 0, 48)])
    return R.read_glmsingle(folder / "D.hdf5").load()


def variable_elsewhere(folder):
    specimens.matlab_7_3(folder / "a.mat")
    (folder / "secret").write_bytes(bytes(48))
    with h5py.File(folder / "a.mat", "a") as file:
        file.create_dataset("x", (2, 3), "f8", external=[(str(folder / "secret"), 0, 48)])
    return R.read_mat(folder / "a.mat", "x").load()


def borrowed(file):
    """Let an array of a file be the bytes of another."""
    file.create_dataset("borrowed", (2,), "f8", external=[("secret", 0, 16)])


def virtual(folder):
    with h5py.File(folder / "b.h5", "w") as file:
        file["data"] = np.ones((2, 3))
    layout = h5py.VirtualLayout((2, 3), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "b.h5"), "data", (2, 3))
    return h5(folder, lambda f: f.create_virtual_dataset("data", layout))


def header(folder, place, *values, name="bold.nii"):
    """Change the header of a NIfTI image."""
    write_nifti(folder / name, np.zeros((*SHAPE, 5), "float32"))
    content = bytearray((folder / name).read_bytes())
    data = b"".join(value.tobytes() for value in values)
    content[place : place + len(data)] = data
    (folder / name).write_bytes(content)
    return R.read_nifti(folder / name).load()


def bomb(folder):
    """Promise in a header as much as 2 MB of zeros, which are 2 kB in the file, could hold."""
    image = nibabel.Nifti1Image(np.zeros(SHAPE, "int8"), np.eye(4))
    image.header["dim"][1:4] = 1200
    file = io.BytesIO()
    image.header.write_to(file)
    content = gzip.compress(file.getvalue() + bytes(4 + 2**21))
    (folder / "a.nii.gz").write_bytes(content)
    return R.read_nifti(folder / "a.nii.gz").load()


def gifti(folder, old, new):
    specimens.sides(folder)
    path = folder / "a_hemi-L.func.gii"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return specimens.read_sides(folder)


def laughing(folder):
    """Define entities of XML that unfold to gigabytes."""
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 11)]
    specimens.sides(folder)
    path = folder / "a_hemi-L.func.gii"
    text = path.read_text()
    start = text.index("<GIFTI")
    name = "<MetaData><MD><Name>&a10;</Name></MD></MetaData>"
    body = text[start:].replace("<DataArray", f"{name}<DataArray", 1)
    path.write_text('<?xml version="1.0"?><!DOCTYPE GIFTI [' + "".join(lines) + "]>" + body)
    return specimens.read_sides(folder)


def cifti(folder, old, new):
    specimens.dense(folder / "a.dtseries.nii")
    path = folder / "a.dtseries.nii"
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return R.read_cifti(path).load()


def netcdf_3(folder, place, value):
    specimens.assembly(folder / "a.nc", "scipy")
    content = bytearray((folder / "a.nc").read_bytes())
    content[place : place + 4] = struct.pack(">i", value)
    (folder / "a.nc").write_bytes(content)
    return R.read_assembly(folder / "a.nc").load()


def netcdf_4(folder, change):
    specimens.assembly(folder / "a.nc")
    with h5py.File(folder / "a.nc", "a") as file:
        change(file)
    return R.read_assembly(folder / "a.nc").load()


def nwb(folder, change):
    specimens.READERS["nwb"].write(folder)
    with h5py.File(folder / "a.nwb", "a") as file:
        change(file)
    return R.read_nwb(folder / "a.nwb", **specimens.BINS).load()


def replaced(file, name, data):
    """Put another array in the place of one, with its attributes."""
    attrs = dict(file[name].attrs)
    del file[name]
    file[name] = data
    file[name].attrs.update(attrs)


HUGE = 10**12
NPY = {
    "a trillion values": lambda f: described(f, f"({HUGE},)"),
    "axes whose product overflows": lambda f: described(f, f"({2**40}, {2**40})"),
    "an axis below 0": lambda f: described(f, "(-3,)"),
    "an axis that is no number": lambda f: described(f, "('a',)"),
    "fewer values than promised": lambda f: described(f, "(3,)"),
    "more values than promised": lambda f: described(f, "(1,)"),
    "objects": lambda f: described(f, kind="'|O'"),
    "words": lambda f: described(f, kind="'<U2'"),
    "times": lambda f: described(f, kind="'<M8[s]'"),
    "fields": lambda f: described(f, kind="[('a', '<f4'), ('b', '<f4')]"),
    "complex numbers": lambda f: described(f, "(1,)", kind="'<c16'"),
    "a type that does not exist": lambda f: described(f, kind="'<q9'"),
    "a header that is code": lambda f: npy(f, "__import__('os').system('false')"),
    "a header of no numbers": lambda f: described(f, "(2or 3,)"),
    "a header that is a list": lambda f: npy(f, "[1, 2]"),
    "a header that lacks the shape": lambda f: npy(f, "{'descr': '<f8'}"),
    "brackets without end": lambda f: npy(f, "(" * 9000),
    "an unknown version": lambda f: content(f, b"\x93NUMPY\x09\x00\x10\x00" + bytes(16)),
    "a pickle": lambda f: content(f, pickle.dumps([1])),
    "pickled objects": lambda f: pickled(f, "a.npy"),
    "pickled objects in an archive": lambda f: pickled(f, "a.npz"),
    "an archive of nothing": lambda f: npz(f, inside="readme", content=b""),
    "an archive of words": lambda f: npz(f, content=b"hello"),
    "an archive of two arrays": lambda f: npz(f, more=["b.npy"]),
    "an archive with one name twice": lambda f: npz(f, more=["../a.npy", "/etc/a.npy"]),
    "an archive that declares gigabytes": lambda f: npz(f, declared=True),
}
MAT = {
    "cells of numbers": lambda f: mat(f, x=cells(np.eye(2), np.eye(3))),
    "cells of cells": lambda f: mat(f, x=cells(cells(1.0), "a")),
    "a structure": lambda f: mat(f, x={"a": 1.0}),
    "a sparse matrix": lambda f: mat(f, x=scipy.sparse.eye(3)),
    "another variable": lambda f: mat(f, y=1.0),
    "a field of no structure": lambda f: mat(f, "x.a", x=1.0),
    "a field that is not there": lambda f: mat(f, "x.b", x={"a": 1.0}),
}
HDF5 = {
    "a trillion values": promised((10**6, 10**6), chunks=(10, 10)),
    "a chunk of gigabytes": promised((10**5, 10**4), chunks=(10**4, 10**4)),
    "no row": promised((0, 3)),
    "one axis": promised((3,)),
    "a group": lambda f: h5(f, lambda file: file.create_group("data")),
    "words": lambda f: h5(f, lambda file: file.create_dataset("data", data=[["a", "b"]])),
    "fields": lambda f: h5(f, lambda file: file.create_dataset("data", (2, 3), [("a", "f4")])),
    "truth": lambda f: h5(f, lambda file: file.create_dataset("data", (2, 3), bool)),
    "nothing": lambda f: h5(f, lambda file: file.create_dataset("data", data=h5py.Empty("f"))),
    "pointers": lambda f: h5(f, lambda file: file.create_dataset("data", (2, 3), h5py.ref_dtype)),
    "a link to itself": lambda f: linked(f, h5py.SoftLink("/data")),
    "a link to nothing": lambda f: linked(f, h5py.SoftLink("/no")),
    "a link to another file": elsewhere,
    "values of another file": raw_elsewhere,
    "values of several files": virtual,
    "single trials of another file": single_trials_elsewhere,
    "a variable of MATLAB of another file": variable_elsewhere,
}
NIFTI = {
    "dimensions of 32767": lambda f: header(f, 42, *[np.int16(32767)] * 4),
    "dimensions below 0": lambda f: header(f, 42, np.int16(-4)),
    "no dimension": lambda f: header(f, 40, np.int16(0)),
    "nine dimensions": lambda f: header(f, 40, np.int16(9)),
    "values of an unknown type": lambda f: header(f, 70, np.int16(999)),
    "complex values": lambda f: header(f, 70, np.int16(32)),
    "values beyond the end": lambda f: header(f, 108, np.float32(1e9)),
    "values before the beginning": lambda f: header(f, 108, np.float32(-64)),
    "values at no place": lambda f: header(f, 108, np.float32(np.nan)),
    "voxels of no size": lambda f: header(f, 280, *[np.float32(0)] * 12),
    "voxels at no place": lambda f: header(f, 280, np.float32(np.nan)),
    "an extension of gigabytes": lambda f: header(f, 348, np.int32(1), np.int32(2**31 - 16)),
    "a bomb": bomb,
}
SURFACES = {
    "vertices beyond number": lambda f: gifti(f, 'Dim0="5"', 'Dim0="99999999999"'),
    "fewer vertices": lambda f: gifti(f, 'Dim0="5"', 'Dim0="4"'),
    "an unknown encoding": lambda f: gifti(f, "GZipBase64Binary", "Rot13"),
    "an unknown type": lambda f: gifti(f, "NIFTI_TYPE_FLOAT32", "NIFTI_TYPE_FLOAT33"),
    "an unknown order": lambda f: gifti(f, "LittleEndian", "MiddleEndian"),
    "no end": lambda f: gifti(f, "</GIFTI>", ""),
    "entities without end": laughing,
    "CIFTI of more columns": lambda f: cifti(f, b'IndexOffset="0"', b'IndexOffset="9"'),
    "CIFTI of another structure": lambda f: cifti(f, b"CORTEX_LEFT", b"CORTEX_LOFT"),
    "CIFTI whose columns are text": lambda f: cifti(f, b'IndexCount="3"', b'IndexCount="x"'),
}
ASSEMBLIES = {
    "a dimension of billions": lambda f: netcdf_3(f, 32, 2**31 - 1),
    "a dimension below 0": lambda f: netcdf_3(f, 32, -7),
    "many dimensions": lambda f: netcdf_3(f, 12, 2**30),
    "a name of gigabytes": lambda f: netcdf_3(f, 16, 2**31 - 1),
    "no neuroids": lambda f: netcdf_4(f, lambda file: file.__delitem__("neuroid_id")),
    "no responses": lambda f: netcdf_4(f, lambda file: file.__delitem__("data")),
    "no stimuli": lambda f: netcdf_4(f, lambda file: file.__delitem__("stimulus_id")),
    "responses in words": lambda f: netcdf_4(
        f, lambda file: replaced(file, "stimulus_id", np.ones((4, 2)))
    ),
    "values of another file": lambda f: netcdf_4(f, borrowed),
    "values of another file, NWB": lambda f: nwb(f, borrowed),
    "no table of units": lambda f: nwb(f, lambda file: file.__delitem__("units")),
    "no spikes": lambda f: nwb(f, lambda file: file.__delitem__("units/spike_times")),
    "no trials": lambda f: nwb(f, lambda file: file.__delitem__("intervals/trials")),
    "no version": lambda f: nwb(f, lambda file: file.attrs.__delitem__("nwb_version")),
    "spikes beyond the last": lambda f: nwb(
        f, lambda file: file["units/spike_times_index"].__setitem__(2, 250)
    ),
    "spikes that are words": lambda f: nwb(
        f, lambda file: replaced(file, "units/spike_times", np.array([b"a"] * 6))
    ),
    "trials of other lengths": lambda f: nwb(
        f, lambda file: replaced(file, "intervals/trials/start_time", np.ones(2))
    ),
}
CASES = {
    "NumPy": NPY, "MAT": MAT, "HDF5": HDF5, "NIfTI": NIFTI, "surface": SURFACES,
    "assembly": ASSEMBLIES,
}  # fmt: skip
