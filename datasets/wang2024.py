"""Wang et al. (2024), the Brain Treebank: human SEEG of ten people who watched films.

Voltages around each of the words that were heard, 26 recordings of one film each, 2048 Hz. Every
word has its time in the film, part of speech, pitch, surprisal and more; triggers tie the clock of
the film to that of the recording. Electrodes that the owners list as corrupted are left out.
"""

from functools import partial

import pandas as pd

import neuroalign as na

# Subject -> the films that were recorded, by number.
TRIALS = {
    "1": (0, 1, 2),
    "2": (0, 1, 2, 3, 4, 5, 6),
    "3": (0, 1, 2),
    "4": (0, 1, 2),
    "5": (0,),
    "6": (0, 1, 4),
    "7": (0, 1),
    "8": (0,),
    "9": (0,),
    "10": (0, 1),
}
LABELS = "electrode_labels/sub_{0}/electrode_labels.json"
TIMINGS = "subject_timings/sub_{0}_trial{1:03}_timings.csv"
FILM = "subject_metadata/sub_{0}_trial{1:03}_metadata.json"
CARD = na.DatasetCard(
    citation="arXiv:2411.08343",
    modality="seeg",
    species="human",
    stimulus="text",
    license="CC-BY-4.0",
    verified="documented layout",
    n_subjects=10,
    n_stimuli=223_000,
    n_neuroids=1688,
    n_repetitions="1",
    size=130_000_000_000,
    notes="Layout as https://braintreebank.dev and github.com/czlwang/brain_treebank_code_release "
    "state it; which films whom is that of github.com/azaho/neuroprobe. Counts are those of the "
    "paper, n_stimuli and size to three and two digits (size is that of the archives). Units of "
    "the voltages are not stated. That subject 9 was sampled at 1024 Hz is inferred from the "
    "triggers; a rate that they contradict is refused. Words without a time are parts of others "
    "and are left out, as are words after the last trigger. transcripts/<film>/features.csv are "
    "needed too. Where two people watched one film, its words have one label.",
    how_to_get="https://braintreebank.dev (unfold all archives into one folder)",
    files={LABELS.format(subject): "" for subject in TRIALS}
    | {
        path.format(subject, trial): ""
        for subject, trials in TRIALS.items()
        for trial in trials
        for path in (TIMINGS, FILM, "sub_{0}_trial{1:03}.h5")
    },
)

RATES = {"9": 1024.0}  # Hz; of all others 2048
PASSAGE = 100  # words that folds keep together


def load(files, *, subjects=None, trials=None, prepare=None, window=(0.0, 0.5), width=0.1):
    """Load the mean voltage in windows of `width` s around each word.

    Parameters
    ----------
    trials : mapping, optional
        Subject -> numbers of the films, as in ``{"1": [0]}``; the others are then left out. By
        default all: give the films that you have.
    prepare : callable, optional
        What makes of the stream of voltages another before windows are taken, such as
        ``lambda stream: na.readers.high_gamma(na.readers.rereference(stream, "laplacian"))``.
    window : pair of float, s
        From the onset of a word. Words whose window leaves the recording are left out.
    """
    chosen = TRIALS if trials is None else {str(name): list(x) for name, x in trials.items()}
    chosen = {name: x for name, x in chosen.items() if subjects is None or name in subjects}
    if not chosen:
        message = f"Subjects or trials are none of {', '.join(TRIALS)}."
        raise ValueError(message)
    words, recordings = [], {}
    for subject, numbers in chosen.items():
        whose = {"subject": int(subject), "trials": numbers}
        whose |= {"sampling_rate": RATES[subject]} if subject in RATES else {}
        folder = files[LABELS.format(subject)].parents[2]
        needed = [path.format(subject, n) for n in numbers for path in (TIMINGS, FILM)]
        files.fetch(needed)
        words.append(na.readers.read_brain_treebank_words(folder, **whose))
        recordings[subject] = partial(
            _recording, folder, whose, words[-1], prepare, (*window, width)
        )
    table = pd.concat(words)
    table = table[~table.index.duplicated()].drop(columns=["run", "onset", "duration"])
    film, number = zip(*(label.rsplit("/", 1) for label in table.index), strict=True)
    passages = [f"{x}/{int(n) // PASSAGE:03}" for x, n in zip(film, number, strict=True)]
    return na.BrainDataset(recordings, table.assign(film=film, group=passages))


def _recording(folder, whose, words, prepare, windows):
    stream = na.readers.read_brain_treebank(folder, **whose)
    stream = stream if prepare is None else prepare(stream)
    start, stop, width = windows
    events = words[["run", "onset"]]
    epochs = na.readers.epoch(stream, events, start=start, stop=stop, width=width, outside="drop")
    return na.make_recording(epochs, subject=whose["subject"])
