"""`neuroalign check` lists every fault of one's own folder at once, files of stimuli among them."""

import io
import struct
import wave
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

LABELS = ["007", "NA", "cat", "dog"]


@pytest.fixture
def values(rng):
    return rng.normal(size=(4, 3))


@pytest.fixture
def folder(tmp_path, values):
    """Write a sound folder, to be spoilt."""
    home = tmp_path / "mine"
    home.mkdir()
    (home / "dataset.toml").write_text('units = "z"\nmodality = "fmri"\n')
    np.save(home / "responses.npy", values)
    write_stimuli(home, "text", ["a", "b", "c", "d"])
    return home


def write_stimuli(home, kind, named):
    table = pd.DataFrame({"stimulus": LABELS, kind: named})
    table.to_csv(home / "stimuli.csv", index=False)


def check_lists(check, folder, *faults):
    """Check a folder on the command line; each fault is listed with its mend, and no other."""
    count = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
    lines = "".join(f"  - {fault}\n" for fault in faults)
    assert check(folder) == (1, f"Error: Dataset 'mine' has {count}:\n{lines}")


def test_tables_of_another_length_hide_no_other_fault(folder, values, check):
    (folder / "dataset.toml").write_text('modality = "mri"\nlicence = "CC0"\n')
    values[:, 1] = 1.0
    values[:, 2] = [np.inf, 2, 3, 4]
    np.save(folder / "responses.npy", np.vstack([values, values[:1]]))
    (folder / "showings.csv").write_text("stimulus,run\ncat,1\ncow,1\ndog,2\n")
    (folder / "neuroids.csv").write_text("neuroid,roi\n1,V1\n2,V1\n2,V1\n3,V4\n")
    array = f"Array '{folder / 'responses.npy'}' has"
    mend = "give it one for each, in the same order"
    check_lists(
        check, folder,
        "dataset.toml: No fact in dataset.toml is called 'licence'. Did you mean 'license'?",
        "dataset.toml: No modality in dataset.toml is called 'mri'. Did you mean 'fmri'?",
        f"subject 'subject-1': {array} 5 showings, but showings.csv has 3 rows; {mend}",
        f"subject 'subject-1': {array} 3 neuroids, but neuroids.csv has 4 rows; {mend}",
        "dataset.toml: the attribute 'units' is missing: say what the values are, as in "
        "units='spikes/s'",
        "subject 'subject-1': 1 neuroid labels occur more than once (first: 'subject-1/2'): give "
        "each a label of its own",
        "subject 'subject-1': 1 of its stimuli are not in the stimulus table (first: 'cow'): add "
        "these stimuli to the table, or leave their rows out",
        "subject 'subject-1': 1 neuroids have infinite values (first: 'subject-1/2'): write NaN "
        "where nothing was measured",
        "subject 'subject-1': 1 neuroids have a constant response (first: 'subject-1/2'): leave "
        "these neuroids out, or declare the fault on the card (known_faults)",
        "2 stimuli were shown to nobody (first: '007'): leave them out of the table",
    )  # fmt: skip


def test_every_column_that_holds_words_is_listed(folder, check):
    (folder / "responses.npy").unlink()
    rows = ("007,1,x,2", "NA,3,4,y", "cat,2,3,4", "dog,5,6,7")
    (folder / "responses.csv").write_text("\n".join(["stimulus,a,b,c", *rows, ""]))
    (folder / "neuroids.csv").write_text("neuroid,roi\nb,V1\nc,V2\n")
    table, known = folder / "responses.csv", folder / "neuroids.csv"
    words = "has 1 values that are not numbers (first:"
    mend = "write numbers, and nothing where none was measured"
    check_lists(
        check, folder,
        f"subject 'subject-1': Column 'b' of '{table}' {words} 'x' in row 1): {mend}",
        f"subject 'subject-1': Column 'c' of '{table}' {words} 'y' in row 2): {mend}",
        f"subject 'subject-1': 1 columns of responses.csv are not in '{known}' (first: 'a'); add "
        "them there",
    )  # fmt: skip


