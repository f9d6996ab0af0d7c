"""Gifford et al. (2022), THINGS-EEG2: EEG of ten people who saw 16,740 images at 5 Hz.

200 images were shown 80 times (part "test") and 16,540 others 4 times ("train"), in 4 sessions.
Voltages as recorded (63 channels, 1000 Hz) from the version in BIDS; the arrays of the authors are
pickled, which neuroalign does not open.
"""

from functools import partial

import pandas as pd

import neuroalign as na

SUBJECTS = [f"{number:02}" for number in range(1, 11)]
SESSIONS = ("01", "02", "03", "04")
RUNS = {
    "test": ("task-test",),
    "train": tuple(f"task-train_run-{number:02}" for number in range(1, 6)),
}
RUN = "sub-{0}/ses-{1}/eeg/sub-{0}_ses-{1}_{2}"
CARD = na.DatasetCard(
    citation="doi:10.1016/j.neuroimage.2022.119754",
    modality="eeg",
    species="human",
    stimulus="condition",
    license="CC-BY-4.0",
    verified="documented layout",
    n_subjects=10,
    n_stimuli=16740,
    n_neuroids=63,
    n_repetitions="4 or 80",
    size=203_900_000_000,
    notes="Layout as github.com/nemarDatasets/nm000232 (doi:10.82901/nemar.nm000232) holds it: two "
    "tables of events were seen, and no recording. Size is that of all its files; a test run has "
    "about 0.26 GB. Catch trials are left out. Images are in stimuli/*.zip and not loaded.",
    how_to_get="https://doi.org/10.82901/nemar.nm000232",
    files={
        RUN.format(subject, session, run) + ending: ""
        for subject in SUBJECTS
        for session in SESSIONS
        for runs in RUNS.values()
        for run in runs
        for ending in ("_eeg.bdf", "_events.tsv")
    },
)


def load(files, *, subjects=None, part="test", window=(0.0, 0.8), width=0.01, baseline=(-0.2, 0.0)):
    """Load the mean voltage in windows of `width` s around the onset of each image.

    Parameters
    ----------
    part : {"test", "train"}
        Images that were shown 80 times or 4 times. A subject takes 0.6 or 2.7 GB of memory with
        the windows of the default; wider ones take less.
    window : pair of float, s
        From the onset of an image; the next comes after 0.2 s. Images whose window (or baseline)
        leaves the recording are left out.
    baseline : pair of float, s, or None
        Of the stretch whose mean is subtracted.
    """
    if part not in RUNS:
        message = f"Part {part!r} is not one of {', '.join(RUNS)}."
        raise ValueError(message)
    chosen = [name for name in SUBJECTS if subjects is None or name in subjects]
    if not chosen:
        message = f"Subjects {', '.join(subjects)} are not of {', '.join(SUBJECTS)}."
        raise ValueError(message)
    shown, recordings = [], {}
    for subject in chosen:
        names = [RUN.format(subject, session, run) for session in SESSIONS for run in RUNS[part]]
        files.fetch(name + "_events.tsv" for name in names)
        runs = [name.rsplit("/", 1)[1] for name in names]
        events = na.readers.read_events([files[name + "_events.tsv"] for name in names], run=runs)
        shown.append(_images(events, part))
        recordings[subject] = partial(
            _recording, files, subject, names, runs, shown[-1], (*window, width, baseline)
        )
    table = pd.concat(shown)
    table = table[~table.index.duplicated()].sort_index()[["category"]]
    table = table.assign(group=table["category"], condition=table.index)
    return na.BrainDataset(recordings, table)


def _images(events, part):
    images = events[events["trial_type"] == "image"]
    numbers = images["tot_img_number"].astype(int)  # of value, "trigger", there are only 100
    labels = [f"{part}{number:05}" for number in numbers]
    kept = {"run": images["run"], "onset": images["onset"], "category": images["category_name"]}
    return pd.DataFrame(kept).set_axis(pd.Index(labels, name="stimulus"))


def _recording(files, subject, names, runs, images, windows):
    files.fetch(name + "_eeg.bdf" for name in names)
    voltages = na.readers.read_raw([files[name + "_eeg.bdf"] for name in names], runs=runs)
    start, stop, width, baseline = windows
    epochs = na.readers.epoch(
        voltages,
        images[["run", "onset"]],
        start=start,
        stop=stop,
        width=width,
        baseline=baseline,
        outside="drop",
    )
    return na.make_recording(epochs, subject=subject)
