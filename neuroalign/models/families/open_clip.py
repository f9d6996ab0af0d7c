"""Image and text networks of open_clip, with the preprocessing of their weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DataError, reason, unknown_name

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from neuroalign.models.preprocessing import ImagePreprocessing
    from neuroalign.models.text import TextModel
    from neuroalign.models.torch_model import TorchModel

INSTEAD = "checkpoint='file', or untrained=True"
PARTS = ("image", "text")
SHOWN = ("mean", "std", "interpolation", "resize_mode")


def load(
    name: str,
    *,
    part: str = "image",
    untrained: bool = False,
    seed: int = 0,
    checkpoint: str | None = None,
    revision: str | None = None,
    preprocess: Callable[[Image.Image], Tensor] | None = None,
    context: str | None = None,
    window: int | None = None,
    layers: Sequence[str] | str | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    precision: str | None = None,
) -> TorchModel | TextModel:
    """Load one part of a network of open_clip.

    Parameters
    ----------
    name : str
        Architecture and weights, as in "ViT-B-32/laion2b_s34b_b79k".
    part : {"image", "text"}
    untrained : bool
        The same architecture with its random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    checkpoint : str, optional
        File of weights to load in place of those of the hub.
    revision : str, optional
        Branch, tag or commit of the repository of the weights.
    preprocess : callable, optional
        In place of the network's own.
    context, window
        Of texts; see `TextModel`.
    layers, device, batch_size, precision
        See `TorchModel`.

    Returns
    -------
    TorchModel or TextModel
        Layers of images: the blocks, and ``visual``, the space shared with texts.
    """
    from neuroalign.models.families.building import made_from, model_name, seeded

    if part not in PARTS:
        raise unknown_name(part, PARTS, kind="part of a network of open_clip")
    full = f"open_clip:{name}"
    architecture, config = _known(name, full, weights=not (untrained or checkpoint))
    file, commit = (checkpoint, None)
    if not (untrained or checkpoint):
        file, commit = _file(config, full, revision)
    with seeded(seed):
        network = _network(architecture, full, None if untrained else file, config)
    origin = made_from(full, untrained=untrained, seed=seed, checkpoint=file, revision=commit)
    told = {
        "name": model_name(full, untrained=untrained), "layers": layers, "device": device,
        "origin": origin, "batch_size": batch_size, "precision": precision,
    }  # fmt: skip
    if part == "text":
        from neuroalign.models.families.open_clip_text import text_part

        return text_part(network, architecture, full, **told, context=context, window=window)
    return _image_part(network, preprocess or preprocessing(network, full), told)


def _known(name: str, full: str, *, weights: bool) -> tuple[str, dict[str, Any]]:
    """Return the architecture, and what open_clip knows of the weights that are named."""
    from neuroalign.models.families.building import package

    open_clip = package("open_clip", family="open_clip", extra="vision")
    architecture, _, tag = name.rpartition("/")
    known = open_clip.list_models()
    if name in known or not architecture:
        architecture, tag = name, ""
    if architecture not in known:
        raise unknown_name(architecture, known, kind="architecture of open_clip")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if not tag:
        if weights:
            shown = f"one of its weights, as in {full}/{tags[0]!s}" if tags else "checkpoint='file'"
            message = f"Model {full!r} names no weights; give {shown}, or untrained=True."
            raise DataError(message)
        return architecture, {}
    if tag not in tags:
        raise unknown_name(tag, tags, kind=f"weights of {architecture!r}")
    config = open_clip.get_pretrained_cfg(architecture, tag)
    quick = bool(open_clip.get_model_config(architecture).get("quick_gelu", False))
    if quick != bool(config.get("quick_gelu", False)):
        other = architecture.removesuffix("-quickgelu") if quick else f"{architecture}-quickgelu"
        message = (
            f"The weights {tag!r} were trained with another activation function than that of "
            f"{architecture!r}; use 'open_clip:{other}/{tag}'."
        )
        raise DataError(message)
    return architecture, config


def _file(config: dict[str, Any], full: str, revision: str | None) -> tuple[str, str | None]:
    """Fetch the weights; return the file and its commit."""
    from open_clip.pretrained import download_pretrained

    from neuroalign.models.families.hub import commit_of, hub_file, in_words

    if not config.get("hf_hub"):
        with in_words(full, config["url"], revision, INSTEAD):
            return download_pretrained(config), None
    repository, _, file = config["hf_hub"].rpartition("/")
    files = [file] if file else []
    usual = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    found = hub_file(repository, files or usual, name=full, revision=revision, instead=INSTEAD)
    return str(found), commit_of(found)


def _network(architecture: str, full: str, checkpoint: str | None, config: dict[str, Any]) -> Any:
    """Let open_clip build the network; it loads a checkpoint only as a whole."""
    import open_clip

    from neuroalign.models.families.damaged import refuse_damaged

    if checkpoint and not Path(checkpoint).expanduser().is_file():
        message = f"The checkpoint {checkpoint!r} of model {full!r} does not exist."
        raise DataError(message)
    shown = {key: config[key] for key in SHOWN if config.get(key) is not None}
    try:
        return open_clip.create_model(
            architecture,
            pretrained=str(Path(checkpoint).expanduser()) if checkpoint else None,
            pretrained_text=False,
            force_preprocess_cfg=shown,
        )
    except Exception as error:  # safetensors and pickle raise kinds of their own
        refuse_damaged([Path(checkpoint).expanduser()] if checkpoint else [], full)
        if not isinstance(error, (RuntimeError, KeyError, OSError, ValueError)):
            raise
        message = (
            f"Model {full!r} cannot be made of {checkpoint or 'its configuration'!r}: "
            f"{reason(error)}."
        )
        raise DataError(message) from error


def preprocessing(network: Any, full: str) -> ImagePreprocessing:
    """State the preprocessing of a network of open_clip."""
    from open_clip.transform import PreprocessCfg

    from neuroalign.models.families.building import refuse_preprocessing
    from neuroalign.models.preprocessing import ImagePreprocessing

    config = PreprocessCfg(**network.visual.preprocess_cfg)
    size = config.size if isinstance(config.size, (tuple, list)) else (config.size, config.size)
    if config.resize_mode not in ("shortest", "squash"):
        raise refuse_preprocessing(full, f"resizes the {config.resize_mode!r} side")
    squashed = config.resize_mode == "squash"
    if not squashed and size[0] != size[1]:
        raise refuse_preprocessing(full, f"resizes to the oblong {tuple(size)}")
    return ImagePreprocessing(
        resize=tuple(size) if squashed else size[0],
        crop=None if squashed else tuple(size),
        # open_clip reads "random" as bicubic where it does not train.
        interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
        mean=config.mean,
        std=config.std,
    )


def _image_part(
    network: Any, preprocess: Callable[[Image.Image], Tensor], told: dict[str, Any]
) -> TorchModel:
    import torch

    from neuroalign.models.families.building import wrapped
    from neuroalign.models.layers import block_outputs
    from neuroalign.models.torch_model import TorchModel

    tower = torch.nn.Sequential()  # so that the output of the tower itself is a layer
    tower.add_module("visual", network.visual)
    blocks = [f"visual.{layer}" for layer in block_outputs(network.visual)]
    told = {**told, "layers": told["layers"] or [*blocks, "visual"]}
    return wrapped(TorchModel, tower, preprocess=preprocess, **told)
