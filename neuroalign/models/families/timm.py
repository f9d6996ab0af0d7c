"""Image networks of timm, with the preprocessing of their data configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroalign.errors import DataError, name_some, reason, unknown_name

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor, nn

    from neuroalign.models.preprocessing import ImagePreprocessing
    from neuroalign.models.torch_model import TorchModel

INSTEAD = "a folder of its own as 'timm:/path/to/folder', checkpoint='file', or untrained=True"


def load(
    name: str,
    *,
    untrained: bool = False,
    seed: int = 0,
    checkpoint: str | None = None,
    revision: str | None = None,
    preprocess: Callable[[Image.Image], Tensor] | None = None,
    layers: Sequence[str] | str | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    precision: str | None = None,
) -> TorchModel:
    """Load a network of timm.

    Parameters
    ----------
    name : str
        As timm calls it, "resnet50" or "resnet50.a1_in1k"; or a folder that timm has written.
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
    layers, device, batch_size, precision
        See `TorchModel`.

    Returns
    -------
    TorchModel
    """
    from neuroalign.models.families.building import made_from, model_name, seeded, wrapped
    from neuroalign.models.torch_model import TorchModel

    full = f"timm:{name}"
    asked, weights, overlay = _weights(name, full, checkpoint, revision, untrained=untrained)
    with seeded(seed):
        network = _network(asked, full, pretrained=not untrained, overlay=overlay)
    return wrapped(
        TorchModel,
        network,
        name=model_name(full, untrained=untrained),
        preprocess=preprocess or preprocessing(network, full),
        layers=layers,
        device=device,
        origin=made_from(
            full, untrained=untrained, seed=seed, checkpoint=weights[0], revision=weights[1]
        ),
        batch_size=batch_size,
        precision=precision,
    )


def _weights(
    name: str, full: str, checkpoint: str | None, revision: str | None, *, untrained: bool
) -> tuple[str, tuple[str | None, str | None], dict[str, Any]]:
    """Return timm's name, (checkpoint, revision) for the provenance, and what timm is told."""
    from neuroalign.models.families.building import package
    from neuroalign.models.families.hub import commit_of, hub_file

    timm = package("timm", family="timm", extra="vision")
    folder = Path(name).expanduser()
    if folder.is_dir():
        _no_revision(full, revision)
        return f"local-dir:{folder}", (str(folder), None), _own_file(full, checkpoint)
    if name.partition(".")[0] not in (known := timm.list_models()):
        raise unknown_name(name, known, kind="network of timm")
    if name not in (tagged := timm.list_pretrained(f"{name.partition('.')[0]}.*")) and "." in name:
        raise unknown_name(name, tagged, kind="network of timm")
    if checkpoint or untrained:
        _no_revision(full, revision)
        return name, (checkpoint, None), _own_file(full, checkpoint)
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        message = (
            f"timm has no trained weights of {name!r}; give checkpoint='file', or untrained=True."
        )
        raise DataError(message)
    if not config.hf_hub_id or config.custom_load:
        _no_revision(full, revision)
        return name, (config.url or config.hf_hub_id, None), {}
    files = [config.hf_hub_filename] if config.hf_hub_filename else []
    files = files or ["model.safetensors", "pytorch_model.bin"]
    file = hub_file(config.hf_hub_id, files, name=full, revision=revision, instead=INSTEAD)
    return name, (config.hf_hub_id, commit_of(file)), {"file": str(file)}


def _own_file(full: str, checkpoint: str | None) -> dict[str, Any]:
    if checkpoint is None:
        return {}
    if not Path(checkpoint).expanduser().is_file():
        message = f"The checkpoint {str(checkpoint)!r} of model {full!r} does not exist."
        raise DataError(message)
    file = str(Path(checkpoint).expanduser())
    return {"file": file, "source": "file", "custom_load": False}


def _no_revision(full: str, revision: str | None) -> None:
    if revision is not None:
        message = (
            f"revision={revision!r} needs weights from the hub, which model {full!r} does not take "
            "there; leave it out."
        )
        raise DataError(message)


def _files(name: str, overlay: dict[str, Any]) -> list[Path]:
    """List the files that timm reads a network from, where they are known."""
    if "file" in overlay:
        return [Path(overlay["file"])]
    kind, _, folder = name.partition(":")
    return sorted(Path(folder).iterdir()) if kind == "local-dir" else []


def _network(name: str, full: str, *, pretrained: bool, overlay: dict[str, Any]) -> nn.Module:
    """Let timm build the network; it loads a checkpoint only as a whole."""
    import timm

    from neuroalign.models.families.damaged import refuse_damaged
    from neuroalign.models.families.hub import in_words

    with in_words(full, name, None, INSTEAD):
        try:
            return timm.create_model(name, pretrained=pretrained, pretrained_cfg_overlay=overlay)
        except Exception as error:  # safetensors and pickle raise kinds of their own
            refuse_damaged(_files(name, overlay), full)
            if not isinstance(error, (RuntimeError, KeyError)):
                raise
            message = (
                f"The weights of model {full!r} do not fit its network: {reason(error)}; give "
                "those of this network, or untrained=True."
            )
            raise DataError(message) from error


def preprocessing(network: nn.Module, full: str) -> ImagePreprocessing:
    """State the preprocessing of a network of timm, of its data configuration.

    timm resizes the shorter side to the size of the input divided by the share that is cropped,
    rounded down; or both sides, where its mode is "squash".
    """
    from timm.data import resolve_model_data_config

    from neuroalign.models.families.building import refuse_preprocessing
    from neuroalign.models.preprocessing import INTERPOLATIONS, ImagePreprocessing

    config = resolve_model_data_config(network)
    channels, *size = config["input_size"]
    if channels != 3:
        raise refuse_preprocessing(full, f"makes images of {channels} channels")
    scaled = [math.floor(side / config["crop_pct"]) for side in size]
    if config["crop_mode"] not in ("center", "squash"):
        raise refuse_preprocessing(full, f"crops in the mode {config['crop_mode']!r}")
    if min(scaled) < min(size):
        raise refuse_preprocessing(full, f"pads images of {min(scaled)} pixels to {min(size)}")
    squashed = config["crop_mode"] == "squash"
    if not squashed and len(set(size)) > 1:
        raise refuse_preprocessing(full, f"resizes to the oblong {name_some(size)}")
    if config["interpolation"] not in INTERPOLATIONS:
        raise refuse_preprocessing(full, f"interpolates by {config['interpolation']!r}")
    return ImagePreprocessing(
        resize=(scaled[0], scaled[1]) if squashed else scaled[0],
        crop=(size[0], size[1]),
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
    )
