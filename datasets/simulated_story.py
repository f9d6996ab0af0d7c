"""Simulated story: three people hear sentences in four runs, and their BOLD signal is sampled.

Needs no file; the extra "text" brings the network. Sentences are made of a few words, so that they
share subjects, verbs and places; neuroids answer to a layer of a sentence encoder, through a
hemodynamic response. What is to be found is known: the layer is in `attrs`, and the noise ceiling
of each neuroid in the coordinate `true_ceiling`.
"""

import numpy as np
import pandas as pd

import neuroalign as na

CARD = na.DatasetCard(
    citation="simulated by neuroalign",
    modality="simulated",
    species="none",
    stimulus="text",
    license="CC0-1.0",
    verified="original files",
)

WHO = ("The doctor", "A child", "My neighbor", "The captain", "An old woman", "The band")
DID = ("painted", "broke", "sold", "remembered", "carried", "hid", "found", "praised")
WHAT = ("the red door", "a silver coin", "the last letter", "a heavy box", "the small boat")
WHERE = ("in the garden", "near the station", "after the storm", "on the mountain", "at night")


def load(
    files, *, subjects=None, model="minilm", layer="block.2", n_sentences=160, n_subjects=3, seed=0
):
    """Plant 40 neuroids a person on a layer of a model that read the sentences one by one."""
    sentences = _sentences(n_sentences, np.random.default_rng(seed))
    network = na.load_model(model)
    ((_, activations),) = network.activations(sentences, layers=[layer])
    told = na.simulate.bold(
        activations, event_rate=0.25, n_subjects=n_subjects, n_repetitions=2, snr=(0.2, 1.0),
        seed=seed,
    )  # fmt: skip
    truth = {"planted_model": network.name, "planted_layer": layer}
    recordings = {name: told.recordings[name].assign_attrs(truth) for name in told.subjects}
    return na.BrainDataset(recordings, told.stimuli.join(sentences))


def _sentences(count, rng):
    """Draw sentences without repeats."""
    every = [f"{a} {b} {c} {d}." for a in WHO for b in DID for c in WHAT for d in WHERE]
    chosen = rng.permutation(len(every))[:count]
    labels = [f"sentence{number:03}" for number in range(count)]
    return pd.DataFrame({"text": [every[n] for n in chosen]}, pd.Index(labels, name="stimulus"))
