"""What all families share: random starts under a seed, packages, and the finished model."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TypeVar

import torch

from neuroalign.errors import DataError, MissingPackageError, name_some, reason

Made = TypeVar("Made")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed within; the global random state is afterwards what it was before.

    Parameters
    ----------
    seed : int
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        message = f"seed={seed!r} is not a whole number; give one, as in seed=0."
        raise DataError(message)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed reaches GPUs too
        yield


def package(module: str, *, family: str, extra: str) -> ModuleType:
    """Import a package that a family needs.

    Raises
    ------
    MissingPackageError
        If it is not installed, or its parts do not fit together, as a torchvision that was made
        for another torch.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:
        message = (
            f"Models of the family '{family}:' need the package {module!r}, which cannot be "
            f"imported ({reason(error)}); run pip install 'neuroalign[{extra}]'."
        )
        raise MissingPackageError(message) from error


def refuse_keys(name: str, missing: Iterable[str], unexpected: Iterable[str]) -> None:
    """Refuse a checkpoint that does not hold exactly the weights of its network.

    Parameters
    ----------
    name : str
        Of the model.
    missing, unexpected : iterable of str
        Weights that the network has and the checkpoint lacks, and the other way around.
    """
    lacking, beyond = sorted(missing), sorted(unexpected)
    if not lacking and not beyond:
        return
    faults = [f"lacks {len(lacking)} of its weights {name_some(lacking)}"] if lacking else []
    faults += [f"has {len(beyond)} that it does not know {name_some(beyond)}"] if beyond else []
    message = (
        f"The checkpoint is not one of the network {name!r}: it {' and '.join(faults)}; give the "
        "checkpoint of this network, or untrained=True for a random one."
    )
    raise DataError(message)


def load_exactly(network: torch.nn.Module, weights: dict[str, torch.Tensor], name: str) -> None:
    """Load weights into a network; each must be there, of its own shape, and none beside."""
    own = network.state_dict()
    refuse_keys(name, own.keys() - weights.keys(), weights.keys() - own.keys())
    wrong = [key for key, values in weights.items() if values.shape != own[key].shape]
    if wrong:
        message = (
            f"{len(wrong)} weights of the checkpoint are of another shape than those of the "
            f"network {name!r} {name_some(wrong)}; give the checkpoint of this network."
        )
        raise DataError(message)
    network.load_state_dict(weights)


def refuse_preprocessing(name: str, what: str) -> DataError:
    """Build the error for a preprocessing that cannot be stated."""
    message = (
        f"The preprocessing of model {name!r} {what}, which ImagePreprocessing cannot state; give "
        "your own, as in preprocess=function, from a PIL image to a tensor."
    )
    return DataError(message)


def wrapped(
    kind: Callable[..., Made], *parts: object, origin: dict[str, str | None], **options: object
) -> Made:
    """Make a model of the parts of a network; options left at None are those of the model.

    Parameters
    ----------
    kind : class of models
    *parts
        A network, and what else the model is made of.
    origin : dict
        From `made_from`.
    **options
        Of the model.
    """
    model = kind(*parts, **{name: one for name, one in options.items() if one is not None})
    vars(model)["origin"] = origin
    return model


def model_name(name: str, *, untrained: bool) -> str:
    """Name a model as it was asked for, or as the twin of that."""
    return f"{name}-untrained" if untrained else name


def made_from(
    name: str,
    *,
    untrained: bool,
    seed: int,
    checkpoint: object = None,
    revision: str | None = None,
) -> dict[str, str | None]:
    """State where a network comes from, for the provenance."""
    return {
        "name": name,
        "checkpoint": f"none: random under seed {seed}" if untrained else str(checkpoint),
        "revision": revision,
    }
