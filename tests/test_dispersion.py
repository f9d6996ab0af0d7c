"""Dispersion with labels: matched by label, described, and kept from unfair comparisons."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dispersion_cases import labelled, views_of
from oracles_procrustes import planted_systems

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.numerics.procrustes.rank_correlation import partial_rank_correlation


def found_of(systems, **options):
    return na.dispersion.procrustes_dispersion(
        views_of(systems), **{"n_null": 2, "progress": False, **options}
    )


@pytest.fixture(scope="module")
def found():
    return found_of(planted_systems(100, 10, 5, 0.6, 4, seed=0))


def test_systems_are_matched_by_label_and_not_by_position(found):
    systems = planted_systems(100, 10, 5, 0.6, 4, seed=0)
    other = na.dispersion.procrustes_dispersion(
        {f"net{k}": labelled(rows, seed=50 + k) for k, rows in enumerate(systems)},
        n_null=2, progress=False,
    )  # fmt: skip
    xr.testing.assert_equal(found, other)
    assert found.dispersion.mean() < 0.6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(3))
def test_one_start_tells_stimuli_apart_as_eight_in_other_orders_do(seed, dtype):
    agree = np.random.default_rng(seed).uniform(0.1, 0.9, 120)
    systems = planted_systems(120, 12, 4, agree, 6, seed=seed)
    names = [f"net{k}" for k in range(4)]
    views = dict(zip(names, map(labelled, systems), strict=True))
    one, eight = (
        na.dispersion.procrustes_dispersion(
            {name: views[name] for name in order}, n_starts=n_starts, n_null=0, dtype=dtype,
            progress=False,
        )
        for order, n_starts in ((names, 1), (names[::-1], 8))
    )  # fmt: skip
    assert np.corrcoef(one.dispersion, eight.dispersion)[0, 1] > 0.97
    np.testing.assert_allclose(one.dispersion.mean(), eight.dispersion.mean(), atol=0.01)
    planted = [
        pd.Series(agree).corr(pd.Series(f.relative), method="spearman") for f in (one, eight)
    ]
    assert abs(planted[0] - planted[1]) < 0.03


def test_more_starts_are_asked_for():
    systems = planted_systems(60, 6, 3, 0.2, 6, seed=0)
    found = found_of(systems, n_starts=4)
    assert json.loads(found.attrs["provenance"])["n_starts"] == 4
    assert found.dispersion_in_sample.mean() <= found_of(systems).dispersion_in_sample.mean() + 1e-6


def test_the_result_says_what_it_depends_on(found):
    assert found.attrs["n_train"] == 80
    assert (found.attrs["d"], found.attrs["K"]) == (10, 5)
    assert found.attrs["kept_variance"] == 1
    assert found.attrs["converged"] == 1
    assert 0 <= found.attrs["gap"] <= 1e-5
    asked = json.loads(found.attrs["provenance"])
    assert asked["n_null"] == 2
    assert set(asked["systems"]) == set(found.system.values)
    assert found.dispersion.dims == ("stimulus",)
    assert found.residual.dims == found.norm.dims == ("system", "stimulus")
    np.testing.assert_allclose(found.residual.mean("system"), found.dispersion, rtol=1e-10)


def test_the_result_can_be_saved(found, tmp_path):
    found.to_netcdf(tmp_path / "dispersion.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "dispersion.nc", engine="h5netcdf") as again:
        np.testing.assert_array_equal(again.dispersion, found.dispersion)


def test_neighborhoods_are_those_of_a_loop():
    systems = planted_systems(30, 6, 3, 0.6, 4, seed=0)
    near = found_of(systems)
    density, hubness = np.zeros(30), np.zeros(30)
    for rows in systems:
        rows = rows - rows.mean(0)
        cosines = np.corrcoef(np.c_[rows, -rows])[:30, :30]
        lengths = np.linalg.norm(rows, axis=1)
        cosines = rows @ rows.T / np.outer(lengths, lengths)
        for number in range(30):
            others = [other for other in range(30) if other != number]
            nearest = sorted(others, key=lambda other: -cosines[number, other])[:10]
            density[number] += cosines[number, nearest].mean() / 3
            hubness[nearest] += 1 / 30
    np.testing.assert_allclose(near.density, density, rtol=1e-10)
    np.testing.assert_allclose(near.hubness, hubness, rtol=1e-10)


def test_recordings_are_averaged_over_repetitions():
    random = np.random.default_rng(0)
    systems = planted_systems(40, 5, 3, 0.8, 4, seed=0)
    labels = [f"s{number:03}" for number in range(40)]
    recordings = {
        f"m{k}": na.make_recording(
            rows[:, None] + random.choice([-1, 1]) * np.array([1.0, -1.0])[None, :, None],
            ("stimulus", "repetition", "neuroid"),
            subject=f"m{k}", units="spikes/s", stimulus=labels, neuroid=range(5),
        )
        for k, rows in enumerate(systems)
    }  # fmt: skip
    one = na.dispersion.procrustes_dispersion(recordings, n_null=0, progress=False)
    other = found_of(systems, n_null=0)
    np.testing.assert_allclose(one.dispersion, other.dispersion, atol=1e-6)


def test_stimuli_choose_which_are_used_and_carry_groups_and_confounds():
    views = views_of(planted_systems(60, 6, 3, 0.6, 4, seed=0))
    labels = [f"s{number:03}" for number in range(40)]
    stimuli = pd.DataFrame(
        {"group": np.repeat(list("abcdefgh"), 5), "words": range(40), "text": "x", "position": 1},
        index=labels,
    )
    found = na.dispersion.procrustes_dispersion(views, stimuli=stimuli, n_null=0, progress=False)
    assert found.stimulus.values.tolist() == labels
    assert found.words.values.tolist() == list(range(40))
    assert found.group.values.tolist() == stimuli["group"].tolist()
    table = na.dispersion.confounds(found)
    assert table.confound.values.tolist() == ["norm", "density", "hubness", "words"]
    assert table.form.values.tolist() == ["dispersion", "relative", "directional"]


def test_stimuli_that_no_fold_holds_out_are_undefined():
    views = views_of(planted_systems(60, 6, 3, 0.6, 4, seed=0))
    found = na.dispersion.procrustes_dispersion(
        views, folds=na.folds.TrainTest(test=["s001", "s002", "s009"]), n_null=1, progress=False
    )
    assert found.stimulus[found.dispersion.notnull()].values.tolist() == ["s001", "s002", "s009"]
    assert found.dispersion_in_sample.notnull().sum() == 57


def test_a_missing_stimulus_is_refused():
    views = views_of(planted_systems(30, 6, 3, 0.6, 4, seed=0))
    views["net1"] = views["net1"].drop(["s004", "s007"])
    with pytest.raises(DataError) as error:
        na.dispersion.procrustes_dispersion(views)
    assert str(error.value) == (
        "2 of 30 stimuli are missing from system 'net1' (first: 's004', 's007'); give all systems "
        "the same stimuli, or say which to use by stimuli=[...]."
    )


def test_a_value_that_is_not_finite_is_refused_with_its_system():
    views = views_of(planted_systems(30, 6, 3, 0.6, 4, seed=0))
    views["net2"].loc["s003", 1] = np.nan
    with pytest.raises(DataError) as error:
        na.dispersion.procrustes_dispersion(views)
    assert str(error.value) == (
        "1 of 30 stimuli have activations in layer 'net2' that are not finite numbers (first: "
        "'s003')."
    )


@pytest.mark.parametrize(
    ("views", "words"),
    [
        (
            {"a": pd.DataFrame(np.eye(3))},
            "1 systems given; give a mapping from the names of at least 2 systems to views.",
        ),
        (
            [pd.DataFrame(np.eye(3))],
            "list given; give a mapping from the names of at least 2 systems to views.",
        ),
    ],
)
def test_what_is_not_several_systems_is_refused(views, words):
    with pytest.raises(DataError) as error:
        na.dispersion.procrustes_dispersion(views)
    assert str(error.value) == words


def test_dispersions_of_one_size_are_compared_stimulus_by_stimulus(found):
    more = found_of(planted_systems(100, 10, 5, 0.3, 4, seed=0))
    shuffled = more.isel(stimulus=np.random.default_rng(0).permutation(100))
    result = na.dispersion.compare_dispersions(shuffled, found)
    expected = (shuffled.dispersion - found.dispersion.sel(stimulus=shuffled.stimulus)).values
    np.testing.assert_allclose(result.difference, expected)
    assert 0.2 < result.low < result.mean_difference < result.high < 0.4


def test_every_form_is_compared_with_its_own_sign(found):
    less = found_of(planted_systems(100, 10, 5, 0.3, 4, seed=0))
    for form in ("dispersion", "relative", "directional", "consensus_r2"):
        result = na.dispersion.compare_dispersions(less, found, form=form)
        np.testing.assert_array_equal(result.difference, less[form] - found[form])
        np.testing.assert_allclose(result.mean_difference, result.difference.mean())
        assert (result.mean_difference < 0) == (form == "consensus_r2")


def test_no_number_hides_behind_a_method_of_datasets(found):
    results = (
        found,
        na.dispersion.compare_dispersions(found, found),
        na.dispersion.mean_interval(found),
        na.dispersion.confounds(found),
    )
    for result in results:
        assert not {name for name in result.data_vars if hasattr(xr.Dataset, name)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"d": 11}, "d (10 and 11)"),
        ({"n_train": 40.0, "K": 6}, "n_train (80.0 and 40.0), K (5 and 6)"),
        ({"scaling": "none"}, "scaling (norm and none)"),
        ({"dimensions": "5"}, "dimensions (all and 5)"),
    ],
)
def test_unlike_dispersions_are_refused(found, change, words):
    with pytest.raises(DataError) as error:
        na.dispersion.compare_dispersions(found, found.assign_attrs(change))
    assert str(error.value) == (
        f"The dispersions differ in {words}, on which their bias depends; use as many stimuli, "
        "units and systems for both."
    )


def test_dispersions_of_other_stimuli_are_refused(found):
    with pytest.raises(DataError) as error:
        na.dispersion.compare_dispersions(found, found.isel(stimulus=slice(1, None)))
    assert str(error.value) == (
        "1 stimuli are in one dispersion only (first: 's000'); compute both on the same stimuli."
    )


def test_the_mean_has_an_interval_over_systems_and_over_stimuli(found):
    for over in ("system", "stimulus"):
        interval = na.dispersion.mean_interval(found, over=over)
        assert interval.low < interval.mean_dispersion < interval.high
        np.testing.assert_allclose(interval.mean_dispersion, found.dispersion.mean())


def test_four_systems_have_no_interval_over_systems():
    four = found_of(planted_systems(40, 5, 4, 0.6, 4, seed=0))
    with pytest.raises(DataError, match=r"^4 systems were given; an interval over systems needs 5"):
        na.dispersion.mean_interval(four, over="system")


def test_the_norm_of_stimuli_goes_with_raw_dispersion_and_not_with_relative():
    sizes = np.exp(np.random.default_rng(0).standard_normal(150))[:, None]
    systems = [rows * sizes for rows in planted_systems(150, 10, 4, 0.5, 4, seed=0)]
    table = na.dispersion.confounds(found_of(systems, n_null=0))
    norm = table.sel(confound="norm")
    assert norm.spearman.sel(form="dispersion") > 0.7
    assert norm.partial.sel(form="dispersion") > 0.7
    assert abs(norm.partial.sel(form="directional")) < 0.25


def test_partial_rank_correlation_is_that_of_a_regression_on_ranks():
    random = np.random.default_rng(0)
    control = random.standard_normal(300)
    one, two = (control + 0.5 * random.standard_normal(300) for _ in range(2))
    ranks = pd.DataFrame({"one": one, "two": two, "control": control}).rank()
    precision = np.linalg.inv(ranks.corr())
    expected = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    found = partial_rank_correlation(one, two, control[None])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    spearman = pd.Series(one).corr(pd.Series(two), method="spearman")
    np.testing.assert_allclose(partial_rank_correlation(one, two), spearman, rtol=1e-10)
    assert abs(found) < 0.2 < 0.6 < spearman
    assert np.isnan(partial_rank_correlation(one, np.ones(300)))
    assert np.isnan(partial_rank_correlation(one, two, np.exp(one)[None]))


def test_the_learning_curve_closes_on_the_truth():
    views = views_of(planted_systems(300, 10, 4, 0.5, 10, seed=0))
    curve = na.dispersion.learning_curve(views, shares=(0.1, 1), progress=False)
    gaps = (curve.held_out - curve.in_sample).values
    assert (gaps > 0).all()
    assert gaps[1] < gaps[0] / 3
    np.testing.assert_allclose(curve.n_train_per_d, [2.4, 24])


def test_unknown_forms_are_refused(found):
    with pytest.raises(UnknownNameError) as error:
        na.dispersion.compare_dispersions(found, found, form="relativ")
    assert str(error.value) == "No form of dispersion is called 'relativ'. Did you mean 'relative'?"


def test_the_curve_of_a_few_kept_components_is_not_upside_down():
    random = np.random.default_rng(3)
    views = {
        name: pd.DataFrame(random.normal(size=(120, 100))).rename_axis("stimulus")
        for name in ("one", "two", "three")
    }
    curve = na.dispersion.learning_curve(views, shares=(0.5, 1), dimensions=5, progress=False)
    assert (curve.held_out > curve.in_sample).all()
    np.testing.assert_allclose(curve.held_out, 1, atol=0.05)  # systems that share nothing
