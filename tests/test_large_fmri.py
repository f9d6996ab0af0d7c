"""One region of a file of 20 GB is read in little memory; the files are sparse."""

import subprocess
import sys

import h5py
import nibabel
import numpy as np
import pytest
from fmri_files import AFFINE, write_nifti

SHAPE = (80, 100, 80)
N_TRIALS = 8000
BYTES = 4 * np.prod(SHAPE) * N_TRIALS
MOST = 300  # MB above what the imports take
READ = """
import resource, sys
import numpy as np, xarray
from neuroalign.readers import read_glmsingle, read_nifti
import nibabel, h5py, nibabel.openers
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
reader = read_nifti if sys.argv[1].endswith("nii") else read_glmsingle
options = {"rows": "showing"} if reader is read_nifti else {}
trials = reader(sys.argv[1], atlas=sys.argv[2], **options)
region = trials.isel(neuroid=np.flatnonzero(trials.roi == "2")).load()
assert region.shape == (8000, 1000), region.shape
assert region.values[-1, -1] == 5 and not region.values[0].any()
print(peak() - before)
"""


def write_sparse_nifti(path):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((*SHAPE, N_TRIALS))
    header.set_sform(AFFINE, code=1)
    header["magic"], header["vox_offset"] = b"n+1", 352
    with open(path, "wb") as file:
        header.write_to(file)
        file.truncate(352 + BYTES)
        last = np.ravel_multi_index((54, 59, 41, N_TRIALS - 1), (*SHAPE, N_TRIALS), order="F")
        file.seek(352 + 4 * int(last))
        file.write(np.float32(5).tobytes())


def write_sparse_trials(path):
    """Lay the array out without writing it, all but one value."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((*SHAPE, N_TRIALS))
        h5py.h5d.create(file.id, b"betasmd", h5py.h5t.IEEE_F32LE, space, creation)
        file["betasmd"][54, 59, 41, N_TRIALS - 1] = 5


@pytest.mark.slow  # 10 s each
@pytest.mark.parametrize(
    ("name", "write"), [("maps.nii", write_sparse_nifti), ("D.hdf5", write_sparse_trials)]
)
def test_a_region_of_a_file_of_20_gb_takes_little_memory(name, write, tmp_path):
    write(tmp_path / name)
    assert (tmp_path / name).stat().st_size >= BYTES
    assert (tmp_path / name).stat().st_blocks * 512 < BYTES / 100
    atlas = np.ones(SHAPE, "int16")
    atlas[30:55, 40:60, 40:42] = 2
    write_nifti(tmp_path / "atlas.nii", atlas)
    command = [sys.executable, "-c", READ, str(tmp_path / name), str(tmp_path / "atlas.nii")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not result.returncode, result.stderr
    assert float(result.stdout) < MOST, result.stdout
