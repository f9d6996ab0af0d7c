"""Networks that read sounds: activations in frames with times, none of them of padding."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import numpy as np
import pandas as pd
import torch
import xarray as xr

from neuroalign.errors import DataError, NeuroalignError, reason
from neuroalign.models.evaluation import (
    check_amounts,
    is_out_of_memory,
    is_whole,
    known_device,
    known_precision,
    measuring,
)
from neuroalign.models.frame_clock import FrameClock, Piece
from neuroalign.models.frames import label_frames
from neuroalign.models.identity import content_hash, network_hash
from neuroalign.models.inputs import check_stimuli, inputs_hash
from neuroalign.models.packages import versions
from neuroalign.models.places import Place as Place
from neuroalign.models.places import caught, check_places
from neuroalign.models.protocol import chosen_layers
from neuroalign.models.sounds import stimulus_sound
from neuroalign.models.spool import LayerStore, open_store
from neuroalign.progress import progress_bar

Prepare = Callable[[np.ndarray], torch.Tensor]


class AudioModel:
    """Yield the activations of a network to sounds, frame by frame.

    Every sound is run by itself, or with pieces of its own of the same length, so that nothing is
    padded, and no sound depends on others. The network is in evaluation mode for the pass, and
    afterwards as it was.

    Parameters
    ----------
    network : torch.nn.Module
        Called on a batch of what `prepare` returns.
    places : mapping of str to Place
        Where each layer is, first to last; there the network has (sound, frame, unit).
    prepare : callable
        Turns the samples (sample,) of one piece of a sound, float32 of -1..1, into a tensor.
    clock : FrameClock
        The samples that frames stand for.
    name : str
    layers : str or sequence of str, optional
        Layers to score, by name or pattern; all by default.
    window, stride : float, optional
        Seconds. By default a sound is run as a whole, and frames may depend on all of it. With
        ``window=16, stride=0.1``, those of each 0.1 s are made of the 16 s up to their end, so that
        they depend on what was heard by then, give or take the stride. Long sounds need a window.
    batch_size : int
        Pieces of a sound that are run together.
    device : {"cpu", "cuda", "mps"}
    precision : {"float32", "float16", "bfloat16"}
    memory_budget : int, optional
        Bytes of activations to hold; more goes through a temporary file. By default a quarter of
        the memory that is free.
    seed : int
        Of the random state of the pass.

    References
    ----------
    Windows of the past: Antonello et al. (2023), doi:10.48550/arXiv.2305.11863.

    Examples
    --------
    >>> import numpy as np, pandas as pd, torch
    >>> from neuroalign.models.audio import AudioModel, Place
    >>> from neuroalign.models.frame_clock import FrameClock
    >>> from neuroalign.models.sounds import Sound
    >>> network = torch.nn.Sequential(torch.nn.Linear(160, 4), torch.nn.ReLU())
    >>> def frames(samples):
    ...     return torch.from_numpy(samples[: len(samples) // 160 * 160].reshape(-1, 160))
    >>> model = AudioModel(
    ...     network, {"linear": Place(network[0])}, frames, FrameClock(16000, 160, 160), name="toy"
    ... )
    >>> stimuli = pd.DataFrame({"audio": [Sound(np.ones(16000), 16000)]}, index=["s"])
    >>> _, values = next(model.activations(stimuli))
    >>> dict(values.sizes), float(values.time[0])
    ({'stimulus': 1, 'time': 100, 'unit': 4}, 0.00496875)
    """

    reads: str | None = "audio"

    def __init__(
        self,
        network: torch.nn.Module,
        places: Mapping[str, Place],
        prepare: Prepare,
        clock: FrameClock,
        *,
        name: str,
        layers: Sequence[str] | str | None = None,
        window: float | None = None,
        stride: float | None = None,
        batch_size: int = 8,
        device: str = "cpu",
        precision: str = "float32",
        memory_budget: int | None = None,
        seed: int = 0,
    ) -> None:
        if not is_whole(batch_size, least=1):
            message = f"batch_size={batch_size!r} is not a positive number of pieces of a sound."
            raise DataError(message)
        check_amounts(None, memory_budget)
        check_places(places, network, name)
        if not callable(prepare):
            message = f"prepare={prepare!r} cannot be called; give a function of samples (sample,)."
            raise DataError(message)
        clock.check_windows(window, stride)
        self.network, self.name, self.clock = network, name, clock
        self._places, self._prepare = dict(places), prepare
        self.layers = chosen_layers(layers, list(places), list(places))
        self._window, self._stride = window, stride
        self._batch_size, self._budget, self._seed = batch_size, memory_budget, seed
        self._device, self._precision = known_device(device), known_precision(precision)

    def select(self, wanted: Sequence[str] | str | None) -> list[str]:
        """Name the layers that a selection means; by default `layers` of the model."""
        return chosen_layers(wanted, self.layers, list(self._places))

    def fingerprint(self) -> str:
        """Return the sha256 of the network, which the provenance records."""
        return network_hash(self.network)

    def ingredients(self, stimuli: pd.DataFrame) -> dict[str, str]:
        """Return all that activations depend on, each as a string: what a cache is keyed by."""
        check_stimuli(stimuli, "audio", self.name)
        options = {
            "window": self._window,
            "stride": self._stride,
            "precision": self._precision,
            "seed": self._seed,
        }
        return {
            "network": self.fingerprint(),
            "preprocessing": content_hash((self._prepare, repr(self.clock))),
            "inputs": inputs_hash(stimuli, "audio"),
            "options": json.dumps(options, sort_keys=True),
            "device": self._device.type,
            "versions": versions("neuroalign", "torch", "numpy", "scipy", "soundfile"),
        }

    def activations(
        self, stimuli: pd.DataFrame, layers: Sequence[str] | str | None = None
    ) -> Iterator[tuple[str, xr.DataArray]]:
        """Yield each layer with its activations (stimulus, time, unit), after one pass.

        Parameters
        ----------
        stimuli : DataFrame
            With the column "audio", see `stimulus_sound`.
        layers : str or sequence of str, optional

        Yields
        ------
        layer : str
        activations : DataArray, float32
            `time` is the center of a frame in s; NaN past the end of a shorter sound.
        """
        labels, wanted = check_stimuli(stimuli, "audio", self.name), self.select(layers)
        table = stimuli.set_axis(labels)
        # All are read before the pass, so that one that cannot be is refused at once.
        pieces = [self._pieces(table, label) for label in labels]
        numbers = [sum(piece.kept for piece in those) for those in pieces]
        ends = np.cumsum(numbers)
        with ExitStack() as stack:
            store = stack.enter_context(open_store({}, int(ends[-1]), budget=self._budget))
            with (
                progress_bar(f"{self.name}: activations", len(labels)) as advance,
                measuring(self.network, self._device, self._precision, self._seed),
            ):
                for label, those, end, number in zip(labels, pieces, ends, numbers, strict=True):
                    self._run(table, label, those, store, int(end - number), wanted)
                    advance()
            time = self.clock.centers(max(numbers))
            for layer in wanted:
                frames = np.split(store.take(layer), ends[:-1])
                yield layer, label_frames(frames, time, layer, labels, self.name)

    def _pieces(self, stimuli: pd.DataFrame, label: str) -> list[Piece]:
        clock = self.clock
        length = len(stimulus_sound(stimuli, label, rate=clock.rate).samples)
        if not clock.n_frames(length):
            message = (
                f"The sound of stimulus {label!r} has {length} samples at {clock.rate} Hz, but the "
                f"first frame of {self.name!r} needs {clock.field}; leave the stimulus out."
            )
            raise DataError(message)
        if self._window is None and clock.longest is not None and length > clock.longest:
            most = clock.longest / clock.rate
            message = (
                f"The sound of stimulus {label!r} lasts {length / clock.rate:g} s, but "
                f"{self.name!r} reads {most:g} s at most; give window={most:g} and a stride."
            )
            raise DataError(message)
        return clock.pieces(length, self._window, self._stride)

    def _run(
        self,
        stimuli: pd.DataFrame,
        label: str,
        pieces: list[Piece],
        store: LayerStore,
        row: int,
        layers: list[str],
    ) -> None:
        """Run the pieces of one sound, and store their frames from `row` on."""
        samples = stimulus_sound(stimuli, label, rate=self.clock.rate).samples.astype(np.float32)
        for batch in _alike(pieces, self._batch_size):
            found = self._call([samples[one.start : one.stop] for one in batch], layers, label)
            for layer, values in found.items():
                at = row
                for piece, frames in zip(batch, values, strict=True):
                    kept = frames[piece.skipped : piece.skipped + piece.kept]
                    if len(kept) != piece.kept:
                        message = (
                            f"Layer {layer!r} of {self.name!r} returns {len(frames)} frames where "
                            f"its clock counts {piece.skipped + piece.kept}; mend the clock, or "
                            "the place, where (sound, frame, unit) is needed."
                        )
                        raise DataError(message)
                    store.put(layer, at, kept)
                    at += piece.kept
            row += sum(piece.kept for piece in batch)

    def _call(
        self, given: list[np.ndarray], layers: list[str], label: str
    ) -> dict[str, np.ndarray]:
        """Return what the layers make of pieces of one length: (piece, frame, unit) each."""
        number = next((p for p in self.network.parameters() if p.is_floating_point()), None)
        batch = torch.stack([self._prepared(samples, label) for samples in given])
        batch = batch.to(self._device, number.dtype if number is not None else None)
        try:
            with caught({layer: self._places[layer] for layer in layers}) as found:
                self.network(batch)
        except (RuntimeError, TypeError, ValueError, LookupError, MemoryError) as error:
            if isinstance(error, NeuroalignError):
                raise
            if not is_out_of_memory(error):
                message = (
                    f"Network {self.name!r} failed on its input, a tensor {tuple(batch.shape)} "
                    f"({reason(error)}); let prepare return what it reads of one sound."
                )
                raise DataError(message) from error
            message = (
                f"Memory does not suffice for the sound of stimulus {label!r} in {self.name!r}; "
                "give a window and a stride, or a smaller batch_size."
            )
            raise DataError(message) from error
        return {layer: found[layer].cpu().float().numpy() for layer in layers}

    def _prepared(self, samples: np.ndarray, label: str) -> torch.Tensor:
        try:
            made = self._prepare(samples)
        except (NeuroalignError, MemoryError):
            raise
        except Exception as error:
            message = (
                f"The prepare of model {self.name!r} failed on the sound of stimulus {label!r} "
                f"({reason(error)})."
            )
            raise DataError(message) from error
        if not isinstance(made, torch.Tensor):
            message = (
                f"The prepare of model {self.name!r} returns a {type(made).__name__}, but a tensor "
                "is needed; wrap a feature extractor of transformers in "
                "neuroalign.models.families.hf_audio.Extractor."
            )
            raise DataError(message)
        return made


def _alike(pieces: Sequence[Piece], most: int) -> Iterator[list[Piece]]:
    """Yield batches of pieces that follow each other and are equally long."""
    batch: list[Piece] = []
    for piece in pieces:
        same = batch and piece.stop - piece.start == batch[0].stop - batch[0].start
        if batch and (not same or len(batch) == most):
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch
