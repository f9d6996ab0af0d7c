"""Haxby et al. (2001): human fMRI of one person who saw eight categories, in twelve runs.

One slice of subject 1, as the package PyMVPA carries it: motion-corrected, otherwise raw. The
response to a category in a run is made here. From the signal of a voxel in a run (121 volumes, rest
included) its linear trend is subtracted, the rest is divided by its standard deviation, and the
nine volumes that are labelled with the category are averaged. No delay is added: the labels follow
the response already, since moving them by one volume either way lowers the correlation of patterns
of a category between even and odd runs, from .42 to .40 (earlier) or .39 (later).
"""

import nibabel
import numpy as np
import pandas as pd

import neuroalign as na

HOST = (
    "https://raw.githubusercontent.com/PyMVPA/PyMVPA/"
    "20f0335f98bbb59a0e11bc0b7a469edf8681a9a1/mvpa2/data"
)
CARD = na.DatasetCard(
    citation="doi:10.1126/science.1063736",
    modality="fmri",
    species="human",
    stimulus="condition",
    license="CC-BY-SA-3.0 (the authors); MIT (PyMVPA, which carries this slice)",
    verified="original files",
    n_subjects=1,
    n_stimuli=8,
    n_neuroids=530,
    n_repetitions="12",
    size=1_323_552,
    notes="A stimulus is a category of images, which are not distributed. Responses are means over "
    "the nine volumes of a block, of signals without linear trend, z-scored within their run (rest "
    "included). The period of 2.5 s is that of the authors; the header says 1 s. Coordinates are in "
    "mm of the header, whose origin is the middle of the slice that was cut out.",
    files={
        "attributes_literal.txt": f"{HOST}/attributes_literal.txt#sha256="
        "7769f235e93d3157ef7bd1102abfaf3bc058ad9ca28e89dc60b8e47f473207c3",
        "bold.nii.gz": f"{HOST}/bold.nii.gz#sha256="
        "cbbd4d07803caaa9f77381af24e790cf77058664a128bd514a4c1668eefb92d7",
        "mask.nii.gz": f"{HOST}/mask.nii.gz#sha256="
        "8d879d35aaeee3afddfb69a7e1b8dd2b3be446671452d7e841dc6588845f2877",
    },
)

SUBJECT = "sub001"
PERIOD = 2.5  # s
REST = "rest"


def load(files, *, subjects=None):
    """Load one response for each run and category; voxels of the brain are the neuroids."""
    bold, mask = nibabel.load(files["bold.nii.gz"]), nibabel.load(files["mask.nii.gz"])
    voxels = np.argwhere(np.asarray(mask.dataobj) > 0)
    volumes = pd.read_csv(
        files["attributes_literal.txt"], sep=r"\s+", header=None, names=["category", "run"]
    )
    if bold.shape != (*mask.shape, len(volumes)):
        message = (
            f"{len(volumes)} labels and a mask of {mask.shape} for volumes of shape {bold.shape}."
        )
        raise ValueError(message)
    signals = np.asarray(bold.dataobj)[tuple(voxels.T)].T
    showings, responses = _blocks(volumes, signals)
    place = nibabel.affines.apply_affine(bold.affine, voxels)
    recording = na.make_recording(
        responses,
        ("showing", "neuroid"),
        subject=SUBJECT,
        units="z",
        attrs={"space": "mm of the header; the origin is the middle of the slice"},
        stimulus=showings["category"],
        run=showings["run"],
        repetition=showings["repetition"],
        onset=showings["onset"],
        neuroid=["-".join(f"{index:02}" for index in voxel) for voxel in voxels],
        roi="brain",
        **dict(zip("xyz", place.T, strict=True)),
    )
    categories = sorted(set(showings["category"]))
    stimuli = pd.DataFrame({"condition": categories}, index=pd.Index(categories, name="stimulus"))
    return na.BrainDataset({SUBJECT: recording}, stimuli)


def _blocks(volumes, signals):
    """Average the volumes of each category in each run; the onset is that of the first of them."""
    showings, responses = [], []
    for run, rows in volumes.groupby("run").indices.items():
        standardized = _standardize(signals[rows])
        for category, block in volumes.iloc[rows].reset_index().groupby("category", sort=False):
            if category != REST:
                showings.append((category, run, block.index[0] * PERIOD))
                responses.append(standardized[block.index].mean(axis=0))
    table = pd.DataFrame(showings, columns=["category", "run", "onset"])
    table["repetition"] = table.groupby("category").cumcount()
    return table, np.array(responses)


def _standardize(signals):
    """Subtract the linear trend of each voxel, and divide by the deviation of what is left."""
    time = np.arange(len(signals)) - (len(signals) - 1) / 2
    centered = signals - signals.mean(axis=0)
    left = centered - np.outer(time, time @ centered / max(time @ time, 1))
    deviation = left.std(axis=0)
    # Signals are whole numbers, so that nothing, not even rounding, is left of a line.
    return left / np.where(deviation > 0, deviation, np.nan)
