"""Small networks, stimuli for them, and what tests of modules ask of both."""

# ruff: noqa: D102

import numpy as np
import pandas as pd
import torch
from torch import nn


def make_stimuli(n=10, pixels=8, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (n, pixels, pixels, 3)).astype(np.uint8)
    labels = pd.Index([f"s{number:02}" for number in range(n)], name="stimulus")
    return pd.DataFrame({"image": list(images)}, index=labels)


class Block(nn.Module):
    """A convolution and a nonlinearity, with a connection around them."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, x):
        return x + self.act(self.conv(x))


class ResidualNet(nn.Module):
    """Stages of blocks, as in a ResNet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.layer1 = nn.Sequential(Block(4), Block(4))
        self.layer2 = nn.Sequential(Block(4))
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        return self.head(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))


class TokenNet(nn.Module):
    """Patches, transformer blocks in a ModuleList, and a norm, as in a vision transformer."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.5) for _ in range(3)
        )
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class Nested(nn.Module):
    """A block that holds blocks of its own."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(Block(3), Block(3))

    def forward(self, x):
        return self.inner(x)


class Returns(nn.Module):
    """Pass everything to a layer "odd" that returns what `make` makes of it."""

    def __init__(self, make):
        super().__init__()
        self.odd = nn.Identity()
        self.odd.forward = make

    def forward(self, x):
        self.odd(x)
        return x


def seeded(make, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make()


def count_hooks(module):
    return sum(len(child._forward_hooks) for child in module.modules())


def values_of(model, stimuli, **options):
    return {layer: part.values for layer, part in model.activations(stimuli, **options)}
