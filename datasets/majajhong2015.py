"""Majaj, Hong et al. (2015): macaque V4 and IT, objects on natural backgrounds.

The public part of the assembly that Brain-Score publishes: 3200 images of eight categories at low
and middle variation, multi-unit sites of two animals on arrays, 70-170 ms after the onset, one row
a presentation. Published as one file for both animals.
"""

import numpy as np

import neuroalign as na

HOST = "https://brainio-brainscore.s3.amazonaws.com"
ASSEMBLY = "assy_dicarlo_MajajHong2015_public.nc"
TABLE, IMAGES = "image_dicarlo_hvm-public.csv", "image_dicarlo_hvm-public.zip"
CARD = na.DatasetCard(
    citation="doi:10.1523/JNEUROSCI.5181-14.2015",
    modality="spikes",
    species="macaque",
    stimulus="image",
    license="not stated by the owners, who publish it through Brain-Score",
    verified="documented layout",
    n_subjects=2,
    n_stimuli=3200,
    n_neuroids=256,
    n_repetitions="46 on average",
    notes="Layout, addresses and sha1 are those of github.com/brain-score/vision (commit 36f5eb9, "
    "data/majajhong2015) and the README of github.com/brain-score/brainio: 256 sites, 148480 "
    "presentations of 3200 images. The values are normalized by their owners, who do not say "
    "how: some are negative. x and y are places on the array. Each image has one object of "
    "eight categories (object_name, category_name); variation is 0 or 3.",
    files={
        ASSEMBLY: f"{HOST}/{ASSEMBLY}?versionId=LZWj2qjAwZKdmHdTGftpBPSO6oq.y9Q7"
        "#sha1=13d28ca0ce88ee550b54db3004374ae19096e9b9",
        TABLE: f"{HOST}/{TABLE}?versionId=PxkMLFgPqRM7wOe3tBfwsXI3pfB49RPR"
        "#sha1=5ca7a3da00d8e9c694a9cd725df5ba0ad6d735af",
        IMAGES: f"{HOST}/{IMAGES}?versionId=UzgkNOtIWMXaMN7vUA0FVemXLTvdtH13"
        "#sha1=8aa44e038d7b551efa8077467622f9d48d72e473",
    },
)


def load(files, *, subjects=None):
    """Load showings of both animals; the responses stay in their file until they are scored."""
    responses = na.readers.read_assembly(files[ASSEMBLY], units="normalized multi-unit rate")
    animal = responses["animal"].values
    recordings = {
        str(name): na.make_recording(
            responses.isel(neuroid=np.flatnonzero(animal == name)),
            subject=str(name),
            attrs={"space": "array"},
        )
        for name in np.unique(animal)
    }
    return na.BrainDataset(recordings, na.readers.read_stimulus_set(files[TABLE], files[IMAGES]))
