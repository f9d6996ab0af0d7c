"""Language networks of transformers as models."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DataError, reason
from neuroalign.models.families.building import wrapped
from neuroalign.models.families.damaged import refuse_damaged
from neuroalign.models.families.hf import check_options
from neuroalign.models.text import TextModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# One of these holds the pieces of a tokenizer; without any, transformers may make an empty one.
PIECES = (
    "tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model",
    "tokenizer.model",
)  # fmt: skip
BESIDE = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


def language_model(
    network: PreTrainedModel,
    folder: Path,
    full: str,
    *,
    part: str | None,
    told: dict[str, Any],
    options: dict[str, Any],
) -> TextModel:
    """Make a model of the part of a network that reads texts, with its tokenizer."""
    own = list(inspect.signature(TextModel.__init__).parameters)[3:]
    check_options(options, {*own} - {"name"}, full)
    reader, tokenizer = _reader(network, full, part), _tokenizer(folder, full)
    return wrapped(TextModel, reader, tokenizer, **told, **options)


def _reader(network: Any, full: str, part: str | None) -> PreTrainedModel:
    """Take the text part of a network of both, or a causal network with its head."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    tower = getattr(network, "text_model", None)
    if tower is not None:
        return tower
    if part is not None and "image" in getattr(network, "input_modalities", ()):
        message = f"Model {full!r} has no text_model of its own; wrap its network in TextModel."
        raise DataError(message)
    causal = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(network.config), None)
    return network if type(network) is causal else network.base_model


def _tokenizer(folder: Path, full: str) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    if not any((folder / file).is_file() for file in PIECES):
        message = (
            f"Model {full!r} has no tokenizer in {str(folder)!r}; save it there by "
            "tokenizer.save_pretrained(folder)."
        )
        raise DataError(message)
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # tokenizers raises bare exceptions
        refuse_damaged([folder / file for file in (*PIECES, *BESIDE)], full)
        message = f"Transformers cannot read the tokenizer of model {full!r}: {reason(error)}."
        raise DataError(message) from error
