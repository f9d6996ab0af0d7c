"""A process of its own that reads a model with a cache; it needs no torch, which takes seconds."""

import hashlib
import json
import sys
import time

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.models import cache_request
from neuroalign.models.cache import cached
from neuroalign.models.identity import content_hash

N_STIMULI = 400


class ArrayModel:
    """Three layers, the same in every process; counts passes."""

    name, reads = "arrays", None

    def __init__(self):
        self.layers = ["first", "second", "third"]
        self.passes = []

    def ingredients(self, stimuli):  # noqa: D102
        return {"network": ", ".join(self.layers), "inputs": str(len(stimuli))}

    def activations(self, stimuli, layers=None):  # noqa: D102
        names = list(self.layers if layers is None else layers)
        self.passes.append(names)
        for name in names:
            seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
            values = np.random.default_rng(seed).normal(size=(len(stimuli), 500))
            labels = [str(label) for label in stimuli.index]
            yield name, xr.DataArray(values, {"stimulus": labels}, ("stimulus", "unit"))


def read_all(model, folder):
    """Return hashes of all layers."""
    stimuli = pd.DataFrame(index=[f"s{number}" for number in range(N_STIMULI)])
    found = dict(cached(model, folder=folder).activations(stimuli))
    return [content_hash(values.values) for values in found.values()]


def main():
    """Read; "stall" stops before the end of a write, and "wait" waits for a line first."""
    folder, how = sys.argv[1:]
    model = ArrayModel()
    if how == "stall":
        write = cache_request.write_entry

        def stall(folder, values, about):
            write(folder, values, about)
            (folder / "manifest.json").unlink()
            print("writing", flush=True)
            time.sleep(60)

        cache_request.write_entry = stall
    if how == "wait":
        print("ready", flush=True)
        sys.stdin.readline()
    sums = read_all(model, folder)
    print(json.dumps({"sums": sums, "passes": model.passes}), flush=True)


if __name__ == "__main__":
    main()
