"""Each check of the contract finds its fault, whatever door a dataset comes through."""

import importlib.metadata
import sys
import types

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.testing import load_and_check

LABELS = ["a", "b", "c", "d"]
CENTERS = {"time_convention": "bin centers"}


def events():
    return na.make_recording(
        np.random.default_rng(0).normal(size=(4, 3, 2)), ("stimulus", "neuroid", "time"),
        subject="ann", units="z", stimulus=LABELS, neuroid=list("xyz"),
        time=[0.1, 0.2], attrs=CENTERS,
    )  # fmt: skip


def stream():
    return na.make_recording(
        np.random.default_rng(0).normal(size=(9, 3)), ("sample", "neuroid"), subject="ann",
        units="z", neuroid=list("xyz"), run="run-1", sampling_period=1.0,
    )  # fmt: skip


def table(**columns):
    return pd.DataFrame({"text": LABELS, **columns}, index=LABELS)


def timed(**columns):
    return table(**{"run": ["run-1"] * 4, "onset": [0.0, 2.0, 4.0, 6.0], **columns})


def card(stimulus="text"):
    return na.DatasetCard(
        citation="none", modality="fmri", species="human", stimulus=stimulus, license="CC0-1.0"
    )


def with_values(column, value):
    recording = events().copy(deep=True)
    recording.values[:, column] = value
    return recording


def relabeled(dim, labels):
    return events().assign_coords({dim: labels})


def moved(onsets):
    return stream().assign_coords(onset=("sample", onsets))


def held(recording, stimuli=None, subject="ann", **options):
    return lambda: na.BrainDataset(
        {subject: recording} if not isinstance(recording, dict) else recording,
        table() if stimuli is None else stimuli,
        **options,
    )


def unlike_when_read_again():
    drawn = np.random.default_rng(0)
    return na.BrainDataset({"ann": lambda: events() + drawn.normal()}, table())


BOB = relabeled("neuroid", ["bob/x", "bob/y", "bob/z"]).assign_coords(subject="bob")
STEPS = np.arange(9.0)
CHECKS = {
    "it is a dict, not": dict,
    "stimulus labels occur more than once": held(
        relabeled("stimulus", list("aabc")), table().loc[["a", "b", "c"]]
    ),
    "stimuli: 1 stimulus labels occur more than once": held(
        events(), table().iloc[[0, 0, 1, 2, 3]]
    ),
    "stimuli have no text": held(events(), table(text=["a", None, "c", "d"])),
    "stimuli have no group": held(events(), table(group=["1", None, "1", "1"])),
    "image files do not exist": held(events(), table(image=["no.png"] * 4)),
    "cannot be read": held(events(), table(image=[__file__] * 4)),
    "no column text, image": held(events(), table()[[]]),
    "its card is not a DatasetCard": held(events(), card="none"),
    "the card says 'image'": held(events(), card=card("image")),
    "is a int": held({"ann": lambda: 3}),
    "dimensions are": held(events().rename(time="delay")),
    "coordinate 'stimulus' is missing": held(events().drop_vars("stimulus")),
    "coordinate 'neuroid' is missing": held(events().drop_vars("neuroid")),
    "neuroid labels occur more than once": held(relabeled("neuroid", ["ann/x", "ann/x", "ann/y"])),
    "neuroid labels lack the prefix 'ann/'": held(relabeled("neuroid", list("xyz"))),
    "scalar coordinate 'subject' is missing": held(events().drop_vars("subject")),
    "attribute 'units' is missing": held(events().drop_attrs().assign_attrs(CENTERS)),
    "coordinate 'time' (seconds from onset) is missing": held(events().drop_vars("time")),
    "coordinate 'time' does not increase": held(relabeled("time", [0.2, 0.1])),
    "attribute 'time_convention'": held(events().drop_attrs().assign_attrs(units="z")),
    "it says that it belongs to subject 'ann'": held(events(), subject="eve"),
    "of its stimuli are not in the stimulus table": held(events(), table().iloc[:3]),
    "infinite values": held(with_values(0, np.inf)),
    "no response at all": held(with_values(0, np.nan)),
    "a constant response": held(with_values(0, 1.0)),
    "stimuli were shown to nobody": held(events().isel(stimulus=[0, 1])),
    "reading the recording twice": unlike_when_read_again,
    "neuroid labels belong to more than one subject": held(
        {"ann": relabeled("neuroid", ["x/1", "x/2", "x/3"]).assign_coords(subject="ann"),
         "bob": relabeled("neuroid", ["x/1", "x/2", "x/3"]).assign_coords(subject="bob")}
    ),
    "load them apart": held({"ann": stream(), "bob": BOB}, timed()),
    "attribute 'sampling_period'": held(stream().drop_attrs().assign_attrs(units="z"), timed()),
    "coordinate 'run' of the samples is missing": held(stream().drop_vars("run"), timed()),
    "samples have no onset": held(moved([*STEPS[:8], np.nan]), timed()),
    "of the samples holds values of type": held(moved(STEPS.astype(str)), timed()),
    "a stream has no coordinate 'stimulus'": held(stream().assign_coords(stimulus="a"), timed()),
    "samples begin before their run": held(moved(STEPS - 1), timed()),
    "samples do not begin a whole number": held(moved([*STEPS[:8], 8.5]), timed()),
    "samples do not begin after the one before": held(moved([*STEPS[:8], 7.0]), timed()),
    "sample labels lack their run": held(stream().assign_coords(sample=list("abcdefghi")), timed()),
    "sample labels do not sort": held(
        stream().assign_coords(sample=[f"run-1/{9 - n}" for n in range(9)]), timed()
    ),
    "stimuli of a stream need the columns run and onset": held(stream(), table()),
    "stimuli have no onset": held(stream(), timed(onset=[0.0, 1.0, 2.0, np.nan])),
    "stimuli have a duration below 0": held(stream(), timed(duration=-1.0)),
    "of its runs have no stimulus": held(stream(), timed(run=["run-2"] * 4)),
    "stimuli begin outside their run": held(stream(), timed(onset=[0.0, 1.0, 2.0, 99.0])),
}  # fmt: skip


