"""Networks of transformers: of the Hugging Face hub, or of a folder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neuroalign.errors import DataError, unknown_name

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from neuroalign.models.audio import AudioModel
    from neuroalign.models.text import TextModel
    from neuroalign.models.torch_model import TorchModel

TOLD_OF = {"text": "texts", "audio": "sounds"}


def load(
    name: str,
    *,
    part: str | None = None,
    untrained: bool = False,
    seed: int = 0,
    revision: str | None = None,
    preprocess: Callable[[Image.Image], Tensor] | None = None,
    layers: Sequence[str] | str | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    precision: str | None = None,
    **options: object,
) -> TorchModel | TextModel | AudioModel:
    """Load a network of transformers that reads images, texts or sounds.

    The class is the one that the configuration names, so that every weight has its place. Of a
    network for translation or transcription the encoder is taken; of one that reads both images
    and texts, one part.

    Parameters
    ----------
    name : str
        A repository of the hub, as in "openai-community/gpt2"; or a folder, as
        ``save_pretrained`` writes it, whose path begins with "/", "." or "~".
    part : {"image", "text"}, optional
        Of a network that reads both.
    untrained : bool
        The same architecture with its random start: the twin that a trained network must beat.
    seed : int
        Of the random start.
    revision : str, optional
        Branch, tag or commit of the repository.
    preprocess : callable, optional
        In place of the image network's own.
    layers, device, batch_size, precision
        See `TorchModel`, `TextModel` and `AudioModel`.
    **options
        Of texts and sounds, such as `context` and `window`: see `TextModel` and `AudioModel`.

    Returns
    -------
    TorchModel, TextModel or AudioModel
    """
    from neuroalign.models.families.building import made_from, model_name, package
    from neuroalign.models.families.hf_networks import build_network, read_config
    from neuroalign.models.families.hub import commit_of

    package("transformers", family="hf", extra="text")
    full = f"hf:{name}"
    folder = _folder(name, full, revision, weights=not untrained)
    config, network_class = read_config(folder, full)
    kind = _kind(network_class, part, full)
    network = build_network(folder, config, network_class, full, untrained=untrained, seed=seed)
    told = {
        "name": model_name(full, untrained=untrained), "layers": layers, "device": device,
        "batch_size": batch_size, "precision": precision,
        "origin": made_from(
            full, untrained=untrained, seed=seed, checkpoint=name, revision=commit_of(folder)
        ),
    }  # fmt: skip
    if kind != "image" and preprocess is not None:
        message = (
            f"Model {full!r} reads {TOLD_OF[kind]} as its own configuration says; leave out "
            "preprocess."
        )
        raise DataError(message)
    if kind == "text":
        from neuroalign.models.families.hf_text import language_model

        return language_model(network, folder, full, part=part, told=told, options=options)
    if kind == "audio":
        from neuroalign.models.families.hf_audio import audio_model

        return audio_model(network, folder, full, told=told, options=options)
    from neuroalign.models.families.hf_vision import vision_model

    if options:
        message = f"Model {full!r} reads images; leave out {', '.join(sorted(options))}."
        raise DataError(message)
    return vision_model(network, folder, full, part=part, preprocess=preprocess, told=told)


def check_options(
    options: Collection[str], own: Collection[str], full: str, *, without: Collection[str] = ()
) -> None:
    """Refuse options that neither the family nor the model of a network has.

    Parameters
    ----------
    options : collection of str
        Those given beside the family's own.
    own : collection of str
        Those of the model.
    full : str
        Name of the model, for messages.
    without : collection of str
        Those of the family that say nothing of such a network.
    """
    shared = inspect.signature(load).parameters.values()
    known = {one.name for one in shared if one.kind is one.KEYWORD_ONLY}
    known = {*known, *own} - {"preprocess", *without}
    for option in options:
        if option not in own:
            raise unknown_name(option, known, kind=f"option of model {full!r}")


def _folder(name: str, full: str, revision: str | None, *, weights: bool) -> Path:
    """Find the folder of the network, here or in the hub."""
    from neuroalign.models.families.hub import hub_folder

    folder = Path(name).expanduser()
    if not folder.is_dir() and not name.startswith(("/", ".", "~")):
        return hub_folder(name, name=full, revision=revision, weights=weights)
    if not folder.is_dir():
        message = f"Folder {name!r}, named by model {full!r}, does not exist."
        raise DataError(message)
    if revision is not None:
        message = f"A folder has no revisions; leave revision={revision!r} out of model {full!r}."
        raise DataError(message)
    return folder


def _kind(network_class: type, part: str | None, full: str) -> str:
    """Tell what the network, or the part asked for, reads."""
    usual = {"input_ids": "text", "pixel_values": "image"}
    read = getattr(network_class, "main_input_name", "input_ids")
    stated = getattr(network_class, "input_modalities", None) or usual.get(read, "audio")
    kinds = [stated] if isinstance(stated, str) else list(stated)
    known = [kind for kind in kinds if kind in ("image", "text")]
    if "audio" in kinds and not {"image", "video"} & set(kinds) and part is None:
        return "audio"  # of one for transcription the encoder
    if "audio" in kinds or "video" in kinds or not known:
        message = (
            f"Model {full!r} reads {' and '.join(kinds)}; of this family those that read images, "
            "texts or sounds can be loaded, and parts of those that read images and texts, so wrap "
            "it in TorchModel."
        )
        raise DataError(message)
    if len(known) == 1 and part in (None, known[0]):
        return known[0]
    if part is None or part not in known:
        given = "names none" if part is None else f"has no part {part!r}"
        choices = " or ".join(f"part={kind!r}" for kind in known)
        message = f"Model {full!r} reads {' and '.join(known)}, and {given}; give {choices}."
        raise DataError(message)
    return part
