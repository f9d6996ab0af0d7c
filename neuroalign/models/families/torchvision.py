"""Image networks of torchvision, with the preprocessing of their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DataError, reason, unknown_name

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor, nn

    from neuroalign.models.preprocessing import ImagePreprocessing
    from neuroalign.models.torch_model import TorchModel

INSTEAD = "checkpoint='file', or untrained=True"
# What torchvision changes in the network itself where it is given trained weights.
WITH_WEIGHTS: dict[str, dict[str, Any]] = {
    "googlenet": {"transform_input": True, "aux_logits": False, "init_weights": True},
    "inception_v3": {"transform_input": True, "aux_logits": True, "init_weights": True},
}


def load(
    name: str,
    *,
    untrained: bool = False,
    seed: int = 0,
    checkpoint: str | None = None,
    preprocess: Callable[[Image.Image], Tensor] | None = None,
    layers: Sequence[str] | str | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    precision: str | None = None,
) -> TorchModel:
    """Load a network of torchvision that classifies images.

    Parameters
    ----------
    name : str
        "resnet50" with the weights that torchvision recommends, or "resnet50/IMAGENET1K_V1".
    untrained : bool
        The same architecture with its random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    checkpoint : str, optional
        File of weights to load in place of those of torchvision; the preprocessing is that of the
        weights that are named.
    preprocess : callable, optional
        In place of the network's own.
    layers, device, batch_size, precision
        See `TorchModel`.

    Returns
    -------
    TorchModel
    """
    from neuroalign.models.families.building import made_from, model_name, seeded, wrapped
    from neuroalign.models.families.hub import in_words
    from neuroalign.models.torch_model import TorchModel

    full = f"torchvision:{name}"
    network_name, weights = _known(name)
    with seeded(seed), in_words(full, weights.url, None, INSTEAD):
        network = _network(network_name, weights, trained=not (untrained or checkpoint))
    if checkpoint and not untrained:
        _fill(network, checkpoint, full)
    return wrapped(
        TorchModel,
        network,
        name=model_name(full, untrained=untrained),
        preprocess=preprocess or preprocessing(weights, full),
        layers=layers,
        device=device,
        origin=made_from(
            full,
            untrained=untrained,
            seed=seed,
            checkpoint=checkpoint or weights.url,
            revision=None if checkpoint or untrained else weights.name,
        ),
        batch_size=batch_size,
        precision=precision,
    )


def _known(name: str) -> tuple[str, Any]:
    """Return the name of the network, and its weights as torchvision lists them."""
    from neuroalign.models.families.building import package

    models = package("torchvision.models", family="torchvision", extra="vision")
    network, _, chosen = name.partition("/")
    known = models.list_models(module=models)
    if network not in known:
        raise unknown_name(network, known, kind="network of torchvision that classifies images")
    members = models.get_model_weights(network).__members__
    if (chosen or "DEFAULT") not in members:
        raise unknown_name(chosen, members, kind=f"weights of {network!r}")
    return network, members[chosen or "DEFAULT"]


def _network(name: str, weights: Any, *, trained: bool) -> nn.Module:
    """Build the network that the weights belong to, with or without them."""
    from torchvision import models

    if trained:
        return models.get_model(name, weights=weights, progress=False)
    options = dict(WITH_WEIGHTS.get(name, {}))
    if name.startswith("vit_"):
        options["image_size"] = weights.meta["min_size"][0]
    if weights.meta["categories"] is not None:
        options["num_classes"] = len(weights.meta["categories"])
    return models.get_model(name, weights=None, **options)


def _fill(network: nn.Module, checkpoint: str, full: str) -> None:
    import torch

    from neuroalign.models.families.building import load_exactly
    from neuroalign.models.families.damaged import refuse_damaged

    path = Path(checkpoint).expanduser()
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # safetensors and pickle raise kinds of their own
        refuse_damaged([path], full)
        message = f"The checkpoint {str(path)!r} of model {full!r} cannot be read: {reason(error)}."
        raise DataError(message) from error
    if not isinstance(weights, Mapping):
        message = (
            f"The checkpoint {str(path)!r} of model {full!r} holds a {type(weights).__name__}; "
            "give a state_dict, as torch.save(network.state_dict(), path) writes it."
        )
        raise DataError(message)
    load_exactly(network, dict(weights), full)


def preprocessing(weights: Any, full: str) -> ImagePreprocessing:
    """State the preprocessing of weights of torchvision.

    Images reach it as PIL images, which torchvision always resizes with antialiasing, whatever its
    option `antialias` says of tensors.
    """
    from torchvision.transforms._presets import ImageClassification

    from neuroalign.models.families.building import refuse_preprocessing
    from neuroalign.models.preprocessing import ImagePreprocessing

    own = weights.transforms()
    if not isinstance(own, ImageClassification):
        raise refuse_preprocessing(full, f"is {type(own).__name__}")
    return ImagePreprocessing(
        resize=own.resize_size[0],
        crop=own.crop_size[0],
        interpolation=own.interpolation.value,
        mean=own.mean,
        std=own.std,
    )
