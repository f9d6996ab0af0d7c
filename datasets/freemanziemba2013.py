"""Freeman, Ziemba et al. (2013): macaque V1 and V2, textures and noise of the same spectrum.

The public part of the assembly that Brain-Score publishes: spikes of 102 neurons of V1 and 103 of
V2 in bins of 1 ms, 20 repetitions of each image. Images are textures, and noise with the spectrum
of a texture, as they looked behind the aperture of the experiment.
"""

import numpy as np

import neuroalign as na

HOST = "https://brainio-brainscore.s3.amazonaws.com"
ASSEMBLY = "assy_movshon_FreemanZiemba2013_public.nc"
TABLE = "image_movshon_FreemanZiemba2013_aperture-public.csv"
IMAGES = "image_movshon_FreemanZiemba2013_aperture-public.zip"
CARD = na.DatasetCard(
    citation="doi:10.1038/nn.3402",
    modality="spikes",
    species="macaque",
    stimulus="image",
    license="not stated by the owners, who publish it through Brain-Score",
    verified="documented layout",
    n_subjects=1,
    n_stimuli=135,
    n_neuroids=205,
    n_repetitions="20",
    notes="Layout, addresses and sha1 are those of github.com/brain-score/vision (commit "
    "01188cd, data/freemanziemba2013 with its scripts of packaging). Neurons of several animals were "
    "recorded one by one; the file does not say whose each is, so that they are one subject "
    "'pooled', and repetitions are no moment that neurons share. Images of one texture_family and "
    "texture_type are samples of one texture: name them as group where folds should not share "
    "a texture.",
    files={
        ASSEMBLY: f"{HOST}/{ASSEMBLY}?versionId=Ff3BssTYdRYSXv2hO8ByirYIxsbW1__s"
        "#sha1=761c08f796db4e342555cdb60eef23a4f19ead43",
        TABLE: f"{HOST}/{TABLE}?versionId=eAzVlM2C0Fv_9EfFZw7uuljFvG0d9sCw"
        "#sha1=194c9b301a4e3e9cff02481d4c19b39331d52660",
        IMAGES: f"{HOST}/{IMAGES}?versionId=DcP1CnztWfy9a4kIoQIzEdrmYfiFQxAZ"
        "#sha1=ad3c6c237491485c863acd2f4d2f219f737e424c",
    },
)

SUBJECT = "pooled"
TOGETHER = 25  # neurons that are read at once


def load(files, *, subjects=None, start=50, stop=200, timed=False):
    """Load showings: spikes from `start` to `stop` ms after the onset, of the recorded 300 ms.

    With timed=True the bins of 1 ms in this window stay an axis, unread until they are asked for.
    """
    bins = na.readers.read_assembly(files[ASSEMBLY], units="spikes per 1 ms")
    middle = 1000 * bins["time"].values
    bins = bins.isel(time=np.flatnonzero((middle > start) & (middle < stop)))
    if bins.sizes["time"] != stop - start:
        message = f"The file has {bins.sizes['time']} bins of 1 ms from {start} to {stop} ms."
        raise ValueError(message)
    responses = bins if timed else _summed(bins).assign_attrs(units=f"spikes per {stop - start} ms")
    recording = na.make_recording(responses, subject=SUBJECT, attrs={"simultaneous": "no"})
    stimuli = na.readers.read_stimulus_set(files[TABLE], files[IMAGES])
    return na.BrainDataset(
        {SUBJECT: recording}, stimuli.rename(columns={"sample": "texture_sample"})
    )


def _summed(bins):
    """Add the bins up, a few neurons at a time: all of them are more than a gigabyte."""
    counts = [
        bins.isel(neuroid=slice(first, first + TOGETHER)).sum("time").values
        for first in range(0, bins.sizes["neuroid"], TOGETHER)
    ]
    summed = bins.isel(time=0, drop=True).copy(data=np.concatenate(counts, axis=1))
    del summed.attrs["bin_width"], summed.attrs["time_convention"]  # of the bins, not of their sum
    return summed
