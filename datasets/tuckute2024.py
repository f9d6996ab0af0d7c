"""Tuckute et al. (2024): human fMRI of the language network, to sentences read one at a time.

Ten people each read 1,000 diverse sentences (condition baseline), 2 s each, once. Five of them
(848 853 865 875 876) read no others; the rest also read sentences that a model of the first five
predicted to drive or to suppress the network. Responses are those of GLMsingle, averaged over the
voxels of five regions of the left hemisphere; each sentence was read once by each person, so that
there is no repetition, and what people share bounds what can be explained.
"""

import pandas as pd

import neuroalign as na

FILE = "data/brain-lang-data_participant_20230728.csv"
CARD = na.DatasetCard(
    citation="doi:10.1038/s41562-023-01783-7",
    modality="fmri",
    species="human",
    stimulus="text",
    license="MIT (repository of the authors)",
    verified="documented layout",
    how_to_get="https://evlabwebapps.mit.edu/public_data/tuckute2024_driving_suppressing/data.tar "
    "(unpack it)",
    n_subjects=10,
    n_stimuli=1500,
    n_neuroids=50,
    n_repetitions="1",
    files={FILE: ""},
    notes="The layout is that of data/column_name_descriptions.csv (in the same archive) and of the "
    "code in github.com/gretatuckute/drive_suppress_brains (src/run_analyses, src/plot_data). "
    "Voxels were z-scored within a session before they were averaged over a region. Of 1,500 "
    "sentences 1,000 are the baseline, and 500 were found by searching corpora; the few that were "
    "found by modifying sentences come on top. Neuroids are five regions of each person; the "
    "average over the network is not counted.",
)

CONDITIONS = {"B": "baseline", "D": "drive", "S": "suppress"}
NETWORK = "lang_LH_netw"  # its average over all regions
# Column of the file -> what it is called here.
ON_ROWS = {"session_id": "session", "run_id": "run", "trial_num": "trial"}
UNITS = {"response_target": "z", "response_target_non_norm": "GLMsingle estimate"}


def load(files, *, subjects=None, network=False, normalized=True):
    """Load five regions a person, or with network=True the average over all of the network.

    With normalized=False voxels were not z-scored within sessions before they were averaged.
    """
    response = "response_target" if normalized else "response_target_non_norm"
    table = pd.read_csv(
        files[FILE],
        dtype={"item_id": str, "target_UID": str},
        keep_default_na=False,
        na_values=[""],
    )
    if missing := sorted({"item_id", "target_UID", "roi", response, *ON_ROWS} - set(table)):
        message = (
            f"The table has no column {missing[0]!r}; it is not that of the event-related design."
        )
        raise ValueError(message)
    kept = table[(table["roi"] == NETWORK) == network]
    if kept.empty:
        message = (
            f"The table has no row of roi {NETWORK!r}." if network else "The table has no roi."
        )
        raise ValueError(message)
    recordings = {
        subject: _recording(rows, subject, response) for subject, rows in kept.groupby("target_UID")
    }
    return na.BrainDataset(recordings, _stimuli(kept))


def _recording(rows, subject, response):
    """Arrange the rows of a person, one for each sentence and region."""
    if (twice := rows.duplicated(["item_id", "roi"])).any():
        message = (
            f"Subject {subject!r} has several responses to item {rows['item_id'][twice].iloc[0]!r}."
        )
        raise ValueError(message)
    grid = rows.set_index(["item_id", "roi"])[response].to_xarray()
    shown = rows.drop_duplicates("item_id").set_index("item_id").loc[grid["item_id"].values]
    return na.make_recording(
        grid.values,
        ("stimulus", "neuroid"),
        subject=subject,
        units=UNITS[response],
        attrs={"neuroids": "shared"},  # the same regions in everybody
        stimulus=grid["item_id"].values,
        neuroid=grid["roi"].values,
        roi=grid["roi"].values,
        hemisphere="L",
        **{new: ("stimulus", shown[old].astype(str).to_numpy()) for old, new in ON_ROWS.items()},
    )


def _stimuli(table):
    """List the sentences with their condition, ratings and log probabilities."""
    facts = [name for name in table if name.startswith(("rating_", "log-prob-"))]
    sentences = table[["item_id", "sentence"]].drop_duplicates()
    if (twice := sentences["item_id"].duplicated()).any():
        message = f"Item {sentences['item_id'][twice].iloc[0]!r} is several sentences."
        raise ValueError(message)
    items = table.drop_duplicates("item_id").set_index("item_id")
    stimuli = pd.DataFrame(
        {
            "text": items["sentence"],
            "condition": items["cond"].map(CONDITIONS),
            "approach": items["cond_approach"],
            **{name: items[name] for name in facts},
        }
    )
    return stimuli.rename_axis("stimulus")
