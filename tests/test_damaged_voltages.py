"""Files of voltages that are damaged, or are not what they should be, give one sentence each."""

import sys
from pathlib import Path

import numpy as np
import pytest
from test_read_mne import NAMES, write_epochs
from voltage_files import write_brainvision, write_edf, write_fif

import neuroalign as na
from neuroalign.errors import DataError, MissingPackageError, NeuroalignError

VALUES = np.arange(900.0).reshape(3, 300) / 10
TRIALS = np.arange(270.0).reshape(3, 3, 30)
RAW, EPOCHS = na.readers.read_raw, na.readers.read_epochs
EDF_SHORT = (
    "is shorter than its header says, fetch it anew (Number of records from the header does not "
    "match the file size (perhaps the recording was not stopped before exiting). Inferring from "
    "the file size)."
)


def cut(path, share):
    """Keep the first bytes of a file."""
    Path(path).write_bytes(Path(path).read_bytes()[: int(path.stat().st_size * share)])
    return path


def text(path, words="hello"):
    path.write_text(words)
    return path


def changed(path, old, new):
    """Change some bytes of a file."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def led_back(path):
    """Let the second tag of a FIF file be followed by the first."""
    content = bytearray(path.read_bytes())
    second = 16 + int.from_bytes(content[8:12], "big")
    content[second + 12 : second + 16] = (8).to_bytes(4, "big")
    path.write_bytes(content)
    return path


def of_no_kind(path):
    """Change the kind of the first channel of a FIF file; FIFF_CH_INFO (203) is 96 bytes."""
    tag = (203).to_bytes(4, "big") + (30).to_bytes(4, "big") + (96).to_bytes(4, "big")
    content = path.read_bytes()
    kind = content.index(tag) + 16 + 8  # after its two numbers
    path.write_bytes(content[:kind] + (1929380642).to_bytes(4, "big") + content[kind + 4 :])
    return path


def fif(folder, name="a_raw.fif", **options):
    return write_fif(folder / name, VALUES, options.pop("names", NAMES), **options)


def edf(folder, **options):
    return write_edf(folder / "a.edf", VALUES, NAMES, **options)


def vhdr(folder):
    return write_brainvision(folder / "a.vhdr", VALUES, NAMES)


def epo(folder):
    return write_epochs(folder / "a-epo.fif", TRIALS)


def without(folder, name):
    """Write BrainVision and take one of its files away."""
    path = vhdr(folder)
    (folder / name).unlink()
    return path


# Words, what is read, and the sentence, in which the folder is left out.
DAMAGED = {
    "no file": (
        lambda f: RAW(f / "a.fif"),
        "File 'a.fif' does not exist; check its name and folder.",
    ),
    "an empty file": (
        lambda f: RAW(text(f / "a.fif", "")),
        "File 'a.fif' is empty; fetch it anew.",
    ),
    "text as FIF": (
        lambda f: RAW(text(f / "a.fif")),
        "File 'a.fif' cannot be read as a continuous recording (AttributeError: 'NoneType' object "
        "has no attribute 'kind').",
    ),
    "text as EDF": (
        lambda f: RAW(text(f / "a.edf")),
        "File 'a.edf' cannot be read as a continuous recording (ValueError: Bad EDF file "
        "provided).",
    ),
    "text as EEGLAB": (
        lambda f: RAW(text(f / "a.set")),
        "File 'a.set' cannot be read as a continuous recording (MatReadError: Mat file appears to "
        "be truncated).",
    ),
    "an unknown format": (
        lambda f: RAW(text(f / "a.xyz")),
        "File 'a.xyz' cannot be read as a continuous recording (ValueError: Unsupported file type "
        "(.xyz). Consider using a dedicated reader function for more options).",
    ),
    "FIF without its end": (
        lambda f: RAW(cut(fif(f), 0.9)),
        "File 'a_raw.fif' is shorter than its header says, fetch it anew (Invalid tag with only "
        "0/16 bytes at position 7900 in file a_raw.fif).",
    ),
    "FIF whose tags lead back": (
        lambda f: RAW(led_back(fif(f))),
        "File 'a_raw.fif' is damaged: its tags lead back; fetch it anew.",
    ),
    "epochs whose tags lead back": (
        lambda f: EPOCHS(led_back(epo(f))),
        "File 'a-epo.fif' is damaged: its tags lead back; fetch it anew.",
    ),
    "FIF with a channel of no kind": (
        lambda f: RAW(of_no_kind(fif(f))),
        "File 'a_raw.fif' cannot be read as a continuous recording (ValueError: Unknown channel "
        'type (1929380642) for channel "LA1").',
    ),
    "epochs with a channel of no kind": (
        lambda f: EPOCHS(of_no_kind(epo(f))),
        "File 'a-epo.fif' cannot be read as epochs (ValueError: Unknown channel type (1929380642) "
        'for channel "LA1").',
    ),
    "EDF without its end": (lambda f: RAW(cut(edf(f), 0.9)), f"File 'a.edf' {EDF_SHORT}"),
    "EDF without half of its header": (
        lambda f: RAW(cut(edf(f), 0.1)),
        "File 'a.edf' cannot be read as a continuous recording (ValueError: could not convert "
        "string to float: '').",
    ),
    "EDF that promises years": (
        lambda f: RAW(edf(f, n_records=90_000_000)),
        f"File 'a.edf' {EDF_SHORT}",
    ),
    "EDF that promises channels": (
        lambda f: RAW(changed(edf(f), b"1       3   ", b"1       99  ")),
        "File 'a.edf' cannot be read as a continuous recording (ValueError: could not convert "
        "string to float: '').",
    ),
    "BrainVision without its values": (
        lambda f: RAW(without(f, "a.eeg")),
        "File 'a.vhdr' cannot be read as a continuous recording (FileNotFoundError: [Errno 2] No "
        "such file or directory: 'a.eeg').",
    ),
    "BrainVision of an unknown type": (
        lambda f: RAW(changed(vhdr(f), b"INT_16", b"PICKLE")),
        "File 'a.vhdr' cannot be read as a continuous recording (NotImplementedError: Datatype "
        "PICKLE is not supported).",
    ),
    "BrainVision without time": (
        lambda f: RAW(changed(vhdr(f), b"Interval=10000", b"Interval=0")),
        "File 'a.vhdr' cannot be read as a continuous recording (ZeroDivisionError: float division "
        "by zero).",
    ),
    "BrainVision with a channel twice": (
        lambda f: RAW(changed(vhdr(f), b"LA2", b"LA1")),
        "File 'a.vhdr' cannot be read as a continuous recording (ValueError: Channel LA1-0 has no "
        "associated original unit).",
    ),
    "epochs as a recording": (
        lambda f: RAW(epo(f)),
        "File 'a-epo.fif' cannot be read as a continuous recording (ValueError: No raw data in "
        "a-epo.fif).",
    ),
    "a recording as epochs": (
        lambda f: EPOCHS(fif(f)),
        "File 'a_raw.fif' cannot be read as epochs (ValueError: Could not find event data).",
    ),
    "no epochs": (
        lambda f: EPOCHS(f / "a-epo.fif"),
        "File 'a-epo.fif' does not exist; check its name and folder.",
    ),
    "epochs without their end": (
        lambda f: EPOCHS(cut(epo(f), 0.9)),
        "File 'a-epo.fif' is shorter than its header says, fetch it anew (Invalid tag with only "
        "0/16 bytes at position 3000 in file a-epo.fif).",
    ),
    "an unknown column of metadata": (
        lambda f: EPOCHS(epo(f), stimulus="picture"),
        "No column of the metadata of 'a-epo.fif' is called 'picture'. There are none.",
    ),
    "all channels bad": (
        lambda f: RAW(fif(f, bad=NAMES)),
        "All 3 channels are marked as bad (first: 'LA1', 'LA2', 'LB1'); keep them with "
        "keep_bad=True.",
    ),
    "an unknown channel": (
        lambda f: RAW(fif(f), channels=["LA9"]),
        "No channel is called 'LA9'. Did you mean 'LA2'?",
    ),
    "no channel of a kind": (
        lambda f: RAW(fif(f), channels="eeg"),
        "No channel is of kind eeg; there are seeg. Pass channels=[...] with names.",
    ),
    "no channel of a kind in EDF": (
        lambda f: RAW(edf(f), channels="seeg"),
        "No channel is of kind seeg; there are eeg (EDF and BDF files call every channel eeg). "
        "Pass channels=[...] with names.",
    ),
    "channels of several units": (
        lambda f: RAW(fif(f, kinds=["mag", "grad", "eeg"])),
        "The file has channels of kinds 'mag' in fT and 'grad' in fT/cm and 'eeg' in uV; choose "
        "one, as in channels='mag'.",
    ),
    "a channel without a unit": (
        lambda f: RAW(fif(f, kinds=["seeg", "stim", "seeg"]), channels=["LA2"]),
        "1 channels are of kind 'stim', which has no known unit (first: 'LA2').",
    ),
    "runs of other rates": (
        lambda f: RAW([fif(f), fif(f, "b_raw.fif", rate=200.0)]),
        "File 'b_raw.fif' is sampled at 200 Hz, the first file at 100 Hz; resample one of them, or "
        "read the runs apart.",
    ),
    "runs of other channels": (
        lambda f: RAW([fif(f), fif(f, "b_raw.fif", names=["LA1", "LA2", "LB2"])]),
        "File 'b_raw.fif' lacks 1 channels of the first file (first: 'LB1'); read the runs apart, "
        "or name channels that all have.",
    ),
    "runs of one name": (
        lambda f: RAW([fif(f)] * 2, runs=["film", "film"]),
        "1 runs have the same name (first: 'film'); pass runs=[...].",
    ),
    "fewer names than runs": (
        lambda f: RAW([fif(f)] * 2, runs=["film"]),
        "2 files and 1 names of runs were given; each needs one.",
    ),
    "a channel named twice": (
        lambda f: RAW(fif(f), channels=["LA1", "LA1"]),
        "1 channel names occur more than once (first: 'LA1').",
    ),
}


@pytest.mark.parametrize("case", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_gives_one_sentence(case, tmp_path):
    read, sentence = case
    with pytest.raises(NeuroalignError) as caught:
        read(tmp_path)
    assert str(caught.value).replace(f"{tmp_path}/", "") == sentence


def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("neuroalign.readers.mne_files.DENSEST", 0.01)
    path = fif(tmp_path)
    size = path.stat().st_size
    with pytest.raises(DataError) as caught:
        RAW(path)
    sentence = (
        f"File {str(path)!r} promises 900 values in {size} bytes; it is damaged, fetch it anew."
    )
    assert str(caught.value) == sentence


def test_a_file_that_vanishes_later_gives_one_sentence(tmp_path):
    path = fif(tmp_path)
    stream = RAW(path)
    path.unlink()
    with pytest.raises(DataError, match=r"^File '.*a_raw\.fif' cannot be read as a cont"):
        stream.load()


def test_without_mne_the_package_to_install_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mne", None)
    with pytest.raises(MissingPackageError) as caught:
        RAW(text(tmp_path / "a.fif"))
    assert str(caught.value) == (
        "Recordings of EEG, MEG and intracranial EEG need the package 'mne', which is not "
        "installed; run pip install 'neuroalign[ieeg]'."
    )