@pytest.mark.parametrize(("recording", "stimuli"), [(events(), table()), (stream(), timed())])
def test_what_the_checks_spoil_is_sound(recording, stimuli):
    load_and_check("mine", held(recording, stimuli, card=card()))


@pytest.mark.parametrize("fault", CHECKS)
def test_each_check_finds_its_fault(fault):
    with pytest.raises(DataError) as caught:
        load_and_check("mine", CHECKS[fault])
    title, *lines = str(caught.value).split("\n")
    assert title.startswith("Dataset 'mine' has ")
    assert any(fault in line for line in lines), lines


ADAPTER = '''
"""Nobody et al. (1900): texts, read by one person, one of whose voxels is constant."""
import numpy as np
import neuroalign as na

CARD = na.DatasetCard(
    citation="doi:10/x", modality="fmri", species="human", stimulus="text", license="CC0-1.0"
)


def load(files, *, subjects=None):
    values = np.random.default_rng(0).normal(size=(4, 3))
    values[:, 1] = 1.0
    return na.make_dataset(values, {"text": list("abcd")}, units="z")
'''


def write_tables(home):
    """Write the same as a folder of tables."""
    table().to_csv(home / "stimuli.csv", index_label="stimulus")
    (home / "dataset.toml").write_text("units = 'z'\nmodality = 'fmri'\n")
    values = np.random.default_rng(0).normal(size=(4, 3))
    values[:, 1] = 1.0
    np.save(home / "responses.npy", values)


def install(monkeypatch):
    """Make a module that is found by the entry point of a package."""
    module = types.ModuleType("nobody_1900")
    exec(ADAPTER, module.__dict__)
    monkeypatch.setitem(sys.modules, "nobody_1900", module)
    entry = importlib.metadata.EntryPoint("theirs", "nobody_1900", "neuroalign.datasets")
    monkeypatch.setattr("neuroalign.data.catalog.entry_points", lambda **_: [entry])


@pytest.mark.parametrize("door", ["study.py", "dataset.py", "tables", "theirs"])
def test_the_contract_is_checked_at_every_door(door, check, tmp_path, monkeypatch):
    dataset = {"study.py": tmp_path / "study.py", "theirs": "theirs"}.get(door, tmp_path)
    if door == "theirs":
        install(monkeypatch)
    elif door == "tables":
        write_tables(tmp_path)
    else:
        (tmp_path / door).write_text(ADAPTER)
    code, said = check(dataset)
    title, fault = said.splitlines()
    assert code == 1
    assert title.endswith("has 1 fault:")
    assert "1 neuroids have a constant response (first: 'subject-1/1')" in fault
