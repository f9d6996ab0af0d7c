"""Build a network of transformers from a folder, with exactly its weights or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from neuroalign.errors import DataError, reason
from neuroalign.models.families.building import refuse_keys, seeded
from neuroalign.models.families.damaged import refuse_damaged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PretrainedConfig, PreTrainedModel

WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")


def read_config(folder: Path, full: str) -> tuple[PretrainedConfig, Any]:
    """Read config.json, and find the class of transformers that it names.

    Raises
    ------
    DataError
        If there is none, or it needs code that is not in transformers, which is never run.
    """
    import transformers

    if not (folder / "config.json").is_file():
        message = (
            f"Model {full!r} has no config.json in {str(folder)!r}; give a folder that "
            "save_pretrained of transformers has written."
        )
        raise DataError(message)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        named = (config.architectures or [""])[0]
        if known := getattr(transformers, named, None):
            return config, known
        return config, transformers.AutoModel._model_mapping[type(config)]
    except (OSError, ValueError, KeyError, ImportError) as error:
        refuse_damaged([folder / "config.json"], full)
        message = (
            f"Model {full!r} is not one that transformers can build by itself: {reason(error)}; "
            "build it in Python, and wrap it in TorchModel or TextModel."
        )
        raise DataError(message) from error


def build_network(
    folder: Path,
    config: PretrainedConfig,
    network_class: Any,
    full: str,
    *,
    untrained: bool,
    seed: int,
) -> PreTrainedModel:
    """Build the network in float32, with the weights of the folder or a random start.

    Raises
    ------
    DataError
        If the folder has no weights, or not exactly those of the network.
    """
    try:
        with seeded(seed):  # whatever is drawn while it loads
            if untrained:
                return network_class._from_config(config, dtype=torch.float32)
            if not _weights(folder):
                message = (
                    f"Model {full!r} has no weights in {str(folder)!r}; give a folder with "
                    "model.safetensors, or untrained=True."
                )
                raise DataError(message)
            network, found = network_class.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
    except DataError:
        raise
    except Exception as error:  # safetensors and pickle raise kinds of their own
        refuse_damaged([*_weights(folder), folder / "generation_config.json"], full)
        if not isinstance(error, (OSError, ValueError, RuntimeError, ImportError)):
            raise
        message = f"Transformers cannot build model {full!r}: {reason(error)}."
        raise DataError(message) from error
    refuse_keys(full, found["missing_keys"], _within(network, found["unexpected_keys"]))
    return network


def _weights(folder: Path) -> list[Path]:
    return [path for pattern in WEIGHTS for path in sorted(folder.glob(pattern))]


def _within(network: PreTrainedModel, unexpected: Iterable[str]) -> list[str]:
    """Keep the keys that belong to the network itself, not to a head or pooler it does without."""
    base = network.base_model
    own = {network.base_model_prefix, *(name for name, _ in base.named_children())}
    return [
        key for key in unexpected if key.partition(".")[0] in own and "pooler" not in key.split(".")
    ]
