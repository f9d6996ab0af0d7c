"""Files of single-trial responses, in the layouts of GLMsingle and of NSD."""

import h5py
import numpy as np


def write_python(path, values, **options):
    """Write (x, y, z, trial) as GLMsingle for Python does, beside some of its other arrays."""
    with h5py.File(path, "w") as file:
        file.create_dataset("betasmd", data=values, **options)
        file["R2"] = np.zeros(np.shape(values)[:-1])
        file["scaleoffset"] = h5py.Empty("f")
    return path


def write_matlab(path, values, name="modelmd", **options):
    """Write (x, y, z, trial) as MATLAB does: with its axes the other way round."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset(name, data=np.asarray(values).T, **options)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    return path


def write_nsd(path, values):
    """Write (x, y, z, trial) in percent signal change as NSD does, a chunk for each voxel."""
    whole = np.rint(np.asarray(values) * 300).astype("int16")
    chunks = (whole.shape[-1],) + (1,) * (whole.ndim - 1)
    return write_matlab(path, whole, name="betas", chunks=chunks)
