"""Keep the activations of a model on disk, and compute only what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from neuroalign.errors import DataError
from neuroalign.models.cache_folder import CacheFolder, open_cache
from neuroalign.models.cache_request import Request
from neuroalign.models.protocol import Model, as_model


def cached(
    model: Model, *, folder: str | Path | None = None, limit: int | str | None = None
) -> CachedModel:
    """Make a model keep its activations on disk, and read them where nothing has changed.

    An entry is one layer's activations to one list of stimuli. Its key is a hash of all that they
    depend on: the network with weights, buffers, attributes and code, the preprocessing, the exact
    stimuli in their order, options such as precision, the kind of device and the versions of
    packages. The name of the model, the labels of stimuli and the size of batches do not count.

    Parameters
    ----------
    model : Model
        With the method ``ingredients(stimuli)``, as `TorchModel` and `TextModel` have it.
    folder : str or Path, optional
        By default that of the environment variable ``NEUROALIGN_CACHE``, else one within the
        user's folder of caches.
    limit : int or str, optional
        Bytes that the folder may hold, as in "200 GB"; what was used longest ago makes room. By
        default ``NEUROALIGN_CACHE_LIMIT``, else 50 GB.

    Returns
    -------
    CachedModel

    Raises
    ------
    DataError
        If the model does not tell its ingredients.

    Examples
    --------
    >>> import neuroalign as na, tempfile, torch
    >>> from neuroalign.models.cache import cached
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
    >>> model = cached(na.TorchModel(network), folder=tempfile.mkdtemp())
    >>> model.layers
    ['0', '1']
    """
    model = as_model(model)
    if not callable(getattr(model, "ingredients", None)):
        message = (
            f"Model {model.name!r} has no method ingredients(stimuli), so that what its "
            "activations depend on is not known; use it without a cache."
        )
        raise DataError(message)
    return CachedModel(model, open_cache(folder, limit))


class CachedModel:
    """A model whose activations are kept on disk; see `cached`. All else is that of the model.

    Attributes
    ----------
    read, computed : set of str
        Layers that were read from disk so far, and those that were computed.
    """

    def __init__(self, model: Model, cache: CacheFolder) -> None:
        self._model, self._cache = model, cache
        self.read: set[str] = set()
        self.computed: set[str] = set()
        self.name, self.reads, self.layers = model.name, model.reads, list(model.layers)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._model, name)

    def activations(
        self, stimuli: pd.DataFrame, layers: Any = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer, from disk where it is there; one pass computes all that are not.

        Parameters
        ----------
        stimuli : DataFrame
        layers : str, type, or sequence of them, optional
            As the model takes them.

        Yields
        ------
        layer : str
        activations : DataArray
        """
        request = Request(self._model, self._cache, stimuli)
        self.layers = list(self._model.layers)  # some networks are built by their first pass
        names = request.known_names(layers)
        for layer, values in request.select(layers) if names is None else request.serve(names):
            (self.computed if layer in request.computed else self.read).add(layer)
            yield layer, values
