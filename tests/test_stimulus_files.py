"""Sounds and films: what their first bytes and their boxes say, and images of any kind."""

import struct
import zlib

import pandas as pd
import pytest
from PIL import Image

from neuroalign.data.stimulus_files import LISTED, file_faults


def box(name, content=b"", length=None):
    return struct.pack(">I", 8 + len(content) if length is None else length) + name + content


def riff(name=b"RIFF", order="<", declared=12):
    return name + struct.pack(f"{order}I", declared) + bytes(12)


@pytest.fixture
def faults(tmp_path):
    """List what is said of one file."""

    def listed(name, content, kind="video"):
        (tmp_path / name).write_bytes(content)
        stimuli = pd.DataFrame({kind: [str(tmp_path / name)]}, index=["a"])
        start = f"the {kind} {str(tmp_path / name)!r} of stimulus 'a' cannot be read "
        return [fault.removeprefix(start) for fault in file_faults(stimuli)]

    return listed


SOUND = {
    "a.wav": riff(), "b.avi": riff(b"RIFX", ">"), "c.wav": riff(b"RF64", declared=2**32 - 1),
    "d.wav": riff(declared=0), "e.wav": riff(b"RIFX", ">", 2**32 - 1), "f.wav": riff(declared=11),
    "g.flac": b"ID3" + bytes(9), "h.mp3": b"\xff\xe2", "i.mp3": b"\xff\xff",
    "j.mkv": b"\x1aE\xdf\xa3", "k.WAV": riff(),
    **{f"{name}.mov": box(name.encode(), bytes(9)) for name in ("moov", "mdat", "wide", "skip")},
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_has_no_fault(name, faults):
    assert faults(name, SOUND[name]) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.wav", riff(declared=13), "whole (20 of at least 21 bytes are there)"),
        ("b.avi", riff(b"RIFX", ">", 13), "whole (20 of at least 21 bytes are there)"),
        ("c.mp3", b"\xff\xe1", "(the file does not begin as .mp3 files do)"),
        ("c.MP3", b"\xff\xe1", "(the file does not begin as .mp3 files do)"),
        ("d.mkv", bytes(9), "(the file does not begin as .mkv files do)"),
        ("e.m4a", bytes(9), "(the file does not begin as .m4a files do)"),
        (
            "f.mp4",
            box(b"ftyp") + box(b"mdat", length=9),
            "whole (16 of at least 17 bytes are there)",
        ),
        (
            "g.mp4",
            box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 2**32),
            "whole (28 of at least 4294967308 bytes are there)",
        ),
    ],
)
def test_what_is_cut_or_of_another_kind_is_said(name, content, said, faults):
    assert faults(name, content) == [said]


@pytest.mark.parametrize("length", [0, 2, 7])
def test_a_box_that_goes_to_the_end_ends_there(length, faults):
    assert faults("a.mp4", box(b"ftyp") + box(b"mdat", bytes(5), length)) == []


def test_the_boxes_of_a_film_may_be_empty(faults):
    assert faults("a.mp4", box(b"ftyp") + box(b"free") + box(b"moov", bytes(3))) == []


def test_bytes_behind_the_last_box_are_looked_at_as_a_box(faults):
    content = box(b"ftyp") + b"\0\0\1\0more"
    assert faults("a.mp4", content) == ["whole (16 of at least 264 bytes are there)"]


def test_a_value_that_is_no_path_is_no_lost_file():
    assert list(file_faults(pd.DataFrame({"audio": [None, 3.0, b"x"]}))) == []
    assert list(file_faults(pd.DataFrame({"image": [None, float("nan")]}, dtype=object))) == []


def test_a_file_is_told_once_and_so_many_of_a_kind(tmp_path):
    paths = [tmp_path / f"{number}.wav" for number in range(LISTED + 1)]
    for path in paths:
        path.touch()
    empty = "cannot be read (the file is empty)"
    for count in (LISTED, LISTED + 1):
        named = [*paths[:count], *paths[:count], tmp_path / "no.wav"]
        found = list(file_faults(pd.DataFrame({"audio": named}, index=map(str, range(len(named))))))
        assert found[0] == f"1 audio files do not exist (first: '{2 * count}')"
        assert all(fault.endswith(empty) for fault in found[1 : LISTED + 1])
        assert found[LISTED + 1 :] == ["1 more audio files cannot be read"] * (count - LISTED)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def test_an_image_with_a_broken_chunk_is_a_fault(faults, tmp_path, rng):
    rows = zlib.compress(b"".join(b"\0" + rng.bytes(64) for _ in range(64)))
    size = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", rows[:100])
    said = (
        f"The image {str(tmp_path / 'a.png')!r} of stimulus 'a' cannot be read; it is damaged, or "
        "no image that Pillow knows"
    )
    assert faults("a.png", content + struct.pack(">I", 9) + bytes(34), "image") == [said]


def test_colors_that_an_image_library_warns_of_are_no_fault(tmp_path):
    image = Image.new("P", (4, 4))
    image.putpalette(list(range(48)))
    image.save(tmp_path / "a.png", transparency=b"\0\1\2")
    assert list(file_faults(pd.DataFrame({"image": [str(tmp_path / "a.png")]}))) == []


def test_whatever_an_image_library_raises_is_a_fault(faults, monkeypatch):
    def fail(*_):
        message = "odd"
        raise RuntimeError(message)

    monkeypatch.setattr("neuroalign.models.images.stimulus_image", fail)
    assert faults("a.png", b"", "image") == [
        "The image of stimulus 'a' cannot be read (RuntimeError odd)"
    ]
