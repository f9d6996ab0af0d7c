"""Random projections: moments from theory, scikit-learn as oracle, spaces apart, messages."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.spatial.distance import pdist
from sklearn.random_projection import SparseRandomProjection, johnson_lindenstrauss_min_dim

from neuroalign.errors import DataError
from neuroalign.features.projection import RandomProjection
from neuroalign.numerics import projection
from neuroalign.numerics.projection import johnson_lindenstrauss, project, projection_matrix


def make_layer(n_stimuli=40, n_units=300, seed=0):
    labels = [f"s{number:03}" for number in range(n_stimuli)]
    values = np.random.default_rng(seed).normal(size=(n_stimuli, n_units))
    coords = {"stimulus": labels, "layer": "h.3", "model": "toy"}
    return pd.DataFrame(index=labels), xr.DataArray(values, coords, ("stimulus", "unit"))


@pytest.mark.parametrize("eps", [0.05, 0.1, 0.5])
def test_dimensions_equal_those_of_scikit_learn(eps):
    for n_rows in (2, 10, 5000, 1_000_000):
        expected = johnson_lindenstrauss_min_dim(n_rows, eps=eps)
        assert johnson_lindenstrauss(n_rows, eps) == expected


def test_a_single_row_gets_a_dimension():
    assert johnson_lindenstrauss(1, 0.1) == 1


def test_entries_have_the_values_and_density_of_scikit_learn():
    ours = projection_matrix(2500, 400, seed=0)
    theirs = SparseRandomProjection(400, random_state=0).fit(np.zeros((2, 2500))).components_
    np.testing.assert_allclose(np.unique(ours.data), np.unique(theirs.data))
    count, mean = ours.nnz, 400 * 2500 / 50
    assert abs(count - mean) < 4.5 * np.sqrt(mean)
    assert abs((ours.data > 0).sum() - count / 2) < 4.5 * np.sqrt(count / 4)


def test_the_transpose_times_the_matrix_is_the_identity_on_average():
    n_inputs, n_outputs, draws = 9, 4, 2000
    matrices = [projection_matrix(n_inputs, n_outputs, seed).toarray() for seed in range(draws)]
    grams = np.array([matrix.T @ matrix for matrix in matrices])
    scale = np.sqrt(n_inputs)
    # An entry of R'R off the diagonal has variance 1 / k, one on it (s - 1) / k, with s = 3.
    off = np.sqrt(1 / n_outputs / draws)
    error = np.where(np.eye(n_inputs) > 0, np.sqrt((scale - 1) / n_outputs / draws), off)
    assert (np.abs(grams.mean(0) - np.eye(n_inputs)) < 4.5 * error).all()


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_squared_norms_have_the_mean_and_variance_of_theory(kind):
    rng = np.random.default_rng(0)
    row = rng.normal(size=400) if kind == "dense" else np.eye(400)[3] * 5 + np.eye(400)[7] * 5
    draws, n_outputs = 1000, 20
    norms = [(project(row[None], n_outputs, seed) ** 2).sum() for seed in range(draws)]
    square = (row**2).sum()
    variance = (2 * square**2 + (20 - 3) * (row**4).sum()) / n_outputs
    assert abs(np.mean(norms) - square) < 4.5 * np.sqrt(variance / draws)
    spread = np.std((np.array(norms) - square) ** 2) / np.sqrt(draws)
    assert abs(np.var(norms) - variance) < 4.5 * spread


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_kept_within_eps(seed):
    stimuli, layer = make_layer(60, 4000, seed)
    fewer = RandomProjection(eps=0.3, seed=seed).apply(layer, stimuli)
    assert fewer.shape == (60, johnson_lindenstrauss(60, 0.3))
    ratio = pdist(fewer.values, "sqeuclidean") / pdist(layer.values, "sqeuclidean")
    assert ratio.min() > 0.7
    assert ratio.max() < 1.3


@pytest.mark.parametrize("chunk", [1, 1000, 2**20])
def test_rows_projected_in_parts_agree(chunk, monkeypatch):
    stimuli, layer = make_layer(50)
    step = RandomProjection(n_units=30)
    whole = step.apply(layer, stimuli)
    monkeypatch.setattr(projection, "CHUNK", chunk)
    monkeypatch.setattr(projection, "FEWEST_AT_ONCE", 1)
    order = np.random.default_rng(0).permutation(50)
    for rows in (order[:7], order[7:]):
        np.testing.assert_array_equal(step.apply(layer[rows], stimuli), whole[rows])


def test_the_number_of_units_follows_the_dataset_and_not_the_rows_at_hand():
    stimuli, layer = make_layer(60, 2000)
    step = RandomProjection(eps=0.5)
    assert step.apply(layer[:5], stimuli).sizes["unit"] == johnson_lindenstrauss(60, 0.5)


def test_projecting_equals_multiplying_with_the_dense_matrix():
    _, layer = make_layer(20)
    dense = projection_matrix(300, 25, seed=4).toarray()
    np.testing.assert_allclose(project(layer.values, 25, 4), layer.values @ dense.T, atol=1e-12)


@pytest.mark.parametrize("few", [11, 64, 100])
def test_fewer_directions_are_the_first_of_more(few):
    many, first = (projection_matrix(300, n, seed=1).toarray() for n in (150, few))
    np.testing.assert_allclose(first * np.sqrt(few), many[:few] * np.sqrt(150))
    assert len(np.unique(many, axis=0)) == 150


def test_seeds_differ_and_the_global_generator_is_left_alone():
    state = np.random.get_state()[1].copy()  # noqa: NPY002  the legacy generator is what is watched
    one, other = (projection_matrix(300, 25, seed).toarray() for seed in (0, 1))
    assert (one != other).any()
    assert (one == projection_matrix(300, 25, 0).toarray()).all()
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize("n_units", [300, 400])
def test_layers_without_units_to_spare_stay_as_they_are(n_units):
    stimuli, layer = make_layer()
    assert RandomProjection(n_units=n_units).apply(layer, stimuli) is layer
    assert RandomProjection().apply(layer, stimuli) is layer  # 3159 units are needed


def test_spaces_are_projected_apart_and_keep_their_labels():
    stimuli, layer = make_layer(n_units=300)
    names = np.array(["low", "high", "high"] * 50 + ["tiny"] + ["low"] * 149)
    layer = layer.assign_coords(space=("unit", names))
    fewer = RandomProjection(n_units=20, seed=3).apply(layer, stimuli)
    assert fewer["space"].values.tolist() == ["low"] * 20 + ["high"] * 20 + ["tiny"]
    for name in ("low", "high"):
        alone = project(layer.values[:, names == name], 20, 3)
        np.testing.assert_array_equal(fewer.values[:, fewer["space"].values == name], alone)
    np.testing.assert_array_equal(fewer.values[:, -1], layer.values[:, 150])


def test_a_space_of_the_whole_layer_is_kept():
    stimuli, layer = make_layer()
    fewer = RandomProjection(n_units=20).apply(layer.assign_coords(space="low"), stimuli)
    assert fewer["space"].item() == "low"
    assert (fewer["layer"].item(), fewer["model"].item()) == ("h.3", "toy")
    assert fewer["stimulus"].values.tolist() == layer["stimulus"].values.tolist()


def test_further_axes_are_flattened_with_the_space_of_their_units():
    stimuli, layer = make_layer(n_units=300)
    cube = layer.values.reshape(40, 100, 3)
    cube = xr.DataArray(cube, layer.coords, ("stimulus", "token", "channel"))
    step = RandomProjection(n_units=20)
    np.testing.assert_array_equal(step.apply(cube, stimuli), step.apply(layer, stimuli))
    fewer = step.apply(cube.assign_coords(space=("channel", ["x", "y", "x"])), stimuli)
    assert fewer["space"].values.tolist() == ["x"] * 20 + ["y"] * 20
    np.testing.assert_array_equal(fewer[:, 20:], project(cube.values[:, :, 1], 20, 0))


def test_float32_stays_float32_and_integers_are_upcast():
    _, layer = make_layer(n_units=5000)
    exact, single = (project(layer.values.astype(t), 50, 0) for t in (float, np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=1e-6 * np.abs(exact).max())
    assert project(np.ones((2, 100), dtype=int), 10, 0).dtype == float
    assert project(np.ones((2, 100), dtype=np.float16), 10, 0).dtype == np.float32


def test_the_step_leaves_the_recording_alone_and_reads_no_other_time():
    _, layer = make_layer()
    assert RandomProjection().prepare(layer) is layer
    assert RandomProjection().reach(layer) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_units": 0}, "n_units=0 is not a number of units; give 1 or more, or None."),
        ({"n_units": 2.5}, "n_units=2.5 is not a number of units; give 1 or more, or None."),
        ({"eps": 0}, "eps=0 is not between 0 and 1."),
        ({"eps": "0.1"}, "eps='0.1' is not between 0 and 1."),
        ({"seed": -1}, "seed=-1 is not a whole number of 0 or more."),
        ({"seed": None}, "seed=None is not a whole number of 0 or more."),
    ],
)
def test_options_that_mean_nothing_are_refused(options, sentence):
    with pytest.raises(DataError) as error:
        RandomProjection(**options)
    assert str(error.value) == sentence


def test_activations_on_a_time_grid_are_refused():
    stimuli, layer = make_layer()
    with pytest.raises(DataError) as error:
        RandomProjection().apply(layer.rename(stimulus="sample"), stimuli)
    assert str(error.value) == (
        "RandomProjection reads activations of stimuli, not of samples; put it before TimeGrid."
    )
