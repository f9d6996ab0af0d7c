"""Which submodules of a network are its layers."""

from __future__ import annotations

import torch


def block_outputs(module: torch.nn.Module) -> list[str]:
    """Name the blocks of a network in order, or its leaves where it has no blocks.

    A block is a composite member of a container (Sequential or ModuleList) that is not itself a
    mere container: ``layer2.1`` of a ResNet, ``blocks.3`` of a vision transformer. Blocks within
    blocks are not counted.
    """
    blocks: list[str] = []
    for path, child in module.named_modules():
        parent = module.get_submodule(path.rpartition(".")[0]) if path else None
        inside = any(path.startswith(f"{block}.") for block in blocks)
        if _is_container(parent) and not _is_container(child) and _is_composite(child):
            blocks += [] if inside else [path]
    leaves = [path for path, child in module.named_modules() if path and not _is_composite(child)]
    return blocks or leaves


def _is_container(module: torch.nn.Module | None) -> bool:
    return isinstance(module, (torch.nn.Sequential, torch.nn.ModuleList))


def _is_composite(module: torch.nn.Module) -> bool:
    return next(module.children(), None) is not None
