"""Read word vectors from files of word2vec and GloVe, npz and safetensors."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np

from neuroalign.errors import DataError, MissingPackageError, name_some, reason, unknown_name
from neuroalign.models.families.damaged import refuse_damaged

SUFFIXES = (".txt", ".vec", ".npz", ".safetensors")


@dataclass(frozen=True)
class WordVectors:
    """Words and their vectors.

    Parameters
    ----------
    rows : dict of str to int
        Word -> row.
    values : array (word, unit), float32
    split : callable, optional
        Makes words of a text, where a tokenizer belongs to the vectors.
    """

    rows: dict[str, int]
    values: np.ndarray
    split: Callable[[str], list[str]] | None = None

    def row(self, word: str) -> int:
        """Return the row of a word as written, else in small letters, else -1."""
        if word in self.rows or self.split:
            return self.rows.get(word, -1)
        return self.rows.get(word.lower(), -1)

    def mean(self, rows: list[int]) -> np.ndarray:
        """Average rows, of which -1 counts as zeros."""
        known = [row for row in rows if row >= 0]
        total = self.values[known].sum(axis=0, dtype=np.float64)
        return (total / len(rows)).astype(np.float32)

    def random(self, seed: int) -> WordVectors:
        """Draw vectors with the mean and deviation of each unit."""
        drawn = np.random.default_rng(seed).standard_normal(self.values.shape, dtype=np.float32)
        mean, deviation = self.values.mean(axis=0), self.values.std(axis=0)
        return replace(self, values=drawn * deviation + mean)

    def fingerprint(self) -> str:
        """Return the sha256 of words and values."""
        digest = hashlib.sha256("\n".join(self.rows).encode())
        digest.update(np.ascontiguousarray(self.values).tobytes())
        return digest.hexdigest()


def read_vectors(name: str, full: str) -> WordVectors:
    """Read the vectors of a file, or those of the package wordllama.

    Raises
    ------
    DataError
        If there is no such file, or it holds no finite vectors of different words.
    """
    if name == "wordllama":
        return _from_wordllama(full)
    path = Path(name).expanduser()
    if not path.is_file():
        message = f"File {name!r} does not exist, so that it holds no word vectors."
        raise DataError(message)
    if path.suffix.lower() not in SUFFIXES:
        raise unknown_name(path.suffix, SUFFIXES, kind="format of word vectors")
    if path.suffix.lower() == ".safetensors":
        beside = sorted(path.parent.glob("*tokenizer.json"))
        if len(beside) != 1:
            message = (
                f"{path.name!r} of model {full!r} needs one tokenizer beside it, as in "
                f"'tokenizer.json', but there are {len(beside)}."
            )
            raise DataError(message)
        return _from_safetensors(path, beside[0], full)
    read = _from_npz if path.suffix.lower() == ".npz" else _from_text
    try:
        words, values = read(path)
    except (ValueError, OSError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        message = f"File {name!r} cannot be read as word vectors: {reason(error)}."
        raise DataError(message) from error
    return _checked(words, values, full)


def _checked(words: list[str], values: np.ndarray, full: str) -> WordVectors:
    if values.ndim != 2 or not values.size or len(words) != len(values):
        message = (
            f"Model {full!r} has {len(words)} words and vectors of the shape {values.shape}; one "
            "row of numbers is needed for each word."
        )
        raise DataError(message)
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) < len(words):
        twice = [word for row, word in enumerate(words) if rows[word] != row]
        message = f"{len(twice)} words of model {full!r} have several vectors {name_some(twice)}."
        raise DataError(message)
    broken = [word for word, row in zip(words, values, strict=True) if not np.isfinite(row).all()]
    if broken:
        message = (
            f"The vectors of {len(broken)} words of model {full!r} are not finite "
            f"{name_some(broken)}."
        )
        raise DataError(message)
    return WordVectors(rows, values)


def _from_text(path: Path) -> tuple[list[str], np.ndarray]:
    """Read a word and its numbers from each line; words may hold spaces, as those of GloVe do."""
    words: list[str] = []
    rows: list[np.ndarray] = []
    n_units = 0
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            parts = line.rstrip().split(" ")
            if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
                n_units = int(parts[1])
                continue
            n_units = n_units or len(parts) - 1
            if n_units < 1 or len(parts) <= n_units:
                message = f"line {number} has {len(parts) - 1} numbers, but {n_units} are needed"
                raise ValueError(message)
            words.append(" ".join(parts[:-n_units]))
            rows.append(np.array(parts[-n_units:], dtype=np.float32))
    return words, np.stack(rows)


def _from_npz(path: Path) -> tuple[list[str], np.ndarray]:
    if not is_zipfile(path):  # of which NumPy advises to unpickle it
        message = "it is no archive of arrays, or one that is cut short"
        raise ValueError(message)
    with np.load(path, allow_pickle=False) as arrays:
        if not {"words", "vectors"} <= set(arrays.files):
            message = f"it has the arrays {arrays.files}, but 'words' and 'vectors' are needed"
            raise ValueError(message)
        return [str(word) for word in arrays["words"]], arrays["vectors"].astype(np.float32)


def _from_safetensors(path: Path, tokenizer: Path, full: str) -> WordVectors:
    """Read one matrix, whose rows are the pieces of a tokenizer."""
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        message = (
            f"Model {full!r} needs safetensors and tokenizers; pip install 'neuroalign[text]'."
        )
        raise MissingPackageError(message) from error
    try:
        matrices = load_file(path)
        pieces = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # both raise kinds of their own
        refuse_damaged([path, tokenizer], full)
        message = f"The vectors of model {full!r} cannot be read: {reason(error)}."
        raise DataError(message) from error
    if len(matrices) != 1:
        message = f"{path.name!r} of model {full!r} holds {len(matrices)} arrays; one is needed."
        raise DataError(message)
    pieces.no_truncation()
    pieces.no_padding()
    words = [str(pieces.id_to_token(number)) for number in range(pieces.get_vocab_size())]
    values = next(iter(matrices.values())).astype(np.float32)
    return replace(
        _checked(words, values, full),
        split=lambda text: pieces.encode(text, add_special_tokens=False).tokens,
    )


def _from_wordllama(full: str) -> WordVectors:
    """Read the two files of the package, which is not imported: its own loader asks the hub."""
    spec = find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations:
        message = f"Model {full!r} needs its vectors; run pip install wordllama."
        raise MissingPackageError(message)
    home = Path(spec.submodule_search_locations[0])
    tokenizer = home / "tokenizers" / "l2_supercat_tokenizer_config.json"
    return _from_safetensors(home / "weights" / "l2_supercat_256.safetensors", tokenizer, full)
