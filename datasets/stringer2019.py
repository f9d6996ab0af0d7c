"""Stringer et al. (2019): calcium imaging of about 10,000 neurons at a time in mouse V1.

2,800 natural images across three screens, each shown twice or three times, to six mice in seven
recordings, of which two are of one mouse at different neurons: each recording is a subject here.
"""

from functools import partial

import numpy as np
import pandas as pd

import neuroalign as na

RECORDINGS = (
    "M160825_MP027_2016-12-14",
    "M161025_MP030_2017-05-29",
    "M170604_MP031_2017-06-28",
    "M170714_MP032_2017-08-07",
    "M170714_MP032_2017-09-14",
    "M170717_MP033_2017-08-20",
    "M170717_MP034_2017-09-11",
)
IMAGES, RESPONSES = "images_natimg2800_all.mat", "natimg2800_{}.mat"
CARD = na.DatasetCard(
    citation="doi:10.1038/s41586-019-1346-5",
    modality="calcium",
    species="mouse",
    stimulus="image",
    license="CC-BY-NC-4.0",
    verified="documented layout",
    n_subjects=6,
    n_stimuli=2800,
    n_repetitions="2-3",
    notes="Variables and axes as github.com/MouseLand/stringer-pachitariu-et-al-2018b states them "
    "(README.md, and processResp/loadProc2800.m, which leaves out showings of the gray screen, as "
    "is done here). Responses are those of the file: the authors go on to standardize them by "
    "spontaneous activity and to subtract its principal components, which is not done. A subject "
    "is a recording; mouse MP032 was recorded twice. center_x, center_y and center_z are med of "
    "the file, whose units are not stated. Images span three screens, of which a neuron sees a "
    "part.",
    how_to_get="https://doi.org/10.25378/janelia.6845348",
    files={IMAGES: ""} | {RESPONSES.format(recording): "" for recording in RECORDINGS},
)


def load(files, *, subjects=None):
    """Load images, and a response for each showing, in the order of time; a subject when needed."""
    pixels = na.readers.read_mat(files[IMAGES], "imgs").values
    if pixels.dtype != np.uint8:
        message = f"Images of {IMAGES} are numbers of type {pixels.dtype}, not 0 to 255 (uint8)."
        raise ValueError(message)
    labels = [_label(number) for number in range(1, pixels.shape[2] + 1)]
    stimuli = pd.DataFrame({"image": list(np.moveaxis(pixels, 2, 0))}, index=labels)
    recordings = {
        _subject(name): partial(_recording, files, name, len(labels)) for name in RECORDINGS
    }
    return na.BrainDataset(recordings, stimuli)


def _subject(name):
    return name.partition("_")[2]


def _label(number):
    return f"image{number:04}"


def _recording(files, name, n_images):
    path = files[RESPONSES.format(name)]
    shown = na.readers.read_mat(path, "stim.istim").values.ravel().astype(int)
    responses, centers = (na.readers.read_mat(path, key) for key in ("stim.resp", "med"))
    places = {f"center_{axis}": ("neuroid", centers.values[:, n]) for n, axis in enumerate("xyz")}
    recording = na.make_recording(
        responses.values,
        ("showing", "neuroid"),
        subject=_subject(name),
        units="deconvolved fluorescence",
        stimulus=[_label(number) for number in shown],
        neuroid=[f"{number:05}" for number in range(responses.shape[1])],
        roi="V1",
        mouse=_subject(name).partition("_")[0],
        **places,
    )
    # What comes after the images are gray screens.
    return recording.isel(showing=np.flatnonzero(shown <= n_images))