def test_facts_units_and_neuroids_are_listed_with_what_the_values_are(folder, check):
    (folder / "dataset.toml").write_text("licence = 'CC0'\n")
    (folder / "neuroids.csv").write_text("neuroid\n1\n1\n2\n")
    np.save(folder / "responses.npy", np.ones((4, 3)))
    wanted = "units = 'spikes/s' and modality = 'spikes', or what they are"
    check_lists(
        check, folder,
        "dataset.toml: No fact in dataset.toml is called 'licence'. Did you mean 'license'?",
        f"dataset.toml: File '{folder / 'dataset.toml'}' does not say how responses were "
        f"recorded; add {wanted}",
        "dataset.toml: the attribute 'units' is missing: say what the values are, as in "
        "units='spikes/s'",
        "subject 'subject-1': 1 neuroid labels occur more than once (first: 'subject-1/1'): give "
        "each a label of its own",
        "subject 'subject-1': 3 neuroids have a constant response (first: 'subject-1/1', "
        "'subject-1/1', 'subject-1/2'): leave these neuroids out, or declare the fault on the card "
        "(known_faults)",
    )  # fmt: skip


def test_times_that_must_be_milliseconds_are_faults(folder, values, check):
    facts = "units = 'uV'\nmodality = 'eeg'\ndims = ['stimulus', 'neuroid', 'time']\n"
    facts += "time_convention = 'samples'\n"
    np.save(folder / "responses.npy", np.stack([values, values + 1], axis=2))
    (folder / "dataset.toml").write_text(facts + "time = [-200, 100]\n")
    mend = "give seconds, not milliseconds, or declare the fault on the card (known_faults)"
    said = "subject 'subject-1': coordinate 'time' reaches 200 s from the onset"
    check_lists(check, folder, f"{said}: {mend}")
    (folder / "dataset.toml").write_text(facts + "time = [-0.2, 100]\n")
    assert check(folder) == (0, "")


def test_a_sampling_period_that_must_be_milliseconds_is_a_fault(folder, check):
    table = pd.DataFrame({"stimulus": LABELS, "text": LABELS, "run": "run-1", "onset": 0.0})
    table.to_csv(folder / "stimuli.csv", index=False)
    facts = "units = 'z'\nmodality = 'fmri'\nsampling_period = "
    mend = "give seconds, not milliseconds, or declare the fault on the card (known_faults)"
    (folder / "dataset.toml").write_text(f"{facts}2000\n")
    check_lists(check, folder, f"subject 'subject-1': the sampling period is 2000 s: {mend}")
    (folder / "dataset.toml").write_text(f"{facts}60\n")
    assert check(folder) == (0, "")


def test_who_cannot_be_read_leaves_no_stimulus_unseen(folder, check):
    array = folder / "responses.npy"
    array.write_bytes(b"")
    check_lists(check, folder, f"subject 'subject-1': File '{array}' is empty; fetch it anew")


def encoded(kind, mode="RGB"):
    file = io.BytesIO()
    size = (24, 24) if mode == "I;16" else (24, 24, 3)
    pixels = (
        np.random.default_rng(0).integers(0, 256, size).astype("u2" if mode == "I;16" else "u1")
    )
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def chunk(name, content):
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def picture_of_billions():
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


