"""Simulated SEEG: crops of photographs with captions, and sites that see, read, or do both.

Needs no file; the extras "demo" and "text" bring the networks. Sites of the kind "vision" answer to
a layer of an image network, those of the kind "language" to a layer of a sentence encoder that read
the captions, "additive" ones to both, "integration" ones to their products too, and "noise" ones to
nothing. What a caption says of the photograph is the same for all its crops, so that the two
networks share some of what they know, as pictures and their captions do.
"""

import numpy as np

import neuroalign as na

CARD = na.DatasetCard(
    citation="simulated by neuroalign",
    modality="simulated",
    species="none",
    stimulus="image",
    license="CC0-1.0",
    verified="original files",
)

# Made up; the kind of a site is its truth, and an analysis should find it without the name.
ROIS = {
    "vision": "fusiform", "language": "superior temporal", "additive": "anterior temporal",
    "integration": "inferior frontal", "noise": "insula",
}  # fmt: skip
MOODS = ("quiet", "bright", "strange", "familiar", "blurred", "cold", "warm", "lonely")
ENDINGS = (
    "seen in the morning", "that a friend sent me", "from an old book", "on the kitchen wall",
    "before the rain came", "which nobody liked", "found by chance", "worth keeping",
)  # fmt: skip


def load(
    files,
    *,
    subjects=None,
    vision=("efficientnet-lite0", "_blocks.10"),
    language=("minilm", "block.5"),
    n_crops=12,
    n_sites=8,
    n_units=20,
    snr=1.0,
    seed=0,
):
    """Plant `n_sites` of each kind on the first `n_units` components of two layers."""
    stimuli = na.simulate.photograph_crops(n_crops, seed=seed)
    stimuli["text"] = _captions(stimuli["group"], np.random.default_rng(seed))
    spaces = {}
    for name, (model, layer) in {"vision": vision, "language": language}.items():
        ((_, activations),) = na.load_model(model).activations(stimuli, layers=[layer])
        spaces[name] = na.simulate.main_components(activations, n_units)
    sites = na.simulate.seeg(spaces, n_sites=n_sites, n_repetitions=4, snr=snr, seed=seed)
    truth = {"planted_vision": " ".join(vision), "planted_language": " ".join(language)}
    rois = [ROIS[kind] for kind in sites["kind"].values]
    sites = sites.assign_coords(roi=("neuroid", rois)).assign_attrs(truth)
    return na.BrainDataset({"simulated": sites}, stimuli)


def _captions(groups, rng):
    """Name the photograph, with a mood and an ending drawn for each crop."""
    return [
        f"A {rng.choice(MOODS)} picture of a {group.replace('_', ' ')} {rng.choice(ENDINGS)}."
        for group in groups
    ]
