"""LeBel et al. (2023): human fMRI, eight people who listened to 27 stories of The Moth.

Responses are the volumes of each story as the authors preprocessed them. They cut the first ten
volumes of a run and the last five; the story began with the sixth, so that the first five volumes
within it are missing (NaN), and the clock is that of the story. The story wheretheressmoke was
heard in every session; its responses are the average, or with repeats=True those of each time.
"""

from functools import partial

import numpy as np
import pandas as pd

import neuroalign as na

SUBJECTS = tuple(f"UTS0{number}" for number in range(1, 9))
REPEATED = "wheretheressmoke"
STORIES = (
    "adollshouse", "adventuresinsayingyes", "alternateithicatom", "avatar", "buck", "exorcism",
    "eyespy", "fromboyhoodtofatherhood", "hangtime", "haveyoumethimyet", "howtodraw", "inamoment",
    "itsabox", "legacy", "life", "myfirstdaywiththeyankees", "naked", "odetostepfather", "sloth",
    "souls", "stagefright", "swimmingwithastronauts", "thatthingonmyarm",
    "theclosetthatateeverything", "tildeath", "undertheinfluence", REPEATED,
)  # fmt: skip
RESPONSES = "derivative/preprocessed_data/{}/{}.hf5"
WORDS = "derivative/TextGrids/{}.TextGrid"
CARD = na.DatasetCard(
    citation="doi:10.1038/s41597-023-02437-z",
    modality="fmri",
    species="human",
    stimulus="text",
    license="CC0-1.0",
    verified="documented layout",
    how_to_get="https://openneuro.org/datasets/ds003020 (aws s3 sync --no-sign-request "
    "s3://openneuro.org/ds003020/derivative derivative; later versions call the folder derivatives)",
    files=dict.fromkeys(
        [*(WORDS.format(story) for story in STORIES)]
        + [RESPONSES.format(subject, story) for subject in SUBJECTS for story in STORIES],
        "",
    ),
    n_subjects=8,
    n_stimuli=27,
    n_repetitions="1; of one story 5 or 10",
    notes="Stimuli are counted in stories. Files and their alignment are those of the authors' "
    "code, github.com/HuthLab/deep-fMRI-dataset (encoding/encoding_utils.py, "
    "ridge_utils/stimulus_utils.py, dsutils.py): a volume every 2 s, the sound 10 s after the "
    "first, features from the eleventh volume to the sixth from the end. That the arrays are named "
    "data and individual_repeats is as other public code reads them. Regions need the surfaces of "
    "the dataset (pycortex) and are not loaded. Words that begin after the last volume are left out.",
)

PERIOD = 2.0  # s
LOST = 5  # volumes within the story that were cut
# What the authors leave out: marks of noises and of sentences.
NO_WORDS = {"", "sentence_start", "sentence_end", "br", "lg", "ls", "ns", "sp"}


def load(files, *, subjects=None, stories=STORIES, repeats=False):
    """Load the words, and the volumes of a person, which stay in their files until scored."""
    stories = (REPEATED,) if repeats else tuple(stories)
    make = partial(_recording, files, stories, repeats)
    chosen = [name for name in SUBJECTS if name in (subjects or SUBJECTS)] or SUBJECTS
    runs = make(chosen[0])["run"].values
    ends = {story: PERIOD * np.count_nonzero(runs == story) for story in stories}
    words = [_words(files[WORDS.format(story)], story, ends[story]) for story in stories]
    return na.BrainDataset({name: partial(make, name) for name in chosen}, pd.concat(words))


def _recording(files, stories, repeats, subject):
    responses = na.readers.read_hdf5(
        [files[RESPONSES.format(subject, story)] for story in stories],
        "individual_repeats" if repeats else "data",
        ("repetition", "sample", "neuroid") if repeats else ("sample", "neuroid"),
        lost=LOST,
        run=list(stories),
        sampling_period=PERIOD,
        units="z",
    )
    return na.make_recording(responses, subject=subject)


def _words(path, story, end):
    """Read the second tier of a TextGrid, the words; the first has the phones."""
    words = na.readers.read_textgrid(path, tier=1)
    spoken = ~words["text"].str.lower().str.strip("{} ").isin(NO_WORDS)
    words = words[spoken & (words["onset"] < end)].reset_index(drop=True)
    labels = pd.Index([f"{story}/{number:04}" for number in words.index], name="stimulus")
    return words.assign(run=story)[["text", "run", "onset", "duration"]].set_axis(labels)
