"""Simulated V4: crops of photographs, and neurons planted on a layer of a trained network.

Needs no file. The photographs are those that scikit-image and scikit-learn ship; crops of one
photograph form a group, which cross-validation keeps together. What is to be found is known:
the layer is in `attrs`, the noise ceiling of every neuron in the coordinate `true_ceiling`.
"""

import neuroalign as na

CARD = na.DatasetCard(
    citation="simulated by neuroalign",
    modality="simulated",
    species="none",
    stimulus="image",
    license="CC0-1.0",
    verified="original files",
)


def load(
    files,
    *,
    subjects=None,
    model="efficientnet-lite0",
    layer="_blocks.8",
    n_crops=16,
    n_neuroids=40,
    seed=0,
):
    """Plant `n_neuroids` on a layer of a model that saw `n_crops` crops of each photograph."""
    stimuli = na.simulate.photograph_crops(n_crops, seed=seed)
    network = na.load_model(model)
    ((_, activations),) = network.activations(stimuli, layers=[layer])
    recording = na.simulate.spikes(activations, n_neuroids=n_neuroids, seed=seed)
    truth = {"planted_model": network.name, "planted_layer": layer}
    recording = recording.assign_attrs(truth).assign_coords(roi=("neuroid", ["V4"] * n_neuroids))
    return na.BrainDataset({"simulated": recording}, stimuli)
