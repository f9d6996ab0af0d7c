"""Miniature of Tuckute et al. (2024): columns of the published table, with values made up.

Columns are those of column_name_descriptions.csv; participants, regions and conditions those of
the authors' code. A response says which person, item and region it is of.
"""

from pathlib import Path

import numpy as np
import pandas as pd

FILE = "data/brain-lang-data_participant_20230728.csv"
ROIS = ["lang_LH_IFGorb", "lang_LH_IFG", "lang_LH_MFG", "lang_LH_AntTemp", "lang_LH_PostTemp"]
NETWORK = "lang_LH_netw"
TRAIN, DRIVEN = [848, 853], [797, 837]
N_BASELINE = 8
RATINGS = ["rating_gram_mean", "rating_sense_mean", "log-prob-gpt2-xl_mean"]


def items(subject):
    """Return item, condition and approach of what a person read."""
    read = [(item, "B", "B") for item in range(1, N_BASELINE + 1)]
    if subject in DRIVEN:
        way = "search" if subject == 797 else "modify"
        first = 101 if way == "search" else 201
        read += [(first, "D", f"D_{way}"), (first + 1, "S", f"S_{way}")]
    return read


def code(subject, item, roi):
    """Return the response of a person to an item in a region."""
    place = len(ROIS) if roi == NETWORK else ROIS.index(roi)
    return subject + item / 1000 + place / 10


def table(seed=0):
    """Return the rows of the file."""
    rng = np.random.default_rng(seed)
    rated = {item: rng.normal(size=len(RATINGS)).round(3) for item in range(1, 300)}
    rows = []
    for subject in TRAIN + DRIVEN:
        read = items(subject)
        for trial, number in enumerate(rng.permutation(len(read)), 1):
            item, condition, approach = read[number]
            for roi in [*ROIS, NETWORK]:
                rows.append(
                    {
                        "response_target": code(subject, item, roi),
                        "roi": roi,
                        "target_UID": subject,
                        "item_id": item,
                        "sentence": f"Sentence {item}, read once.",
                        "cond": condition,
                        "cond_approach": approach,
                        "encoding_model_pred": 0.1,
                        "session_id": f"{subject}_FED_20220803a_3T1",
                        "run_id": f"run{trial % 3}",
                        "trial_num": trial,
                        "run_within_session": trial % 3,
                        **dict(zip(RATINGS, rated[item], strict=True)),
                        "response_target_non_norm": 2 * code(subject, item, roi),
                    }
                )
    return pd.DataFrame(rows)


def write(folder, seed=0):
    """Write the table of the event-related design."""
    path = Path(folder) / FILE
    path.parent.mkdir()
    table(seed).to_csv(path, index=False)
