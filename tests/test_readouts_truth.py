"""Readouts of planted neuroids, and their predictions by plain loops.

Run with `pytest -m slow -s tests/test_readouts_truth.py` for a table over 20 draws of static
receptive fields and of neuroids that look up a value by its content; it takes about
6 minutes on one core.
"""

import itertools

import numpy as np
import pytest
import torch
from readout_cases import INNER, as_tokens, correlations, field, fitted, planted, problem
from scipy.ndimage import map_coordinates
from sklearn.linear_model import Ridge

from neuroalign.numerics.attention_readout import AttentionReadout
from neuroalign.numerics.factorized_readout import FactorizedReadout
from neuroalign.numerics.gaussian_readout import GaussianReadout

READOUTS = {
    "factorized": FactorizedReadout,
    "Gaussian": GaussianReadout,
    "attention": AttentionReadout,
}


def fits(case, seed, **options):
    """Fit all three readouts."""
    return {
        name: kind(**options).fit_arrays(case.features, case.responses, case.inner, seed=seed)
        for name, kind in READOUTS.items()
    }


@pytest.fixture(scope="module")
def quick():
    """Fit one draw of few neuroids with little patience."""
    case = planted(100, n_each=2)
    return case, fits(case, 0, patience=3, max_epochs=40)


def check(case, results):
    """Correlate predictions with the noiseless truth; compare that and maps with the planted."""
    # The best penalty of ridge regression for white features and weights of norm 1.
    ridge = Ridge(alpha=0.25 * case.features[0].size)
    ridge.fit(case.features.reshape(len(case.features), -1), case.responses)
    predicted = {name: result.predict(case.held_out) for name, result in results.items()}
    predicted["ridge"] = ridge.predict(case.held_out.reshape(len(case.held_out), -1))
    r = {name: correlations(values, case.truth) for name, values in predicted.items()}
    n_static = len(case.centers)
    assert (r["attention"][n_static:] >= 0.95).all()
    for name in ("factorized", "Gaussian", "ridge"):
        assert (r[name][n_static:] <= 0.2).all(), name
    assert (r["attention"][:n_static] >= r["factorized"][:n_static] - 0.02).all()
    pixels = np.moveaxis(np.indices(case.features.shape[2:]), 0, -1)
    power = results["factorized"].maps[:n_static] ** 2
    centers = np.einsum("tij,ijd->td", power, pixels)
    for found in (centers, results["Gaussian"].location[:n_static]):
        assert (np.linalg.norm(found - case.centers, axis=1) < 1).all()
    return r


def test_readouts_find_planted_fields_and_attention_alone_what_moves(quick):
    check(*quick)


def test_attention_looks_at_the_key_of_its_neuroid(quick):
    case, results = quick
    looked = results["attention"].attention(case.held_out)
    for key in range(2):
        place = case.held_out[:, key].reshape(len(looked), -1).argmax(1)
        assert (looked[:, 2 + key].argmax(1) == place).mean() > 0.95


@pytest.mark.slow
def test_over_twenty_draws_attention_alone_finds_what_moves():
    table = []
    for seed in range(20):
        case = planted(seed, n_each=3)
        table.append(check(case, fits(case, seed)))
    print("\n            static (least)   looked up (least, most)")
    for name in table[0]:
        r = np.array([row[name] for row in table])
        print(
            f"{name:10}  {r[:, :3].mean():.4f} ({r[:, :3].min():.4f})  "
            f"{r[:, 3:].mean():.4f} ({r[:, 3:].min():.4f}, {r[:, 3:].max():.4f})"
        )


def test_a_noiseless_product_of_map_and_weights_is_recovered():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 6, 5, 5))
    maps = rng.normal(size=(6, 5, 5))
    maps -= maps.mean((1, 2), keepdims=True)  # so that the maps learned sum to more or less than 0
    maps /= np.linalg.norm(maps, axis=(1, 2), keepdims=True)
    weights = rng.normal(size=(6, 6))
    responses = np.einsum("ncij,tij,tc->nt", features, maps, weights, optimize=True) + 5
    inner = [(np.arange(320), np.arange(320, 400))]
    result = FactorizedReadout().fit_arrays(features[:400], responses[:400], inner, seed=0)
    residual = responses[400:] - result.predict(features[400:])
    assert (1 - residual.var(0) / responses[400:].var(0) > 0.99).all()
    learned = np.einsum("tij,tc->tijc", result.maps, result.weights)
    expected = np.einsum("tij,tc->tijc", maps, weights)
    assert (((learned - expected) ** 2).sum((1, 2, 3)) < 0.01 * (expected**2).sum((1, 2, 3))).all()
    np.testing.assert_allclose(np.linalg.norm(result.maps, axis=(1, 2)), 1, atol=1e-6)
    assert (result.maps.sum((1, 2)) >= 0).all()
    assert (result.trained.network.maps.sum(1) < 0).any()  # before they are turned