PNG, JPEG, GIF = encoded("PNG"), encoded("JPEG"), encoded("GIF")
IMAGES = {
    "junk.png": b"junk", "empty.png": b"", "page.jpg": b"<!DOCTYPE html><html></html>",
    "half.png": PNG[: len(PNG) // 2], "end.png": PNG[:-60], "half.jpg": JPEG[: len(JPEG) // 2],
    "half.gif": GIF[: len(GIF) // 2], "altered.png": PNG[:60] + bytes(20) + PNG[80:],
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_that_cannot_be_read_is_a_fault(name, folder, check):
    (folder / name).write_bytes(IMAGES[name])
    (folder / "a.png").write_bytes(PNG)
    write_stimuli(folder, "image", ["a.png", name, "a.png", "a.png"])
    check_lists(
        check, folder,
        f"stimuli: The image '{folder / name}' of stimulus 'NA' cannot be read; it is damaged, or "
        "no image that Pillow knows: fetch it anew, or save it again from what it was made of",
    )  # fmt: skip


def test_whole_images_are_no_faults(folder, check):
    files = {"a.png": PNG, "b.jpg": JPEG, "c.gif": GIF, "d.JPG": PNG}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    write_stimuli(folder, "image", list(files))
    assert check(folder) == (0, "")


def test_images_that_no_model_reads_as_they_are_are_faults(folder, check):
    for name, content in (("a.png", encoded("PNG", "I;16")), ("b.png", picture_of_billions())):
        (folder / name).write_bytes(content)
    write_stimuli(folder, "image", ["a.png", "b.png", "a.png", "b.png"])
    code, said = check(folder)
    assert code == 1
    _, first, second = said.splitlines()
    assert first == (
        "  - stimuli: The image of stimulus '007' is of mode 'I;16', with more than 8 bits a "
        "pixel; scale it to 0..255 and save it as uint8"
    )
    assert second == (
        f"  - stimuli: The image '{folder / 'b.png'}' of stimulus 'NA' cannot be read; it is "
        "damaged, or no image that Pillow knows: fetch it anew, or save it again from what it was "
        "made of"
    )


def test_many_unreadable_files_are_listed_in_part(folder, check):
    labels = [f"s{number:02}" for number in range(14)]
    table = pd.DataFrame({"stimulus": labels, "image": [f"{label}.png" for label in labels]})
    table.to_csv(folder / "stimuli.csv", index=False)
    np.save(folder / "responses.npy", np.random.default_rng(0).normal(size=(14, 3)))
    for label in labels[:-1]:
        (folder / f"{label}.png").write_bytes(b"junk")
    code, said = check(folder)
    title, *lines = said.splitlines()
    assert (code, title) == (1, "Error: Dataset 'mine' has 12 faults:")
    assert lines[0] == (
        "  - stimuli: 1 image files do not exist (first: 's13'): put the files there, or mend the "
        "paths in the table"
    )
    assert [line.partition("stimulus '")[2][:3] for line in lines[1:-1]] == labels[:10]
    assert lines[-1] == (
        "  - stimuli: 3 more image files cannot be read: fetch it anew, or save it again from what "
        "it was made of"
    )


def sound():
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes(bytes(400))
    return file.getvalue()


def box(name, content, long=False):
    length = len(content) + (16 if long else 8)
    head = struct.pack(">I", 1 if long else length) + name
    return head + (struct.pack(">Q", length) if long else b"") + content


WAV = sound()
MP4 = box(b"ftyp", b"isom") + box(b"mdat", bytes(100), long=True) + box(b"moov", bytes(30))
WHOLE = {
    "a.wav": WAV, "b.wav": b"RIFF" + b"\xff" * 4 + WAV[8:], "c.flac": b"fLaC" + bytes(9),
    "d.mp3": b"\xff\xfb\x90\x00", "e.mp3": b"ID3" + bytes(9), "f.ogg": b"OggS" + bytes(9),
    "g.mp4": MP4, "h.mov": MP4[8 + 4 :], "i.webm": b"\x1aE\xdf\xa3" + bytes(9), "j.xyz": b"?",
    "k.mp4": MP4 + struct.pack(">I", 0) + b"free",
}  # fmt: skip
BEGINS = "cannot be read (the file does not begin as {} files do)"
CUT = "cannot be read whole ({} of at least {} bytes are there)"
UNREADABLE = {
    "a.wav": (b"<html></html>", BEGINS.format(".wav")),
    "b.wav": (WAV[:200], CUT.format(200, 444)),
    "c.wav": (b"", "cannot be read (the file is empty)"),
    "d.flac": (WAV, BEGINS.format(".flac")),
    "e.mp3": (b"\xff\x00\x00", BEGINS.format(".mp3")),
    "f.mp4": (MP4[:60], CUT.format(60, 128)),
    "g.MP4": (b"<html></html>", BEGINS.format(".mp4")),
    "h.mov": (MP4[:-1], CUT.format(len(MP4) - 1, len(MP4))),
    "i.avi": (WAV[:-1], CUT.format(443, 444)),
    "j.xyz": (b"", "cannot be read (the file is empty)"),
}


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_whole_sounds_and_films_are_no_faults(kind, folder, check):
    for name, content in WHOLE.items():
        (folder / name).write_bytes(content)
    for first in range(0, len(WHOLE), 4):
        write_stimuli(folder, kind, [*WHOLE, *WHOLE][first : first + 4])
        assert check(folder) == (0, "")


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_sound_or_film_that_cannot_be_read_is_a_fault(name, folder, check):
    content, said = UNREADABLE[name]
    (folder / name).write_bytes(content)
    write_stimuli(folder, "audio", [name] * 4)
    check_lists(
        check, folder,
        f"stimuli: the audio '{folder / name}' of stimulus '007' {said}: fetch it anew, or save it "
        "again from what it was made of",
    )  # fmt: skip
