"""Networks of transformers that read sounds, with the preprocessing of their configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from neuroalign.errors import DataError, reason
from neuroalign.models.audio import AudioModel, Place
from neuroalign.models.families.building import wrapped
from neuroalign.models.families.hf import check_options
from neuroalign.models.frame_clock import FrameClock, conv_clock

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FILE = "preprocessor_config.json"
# Networks whose first convolutions read samples, and those whose encoder reads a log-mel spectrum.
OF_SAMPLES = ("data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm")
OF_SPECTRA = ("whisper",)
OPTIONS = ("memory_budget", "stride", "window")


def audio_model(
    network: PreTrainedModel,
    folder: Path,
    full: str,
    *,
    told: dict[str, Any],
    options: dict[str, Any],
) -> AudioModel:
    """Make a model of the encoder of a network that reads sounds.

    Layers: "features", which the first block is given, and "block.0" and so on, which the blocks
    return. Wav2vec 2.0 and its kin see a sound as it is; Whisper sees it padded to 30 s, of which
    the frames of the sound itself are kept.

    Parameters
    ----------
    network : transformers.PreTrainedModel
    folder : Path
        With the file preprocessor_config.json.
    full : str
        Name of the model, for messages.
    told : dict
        Of the name, origin and options that all models of the family have.
    options : dict
        Such as `window` and `stride`: see `AudioModel`.
    """
    check_options(options, OPTIONS, full, without=("part",))
    kind = network.config.model_type
    extractor = read_extractor(folder, full)
    if kind in OF_SAMPLES:
        core: Any = getattr(network, network.base_model_prefix, network)
        blocks = list(core.encoder.layers)
        clock = conv_clock(
            extractor.sampling_rate,
            kernels=network.config.conv_kernel,
            strides=network.config.conv_stride,
        )
    elif kind in OF_SPECTRA:
        core = network.get_encoder() if hasattr(network, "get_encoder") else network.encoder
        blocks = list(core.layers)
        hop = extractor.hop_length * core.conv1.stride[0] * core.conv2.stride[0]
        clock = FrameClock(extractor.sampling_rate, hop, longest=extractor.n_samples)
    else:
        known = ", ".join(sorted(OF_SAMPLES + OF_SPECTRA))
        message = (
            f"Model {full!r} is of the type {kind!r}; of networks that read sounds, {known} can be "
            "loaded, so wrap the network in AudioModel, with its places and clock."
        )
        raise DataError(message)
    places = {"features": Place(blocks[0], given=True)}
    places |= {f"block.{number}": Place(block) for number, block in enumerate(blocks)}
    return wrapped(AudioModel, core, places, Extractor(extractor), clock, **told, **options)


class Extractor:
    """Prepare the samples of a sound as the network's own feature extractor does.

    Parameters
    ----------
    extractor : transformers.SequenceFeatureExtractor
    """

    def __init__(self, extractor: Any) -> None:
        self.extractor = extractor

    def __call__(self, samples: np.ndarray) -> torch.Tensor:
        """Return what the network is given of samples (sample,)."""
        made = self.extractor(
            samples, sampling_rate=self.extractor.sampling_rate, return_tensors="pt"
        )
        return made[self.extractor.model_input_names[0]][0]


def read_extractor(folder: Path, full: str) -> Any:
    """Read the feature extractor of a network from its folder."""
    import transformers

    if not (folder / FILE).is_file():
        message = f"Model {full!r} has no {FILE} in {str(folder)!r}; add that of the network."
        raise DataError(message)
    try:
        return transformers.AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        message = f"The file {FILE} of model {full!r} cannot be read: {reason(error)}."
        raise DataError(message) from error
