"""Miniature of LeBel et al. (2023): files of OpenNeuro's ds003020, with words and values made up.

Of each run the authors cut ten volumes at the beginning and five at the end; the sound began 10 s
after the first volume. A response says which subject, story, volume (of the story) and voxel.
"""

from pathlib import Path

import h5py
import numpy as np

SUBJECTS = [f"UTS0{number}" for number in range(1, 9)]
REPEATED = "wheretheressmoke"
STORIES = [
    "alternateithicatom", "souls", "avatar", "legacy", "odetostepfather", "undertheinfluence",
    "howtodraw", "myfirstdaywiththeyankees", "naked", "life", "stagefright", "tildeath",
    "fromboyhoodtofatherhood", "sloth", "exorcism", "haveyoumethimyet", "adollshouse", "inamoment",
    "theclosetthatateeverything", "adventuresinsayingyes", "buck", "swimmingwithastronauts",
    "thatthingonmyarm", "eyespy", "itsabox", "hangtime", REPEATED,
]  # fmt: skip
N_VOXELS = 3
LOST = 5  # volumes of the story that were cut; five more came before it
N_REPEATS = {"UTS01": 10, "UTS02": 10, "UTS03": 10}  # others: 5

# Begin, end and text of intervals, in s from the beginning of the sound.
WORDS = [
    (0.0, 0.5, "sp"), (0.5, 1.0, "I"), (1.0, 3.0, "{LG}"), (3.0, 3.5, "n't"), (3.5, 9.9, ""),
    (9.9, 10.5, 'say ""Oh""'), (10.5, 11.0, "sentence_start"), (11.0, 20.0, "told"),
    (20.0, 33.0, "{NS} "), (33.0, 34.0, "Ls"), (34.0, 35.0, "you"), (90.0, 91.0, "late"),
]  # fmt: skip


def n_volumes(story):
    """Return how many volumes of a story are in its file."""
    return 20 + STORIES.index(story) % 3


def code(subject, story, volume, voxel):
    """Return the response of a voxel at a volume, counted from the beginning of the story."""
    place = 1e5 * SUBJECTS.index(subject) + 1e3 * STORIES.index(story)
    return place + 10 * np.asarray(volume) + np.asarray(voxel)


def textgrid(words=WORDS, tiers=("phone", "word")):
    """Return the text of a TextGrid, whose first tier has a phone for each interval."""
    end = words[-1][1]
    text = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0.0 \nxmax = {end} \n'
    text += f"tiers? <exists> \nsize = {len(tiers)} \nitem []: \n"
    for number, tier in enumerate(tiers, 1):
        text += f'    item [{number}]:\n        class = "IntervalTier" \n        name = "{tier}" \n'
        text += f"        xmin = 0.0 \n        xmax = {end} \n"
        text += f"        intervals: size = {len(words)} \n"
        for place, (begin, finish, word) in enumerate(words, 1):
            label = word if tier == "word" else "AH0"
            text += f"        intervals [{place}]:\n            xmin = {begin} \n"
            text += f'            xmax = {finish} \n            text = "{label}" \n'
    return text


def write(folder, seed=0):
    """Write volumes of all subjects, and the words of all stories."""
    rng = np.random.default_rng(seed)
    folder = Path(folder) / "derivative"
    (folder / "TextGrids").mkdir(parents=True)
    for story in STORIES:
        (folder / "TextGrids" / f"{story}.TextGrid").write_text(textgrid())
    for subject in SUBJECTS:
        (folder / "preprocessed_data" / subject).mkdir(parents=True)
        for story in STORIES:
            volumes = LOST + np.arange(n_volumes(story))
            values = code(subject, story, volumes[:, None], np.arange(N_VOXELS))
            path = folder / "preprocessed_data" / subject / f"{story}.hf5"
            with h5py.File(path, "w") as file:
                file["data"] = values
                if story == REPEATED:
                    count = N_REPEATS.get(subject, 5)
                    noise = rng.normal(size=(count, *values.shape))
                    file["individual_repeats"] = values + noise - noise.mean(axis=0)
