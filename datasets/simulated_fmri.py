"""Simulated fMRI: three people see crops of photographs, and voxels answer to a network's layer.

Needs no file. Voxels lie on a grid, their weights and their noise are smooth, half of the signal is
the same in everybody, stimuli are shown two to four times over two sessions, and each session
scales and shifts every voxel, which the z-scores made here undo. What is to be found is known: the
layer is in `attrs`, and the noise ceiling of each voxel in the coordinate `true_ceiling`.
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
    n_crops=8,
    n_subjects=3,
    n_units=20,
    snr=(0.1, 1.0),
    seed=0,
):
    """Plant 144 voxels a person on a layer of a model that saw `n_crops` of each photograph.

    They weigh the first `n_units` principal components of the layer.
    """
    stimuli = na.simulate.photograph_crops(n_crops, seed=seed)
    network = na.load_model(model)
    ((_, activations),) = network.activations(stimuli, layers=[layer])
    people = na.simulate.fmri(
        na.simulate.main_components(activations, n_units),
        n_subjects=n_subjects,
        n_repetitions=(2, 4),
        n_sessions=2,
        snr=snr,
        drift=0.5,
        seed=seed,
    )
    truth = {"planted_model": network.name, "planted_layer": layer}
    recordings = {
        subject: na.zscore(recording, by="session").assign_attrs(truth)
        for subject, recording in people.items()
    }
    return na.BrainDataset(recordings, stimuli)
