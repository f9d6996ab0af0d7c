"""A small dataset in one file of Python, for tests of the command line."""

import textwrap

ADAPTER = '''
"""Forty images, and neurons that answer to single pixels."""

import numpy as np

import neuroalign as na

CARD = na.DatasetCard(
    citation="none", modality="simulated", species="none", stimulus="image", license="CC0-1.0",
    files={files},
)


def load(files, *, subjects=None, noise=1.0):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 6, 6, 3)).astype(np.uint8)
    responses = images[:, None, 0, :4, 0] / 50 + float(noise) * rng.normal(size=(40, 3, 4))
    {spoil}
    return na.make_dataset(responses, {{"image": list(images)}}, roi=["V1"] * 3 + ["V4"], units="z")
'''


def write_dataset(folder, *, files=None, spoil="pass"):
    folder.mkdir()
    text = textwrap.dedent(ADAPTER).format(files=files or {}, spoil=spoil)
    (folder / "dataset.py").write_text(text.lstrip())
    return str(folder)
