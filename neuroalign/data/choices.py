"""Load the single judgments that a dataset of behavior was published with."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from neuroalign.data.catalog import dataset_files, dataset_module
from neuroalign.errors import DataError, name_some

STIMULI = ["stimulus_1", "stimulus_2", "stimulus_3"]


def load_choices(dataset: str | Path | ModuleType) -> pd.DataFrame:
    """Load who chose which of three stimuli as the odd one out, a row a judgment.

    Parameters
    ----------
    dataset : str, Path or module
        As in `load_dataset`. Its adapter has a function `choices`, which takes the files and
        returns this table.

    Returns
    -------
    DataFrame
        Columns "stimulus_1", "stimulus_2", "stimulus_3" (labels), "chosen" (0, 1 or 2: which of
        the three is the odd one), "subject", and further facts.

    Raises
    ------
    DataError
        If the dataset has none, or they are not such a table.

    Examples
    --------
    >>> import types
    >>> import neuroalign as na, pandas as pd
    >>> study = types.ModuleType("study2020")
    >>> study.load, study.choices = None, lambda files: pd.DataFrame({"stimulus_1": ["cat"],
    ...     "stimulus_2": ["dog"], "stimulus_3": ["car"], "chosen": [2], "subject": ["ann"]})
    >>> study.CARD = na.DatasetCard(citation="doi:10.1/x", modality="behavior", species="human",
    ...     stimulus="condition", license="CC0-1.0")
    >>> na.similarity.load_choices(study)["chosen"].tolist()
    [2]
    """
    name, module, _ = dataset_module(dataset)
    if not hasattr(module, "choices"):
        message = (
            f"Dataset {name!r} comes with no choices; read yours with na.readers.read_choices."
        )
        raise DataError(message)
    table = module.choices(dataset_files(dataset))
    wanted = [*STIMULI, "chosen", "subject"]
    missing = [column for column in wanted if column not in getattr(table, "columns", ())]
    if missing or not isinstance(table, pd.DataFrame):
        message = f"The choices of dataset {name!r} lack {', '.join(missing)}."
        raise DataError(message)
    shown = table[STIMULI].to_numpy()
    twice = (shown == np.roll(shown, 1, axis=1)).any(axis=1)
    if twice.any():
        rows = name_some(table.index[twice])
        message = f"{twice.sum()} choices of dataset {name!r} show a stimulus twice {rows}."
        raise DataError(message)
    if (odd := ~table["chosen"].isin([0, 1, 2])).any():
        rows = name_some(table.index[odd])
        message = f"{odd.sum()} choices of dataset {name!r} are not 0, 1 or 2 {rows}."
        raise DataError(message)
    return table
