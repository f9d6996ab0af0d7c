"""Zhang et al. (2011): spikes of neurons in macaque IT, to seven objects at three positions.

One monkey, 132 neurons in 21 sessions, each object 19-20 times at each position, as the package
NeuroDecodeR carries them: counts in bins of 150 ms that begin every 50 ms, from 500 ms before to
350 ms after the onset. The neurons of a session were recorded together, and their rows in the file
are the same presentations in the same order; those of different sessions were not. So repetition k
of a stimulus is one moment for the neurons of a session, and another moment for those of any other.
"""

import numpy as np
import pandas as pd

import neuroalign as na

FILE = "ZD_150bins_50sampled.Rda"
CARD = na.DatasetCard(
    citation="doi:10.1073/pnas.1100999108",
    modality="spikes",
    species="macaque",
    stimulus="condition",
    license="GPL-3.0 (NeuroDecodeR, which carries the file)",
    verified="original files",
    n_subjects=1,
    n_stimuli=21,
    n_neuroids=132,
    n_repetitions="19-20",
    size=652_344,
    notes="A stimulus is an object at a position; the images are not distributed. Folds keep an "
    "object together. Only neurons of a session (coordinate session) were recorded at once: "
    "repetitions of different sessions are different moments. The bins of 150 ms overlap, so that "
    "a mean over several weighs the middle of the window more than its ends.",
    files={
        FILE: "https://raw.githubusercontent.com/emeyers/NeuroDecodeR/"
        f"826e2119a69d7879c3f58c75854272324dead2a7/inst/extdata/{FILE}#sha256="
        "03899f0042290abf98ce76634271b04fee75ee6c6ad8fd142984bb1e56fce922"
    },
)

SUBJECT = "bp"  # as the owners' files of single neurons begin
WIDTH = 150  # ms


def load(files, *, subjects=None, start=100, stop=500, timed=False):
    """Load spikes per 150 ms, averaged over the bins within `start` to `stop` ms after the onset.

    With timed=True these bins are an axis of time instead. The counts of single bins are whole
    numbers, so that ``start=100, stop=250`` counts spikes too.
    """
    trials = _read(files)
    begins = _begins(trials, start, stop)
    stimuli, neurons = _stimuli(trials), _neurons(trials)
    bins = [f"time.{begin}_{begin + WIDTH}" for begin in begins]
    values = _arranged(trials, bins, stimuli.index, neurons.index)
    dims, facts, time = ("stimulus", "repetition", "neuroid"), {"simultaneous": "in a session"}, {}
    if timed:
        dims, facts["time_convention"] = (*dims, "time"), "bin centers"
        time["time"] = [(begin + WIDTH / 2) / 1000 for begin in begins]
    recording = na.make_recording(
        values if timed else values.mean(axis=-1),
        dims,
        subject=SUBJECT,
        units=f"spikes per {WIDTH} ms",
        attrs=facts,
        stimulus=stimuli.index,
        neuroid=neurons["session"] + "-" + neurons["electrode"] + neurons["cluster"],
        session=("neuroid", neurons["session"]),
        electrode=neurons["electrode"],
        roi="IT",
        **time,
    )
    return na.BrainDataset({SUBJECT: recording}, stimuli)


def _read(files):
    """Read the one table of the R data file; its class is a data frame under another name."""
    import rdata  # noqa: F401 - asked for before the file is fetched

    return na.readers.read_rda(files[FILE], "binned_data")


def _begins(trials, start, stop):
    """Return when the bins within a window begin, in ms after the onset."""
    names = [name.removeprefix("time.") for name in trials.columns if name.startswith("time.")]
    begins = sorted(int(name.partition("_")[0]) for name in names)
    within = [begin for begin in begins if start <= begin and begin + WIDTH <= stop]
    if not within:
        message = (
            f"No bin of {WIDTH} ms lies within {start} to {stop} ms; the first begins at "
            f"{begins[0]} ms, the last at {begins[-1]} ms."
        )
        raise ValueError(message)
    return within


def _neurons(trials):
    """List what was recorded: clusters of spikes at the electrodes of a session."""
    sites = trials.drop_duplicates("siteID").set_index("siteID")
    return pd.DataFrame(
        {
            "session": sites["site_info.session_ID"].astype(int).astype(str),
            "electrode": sites["site_info.recording_channel"].astype(int).astype(str),
            "cluster": sites["site_info.unit"].astype(str),
        }
    )


def _stimuli(trials):
    """List what was shown: an object at a position."""
    parts = ["labels.combined_ID_position", "labels.stimulus_ID", "labels.stimulus_position"]
    shown = trials[parts].astype(str).drop_duplicates().set_index(parts[0]).sort_index()
    return pd.DataFrame(
        {
            "condition": shown.index,
            "object": shown[parts[1]],
            "location": shown[parts[2]],
            "group": shown[parts[1]],
        },
        index=shown.index.rename("stimulus"),
    )


def _arranged(trials, bins, labels, sites):
    """Return counts (stimulus, repetition, neuron, bin); NaN where a stimulus was shown less."""
    shown, site = trials["labels.combined_ID_position"].astype(str), trials["siteID"]
    repetition = trials.groupby([site, shown]).cumcount()
    counts = np.full((len(labels), repetition.max() + 1, len(sites), len(bins)), np.nan)
    # The file holds the share of milliseconds with a spike.
    with np.errstate(over="ignore"):
        spikes = np.rint(trials[bins].to_numpy() * WIDTH)
    counts[labels.get_indexer(shown), repetition, sites.get_indexer(site)] = spikes
    return counts
