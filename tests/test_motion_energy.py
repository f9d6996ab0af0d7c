"""Motion energy of drifting gratings is known: their amplitude, in their channel, and no other."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroalign.errors import DataError
from neuroalign.models.films import Film
from neuroalign.models.motion_energy import FREQUENCIES, RATE, MotionEnergyModel
from neuroalign.testing import check_model


def drifting(frequency, direction, hertz, *, rate=30.0, seconds=2.0, amplitude=0.4, size=64):
    """Bars that drift in a direction in degrees counterclockwise from rightward."""
    row, column = np.meshgrid(*2 * [(np.arange(size) + 0.5) / size], indexing="ij")
    angle = np.deg2rad(direction)
    along = column * np.cos(angle) - row * np.sin(angle)
    time = (np.arange(round(seconds * rate)) + 0.5) / rate
    phase = 2 * np.pi * (frequency * along - hertz * time[:, None, None])
    return Film(np.round(255 * (0.5 + amplitude * np.cos(phase))).astype(np.uint8), rate)


def energy(*films):
    stimuli = pd.DataFrame({"video": list(films)}, [f"f{n}" for n in range(len(films))])
    ((_, values),) = MotionEnergyModel().activations(stimuli)
    return values


def middle(values):
    """Average over the middle of a film in space and time, by channel."""
    inner = values.sel(time=slice(0.85, 1.15)).mean("time")
    inside = inner.row.isin([1, 2]) & inner.column.isin([1, 2])
    channels = pd.MultiIndex.from_arrays(
        [inner[n].values for n in ("frequency", "hertz", "direction")]
    )
    return pd.Series(inner.values, channels)[inside.values].groupby(level=[0, 1, 2]).mean()


@pytest.mark.parametrize(
    ("frequency", "direction", "hertz", "rate"),
    [
        (8.0, 0.0, 2.0, 30.0),
        (8.0, 180.0, 2.0, 15.0),
        (16.0, 90.0, 4.0, 25.0),
        (4.0, 270.0, 2.0, 24.0),
        (8.0, 45.0, 4.0, 60.0),
        (16.0, 225.0, 2.0, 29.97),
    ],
)
def test_a_drifting_grating_has_its_amplitude_in_its_channel(frequency, direction, hertz, rate):
    found = middle(energy(drifting(frequency, direction, hertz, rate=rate))[0])
    assert found.idxmax() == (frequency, hertz, direction)
    assert found.max() == pytest.approx(0.4, rel=0.05)
    opposite = (direction + 180) % 360
    assert found[frequency, hertz, opposite] < 0.01 * found.max()
    assert found.xs(0.0, level=1).max() < 0.01 * found.max()


def test_a_pattern_that_moves_right_by_pixels_is_of_direction_zero():
    columns = np.arange(64)
    frames = [np.tile(128 + 100 * np.sign(np.sin((columns - shift) * np.pi / 4 + 0.1)), (64, 1))
              for shift in range(60)]  # fmt: skip
    film = Film(np.stack(frames).astype(np.uint8), 16.0)  # 8 pixels a cycle: 8 cycles at 2 Hz
    assert middle(energy(film)[0]).idxmax() == (8.0, 2.0, 0.0)


@pytest.mark.parametrize("orientation", [0.0, 45.0, 90.0, 135.0])
def test_what_stands_still_has_energy_at_zero_hertz_only(orientation):
    values = energy(drifting(8, orientation, 0))[0]
    assert float(np.abs(values[:, values.hertz > 0]).max()) < 1e-6
    found = middle(values)
    assert found.idxmax() == (8.0, 0.0, orientation)
    assert found.max() == pytest.approx(0.4, rel=0.05)


def test_energy_grows_with_contrast():
    weak, strong = (
        middle(energy(drifting(8, 45, 2, amplitude=size))[0]).max() for size in (0.1, 0.4)
    )
    assert strong / weak == pytest.approx(4, rel=0.02)


def test_the_phase_of_a_grating_does_not_count():
    values = energy(drifting(8, 0, 2))[0]
    best = middle(values).idxmax()
    unit = (values.frequency == best[0]) & (values.hertz == best[1]) & (values.direction == best[2])
    inner = values[:, unit & (values.row == 1) & (values.column == 1)].sel(time=slice(0.85, 1.15))
    assert float(inner.std() / inner.mean()) < 0.02


@pytest.mark.parametrize("levels", [[0, 255], [128, 128]])
def test_a_uniform_film_has_no_energy_even_where_it_flickers(levels):
    film = Film(np.tile(np.array(levels, np.uint8)[:, None, None], (15, 40, 50)), 30.0)
    assert float(energy(film).max()) < 1e-6


def test_energy_stays_where_and_when_the_motion_is():
    moving = drifting(16, 0, 4, seconds=4.0).frames.copy()
    moving[60:] = 128
    moving[:, :, 32:] = 128
    values = energy(Film(moving, 30.0))[0]
    unit = (values.frequency == 16) & (values.hertz == 4) & (values.direction == 0)
    one = values[:, unit]
    early, late = one.sel(time=slice(0.2, 1.5)), one.sel(time=slice(2.6, 4))
    assert float(late.max()) < 1e-3
    left, right = early[:, early.column == 0], early[:, early.column == 3]
    assert float(left.min()) > 20 * float(right.max())


def test_energy_is_the_mean_over_a_place():
    moving = drifting(16, 0, 4).frames.copy()
    moving[:, :, 8:] = 128  # half of the first column of places
    values = energy(Film(moving, 30.0))[0].sel(time=slice(0.85, 1.15))
    unit = (values.frequency == 16) & (values.hertz == 4) & (values.direction == 0)
    inside = unit & (values.column == 0) & values.row.isin([1, 2])
    assert 0.1 < float(values[:, inside].mean()) < 0.25


@pytest.mark.parametrize("rate", [15.0, 20.0, 60.0])
def test_a_film_played_backwards_drifts_backwards_at_the_mirrored_moments(rate):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (round(2 * rate), 32, 32), dtype=np.uint8)
    forward, backward = energy(Film(frames, rate), Film(frames[::-1].copy(), rate))
    moving = forward.hertz.values > 0
    keys = np.stack([forward[n].values[moving] for n in ("frequency", "hertz", "row", "column")])
    direction = forward.direction.values[moving]
    here = np.lexsort([*keys, direction])
    there = np.lexsort([*keys, (direction + 180) % 360])
    mirrored = backward.values[::-1][:, moving][:, there]
    np.testing.assert_allclose(forward.values[:, moving][:, here], mirrored, atol=1e-5)


def test_colors_count_by_their_luminance():
    colored = np.zeros((60, 64, 64, 3), np.uint8)
    colored[..., 1] = drifting(8, 0, 2).frames
    green, gray = energy(Film(colored, 30.0), drifting(8, 0, 2))
    np.testing.assert_allclose(green, 0.587 * gray, atol=2e-3)


def test_a_long_film_is_what_its_parts_are():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (90, 32, 32), dtype=np.uint8)  # 6 s: two blocks
    whole, part = energy(Film(frames, 15.0), Film(frames[45:], 15.0))
    np.testing.assert_allclose(whole[45 + 13 :], part[13:45], atol=1e-5)
    np.testing.assert_allclose(whole.time, (np.arange(90) + 0.5) / RATE)
    assert np.isnan(part[45:]).all()


def test_units_are_places_of_channels():
    values = energy(drifting(8, 0, 2, seconds=0.5))
    table = values.coords.to_dataset()[["frequency", "hertz", "direction", "row", "column"]]
    table = table.drop_vars("time", errors="ignore").to_dataframe()
    assert len(table) == values.sizes["unit"] == len(FREQUENCIES) * (4 + 16) * 16
    assert not table[["frequency", "hertz", "direction", "row", "column"]].duplicated().any()


def test_the_model_keeps_its_contract(tmp_path):
    rng = np.random.default_rng(0)
    films = [Film(rng.integers(0, 256, (12, 30, 40, 3), dtype=np.uint8), 12.0) for _ in range(3)]
    pictures = [Image.fromarray(frame) for frame in films[0].frames[::2]]
    pictures[0].save(tmp_path / "d.gif", save_all=True, append_images=pictures[1:], duration=90)
    stimuli = pd.DataFrame({"video": [*films, tmp_path / "d.gif"]}, list("abcd"))
    check_model(MotionEnergyModel(), stimuli)


def test_ingredients_tell_films_and_no_labels():
    def told(film, label="a"):
        return MotionEnergyModel().ingredients(pd.DataFrame({"video": [film]}, [label]))

    one = told(drifting(8, 0, 2))
    assert told(drifting(8, 0, 2), "b") == one
    assert told(drifting(8, 180, 2)) != one
    assert told(Film(drifting(8, 0, 2).frames, 31.0)) != one


def test_what_cannot_be_seen_is_refused():
    with pytest.raises(DataError) as error:
        energy(drifting(8, 0, 2, rate=8.0))
    assert str(error.value) == (
        "The film of stimulus 'f0' has 8 frames a second; more than 8 are needed to see motion of "
        "4 Hz."
    )
    with pytest.raises(DataError) as error:
        energy()
    assert str(error.value) == "Model 'motion-energy' was given no stimuli."
