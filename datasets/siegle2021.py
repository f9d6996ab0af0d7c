"""Siegle et al. (2021), Visual Coding Neuropixels: spikes across the visual system of the mouse.

118 natural scenes, each shown 50 times for 250 ms, to 32 mice with up to six probes at once in
visual cortex, thalamus, hippocampus and midbrain: the sessions "Brain Observatory 1.1".
"""

from functools import partial

import numpy as np
import pandas as pd

import neuroalign as na

SESSIONS = (
    *("715093703", "719161530", "721123822", "732592105", "737581020", "739448407", "742951821"),
    *("743475441", "744228101", "746083955", "750332458", "750749662", "751348571", "754312389"),
    *("754829445", "755434585", "756029989", "757216464", "757970808", "758798717", "759883607"),
    *("760345702", "760693773", "761418226", "762120172", "762602078", "763673393", "773418906"),
    *("791319847", "797828357", "798911424", "799864342"),
)
FILE = "session_{0}/session_{0}.nwb"
CARD = na.DatasetCard(
    citation="doi:10.1038/s41586-020-03171-x",
    modality="spikes",
    species="mouse",
    stimulus="condition",
    license="Allen Institute Terms of Use (https://alleninstitute.org/terms-of-use)",
    verified="documented layout",
    n_subjects=32,
    n_stimuli=118,
    n_repetitions="50",
    notes="Files are those of the cache of AllenSDK (session_<id>/session_<id>.nwb, 2 to 3 GB each; "
    "DANDI:000021 has the same sessions under other names). Tables and columns as a listing of "
    "DANDI:000021 shows them (github.com/magland/ai_generated_dandiset_summaries). A subject is a "
    "session, each of another mouse. Units are those that AllenSDK keeps by default: quality good, "
    "presence ratio from 0.95, ISI violations to 0.5, amplitude cutoff to 0.1. Scenes are "
    "named, since session files hold no images. Gray screens (frame -1) are left out. Regions are "
    "those of the channel at which a unit is largest.",
    how_to_get="https://allensdk.readthedocs.io/en/latest/visual_coding_neuropixels.html",
    files={FILE.format(session): "" for session in SESSIONS},
)

N_SCENES = 118


def load(files, *, subjects=None, start=0.0, stop=0.25, bin_width=0.25, every_unit=False):
    """Load spike counts in bins (s) from the onset of each scene, a session when it is needed.

    Only the first session, or those that are named as subjects. A scene follows the one before it
    at once, so that responses to both overlap in time. With every_unit=True units are kept
    whatever their quality.
    """
    windows = {"start": start, "stop": stop, "bin_width": bin_width}
    keep = None if every_unit else _good
    sessions = SESSIONS[:1] if subjects is None else SESSIONS
    recordings = {name: partial(_recording, files, name, windows, keep) for name in sessions}
    scenes = pd.DataFrame({"frame": range(N_SCENES)}, index=map(_label, range(N_SCENES)))
    return na.BrainDataset(recordings, scenes.assign(condition=scenes.index))


def _label(frame):
    return f"scene{int(frame):03}"


def _good(units):
    """Tell which units AllenSDK keeps by default."""
    isolated = (units["isi_violations"] <= 0.5) & (units["amplitude_cutoff"] <= 0.1)
    return (units["quality"] == "good") & (units["presence_ratio"] >= 0.95) & isolated


def _recording(files, session, windows, keep):
    counts = na.readers.read_nwb(
        files[FILE.format(session)], **windows, events="natural_scenes_presentations", keep=keep
    )
    counts = counts.isel(showing=np.flatnonzero(counts["frame"].values >= 0))
    labels = [_label(frame) for frame in counts["frame"].values]
    return na.make_recording(counts, subject=session, stimulus=labels)
