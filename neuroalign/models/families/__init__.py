"""Families of networks that are loaded by name, as in ``load_model("timm:resnet50")``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """What is known of a family before any of its packages is loaded.

    Parameters
    ----------
    example : str
        A name of it.
    reads : str
        What its networks read.
    packages : str
        What has to be installed, as pip names it.
    weights : str
        Where trained weights come from.
    untrained : str
        What the untrained twin is built from.
    """

    example: str
    reads: str
    packages: str
    weights: str
    untrained: str


VISION = "neuroalign[vision]"
TEXT = "neuroalign[text]"
FAMILIES = {
    "hf": Family(
        example="hf:openai-community/gpt2",
        reads="image, text, audio; one part of networks that read images and texts",
        packages=TEXT,
        weights="Hugging Face hub, or a folder",
        untrained="config.json, of the hub or a folder",
    ),
    "open_clip": Family(
        example="open_clip:ViT-B-32/laion2b_s34b_b79k",
        reads="image or text, by part=",
        packages=VISION,
        weights="Hugging Face hub, or a file",
        untrained="the package",
    ),
    "static": Family(
        example="static:/path/vectors.txt",
        reads="text, each word alike wherever it stands",
        packages="none; for .safetensors " + TEXT,
        weights="a file, or the package wordllama",
        untrained="the vocabulary of the file",
    ),
    "timm": Family(
        example="timm:resnet50.a1_in1k",
        reads="image",
        packages=VISION,
        weights="Hugging Face hub, a folder, or a file",
        untrained="the package",
    ),
    "torchvision": Family(
        example="torchvision:resnet50/IMAGENET1K_V2",
        reads="image",
        packages=VISION,
        weights="download.pytorch.org, or a file",
        untrained="the package",
    ),
}
