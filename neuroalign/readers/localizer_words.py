"""Sentences and lists of nonwords of the language localizer of Fedorenko et al. (2010)."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import pandas as pd

from neuroalign.data.schema import repeated
from neuroalign.errors import DataError, name_some
from neuroalign.readers.files import existing, reading

N_WORDS = 12
CONDITIONS = {"S": "sentences", "N": "nonwords"}


def read_language_localizer(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
) -> pd.DataFrame:
    r"""Read the stimuli of the language localizer: sentences and lists of nonwords.

    Parameters
    ----------
    paths : str, path or sequence of them
        Tables named ``langloc_fmri_run1_stim_set1.csv`` and so on: a header of 14 columns, then a
        row for each stimulus with its number, twelve words in capitals, and S or N.

    Returns
    -------
    DataFrame
        Index: stimulus, as in "langloc_fmri_run1_stim_set1/S3". Columns: `text`, in lower case,
        and `condition`, "sentences" or "nonwords".

    Raises
    ------
    DataError
        If a table is not of this layout, or a stimulus occurs twice.

    References
    ----------
    Fedorenko et al. (2010), doi:10.1152/jn.00032.2010. Tables:
    https://github.com/brain-score/language/tree/main/brainscore_language/data/fedorenko2010_localization

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from neuroalign.readers import read_language_localizer
    >>> header = ",".join(f"stim{number}" for number in range(1, 15))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "set1.csv")
    ...     _ = path.write_text(f"{header}\n1,{','.join(12 * ['WORD'])},S\n")
    ...     stimuli = read_language_localizer(path)
    >>> stimuli.index[0], stimuli.condition.iloc[0]
    ('set1/S1', 'sentences')
    """
    given = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    if not given:
        message = "No table of the language localizer was given; name one or more."
        raise DataError(message)
    table = pd.concat([_table(path) for path in given])
    if twice := repeated(table.index):
        message = f"{len(twice)} stimuli of the language localizer occur twice {name_some(twice)}."
        raise DataError(message)
    return table


def _table(path: str | PathLike[str]) -> pd.DataFrame:
    file = existing(path)
    with reading(file, "a table of the language localizer"):
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    if rows.shape[1] != N_WORDS + 2 or not len(rows):
        what = f"{rows.shape[1]} columns and {len(rows)} rows"
        message = (
            f"Table {str(file)!r} of the language localizer has {what}; {N_WORDS + 2} columns "
            "(a number, twelve words, S or N) and a row or more are needed."
        )
        raise DataError(message)
    number, words, kind = rows.iloc[:, 0], rows.iloc[:, 1:-1], rows.iloc[:, -1]
    if (strange := kind[~kind.isin(list(CONDITIONS))]).size:
        message = (
            f"Row {strange.index[0] + 1} of table {str(file)!r} is of the kind "
            f"{strange.iloc[0]!r}; S (sentence) or N (nonwords) is needed."
        )
        raise DataError(message)
    if (empty := (words.apply(lambda column: column.str.strip()) == "").any(axis=1)).any():
        message = f"Row {empty.idxmax() + 1} of table {str(file)!r} has fewer than {N_WORDS} words."
        raise DataError(message)
    return pd.DataFrame(
        {
            "text": words.agg(" ".join, axis=1).str.lower().to_numpy(),
            "condition": kind.map(CONDITIONS).to_numpy(),
        },
        index=pd.Index(file.stem + "/" + kind + number, name="stimulus"),
    )
