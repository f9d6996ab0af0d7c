"""Serve layers from a cache, and run the model once for all that are not there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.errors import DataError, UnknownNameError, reason
from neuroalign.models.cache_entry import (
    DamagedError,
    NotKeptError,
    check_files,
    entry_bytes,
    entry_key,
    read_entry,
    read_manifest,
    write_entry,
    write_selection,
)
from neuroalign.models.cache_folder import CacheFolder, show_bytes
from neuroalign.models.identity import content_hash
from neuroalign.progress import announce

Layers = Generator[tuple[str, xr.DataArray], None, None]


class Request:
    """What is asked of a model at one time: some layers, to some stimuli."""

    def __init__(self, model: Any, cache: CacheFolder, stimuli: pd.DataFrame) -> None:
        self._model, self._cache, self._stimuli = model, cache, stimuli
        self._ingredients = self._ask()
        self._labels = np.asarray([str(label) for label in stimuli.index], dtype=str)
        self.computed: set[str] = set()
        self._spared: set[str] = set()
        self._free = 0  # bytes, as far as was looked
        self._keeps, self._begun = True, False

    def _ask(self) -> dict[str, str]:
        """Ask the model for what its activations depend on; its own code is part of that."""
        told = self._model.ingredients(self._stimuli)
        words = [*told.keys(), *told.values()] if isinstance(told, Mapping) else []
        if not words or not all(isinstance(word, str) for word in words):
            message = (
                f"The ingredients of model {self._model.name!r} are no mapping of strings to "
                "strings; make each a hash or a word."
            )
            raise DataError(message)
        torch = sys.modules.get("torch")
        return {
            **told,
            "code of the model": content_hash(type(self._model)),
            # Of tensors that networks and preprocessing make: of a process, float32 by itself.
            "numbers": str(torch.get_default_dtype()) if torch else "torch.float32",
        }

    def known_names(self, layers: Any) -> list[str] | None:
        """Return the layers that a selection means; None where only a pass can tell."""
        items = _items(layers)
        named = self._model.layers if items is None else items
        if (exact := self._exact(list(dict.fromkeys(named)))) is not None:
            return exact
        key = self._selection_key(items)
        try:
            with self._cache.reading(key) as folder:
                return list(read_manifest(folder)["layers"])
        except OSError:
            return None
        except (DamagedError, KeyError):
            self._cache.remove(key)
            return None

    def _exact(self, items: list[Any]) -> list[str] | None:
        """Return names that mean themselves; None where there are others."""
        select = getattr(self._model, "select", None)
        if not callable(select):
            return items if items and set(items) <= set(self._model.layers) else None
        try:
            return items if list(select(items)) == items else None
        except UnknownNameError:  # the first pass may build it
            return None

    def select(self, layers: Any) -> Layers:
        """Run the pass that tells which layers a selection means, and note them."""
        found = []
        with closing(self._compute(layers)) as fresh:
            for layer, values in fresh:
                found.append(layer)
                yield layer, values
        key = self._selection_key(_items(layers))
        about = {"model": self._model.name, "ingredients": self._ingredients}
        self._store(key, lambda folder: write_selection(folder, found, about), 0)

    def serve(self, names: list[str]) -> Layers:
        """Yield layers in this order, those that are not there from one pass."""
        self._spared = {self._key(layer) for layer in names}
        missing = [layer for layer in names if not self._is_there(layer)]
        with closing(self._compute(missing)) as fresh:
            for layer in names:
                values = None if layer in missing else self._read(layer)
                if values is None:
                    values = self._next(layer, fresh if layer in missing else self._again(layer))
                self._begun = True
                yield layer, values

    def _next(self, layer: str, fresh: Layers) -> xr.DataArray:
        found, values = next(fresh, (None, None))
        if found != layer or values is None:
            message = (
                f"Model {self._model.name!r} was asked for layer {layer!r} and yields {found!r}."
            )
            raise DataError(message)
        return values

    def _again(self, layer: str) -> Layers:
        """Compute a layer that turned out, as it was read, to be damaged or gone."""
        self._begun = True
        return self._compute([layer])

    def _compute(self, layers: Any) -> Layers:
        """Run the model, and keep what it yields, one layer at a time."""
        if self._begun and self._ask() != self._ingredients:
            message = (
                f"Model {self._model.name!r} changed while its activations were read; ask for "
                "them again."
            )
            raise DataError(message)
        for layer, values in self._model.activations(self._stimuli, layers):
            self.computed.add(layer)
            yield layer, self._kept(layer, values)

    def _key(self, layer: str) -> str:
        return entry_key(self._ingredients, layer)

    def _selection_key(self, items: list[Any] | None) -> str:
        words = ["by default", *self._model.layers] if items is None else list(map(str, items))
        return entry_key(self._ingredients, words)

    def _is_there(self, layer: str) -> bool:
        """Tell whether an entry is there; one whose files are not as they were is removed."""
        try:
            with self._cache.reading(self._key(layer)) as folder:
                check_files(folder, read_manifest(folder))
        except OSError:  # not there, or of another user
            return False
        except DamagedError as error:
            self._discard(layer, error)
            return False
        return True

    def _read(self, layer: str) -> xr.DataArray | None:
        """Read a layer; None where it is damaged, or was removed by another process."""
        try:
            with self._cache.reading(self._key(layer)) as folder:
                values = read_entry(folder, read_manifest(folder))
        except OSError:
            return None
        except DamagedError as error:
            self._discard(layer, error)
            return None
        coords: dict[str, Any] = {"stimulus": self._labels}
        if "model" in values.coords:
            coords["model"] = self._model.name
        return values.assign_coords(coords)

    def _discard(self, layer: str, error: DamagedError) -> None:
        if not self._cache.entry(self._key(layer)).is_dir():
            return  # another process removed it as it was read
        self._cache.remove(self._key(layer))
        announce(
            f"The activations kept of layer {layer!r} of {self._model.name!r} were damaged "
            f"({error}); they are computed anew."
        )

    def _kept(self, layer: str, values: xr.DataArray) -> xr.DataArray:
        """Keep a layer, and return it; or, where another process was faster, what that kept."""
        if not self._keeps or self._has_other_rows(layer, values):
            return values
        about = {"model": self._model.name, "layer": layer, "ingredients": self._ingredients}
        key, size = self._key(layer), entry_bytes(values)
        if self._is_there(layer):
            stored = False
        else:
            stored = self._store(key, lambda folder: write_entry(folder, values, about), size)
        other = None if stored or not self._cache.entry(key).is_dir() else self._read(layer)
        return values if other is None else other

    def _has_other_rows(self, layer: str, values: xr.DataArray) -> bool:
        """Tell whether rows are not the stimuli in their order, so that labels could be put on."""
        labelled = values.dims[:1] == ("stimulus",) and "stimulus" in values.coords
        if labelled and np.array_equal(values["stimulus"].values, self._labels):
            return False
        announce(f"Layer {layer!r} of {self._model.name!r} is not kept: its rows are others.")
        return True

    def _store(self, key: str, write: Callable[[Path], None], size: int) -> bool:
        """Store an entry where that can be; say why not, and go on without."""
        where = str(self._cache.path)
        try:
            if self._free < size or not self._free:
                self._cache.sweep()
                self._free = self._cache.make_room(size, self._spared)
            if self._free < size:
                announce(
                    f"Activations of {show_bytes(size)} are not kept in {where!r}, whose limit is "
                    f"{show_bytes(self._cache.limit)}; raise it by NEUROALIGN_CACHE_LIMIT."
                )
                return False
            self._free -= size
            return self._cache.store(key, write)
        except NotKeptError as error:
            announce(f"Activations of {self._model.name!r} are not kept, as they have {error}.")
        except OSError as error:
            self._keeps = False
            announce(f"Activations cannot be kept in {where!r}: {reason(error)}.")
        return False


def _items(layers: Any) -> list[Any] | None:
    return [layers] if isinstance(layers, (str, type)) else None if layers is None else list(layers)
