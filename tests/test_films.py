"""Films are read frame by frame at one rate, and refused in a sentence otherwise."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.errors import DataError, MissingPackageError
from neuroalign.models.films import Film, stimulus_film

LEVELS = [0, 80, 255, 160]


def read(value, **options):
    return stimulus_film(pd.DataFrame({"video": [value]}, index=["s"]), "s", **options)


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def plain(levels=LEVELS, size=(16, 24)):
    return np.stack([np.full((*size, 3), level, np.uint8) for level in levels])


def save_gif(path, durations, levels=LEVELS):
    frames = [Image.fromarray(frame) for frame in plain(levels)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations)


def means(film):
    return film.frames.mean(axis=tuple(range(1, film.frames.ndim))).round().astype(int).tolist()


def test_gray_frames_become_rgb_and_colors_stay():
    gray, colors = plain()[..., 0], plain()
    colors[..., 1] = 7
    np.testing.assert_array_equal(read(Film(gray, 10)).frames, plain())
    np.testing.assert_array_equal(read((colors, 10)).frames, colors)
    assert read(Film(gray, 12.5)).rate == 12.5


def test_frames_are_kept_as_far_as_asked_for():
    film = read(Film(plain(), 10), reduce=lambda image: np.array(image.size))
    assert film.frames.tolist() == [[24, 16]] * 4


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animated_images_have_their_frames_and_rate(tmp_path, suffix):
    path = tmp_path / f"film.{suffix}"
    save_gif(path, 40)
    for value in (path, str(path)):
        film = read(value)
        assert film.rate == 25
        np.testing.assert_allclose(means(film), LEVELS, atol=2)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_frames_that_last_longer_are_repeated(tmp_path, suffix):
    save_gif(tmp_path / f"film.{suffix}", [40, 100, 60, 40])
    film = read(tmp_path / f"film.{suffix}")
    assert film.rate == 50
    repeated = [0] * 2 + [80] * 5 + [255] * 3 + [160] * 2
    np.testing.assert_allclose(means(film), repeated, atol=2)


def test_a_film_that_stands_still_keeps_its_duration(tmp_path):
    save_gif(tmp_path / "film.gif", 40, [0, 80, 80, 80])  # Pillow writes two frames of these
    film = read(tmp_path / "film.gif")
    assert len(film.frames) / film.rate == pytest.approx(0.16)


def test_films_are_equal_by_content():
    one, same = Film(plain(), 10.0), Film(plain(), 10.0)
    assert one == same
    assert (one != same) is False
    assert one != Film(plain(), 11.0)
    assert one != Film(plain()[:3], 10.0)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3, ""),
        (Film(plain().astype(float), 10), " of type float64 and shape (4, 16, 24, 3)"),
        (Film(plain()[:0], 10), " of type uint8 and shape (0, 16, 24, 3)"),
        (Film(plain()[..., :2], 10), " of type uint8 and shape (4, 16, 24, 2)"),
    ],
)
def test_what_is_no_film_is_refused(value, found):
    with refused(
        f"The film of stimulus 's' is no film{found}; give a path, or Film(frames, rate) with "
        "frames (frame, row, column) or (frame, row, column, 3) of uint8 from 0 to 255."
    ):
        read(value)


@pytest.mark.parametrize("rate", [0, -5, float("nan"), None, 1e6])
def test_rates_that_cannot_be_are_refused(rate):
    with refused(
        f"The film of stimulus 's' has the rate {rate!r}; frames a second are needed, more than 0 "
        "and at most 1000."
    ):
        read(Film(plain(), rate))


def test_frames_without_a_duration_are_refused(tmp_path):
    path = tmp_path / "film.gif"
    save_gif(path, 0)
    with refused(
        f"The film of stimulus 's', {str(path)!r}, has 4 frames without a duration; save it with "
        "one, or give Film(frames, rate)."
    ):
        read(path)


@pytest.mark.parametrize("name", ["none.gif", "none.mp4"])
def test_a_file_that_is_not_there_is_named(name):
    with pytest.raises(DataError, match=f"^The film of stimulus 's', '{name}', cannot be read: "):
        read(Path(name))


def test_a_file_that_is_no_film_is_refused(tmp_path):
    (tmp_path / "film.gif").write_bytes(b"no film")
    with pytest.raises(DataError, match=r"^The film of stimulus 's', '.*film\.gif', cannot be r"):
        read(tmp_path / "film.gif")


def test_other_formats_need_av(tmp_path, monkeypatch):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "av", None)
    with refused(
        f"The film of stimulus 's', {str(path)!r}, is no animated image, which needs the package "
        "av; run pip install av, or give Film(frames, rate).",
        MissingPackageError,
    ):
        read(path)


def save_video(path, times, levels, rate=25):
    """Save gray frames at moments counted in frames."""
    av = pytest.importorskip("av", reason="av is not installed")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for moment, level in zip(times, levels, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), "rgb24")
            frame.pts = moment
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_videos_are_read_by_av(tmp_path):
    levels = [20, 80, 140, 200, 100, 60]
    save_video(tmp_path / "film.mp4", range(6), levels)
    film = read(tmp_path / "film.mp4")
    assert film.rate == 25
    np.testing.assert_allclose(means(film), levels, atol=3)


def test_videos_with_gaps_are_refused(tmp_path):
    path = tmp_path / "film.mkv"
    save_video(path, [0, 1, 2, 7, 8, 9], [*LEVELS, 0, 80])
    with pytest.raises(
        DataError, match=r"^The frames of the film of stimulus 's', '.*film\.mkv', do not follow "
    ):
        read(path)


def test_a_file_that_is_no_video_is_refused(tmp_path):
    pytest.importorskip("av", reason="av is not installed")
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(DataError, match=r"^The film of stimulus 's', '.*film\.mp4', cannot be r"):
        read(tmp_path / "film.mp4")
