"""TinyViT, a transformer of images with windowed attention, as the encoder of MobileSAM has it.

Wu et al. (2022), arXiv:2207.10666; Zhang et al. (2023), arXiv:2306.14289, who leave out the last
halving of rows and columns.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional

UNITS = (64, 128, 160, 320)
BLOCKS = (2, 2, 6, 2)
HEADS = (2, 4, 5, 10)
WINDOWS = (7, 7, 14, 7)
SHARED = 256  # channels of the output, which the decoder of masks reads


class TinyViT(nn.Module):
    """Map images (input, 3, row, column) to (input, 256, row / 16, column / 16).

    All layers keep the axes (input, channel, row, column).
    """

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = Stem(UNITS[0])
        self.layers = nn.ModuleList([Stage(number) for number in range(len(UNITS))])
        self.neck = nn.Sequential(
            nn.Conv2d(UNITS[-1], SHARED, 1, bias=False),
            ChannelNorm(SHARED, eps=1e-6),
            nn.Conv2d(SHARED, SHARED, 3, padding=1, bias=False),
            ChannelNorm(SHARED, eps=1e-6),
        )
        self.apply(_start)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Encode images."""
        states = self.patch_embed(pixels)
        for stage in self.layers:
            states = stage(states)
        return self.neck(states)


class ConvNorm(nn.Sequential):
    """A convolution and its normalization over the batch."""

    def __init__(self, before: int, after: int, size: int = 1, *, stride: int = 1, groups: int = 1):
        super().__init__()
        conv = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, bias=False)
        self.add_module("c", conv)
        self.add_module("bn", nn.BatchNorm2d(after))


class Stem(nn.Module):
    """Two convolutions that halve rows and columns."""

    def __init__(self, units: int) -> None:
        super().__init__()
        first = ConvNorm(3, units // 2, 3, stride=2)
        self.seq = nn.Sequential(first, nn.GELU(), ConvNorm(units // 2, units, 3, stride=2))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed patches."""
        return self.seq(pixels)


class Stage(nn.Module):
    """Blocks at one resolution, and the step to the next; the first has no attention."""

    def __init__(self, number: int) -> None:
        super().__init__()
        units = UNITS[number]
        make = ConvBlock if number == 0 else AttentionBlock
        options = (units,) if number == 0 else (units, HEADS[number], WINDOWS[number])
        self.blocks = nn.ModuleList([make(*options) for _ in range(BLOCKS[number])])
        if number + 1 < len(UNITS):
            last = number + 2 == len(UNITS)
            self.downsample = Merge(units, UNITS[number + 1], stride=1 if last else 2)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Run the blocks."""
        for block in self.blocks:
            states = block(states)
        return self.downsample(states) if hasattr(self, "downsample") else states


class ConvBlock(nn.Module):
    """An inverted bottleneck with a residual."""

    def __init__(self, units: int, expansion: int = 4) -> None:
        super().__init__()
        wide = units * expansion
        self.conv1 = ConvNorm(units, wide)
        self.conv2 = ConvNorm(wide, wide, 3, groups=wide)
        self.conv3 = ConvNorm(wide, units)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Widen, filter each channel, narrow."""
        wide = functional.gelu(self.conv2(functional.gelu(self.conv1(states))))
        return functional.gelu(self.conv3(wide) + states)


class Merge(nn.Module):
    """From one stage to the next."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(before, after)
        self.conv2 = ConvNorm(after, after, 3, stride=stride, groups=after)
        self.conv3 = ConvNorm(after, after)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Change the number of channels, and halve rows and columns where the stride is 2."""
        return self.conv3(functional.gelu(self.conv2(functional.gelu(self.conv1(states)))))


class AttentionBlock(nn.Module):
    """Attention within windows, a filter of each channel, and a perceptron; with residuals."""

    def __init__(self, units: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = WindowAttention(units, heads, window)
        self.local_conv = ConvNorm(units, units, 3, groups=units)
        self.mlp = Perceptron(units)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Run one block."""
        states = self.local_conv(states + self._attend(states))
        return states + self.mlp(states.movedim(1, -1)).movedim(-1, 1)

    def _attend(self, states: torch.Tensor) -> torch.Tensor:
        """Cut into windows, which zeros fill up at the lower and right border."""
        n_inputs, n_units, n_rows, n_columns = states.shape
        side = self.window
        filled = functional.pad(states, (0, -n_columns % side, 0, -n_rows % side))
        down, across = filled.shape[2] // side, filled.shape[3] // side
        windows = filled.reshape(n_inputs, n_units, down, side, across, side)
        windows = windows.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, n_units)
        seen = self.attn(windows).reshape(n_inputs, down, across, side, side, n_units)
        whole = seen.permute(0, 5, 1, 3, 2, 4).reshape(filled.shape)
        return whole[:, :, :n_rows, :n_columns]


class WindowAttention(nn.Module):
    """Attention between all places of a window, with a bias for each distance."""

    places: torch.Tensor

    def __init__(self, units: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(units)
        self.qkv = nn.Linear(units, 3 * units)
        self.proj = nn.Linear(units, units)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window * window))
        points = list(itertools.product(range(window), repeat=2))
        distances = [
            [abs(one[0] - two[0]) * window + abs(one[1] - two[1]) for two in points]
            for one in points
        ]
        self.register_buffer("places", torch.tensor(distances), persistent=False)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Attend within windows (window, place, unit)."""
        n_windows, n_places, n_units = windows.shape
        mixed = self.qkv(self.norm(windows)).reshape(n_windows, n_places, self.heads, -1)
        queries, keys, values = (part.transpose(1, 2) for part in mixed.chunk(3, dim=-1))
        weights = queries @ keys.transpose(-2, -1) * (n_units // self.heads) ** -0.5
        weights = (weights + self.attention_biases[:, self.places]).softmax(dim=-1)
        return self.proj((weights @ values).transpose(1, 2).reshape(windows.shape))


class Perceptron(nn.Module):
    """A normalization and two linear layers."""

    def __init__(self, units: int, expansion: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(units)
        self.fc1 = nn.Linear(units, units * expansion)
        self.fc2 = nn.Linear(units * expansion, units)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Run the layers over the last axis."""
        return self.fc2(functional.gelu(self.fc1(self.norm(states))))


class ChannelNorm(nn.LayerNorm):
    """A normalization over the channels of (input, channel, row, column)."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Normalize."""
        return super().forward(states.movedim(1, -1)).movedim(-1, 1)


def _start(module: nn.Module) -> None:
    """Start as the authors do."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    if isinstance(module, ConvBlock):
        nn.init.zeros_(module.conv3.get_submodule("bn").get_parameter("weight"))
