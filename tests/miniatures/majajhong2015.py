"""Miniature of Majaj, Hong et al. (2015): the layout that Brain-Score states, values made up.

Dimensions, names of coordinates and the single bin of 70-170 ms are those that the README of
brainio prints of the public assembly; the columns of the table are those that its tests name.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image

ASSEMBLY = "assy_dicarlo_MajajHong2015_public.nc"
TABLE, IMAGES = "image_dicarlo_hvm-public.csv", "image_dicarlo_hvm-public.zip"
OBJECTS = {"face0": "Faces", "apple": "Fruits", "car_astra": "Cars"}
N_EACH = 4  # images of an object
PIXELS = 6
# Animal, array, region, subregion of neuroids; the order of the file is that of nothing.
SITES = [
    ("Chabo", "M", "IT", "cIT"), ("Tito", "P", "V4", "V4"), ("Chabo", "A", "IT", "aIT"),
    ("Tito", "M", "IT", "pIT"), ("Chabo", "P", "V4", "V4"),
]  # fmt: skip


def write(folder, seed=0):
    """Write the assembly, the table of images, and the images."""
    rng = np.random.default_rng(seed)
    table = stimuli()
    write_images(Path(folder) / IMAGES, table["filename"])
    table.to_csv(Path(folder) / TABLE, index=False)
    assembly(table, rng).to_netcdf(Path(folder) / ASSEMBLY, engine="h5netcdf")


def write_images(path, names):
    """Write an archive of small images, each of one gray."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            file = io.BytesIO()
            Image.fromarray(np.full((PIXELS, PIXELS), 20 * number, np.uint8)).save(file, "PNG")
            archive.writestr(name, file.getvalue())


def stimuli():
    """Return the table of images; ids are long strings of digits and letters."""
    rows = []
    for name, category in OBJECTS.items():
        for number in range(N_EACH):
            image = f"{len(rows) + 11:02x}" * 20
            rows.append(
                {
                    "id": len(rows) + 1, "background_id": "ecd40f3f" * 5, "s": 1.0,
                    "image_file_name": f"{name}_{image}_256x256.png", "image_id": image,
                    "rxy": 0.0, "tz": 0.0, "category_name": category, "rxz_semantic": -0.0,
                    "ty": 0.0, "ryz": -0.0, "object_name": name, "variation": 3 * (number % 2),
                    "size": 256.0, "rxy_semantic": 90.0, "ryz_semantic": -0.0, "rxz": 0.0,
                    "filename": f"{name}_{image}_256x256.png",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def assembly(table, rng):
    """Return the responses (neuroid, presentation, time_bin), with levels as flat coordinates."""
    repetitions = [3 if variation else 2 for variation in table["variation"]]
    shown = rng.permutation(np.repeat(np.arange(len(table)), repetitions))
    rows = table.iloc[shown].reset_index(drop=True)
    repetition = rows.groupby("image_id").cumcount()
    names = [f"{animal}_L_{arr}_{number}_5" for number, (animal, arr, *_) in enumerate(SITES)]
    drive = rng.normal(size=(len(SITES), len(table)))[:, shown]
    values = drive + rng.normal(0, 0.5, drive.shape)
    on_rows = {
        "image_id": rows["image_id"], "repetition": repetition, "stimulus": shown,
        "object_name": rows["object_name"], "variation": rows["variation"],
    }  # fmt: skip
    on_sites = {
        "neuroid_id": names,
        "arr": [arr for _, arr, *_ in SITES],
        "col": [5] * len(SITES),
        "hemisphere": ["L"] * len(SITES),
        "subregion": [subregion for *_, subregion in SITES],
        "animal": [animal for animal, *_ in SITES],
        "y": np.linspace(0.2, 1.8, len(SITES)),
        "x": np.linspace(-1.8, 1.8, len(SITES)),
        "region": [region for _, _, region, _ in SITES],
        "row": range(len(SITES)),
    }
    coords = {name: ("presentation", np.asarray(part)) for name, part in on_rows.items()}
    coords |= {name: ("neuroid", np.asarray(part)) for name, part in on_sites.items()}
    coords |= {"time_bin_start": ("time_bin", [70]), "time_bin_end": ("time_bin", [170])}
    for name, (dim, part) in coords.items():
        if np.asarray(part).dtype.kind == "U":
            coords[name] = (dim, np.asarray(part, dtype=object))
    return xr.DataArray(
        values[..., None].astype(np.float32),
        dims=("neuroid", "presentation", "time_bin"),
        coords=coords,
        name="dicarlo.MajajHong2015.public",
        attrs={"stimulus_set_name": "dicarlo.hvm-public"},
    )
