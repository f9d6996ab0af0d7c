"""Miniature of Freeman, Ziemba et al. (2013): the layout that Brain-Score states, counts made up.

The owners' script of packaging stacks texture type, family, sample and repetition of the file of
the authors, in bins of 1 ms, with V1 before V2 and neuroids numbered from 1; the columns of the
table of images are those that the same script writes, and that of the aperture adds one.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from miniatures.majajhong2015 import write_images

ASSEMBLY = "assy_movshon_FreemanZiemba2013_public.nc"
TABLE = "image_movshon_FreemanZiemba2013_aperture-public.csv"
IMAGES = "image_movshon_FreemanZiemba2013_aperture-public.zip"
REGIONS = ["V1", "V1", "V2", "V2", "V2"]
TYPES, FAMILIES, SAMPLES = ("noise", "texture"), (13, 327), (1, 2)
N_REPETITIONS, N_BINS = 3, 300
LATENCY = 60  # ms; neurons are silent before


def write(folder, seed=0):
    """Write the assembly, the table of images, and the images."""
    rng = np.random.default_rng(seed)
    table = stimuli()
    write_images(Path(folder) / IMAGES, table["filename"])
    table.sample(frac=1, random_state=seed).to_csv(Path(folder) / TABLE, index=False)
    encoding = {"data": {"zlib": True, "complevel": 1}}
    dataset = assembly(table, rng).to_dataset(name="data")
    dataset.to_netcdf(Path(folder) / ASSEMBLY, engine="h5netcdf", encoding=encoding)


def stimuli():
    """Return the table of images."""
    rows = []
    for kind in TYPES:
        for family in FAMILIES:
            for sample in SAMPLES:
                name = f"{kind.replace('texture', 'tex')}-320x320-im{family}-smp{sample}.png"
                image = f"{len(rows) + 11:02x}" * 20
                rows.append(
                    {
                        "image_id": image, "image_file_sha1": image, "image_file_name": name,
                        "texture_type": kind, "texture_family": family, "sample": sample,
                        "resolution": "320x320", "image_id_without_aperture": image[::-1],
                        "degrees": 4, "filename": f"{image}.png",
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def assembly(table, rng):
    """Return spikes (neuroid, time_bin, presentation), with levels as flat coordinates."""
    rates = rng.uniform(0.01, 0.2, (len(REGIONS), 1, len(table)))
    bins = np.arange(N_BINS)
    rates = np.repeat(rates * (bins >= LATENCY)[:, None], N_REPETITIONS, axis=2)
    objects = {"dtype": object}
    return xr.DataArray(
        rng.poisson(rates).astype(float),
        dims=("neuroid", "time_bin", "presentation"),
        coords={
            "neuroid_id": ("neuroid", np.arange(1, len(REGIONS) + 1)),
            "region": ("neuroid", np.array(REGIONS, **objects)),
            "time_bin_start": ("time_bin", bins),
            "time_bin_end": ("time_bin", bins + 1),
            "image_id": (
                "presentation",
                np.repeat(table["image_id"].to_numpy(object), N_REPETITIONS),
            ),
            "repetition": ("presentation", np.tile(np.arange(N_REPETITIONS), len(table))),
        },
        attrs={"stimulus_set_name": "movshon.FreemanZiemba2013.aperture-public"},
    )
