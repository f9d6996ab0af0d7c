"""Write the beginnings of a dataset: an adapter that runs, files that it reads, and a test."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from neuroalign.data.catalog import list_datasets
from neuroalign.errors import DataError

ADAPTER = '''"""Author et al. (year): one sentence on who met what, and how it was recorded."""

import pandas as pd

import neuroalign as na

CARD = na.DatasetCard(
    citation="doi:10.0000/unknown",
    modality="fmri",
    species="human",
    stimulus="text",
    license="unstated",
    how_to_get="the page that leads to the files",
    files={{
        "stimuli.csv": "#sha256={stimuli}",
        "responses.csv": "#sha256={responses}",
    }},
)


def load(files, *, subjects=None):
    stimuli = pd.read_csv(files["stimuli.csv"], index_col="stimulus", dtype=str)
    responses = na.readers.read_table(
        files["responses.csv"], stimulus="stimulus", neuroid="roi", response="response"
    )
    recording = na.make_recording(responses, subject="sub-01", units="percent signal change")
    return na.BrainDataset({{"sub-01": recording}}, stimuli)
'''
TEST = '''"""The dataset keeps its contract."""

from pathlib import Path

import neuroalign as na
from neuroalign.testing import load_and_check


def test_{module}_has_no_faults():
    load_and_check("{name}", lambda: na.load_dataset(Path(__file__).parent))
'''
SENTENCES = (
    "The dog sleeps.", "A boat left the harbor.", "She reads at night.", "Rain fell on the roof.",
    "He lost the key.", "The bell rang twice.",
)  # fmt: skip


def write_skeleton(name: str, folder: Path) -> list[Path]:
    """Write the skeleton of a dataset, which loads as it is.

    Parameters
    ----------
    name : str
        Small letters, digits and hyphens, as in "author2024".
    folder : Path
        Where the folder of that name is made.

    Returns
    -------
    list of Path
        The files, those to be changed first.

    Raises
    ------
    DataError
        If the name cannot be that of a module or is taken, or the folder exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        message = (
            f"{name!r} cannot be the name of a dataset; use small letters, digits and hyphens, as "
            "in 'author2024'."
        )
        raise DataError(message)
    if name in list_datasets():
        message = f"A dataset is called {name!r} already, and would be loaded in its place."
        raise DataError(message)
    home = folder / name
    if home.exists():
        message = f"{str(home)!r} exists already; choose another name, or move it away."
        raise DataError(message)
    module = name.replace("-", "_")
    tables = {"stimuli.csv": _stimuli(), "responses.csv": _responses()}
    digests = {
        path.removesuffix(".csv"): hashlib.sha256(text.encode()).hexdigest()
        for path, text in tables.items()
    }
    texts = {
        "dataset.py": ADAPTER.format(**digests),
        f"test_{module}.py": TEST.format(module=module, name=name),
        **tables,
    }
    home.mkdir(parents=True)
    for path, text in texts.items():
        (home / path).write_text(text, encoding="utf-8", newline="\n")
    return [home / path for path in texts]


def _stimuli() -> str:
    rows = [f"s{number},{text}" for number, text in enumerate(SENTENCES)]
    return "\n".join(["stimulus,text", *rows, ""])


def _responses() -> str:
    """Return a table of made-up responses, of two regions to each sentence."""
    rows = [
        f"s{number},{roi},{(7 * number + place) % 5 / 2}"
        for number in range(len(SENTENCES))
        for place, roi in enumerate(("IFG", "MTG"))
    ]
    return "\n".join(["stimulus,roi,response", *rows, ""])
