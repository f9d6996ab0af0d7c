"""Cowley et al. (2023): macaque V4 spike counts to natural and synthetic images.

Counts in 100 ms from a Utah array; images of 112 x 112 pixels. The owners publish single trials
of some sessions and averages of the others; of those carried here, session 210325 has trials
(6-10 an image), and 190923, 201025 and 210322 have averages, hence no noise ceiling.
"""

import io
import zipfile

import numpy as np
import pandas as pd
from PIL import Image

import neuroalign as na

HOST = (
    "https://raw.githubusercontent.com/cowleygroup/V4_compact_models/"
    "f4552ad9d34a466ebc66658f72a08a8e5038f1cf/data_V4_responses"
)
CARD = na.DatasetCard(
    citation="doi:10.1101/2023.11.22.568315",
    modality="spikes",
    species="macaque",
    stimulus="image",
    license="GPL-3.0 (repository of the authors)",
    verified="original files",
    n_subjects=2,
    n_stimuli=3640,
    n_neuroids=231,
    n_repetitions="6-10",
    size=18_336_906,
    notes="The files of every session are called image0001.jpg and so on, so labels begin with the "
    "session. 600 images of 210322 are among the 640 of 210325, under other names; all others are "
    "of one session.",
    files={
        "images_190923.zip": f"{HOST}/images/images_190923.zip#sha256="
        "e99a4df1c7476bdc4d565ff4408bc421976ecc3a22c41af6bfd0cfbddb508c0c",
        "images_201025.zip": f"{HOST}/images/images_201025.zip#sha256="
        "3abb63679107665eab7220bdeaf7863832a1df943bf3d7792501f5082a55b2e8",
        "images_210322.zip": f"{HOST}/images/images_210322.zip#sha256="
        "a72f357c73381fc6e496403820b38abe38c78b92f6d1c0b7153d6fe6d3986c32",
        "images_210325.zip": f"{HOST}/images/images_210325.zip#sha256="
        "992774eca3508a2ad01accb1a31f5f3e3d90248c49f4eec314f2a915a263e454",
        "responses_averaged_190923.npy": f"{HOST}/responses_repeat_averaged/responses_190923.npy#sha256="
        "741672d36541ce39930c8a3b5bd1cfd33c187aa47b1549c9c5569bc21aa97a28",
        "responses_averaged_201025.npy": f"{HOST}/responses_repeat_averaged/responses_201025.npy#sha256="
        "f729f3dc0d29aa38bd380c0da9e39aba916f9e2580949929b65d1714e7217a8a",
        "responses_averaged_210322.npy": f"{HOST}/responses_repeat_averaged/responses_210322.npy#sha256="
        "1d643594633c7ad6d5281147bf1742275135507c8b283550e00e7028c65a5373",
        "responses_averaged_210325.npy": f"{HOST}/responses_repeat_averaged/responses_210325.npy#sha256="
        "555e67037182611969ab90da291dcc39601de4411f651a64ad60e90572cf59d3",
        "responses_raw_210325.npy": f"{HOST}/responses_raw/responses_210325.npy#sha256="
        "4008dbbf31a47d9b1b8d8da609f4a7a3433c7071f0e45c611c220b217dd75b76",
    },
)

# Session -> animal. Only the trials of the first are among the files.
SESSIONS = {"210325": "PE", "190923": "WE", "201025": "PE", "210322": "PE"}


def load(files, *, subjects=None, session="210325"):
    """Load one session: its images, and spike counts by trial where they are published."""
    session = str(session)
    if session not in SESSIONS:
        message = f"Session {session!r} is not one of {', '.join(SESSIONS)}."
        raise ValueError(message)
    trials = f"responses_raw_{session}.npy"
    if trials in files:
        counts = np.load(files[trials], allow_pickle=False)
        dims = ("neuroid", "stimulus", "repetition")
    else:
        counts = np.load(files[f"responses_averaged_{session}.npy"], allow_pickle=False)
        dims = ("neuroid", "stimulus")
    images = _images(files[f"images_{session}.zip"], session)
    if counts.shape[1] != len(images):
        message = f"{counts.shape[1]} responses to {len(images)} images in session {session}."
        raise ValueError(message)
    animal = SESSIONS[session]
    recording = na.make_recording(
        counts,
        dims,
        subject=animal,
        units="spikes per 100 ms",
        stimulus=images.index,
        neuroid=[f"{session}-{number:02}" for number in range(len(counts))],
        roi="V4",
        session=session,
    )
    return na.BrainDataset({animal: recording}, images)


def _images(path, session):
    """Read the images of a session; responses are in the order of their sorted names.

    The same name means another image in another session, so that labels need both.
    """
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pixels = [
            np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names
        ]
    labels = [f"{session}/{name.rpartition('/')[2].removesuffix('.jpg')}" for name in names]
    return pd.DataFrame({"image": pixels}, index=pd.Index(labels, name="stimulus"))
