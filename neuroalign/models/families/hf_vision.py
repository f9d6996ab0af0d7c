"""Image networks of transformers as models, with the preprocessing of their configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from neuroalign.errors import DataError, reason
from neuroalign.models.families.building import refuse_preprocessing, wrapped
from neuroalign.models.layers import block_outputs
from neuroalign.models.preprocessing import ImagePreprocessing
from neuroalign.models.torch_model import TorchModel

if TYPE_CHECKING:
    from PIL import Image
    from transformers import PreTrainedModel

FILE = "preprocessor_config.json"
# Image processors that resize, crop, scale and normalize, in this order, and do nothing else.
PLAIN = (
    "BeitImageProcessor", "BitImageProcessor", "BlipImageProcessor", "CLIPImageProcessor",
    "ChineseCLIPImageProcessor", "ConvNextImageProcessor", "DeiTImageProcessor",
    "MobileNetV1ImageProcessor", "MobileNetV2ImageProcessor", "PvtImageProcessor",
    "SegformerImageProcessor", "SiglipImageProcessor", "ViTImageProcessor",
)  # fmt: skip
FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # as Pillow counts
WARPED = 384  # the size from which a processor of ConvNext does not crop


def vision_model(
    network: PreTrainedModel,
    folder: Path,
    full: str,
    *,
    part: str | None,
    preprocess: Callable[[Image.Image], torch.Tensor] | None,
    told: dict[str, Any],
) -> TorchModel:
    """Make a model of the part of a network that reads images."""
    tower: torch.nn.Module = network
    if getattr(network, "main_input_name", "") != "pixel_values":
        if not hasattr(network, "vision_model"):
            message = (
                f"Model {full!r} has no vision_model for part={part!r}; wrap the part of its "
                "network that reads images in TorchModel."
            )
            raise DataError(message)
        tower = ImagePart(network)
        spaces = ["visual_projection"] if hasattr(tower, "visual_projection") else []
        told = {**told, "layers": told["layers"] or [*block_outputs(tower), *spaces]}
    preprocess = preprocess or read_preprocessing(folder, full)
    return wrapped(TorchModel, tower, preprocess=preprocess, **told)


class ImagePart(torch.nn.Module):
    """The part of a network that reads images, up to the space it shares with texts.

    Parameters
    ----------
    network : transformers.PreTrainedModel
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.vision_model: torch.nn.Module = network.vision_model
        if hasattr(network, "visual_projection"):
            self.visual_projection: torch.nn.Module = network.visual_projection

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the embedding of each image."""
        pooled = self.vision_model(pixels).pooler_output
        return self.visual_projection(pooled) if hasattr(self, "visual_projection") else pooled


def read_preprocessing(folder: Path, full: str) -> ImagePreprocessing:
    """State the preprocessing of an image network of transformers.

    It is what the processors with Pillow do. Those with torchvision, which transformers prefers
    where there is one, resize tensors, and differ from it by a gray value here and there.

    Parameters
    ----------
    folder : Path
        With the file preprocessor_config.json.
    full : str
        Name of the model, for messages.

    Raises
    ------
    DataError
        If there is no such file, or it asks for what cannot be stated.
    """
    path = folder / FILE
    if not path.is_file():
        message = (
            f"Model {full!r} has no {FILE} in {str(folder)!r}; add it, or give preprocess=function."
        )
        raise DataError(message)
    try:
        stated = json.loads(path.read_text())
        kind = _processor_name(stated)
        if kind not in PLAIN:
            raise refuse_preprocessing(full, f"is of the kind {kind or 'unknown'}")
        return _preprocessing(_processor(kind, stated), kind, full)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        message = f"The file {FILE} of model {full!r} cannot be read: {reason(error)}."
        raise DataError(message) from error


def _processor_name(stated: dict[str, Any]) -> str:
    """Return the name of the processor, which was called FeatureExtractor once."""
    named = stated.get("image_processor_type") or stated.get("feature_extractor_type") or ""
    return str(named).replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")


def _processor(kind: str, stated: dict[str, Any]) -> Any:
    """Let transformers fill in what the file leaves out."""
    import transformers

    plain = getattr(transformers, f"{kind}Pil", None) or getattr(transformers, kind)
    return plain(**{key: value for key, value in stated.items() if not key.endswith("_type")})


def _preprocessing(processor: Any, kind: str, full: str) -> ImagePreprocessing:
    flags = {
        flag: bool(getattr(processor, f"do_{flag}", False))
        for flag in ("resize", "center_crop", "rescale", "normalize", "pad", "flip_channel_order")
    }
    if flags["pad"] or flags["flip_channel_order"]:
        raise refuse_preprocessing(full, "pads images or flips their channels")
    resize = _sizes(processor.size, full) if flags["resize"] else None
    crop = _sizes(processor.crop_size, full) if flags["center_crop"] else None
    if kind == "ConvNextImageProcessor" and flags["resize"]:
        if not isinstance(resize, int) or crop is not None:
            raise refuse_preprocessing(full, f"resizes to {processor.size}")
        crop = None if resize >= WARPED else (resize, resize)
        resize = (resize, resize) if resize >= WARPED else int(resize / processor.crop_pct)
    if isinstance(crop, int):
        raise refuse_preprocessing(full, f"crops to {processor.crop_size}")
    return ImagePreprocessing(
        resize=resize,
        crop=crop,
        interpolation=FILTERS[int(processor.resample)] if flags["resize"] else "bilinear",
        scale=processor.rescale_factor if flags["rescale"] else 1.0,
        mean=processor.image_mean if flags["normalize"] else (0.0, 0.0, 0.0),
        std=processor.image_std if flags["normalize"] else (1.0, 1.0, 1.0),
        middle="down",
    )


def _sizes(size: Any, full: str) -> int | tuple[int, int]:
    """Return the length of the shorter side, or (row, column)."""
    stated = {key: value for key, value in dict(size).items() if value is not None}
    if set(stated) == {"shortest_edge"}:
        return int(stated["shortest_edge"])
    if set(stated) == {"height", "width"}:
        return int(stated["height"]), int(stated["width"])
    raise refuse_preprocessing(full, f"resizes by the rule {sorted(stated)}")
