"""What similarity measures refuse, and how units are centered."""

import numpy as np
import pytest

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.inputs import center_units, check_pair

ROWS = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (ROWS[:, 0], ROWS, "The first array has shape (6,); give one of (stimuli, units)."),
        (ROWS, ROWS[:, :0], "The second array has shape (6, 0); give one of (stimuli, units)."),
        (ROWS, ROWS[None], "The second array has shape (1, 6, 2); give one of (stimuli, units)."),
        (
            ROWS,
            ROWS[:5],
            "The first array has 6 rows and the second 5; give the same stimuli in the same order.",
        ),
        (ROWS[:3], ROWS[:3], "There are 3 stimuli, and this needs 4; give more stimuli."),
        (
            ROWS,
            np.where(ROWS > 9, np.nan, ROWS),
            "The second array has 2 values that are NaN or infinite; leave out those stimuli, or "
            "those units.",
        ),
        (
            np.where(ROWS > 9, -np.inf, ROWS),
            ROWS,
            "The first array has 2 values that are NaN or infinite; leave out those stimuli, or "
            "those units.",
        ),
        (ROWS * 1j, ROWS, "The first array holds complex128; give real numbers."),
    ],
)
def test_what_is_not_two_matrices_of_the_same_stimuli_is_refused(first, second, said):
    with pytest.raises(DataError) as caught:
        check_pair(first, second, 4)
    assert str(caught.value) == said


def test_whole_numbers_and_float32_become_float64_unless_float32_is_kept():
    one, two = check_pair(ROWS.astype(np.float32), ROWS.astype(int), 4)
    assert one.dtype == two.dtype == np.float64
    one, two = check_pair(ROWS.astype(np.float32), ROWS.astype(int), 4, keep_float32=True)
    assert (one.dtype, two.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_units_are_centered_and_constant_ones_become_exactly_0(dtype):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(50, 3)) + 1e4).astype(dtype)
    values[:, 1] = 0.1
    before = values.copy()
    found = center_units(values)
    expected = values.astype(float) - values.astype(float).mean(0)
    assert found.dtype == dtype
    assert not found[:, 1].any()
    np.testing.assert_allclose(found[:, [0, 2]], expected[:, [0, 2]], rtol=1e-6, atol=1e-10)
    np.testing.assert_array_equal(values, before)


def test_as_many_stimuli_as_are_needed_are_enough():
    assert len(check_pair(ROWS[:4], ROWS[:4], 4)[0]) == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [7, 49, 333, 1000])
def test_what_is_left_of_a_constant_is_no_rounding_but_one_stimulus_may_differ_little(n, dtype):
    constants = np.array([0.1, 0.7, 1 / 3, 7e9, -1e-9, 0]).astype(dtype)
    assert not center_units(np.tile(constants, (n, 1))).any()
    rounded = np.where(np.arange(n)[:, None] % 2, 0.3, 0.1 + 0.2)
    assert not center_units(rounded).any()
    lone = np.ones((n, 1))
    lone[0] -= 1e-10
    assert center_units(lone).any()
