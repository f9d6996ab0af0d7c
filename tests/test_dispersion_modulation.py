"""Does agreement modulate the alignment of other systems: planted, and not planted."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dispersion_cases import modulated
from scipy.stats import binomtest

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.numerics.similarity.kernels import CKA


def dispersion_of(views):
    return na.dispersion.procrustes_dispersion(views, n_null=0, progress=False)


def modulation_of(seed, *, planted, **options):
    views, pair = modulated(seed, planted=planted)
    return na.dispersion.modulation(
        dispersion_of(views), pair, **{"n_permutations": 99, "seed": seed, **options}
    )


@pytest.fixture(scope="module")
def case():
    views, pair = modulated(0, planted=True)
    return dispersion_of(views), pair


def test_planted_modulation_is_found_over_twenty_seeds():
    results = [modulation_of(seed, planted=True) for seed in range(20)]
    assert sum(float(one.p) <= 0.05 for one in results) >= 18
    assert sum(float(one.p_partial) <= 0.05 for one in results) >= 16
    assert all(one.low > one.high for one in results[:20:4])
    assert np.mean([float(one.spearman_partial) for one in results]) < -0.15


def test_without_modulation_none_is_found_over_twenty_seeds():
    results = [modulation_of(seed, planted=False) for seed in range(20)]
    for name in ("p", "p_partial"):
        hits = sum(float(one[name]) <= 0.05 for one in results)
        assert binomtest(hits, 20, 0.05, alternative="greater").pvalue > 0.005
    for name in ("difference", "spearman_partial"):
        values = [float(one[name]) for one in results]
        assert abs(np.mean(values)) < 3 * np.std(values, ddof=1) / np.sqrt(20)


def test_groups_of_unrelated_systems_align_at_chance():
    random = np.random.default_rng(0)
    views, _ = modulated(0, planted=True)
    labels = pd.Index([f"s{number:03}" for number in range(240)])
    values = []
    for _ in range(10):
        pair = {name: pd.DataFrame(random.standard_normal((240, 9)), labels) for name in "ab"}
        result = na.dispersion.modulation(dispersion_of(views), pair, n_permutations=1)
        values += [float(result.low), float(result.high)]
    assert abs(np.mean(values)) < 3 * np.std(values, ddof=1) / np.sqrt(20)


def test_groups_have_equal_sizes_and_the_lowest_and_highest_dispersions(case):
    found = na.dispersion.modulation(*case, share=0.3, n_permutations=1)
    counts = pd.Series(found.part.values).value_counts()
    assert counts.to_dict() == {"low": 72, "high": 72, "middle": 96}
    low, high = (found.dispersion[found.part == name] for name in ("low", "high"))
    middle = found.dispersion[found.part == "middle"]
    assert low.max() <= middle.min() <= middle.max() <= high.min()


def test_neighbors_of_groups_are_those_of_the_group(case):
    dispersion, pair = case
    found = na.dispersion.modulation(dispersion, pair, k=5, n_permutations=1)
    labels = found.stimulus[found.part == "low"].values
    one, two = (view.loc[labels].to_numpy() for view in pair.values())
    overlap = []
    nearest = []
    for rows in (one, two):
        every = pair["vision"] if rows is one else pair["language"]
        sizes = np.sort(np.abs(every.to_numpy()), axis=None)
        rows = np.clip(rows, *(np.array([-1, 1]) * sizes[int(0.95 * sizes.size)]))
        rows = rows / np.linalg.norm(rows, axis=1)[:, None]
        cosines = rows @ rows.T
        np.fill_diagonal(cosines, -2)
        nearest.append(np.argsort(-cosines, axis=1)[:, :5])
    overlap = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(*nearest, strict=True)])
    chance = 5 / (len(labels) - 1)
    np.testing.assert_allclose(found.low, (overlap - chance) / (1 - chance), rtol=1e-10)


def test_groups_are_compared_by_any_measure(case):
    dispersion, pair = case
    found = na.dispersion.modulation(dispersion, pair, measure=CKA(), n_permutations=19)
    assert found.low > found.high
    assert float(found.p) == 0.05
    assert found.attrs["measure"] == repr(CKA())


def test_a_value_for_each_stimulus_is_split_and_correlated(case):
    dispersion, _ = case
    score = pd.Series(-dispersion.relative.values, dispersion.stimulus.values).sample(
        frac=1, random_state=0
    )
    found = na.dispersion.modulation(dispersion, score, systems=["m1"], n_permutations=99)
    np.testing.assert_allclose(found.spearman, -1)
    ordered = -np.sort(dispersion.relative.values)
    np.testing.assert_allclose(found.low, ordered[:120].mean())
    third = na.dispersion.modulation(dispersion, score, systems=["m1"], share=0.3, n_permutations=1)
    np.testing.assert_allclose([third.low, third.high], [ordered[:72].mean(), ordered[-72:].mean()])
    again = na.dispersion.modulation(
        dispersion, score.rename_axis("stimulus").to_xarray(), systems=[], n_permutations=99
    )
    np.testing.assert_allclose(again.low, found.low)


def test_a_confound_that_explains_everything_leaves_no_partial_correlation(case):
    dispersion, _ = case
    hubness = pd.Series(dispersion.hubness.values, dispersion.stimulus.values)
    noise = 0.01 * np.random.default_rng(0).standard_normal(240)
    found = na.dispersion.modulation(dispersion, hubness + noise, systems=[], n_permutations=99)
    assert abs(found.spearman) > 0.3
    assert abs(found.spearman_partial) < 0.2


def test_stimuli_in_groups_have_no_p():
    views, pair = modulated(0, planted=True)
    stimuli = pd.DataFrame(
        {"group": np.repeat(np.arange(24), 10)}, index=[f"s{number:03}" for number in range(240)]
    )
    dispersion = na.dispersion.procrustes_dispersion(
        views, stimuli=stimuli, n_null=0, progress=False
    )
    found = na.dispersion.modulation(dispersion, pair)
    assert np.isnan(found.p)
    assert np.isnan(found.p_partial)
    assert found.low > found.high


@pytest.fixture(scope="module")
def by_form():
    views, pair = modulated(0, planted=True)
    dispersion = na.dispersion.procrustes_dispersion(views, n_null=5, progress=False)
    return dispersion, {
        form: na.dispersion.modulation(dispersion, pair, form=form, n_permutations=1)
        for form in ("dispersion", "relative", "directional", "consensus_r2")
    }


def test_every_form_keeps_its_own_sign(by_form):
    dispersion, found = by_form
    for form, one in found.items():
        np.testing.assert_array_equal(one.dispersion, dispersion[form])
        sign = 1 if form == "consensus_r2" else -1
        assert sign * one.spearman > 0.2
        assert sign * one.spearman_partial > 0


def test_systems_agree_in_the_group_of_low_dispersion_by_every_form(by_form):
    for form, one in by_form[1].items():
        low, high = (one.dispersion[one.part == name] for name in ("low", "high"))
        if form == "consensus_r2":
            assert low.min() >= high.max()
        else:
            assert low.max() <= high.min()
        assert one.difference > 0


def test_the_order_of_stimuli_does_not_matter(case):
    dispersion, pair = case
    found = na.dispersion.modulation(dispersion, pair, n_permutations=9)
    shuffled = dispersion.isel(stimulus=np.random.default_rng(0).permutation(240))
    other = na.dispersion.modulation(shuffled, pair, n_permutations=9)
    xr.testing.assert_identical(found, other)


def refused(*given, **options):
    with pytest.raises(DataError) as error:
        na.dispersion.modulation(*given, **options)
    return str(error.value)


def test_a_system_on_both_sides_is_refused(case):
    dispersion, pair = case
    views, _ = modulated(0, planted=True)
    words = (
        "1 systems are both aligned and part of the dispersion (first: 'net1'); compute the "
        "dispersion without them."
    )
    assert refused(dispersion, {"net1": views["net1"], "vision": pair["vision"]}) == words
    score = pd.Series(0.0, dispersion.stimulus.values)
    assert refused(dispersion, score, systems=["net1", "m1"]) == words


def test_a_system_under_another_name_is_refused(case):
    dispersion, pair = case
    views, _ = modulated(0, planted=True)
    words = (
        "1 systems are both aligned and part of the dispersion, where they have another name "
        "(first: 'brain is net1'); compute the dispersion without them."
    )
    copy = views["net1"].sample(frac=1, random_state=5)  # rows are matched by label
    assert refused(dispersion, {"brain": copy, "vision": pair["vision"]}) == words
    recording = na.make_recording(
        copy.to_numpy(), ("stimulus", "neuroid"),
        subject="ann", units="z", stimulus=copy.index, neuroid=range(copy.shape[1]),
    )  # fmt: skip
    assert refused(dispersion, {"brain": recording, "vision": pair["vision"]}) == words


def test_a_system_is_told_by_its_values_whatever_their_type_and_after_a_file(tmp_path):
    views, pair = modulated(0, planted=True)
    single = {name: view.astype(np.float32) for name, view in views.items()}
    dispersion_of(single).to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    again = xr.load_dataset(tmp_path / "d.nc", engine="h5netcdf")
    copy = {"brain": single["net0"].astype(float), "vision": pair["vision"]}
    assert "(first: 'brain is net0')" in refused(again, copy)


def test_another_system_of_the_same_name_is_refused_with_what_may_be_meant(case):
    dispersion, pair = case
    assert refused(dispersion, {"net1": pair["language"], "vision": pair["vision"]}) == (
        "1 systems are called as some of the dispersion are, and have other values (first: "
        "'net1'); compute the dispersion without them, or rename what is another system."
    )


def test_a_copy_with_a_little_noise_is_not_recognized(case):
    dispersion, pair = case
    views, _ = modulated(0, planted=True)
    noisy = views["net1"] + 1e-9
    found = na.dispersion.modulation(
        dispersion, {"brain": noisy, "vision": pair["vision"]}, n_permutations=1
    )
    assert np.isfinite(found.low)


def test_values_without_the_systems_they_come_from_are_refused(case):
    score = pd.Series(0.0, case[0].stimulus.values)
    assert refused(case[0], score) == (
        "A value for each stimulus was given without the systems that it comes from; name them by "
        "systems=[...], so that none is among those of the dispersion."
    )


def test_a_stimulus_without_alignment_is_refused(case):
    score = pd.Series(0.0, case[0].stimulus.values[1:])
    assert refused(case[0], score, systems=["m1"]) == (
        "1 of 240 stimuli have no alignment (first: 's000')."
    )


def test_three_systems_to_align_are_refused(case):
    three = {**case[1], "third": case[1]["vision"]}
    assert refused(*(case[0], three)) == "3 systems were given to align; give two."


def test_groups_of_a_few_stimuli_are_refused(case):
    assert refused(*case, share=0.01) == (
        "240 stimuli have a dispersion and an alignment, 2 in each group; groups need at least 5."
    )


def test_shares_above_a_half_are_refused(case):
    assert refused(*case, share=0.6) == (
        "share=0.6 and n_permutations=999 were given; give a share above 0 and up to 0.5, and at "
        "least 1 permutation."
    )


def test_what_is_no_alignment_is_refused(case):
    assert refused(case[0], [1.0, 2.0], systems=["m1"]) == (
        "The alignment given is a list; give two systems, or a DataArray (stimulus,) or Series "
        "indexed by stimulus."
    )
