"""One region of a file of 20 GB is scored in less than 1 GB of memory."""

import json
import subprocess
import sys

import pytest

SCORE = """
import json, resource, sys, threading, time
import h5py, numpy as np, pandas as pd, psutil, torch, xarray as xr
import neuroalign as na
import neuroalign.scoring

path = sys.argv[1]
n_rows, n_voxels, region, n_images = 30_000, 166_000, slice(8_000, 9_000), 10_000
torch.set_num_threads(1)
rng = np.random.default_rng(0)
shown = np.arange(n_rows) % n_images
units = rng.normal(size=(n_images, 200)).astype("float32")
with h5py.File(path, "w") as file:
    data = file.create_dataset("betas", (n_rows, n_voxels), "f4", chunks=(100, 4000))
    for row in range(0, n_rows, 1000):
        noise = rng.normal(size=(1000, 1000))
        noise[:, 0] = units[shown[row : row + 1000], 0] + 0.1 * noise[:, 0]
        data[row : row + 1000, region] = noise

process, done, highest = psutil.Process(), threading.Event(), 0

def watch():
    global highest
    while not done.wait(0.01):
        highest = max(highest, process.memory_info().rss)

before = process.memory_info().rss
threading.Thread(target=watch, daemon=True).start()
start = time.monotonic()
names = np.char.add("image", np.char.zfill(np.arange(n_images).astype(str), 5))
roi = np.full(n_voxels, "rest")
roi[region] = "FFA"
responses = na.readers.read_hdf5(path, "betas", ("showing", "neuroid"), units="percent")
recording = na.make_recording(responses, subject="s1", stimulus=names[shown], roi=roi)
stimuli = pd.DataFrame({"condition": names}, index=pd.Index(names, name="stimulus"))
dataset = na.BrainDataset({"s1": recording}, stimuli)
layer = xr.DataArray(units, {"stimulus": names}, ("stimulus", "unit"))
scores = na.score({"layer": layer}, dataset, roi="FFA", progress=False)
seconds = time.monotonic() - start
done.set()
r = scores.r.mean("fold").values.ravel() if "fold" in scores.r.dims else scores.r.values.ravel()
facts = [n_rows * n_voxels * 4, highest - before, seconds, scores.sizes["neuroid"], float(r[0])]
print(json.dumps(facts))
"""


@pytest.mark.slow
def test_a_region_of_a_file_of_20_gigabytes_is_scored_in_less_than_one(tmp_path):
    command = [sys.executable, "-c", SCORE, str(tmp_path / "betas.h5")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    promised, taken, seconds, n_neuroids, r = json.loads(printed)
    print(f"{promised / 1e9:.1f} GB: {taken / 1e6:.0f} MB above the baseline, {seconds:.0f} s")
    assert promised > 19e9
    assert n_neuroids == 1000
    assert r > 0.9  # the first voxel reads out the first unit
    assert taken < 1e9