def test_factorized_predictions_are_maps_times_weights_in_the_original_units():
    features, responses = problem()
    features, responses = 100 * features - 7, 3 * responses + 40
    result = fitted(FactorizedReadout, features, responses)
    steps = np.diff(result.predict(features), axis=0)
    expected = np.einsum("ncij,tij,tc->nt", np.diff(features, axis=0), result.maps, result.weights)
    np.testing.assert_allclose(steps, expected, atol=1e-5 * responses.std())


def test_gaussian_predictions_are_weighted_channels_interpolated_at_the_location():
    features, responses = problem(side=5)
    features, responses = 100 * features - 7, 3 * responses + 40
    result = fitted(GaussianReadout, features, responses, max_epochs=30)
    assert (np.abs(result.location - result.location.round()) > 0.1).sum() >= 2  # between pixels
    steps = np.diff(features, axis=0)
    expected = np.zeros((len(steps), 3))
    for target, (place, weights) in enumerate(zip(result.location, result.weights, strict=True)):
        for row, channels in enumerate(steps):
            there = [map_coordinates(one, place[:, None], order=1)[0] for one in channels]
            expected[row, target] = weights @ there
    predicted = np.diff(result.predict(features), axis=0)
    np.testing.assert_allclose(predicted, expected, atol=1e-5 * responses.std())


def test_a_remote_field_is_found_on_maps_that_are_not_smooth():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 3, 9, 9))
    centers = np.array([[0.6, 7.3], [7.8, 0.4], [8.0, 8.0]])
    fields = [field(center, 9) for center in centers]
    responses = np.einsum("ncij,tij->nt", features, fields) + 0.3 * rng.normal(size=(200, 3))
    inner = [(np.arange(160), np.arange(160, 200))]
    location = fitted(GaussianReadout, features, responses, inner=inner, max_epochs=40).location
    assert (np.linalg.norm(location - centers, axis=1) < 0.3).all()
    assert (location >= 0).all()
    assert (location <= 8).all()


def test_points_that_training_draws_beyond_the_map_are_read_at_its_border():
    features, responses = problem(n_targets=1)
    network = fitted(GaussianReadout, features, responses).trained.network
    batch = torch.from_numpy(features.reshape(100, 5, 16).astype(np.float32))
    corners = []
    for corner in itertools.product((0, 3), repeat=2):
        network.location[0] = torch.tensor(corner)
        corners.append(network(batch))
    network.width[:] = 1000
    drawn = network(batch, torch.Generator().manual_seed(0))
    distance = (torch.stack(corners) - drawn).abs().amin(0)
    assert (distance < 1e-5).float().mean() > 0.95


@pytest.mark.parametrize("n_heads", [1, 2])
def test_attention_predictions_equal_plain_loops_over_heads_and_targets(n_heads):
    features, responses = problem()
    features += np.arange(16).reshape(4, 4)  # position by position another mean
    kind = AttentionReadout(max_epochs=4, n_heads=n_heads, width=6)
    result = kind.fit_arrays(features, responses, INNER, seed=0)
    p = {name: value.numpy().astype(float) for name, value in result.network.named_parameters()}
    tokens = as_tokens(features)
    tokens = (tokens - tokens[:60].mean((0, 1))) / tokens[:60].std((0, 1))
    keys, values = (tokens @ p[name] / 5**0.5 for name in ("keys", "values"))
    outputs, looked = np.zeros((100, 3)), np.zeros((100, 3, 16))
    for target in range(3):
        for part in np.split(np.arange(6), n_heads):
            logits = (keys + p["places"])[:, :, part] @ p["queries"][target, part]
            weights = np.exp(logits / len(part) ** 0.5)
            weights /= weights.sum(1, keepdims=True)
            found = np.einsum("ns,nsk->nk", weights, values[:, :, part])
            outputs[:, target] += found @ p["weights"][target, part] / 6**0.5
            looked[:, target] += weights / n_heads
    expected = (outputs + p["bias"]) * responses[:60].std(0) + responses[:60].mean(0)
    np.testing.assert_allclose(result.predict(features), expected, atol=1e-5)
    np.testing.assert_allclose(result.attention(features), looked, atol=1e-5)


def test_targets_of_a_group_share_a_query():
    features, responses = problem(n_targets=4)
    kind = AttentionReadout(queries="group", max_epochs=4)
    results = [
        kind.fit_arrays(features, responses, INNER, seed=0, groups=groups)
        for groups in (np.array([9, 2, 9, 4]), np.array([3, 1, 3, 2]))
    ]
    assert results[0].attention(features).shape == (100, 3, 16)
    one, other = (result.predict(features) for result in results)
    np.testing.assert_array_equal(one, other)


def test_a_map_is_read_as_the_tokens_of_its_pixels():
    features, responses = problem()
    for kind in (FactorizedReadout, AttentionReadout):
        of_map = fitted(kind, features, responses)
        of_tokens = fitted(kind, as_tokens(features), responses)
        np.testing.assert_allclose(
            of_map.predict(features), of_tokens.predict(as_tokens(features)), atol=1e-5
        )
    assert fitted(FactorizedReadout, as_tokens(features), responses).maps.shape == (3, 16)
