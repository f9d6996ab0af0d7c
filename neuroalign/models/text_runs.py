"""Run the inputs of texts through a language network, and store one row a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neuroalign.models.evaluation import measuring
from neuroalign.models.generation import continue_inputs
from neuroalign.models.language import LanguageNetwork
from neuroalign.models.pooling import pool_tokens
from neuroalign.models.spool import ITEM_BYTES, LayerStore
from neuroalign.models.surprisal import LAYER as SURPRISAL
from neuroalign.models.surprisal import text_surprisals
from neuroalign.models.text_passes import TextPass, run_in_batches
from neuroalign.progress import progress_bar


@dataclass(frozen=True)
class TextRun:
    """How a network is run over passes.

    Parameters
    ----------
    language : LanguageNetwork
    pooling : {"mean", "last", "generated"}
    max_new_tokens : int
        Of pooling="generated".
    starts : ndarray of int
        Tokens with which a word begins, or the text ends; see `text_surprisals`.
    batch_size : int or None
    device : torch.device
    precision : str
    name : str
        Of the model, for the progress bar.
    """

    language: LanguageNetwork
    pooling: str
    max_new_tokens: int
    starts: np.ndarray
    batch_size: int | None
    device: torch.device
    precision: str
    name: str

    def fill(
        self, store: LayerStore, passes: Sequence[TextPass], layers: Sequence[str]
    ) -> list[list[int]]:
        """Run all passes, and put the rows of their texts into a store, in the order of passes.

        Returns
        -------
        list of list of int
            Tokens that were written for each row, with pooling="generated"; else none.
        """
        written: list[list[int]] = []
        generating = self.pooling == "generated"
        work = self._continue if generating else self._read
        done = 0

        def run(batch: Sequence[TextPass]) -> None:
            nonlocal done
            rows, tokens = work(batch, layers)
            n_rows = sum(len(one.texts) for one in batch)
            for layer, part in rows.items():
                store.put(layer, done, part)
            written.extend(tokens)
            done += n_rows
            advance(n_rows)

        n_texts = sum(len(one.texts) for one in passes)
        with (
            measuring(self.language.whole, self.device, self.precision, seed=0),
            progress_bar(f"{self.name}: activations", n_texts) as advance,
        ):
            run_in_batches(
                passes,
                run,
                batch_size=self.batch_size,
                token_bytes=self._token_bytes(SURPRISAL in layers or generating),
                device=self.device,
                one_length=generating,
            )
        return written

    def _read(self, batch: Sequence[TextPass], layers: Sequence[str]) -> Rows:
        inputs = [np.frombuffer(one.ids, dtype=np.int32) for one in batch]
        foretell = SURPRISAL in layers
        states, logits = self.language.states(inputs, self.device, logits=foretell)
        texts = [(number, text.own) for number, one in enumerate(batch) for _, text in one.texts]
        rows = {
            layer: pool_tokens(states[place], texts, self.pooling).cpu().numpy()
            for layer, place in self._places(layers).items()
        }
        if logits is not None:
            rows[SURPRISAL] = self._surprisals(batch, inputs, logits)
        return rows, []

    def _surprisals(
        self, batch: Sequence[TextPass], inputs: Sequence[np.ndarray], logits: torch.Tensor
    ) -> np.ndarray:
        starts = torch.from_numpy(self.starts).to(self.device)
        found: list[float] = []
        for one, ids, expected in zip(batch, inputs, logits, strict=True):
            own = torch.from_numpy(ids.astype(np.int64)).to(self.device)
            texts = [text.added for _, text in one.texts]
            found += text_surprisals(expected[: len(ids)], own, texts, starts)
        return np.array(found, dtype=np.float32)[:, None]

    def _continue(self, batch: Sequence[TextPass], layers: Sequence[str]) -> Rows:
        ids = np.stack([np.frombuffer(one.ids, dtype=np.int32) for one in batch])
        written = continue_inputs(
            self.language.whole,
            torch.from_numpy(ids.astype(np.int64)).to(self.device),
            self.max_new_tokens,
            self.language.ends,
        )
        served = [number for number, one in enumerate(batch) for _ in one.texts]
        rows = {
            layer: written.means[place][served].cpu().numpy()
            for layer, place in self._places(layers).items()
        }
        return rows, [written.tokens[number] for number in served]

    def _places(self, layers: Sequence[str]) -> dict[str, int]:
        known = list(self.language.units)
        return {layer: known.index(layer) for layer in layers if layer != SURPRISAL}

    def _token_bytes(self, logits: bool) -> int:
        """Guess what a token takes: all states, what a block makes of them, and the logits."""
        units = sum(self.language.units.values()) + 16 * max(self.language.units.values())
        return ITEM_BYTES * (units + 3 * self.language.n_tokens * logits)


Rows = tuple[dict[str, np.ndarray], list[list[int]]]
