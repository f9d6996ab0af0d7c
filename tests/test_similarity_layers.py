"""Two systems compared layer by layer, matched by label, beside chance."""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError

LABELS = [f"s{number:02}" for number in range(40)]
MEASURES = [
    na.rsa.RSA(),
    na.rsa.RSA("squared_euclidean", "whitened_cosine"),
    na.similarity.CKA(),
    na.similarity.CKA("rbf"),
    na.similarity.HeldOutCCA(),
    na.similarity.ProcrustesSimilarity(),
    na.similarity.HeldOutProcrustes(),
    na.similarity.MutualNeighbors(k=5),
    na.similarity.CorrectedNeighbors(k=5),
    na.similarity.CycleNeighbors(k=5),
    na.similarity.LocalKernelAlignment(k=5),
    na.similarity.UnitMatching(),
    na.similarity.RelativeSimilarity(n_anchors=10),
]


def table(values):
    return pd.DataFrame(values, index=LABELS)


@pytest.mark.parametrize("measure", MEASURES, ids=repr)
def test_every_measure_is_the_same_whatever_the_order_of_the_labels(measure, rng):
    shared = rng.normal(size=(40, 4))
    one = table(shared + 0.3 * rng.normal(size=(40, 4)))
    two = table(np.hstack([shared, rng.normal(size=(40, 2))]))
    there = na.similarity.compare_systems(one, two, measure)
    back = na.similarity.compare_systems(
        one.iloc[::-1], two.sample(frac=1, random_state=0), measure
    )
    assert there == pytest.approx(back, abs=1e-12)
    assert np.isfinite(there)


@pytest.mark.parametrize("measure", MEASURES, ids=repr)
def test_every_measure_scores_a_dataset(measure, rng):
    units = table(rng.normal(size=(40, 4)))
    dataset = na.make_dataset(units.to_numpy(), pd.DataFrame({"text": LABELS}, index=LABELS))
    scores = na.score({"same": units}, dataset, measure, progress=False)
    expected = na.similarity.compare_systems(units, units, measure)
    assert scores.similarity.item() == pytest.approx(expected, abs=1e-9)


def test_the_promises_of_all_measures_are_told():
    told = na.similarity.describe_measures(MEASURES)
    assert (told[["chance", "cost", "fails"]].map(len) > 0).all(axis=None)
    known = {"translation", "scale", "rotation", "permutation", "linear"}
    assert set(", ".join(told["invariances"]).split(", ")) <= known


def test_the_pair_that_is_alike_is_found_and_is_no_chance(rng):
    shared = rng.normal(size=(40, 5))
    first = {"a": table(rng.normal(size=(40, 5))), "b": table(shared)}
    second = {
        "c": table(shared @ np.linalg.qr(rng.normal(size=(5, 5)))[0]),
        "d": table(rng.normal(size=(40, 5))),
    }
    found = na.similarity.compare_layers(first, second, na.similarity.CKA(), n_permutations=99)
    assert found.attrs["best_pair"] == "b and c"
    assert found.p_largest.sel(layer="b", layer_other="c").item() == 0.01
    assert found.calibrated.sel(layer="b", layer_other="c").item() == pytest.approx(1, abs=0.01)
    assert (found.p_largest >= found.p).all()


def test_whole_groups_change_places(rng):
    groups = pd.Series(np.repeat([f"g{k}" for k in range(8)], 5), index=LABELS)
    block = np.repeat(rng.normal(size=(8, 3)), 5, axis=0)
    first, second = ({"x": table(block + 0.1 * rng.normal(size=(40, 3)))} for _ in range(2))
    options = {"n_permutations": 199, "seed": 1}
    measure = na.similarity.CKA()
    singly = na.similarity.compare_layers(first, second, measure, **options)
    whole = na.similarity.compare_layers(first, second, measure, groups=groups, **options)
    assert whole.null_sd.item() > 2 * singly.null_sd.item()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda one: na.similarity.compare_systems(one, one.iloc[2:], na.similarity.CKA()),
            "The stimuli of 'first' and 'second' differ in 2 (first: 's00', 's01'); select those "
            "that both have.",
        ),
        (
            lambda one: na.similarity.compare_layers(one, {"a": one}, na.similarity.CKA()),
            "Layers are given as a DataFrame; give layer -> activations, one or more.",
        ),
        (
            lambda one: na.similarity.compare_layers(
                {"a": one}, {"a": one}, na.similarity.CKA(), groups={"s00": "g"}
            ),
            "39 stimuli have no group (first: 's01', 's02', 's03').",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(rng, call, sentence):
    with pytest.raises(DataError) as error:
        call(table(rng.normal(size=(40, 3))))
    assert str(error.value) == sentence
