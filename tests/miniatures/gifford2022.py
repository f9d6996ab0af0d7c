"""Miniature of Gifford et al. (2022), THINGS-EEG2 in BIDS (nemarDatasets/nm000232), made up.

Columns of the tables of events are those of sub-01_ses-01_task-test_events.tsv: images come every
0.2 s, `value` is a trigger that several images share, and rows of catch trials have no image. The
originals have 63 channels, 1000 Hz, 200 or 16,540 images, and runs of 10 to 14 minutes. Recordings
are BDF as edfplus.info and biosemi.com/faq/file_format.htm describe it: 24 bits in little endian.
"""

import numpy as np
import pandas as pd

SUBJECTS = [f"{number:02}" for number in range(1, 11)]
SESSIONS = ("01", "02", "03", "04")
RUNS = ("task-test", *(f"task-train_run-{number:02}" for number in range(1, 6)))
RATE, SECONDS = 1000, 3
CHANNELS = ("Fp1", "Pz", "Oz")
LOWEST, HIGHEST = -(2**23), 2**23 - 1  # bits
LIMIT = 131072  # uV
STEP = 2 * LIMIT / (HIGHEST - LOWEST)  # uV, of one bit
FIRST, APART = 0.5, 0.2  # s
# Images of each run in the order of time; None is a catch trial.
TEST = (2, 1, None, 200, 1)
TRAIN = (16540, 3, None)
CATEGORIES = {1: "00001_aircraft_carrier", 2: "00002_antelope", 200: "00200_wok"}


def images(run):
    """Return the images of a run of a session, in the order of time."""
    if run == "task-test":
        return TEST
    return (*TRAIN, 10 + int(run[-1]))


def category(run, image):
    """Return the category of an image; ten images of the training part share one."""
    if run == "task-test":
        return CATEGORIES[image]
    return f"{-(-image // 10):05}_thing"


def voltage(subject, session, run, channel):
    """Return the voltage of a channel in uV: a level of its own, and a slope over time."""
    number = 100 * int(subject) + 10 * int(session) + RUNS.index(run)
    seconds = np.arange(RATE * SECONDS) / RATE
    return number + (channel + 1) * (1 + RUNS.index(run)) * 10 * seconds**2 * int(session)


def write(folder):
    """Write the recordings and events of all runs."""
    for subject in SUBJECTS:
        for session in SESSIONS:
            for run in RUNS:
                place = folder / f"sub-{subject}/ses-{session}/eeg"
                place.mkdir(parents=True, exist_ok=True)
                name = f"sub-{subject}_ses-{session}_{run}"
                values = [voltage(subject, session, run, c) for c in range(len(CHANNELS))]
                write_bdf(place / f"{name}_eeg.bdf", np.array(values))
                write_events(place / f"{name}_events.tsv", run)


def write_events(path, run):
    """Write the table of events of a run."""
    rows = [
        {
            "onset": round(FIRST + place * APART, 3),
            "duration": 0.1,
            "sample": round(RATE * (FIRST + place * APART)),
            "value": 255 if image is None else 1,
            "trial_type": "target" if image is None else "image",
            "tot_img_number": image,
            "img_category": None if image is None else int(category(run, image)[:5]),
            "category_name": None if image is None else category(run, image),
            "block": 1,
        }
        for place, image in enumerate(images(run))
    ]
    whole = {"tot_img_number": "Int64", "img_category": "Int64"}
    pd.DataFrame(rows).astype(whole).to_csv(path, sep="\t", index=False, na_rep="n/a")


def write_bdf(path, values):
    """Write channels x samples in uV as BDF, in records of a second."""
    n_channels, n_records = len(values), values.shape[1] // RATE
    head = [
        (8, "\xffBIOSEMI"), (80, "X"), (80, "X"), (8, "01.01.20"), (8, "00.00.00"),
        (8, 256 * (1 + n_channels)), (44, "24BIT"), (8, n_records), (8, 1), (4, n_channels),
    ]  # fmt: skip
    per_channel = [
        (16, CHANNELS), (80, [""] * n_channels), (8, ["uV"] * n_channels),
        (8, [-LIMIT] * n_channels), (8, [LIMIT] * n_channels),
        (8, [LOWEST] * n_channels), (8, [HIGHEST] * n_channels), (80, [""] * n_channels),
        (8, [RATE] * n_channels), (32, [""] * n_channels),
    ]  # fmt: skip
    fields = [*head, *((width, x) for width, column in per_channel for x in column)]
    text = "".join(str(x)[:width].ljust(width) for width, x in fields)
    bits = np.round((values + LIMIT) / STEP).astype("<i4") + LOWEST
    records = bits.reshape(n_channels, n_records, RATE).transpose(1, 0, 2).copy()
    written = records.view(np.uint8).reshape(-1, 4)[:, :3]
    path.write_bytes(text.encode("latin1") + written.tobytes())
