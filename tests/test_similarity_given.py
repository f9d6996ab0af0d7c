"""What is given is what it is taken for: dissimilarities, repetitions, and names of options."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError

LABELS = [f"s{number:02}" for number in range(20)]
RNG = np.random.default_rng(0)
UNITS = pd.DataFrame(RNG.normal(size=(20, 5)), LABELS)
SQUARE = pd.DataFrame(squareform(pdist(UNITS.to_numpy())), LABELS, LABELS)
STIMULI = pd.DataFrame(index=pd.Index(LABELS, name="stimulus"))
DATASET = na.make_dataset({"ann": RNG.normal(size=(20, 6))}, STIMULI)
CKA = na.similarity.CKA()


def refusal(one, *inputs, error=DataError, **options):
    with pytest.raises(error) as caught:
        one(*inputs, **options)
    return str(caught.value)


def of_pairs(name):
    return (
        f"DataFrame{name} holds dissimilarities, not activations: its rows and columns are the "
        "same 20 labels, and it is symmetric with a diagonal of 0; label it by "
        "na.rsa.make_dissimilarities(frame, stimulus=frame.index, dissimilarity='judged')."
    )


def test_a_table_of_dissimilarities_is_not_taken_for_activations(tmp_path):
    SQUARE.to_csv(tmp_path / "rdm.csv")
    read = pd.read_csv(tmp_path / "rdm.csv", index_col=0)
    model = {"mine": read}
    message = of_pairs(" 'mine'")
    assert refusal(na.score, model, DATASET, na.rsa.RSA(), progress=False) == message
    assert refusal(na.score, model, DATASET, CKA, progress=False) == message
    assert refusal(na.rsa.bootstrap, model, DATASET) == message
    assert refusal(na.rsa.fit_held_out, model, DATASET) == message
    assert refusal(na.rsa.dissimilarities, read) == of_pairs("")
    assert refusal(na.similarity.compare_systems, read, UNITS, CKA) == of_pairs(" 'first'")


@pytest.mark.parametrize(
    "table",
    [
        SQUARE.rename(columns=lambda name: f"unit {name}"),
        SQUARE + np.triu(np.ones((20, 20)), 1),
        SQUARE + np.eye(20),
        SQUARE * 0,
        SQUARE.iloc[:, :5],
    ],
)
def test_square_activations_are_no_dissimilarities(table):
    found = na.similarity.compare_systems(table, table + UNITS.to_numpy()[:, :1], CKA)
    assert isinstance(found, float)


def test_a_table_of_dissimilarities_with_missing_pairs_is_known():
    holes = SQUARE.copy()
    holes.iloc[2, 5] = holes.iloc[5, 2] = np.nan
    assert refusal(na.rsa.dissimilarities, holes) == of_pairs("")


def repeated(seed):
    values = np.random.default_rng(seed).normal(size=(20, 3, 6))
    return na.make_recording(
        values, ("stimulus", "repetition", "neuroid"), subject="ann", units="z", stimulus=LABELS,
        neuroid=range(6),
    )  # fmt: skip


def test_repetitions_are_averaged_and_are_no_units():
    one, two = repeated(1), repeated(2)
    means = [values.mean("repetition").values for values in (one, two)]
    expected = CKA.compare_arrays(*means)
    assert na.similarity.compare_systems(one, two, CKA) == pytest.approx(expected, abs=1e-12)
    frames = [pd.DataFrame(values, LABELS) for values in means]
    found = na.similarity.compare_layers({"a": one}, {"b": two}, CKA, n_permutations=19)
    plain = na.similarity.compare_layers({"a": frames[0]}, {"b": frames[1]}, CKA, n_permutations=19)
    xr.testing.assert_allclose(found, plain)
    showings = xr.concat(
        [one.isel(repetition=k).rename(stimulus="showing") for k in range(3)], "showing"
    )
    shown = na.make_recording(
        showings.transpose("showing", "neuroid").values, ("showing", "neuroid"), subject="ann",
        units="z", stimulus=LABELS * 3, neuroid=range(6),
    )  # fmt: skip
    assert na.similarity.compare_systems(shown, two, CKA) == pytest.approx(expected, abs=1e-12)


def test_repetitions_of_activations_are_refused():
    loose = xr.DataArray(
        np.ones((20, 3, 6)), {"stimulus": LABELS}, ("stimulus", "repetition", "unit")
    )
    assert refusal(na.similarity.compare_systems, loose, UNITS, CKA) == (
        "Activations have an axis of repetitions, which are no units; average over it, as in "
        "values.mean('repetition'), or make a recording for na.average_repetitions."
    )


def judged(kind, **labels):
    return na.rsa.make_dissimilarities(SQUARE, stimulus=LABELS, dissimilarity=kind, **labels)


def test_crossnobis_of_other_dissimilarities_is_refused():
    people = {"ann": judged("correlation", subject="ann")}
    dataset = na.BrainDataset(people, STIMULI, name="four")
    measure = na.rsa.RSA("crossnobis", "cosine")
    rest = (
        " has dissimilarities only, of kind 'correlation', from which no crossnobis can be "
        "computed; use RSA(comparison='cosine')."
    )
    model = {"units": UNITS}
    assert refusal(na.score, model, dataset, measure, progress=False) == f"Dataset 'four'{rest}"
    for one in (na.rsa.bootstrap, na.rsa.fit_held_out):
        assert refusal(one, model, people, measure) == f"Subject 'ann'{rest}"
    assert refusal(na.rsa.noise_ceiling, people, measure) == f"Subject 'ann'{rest}"


def test_crossnobis_that_was_computed_elsewhere_is_compared():
    dataset = na.BrainDataset({"ann": judged("crossnobis", subject="ann")}, STIMULI)
    measure = na.rsa.RSA("crossnobis", "cosine")
    scores = na.score({"units": UNITS}, dataset, measure, progress=False)
    assert np.isfinite(scores.similarity.item())


@pytest.mark.parametrize(
    "kind", ["MutualNeighbors", "CorrectedNeighbors", "CycleNeighbors", "LocalKernelAlignment"]
)
def test_unknown_ways_to_clamp_are_refused_at_once(kind):
    assert refusal(getattr(na.similarity, kind), clamp="x", error=UnknownNameError) == (
        "No way to clamp is called 'x'. Known: 'exact', 'none', 'rows'."
    )


def test_what_is_no_dataset_or_no_fact_is_refused():
    assert refusal(na.rsa.load_model_dissimilarities, None) == (
        "A NoneType is no dataset; give its name, as in "
        "load_model_dissimilarities('kriegeskorte2008'), its folder or its module."
    )
    assert refusal(judged, "own", attrs="x") == (
        "attrs='x' are no facts by name; give a mapping, as in {'task': 'n-back'}."
    )


def test_half_precision_is_widened():
    given = np.array([0.1, 0.2, 0.3], dtype=np.float16)
    made = na.rsa.make_dissimilarities(given, stimulus=list("abc"), dissimilarity="own")
    assert made.dtype == np.float64
    single = na.rsa.make_dissimilarities(
        given.astype(np.float32), stimulus=list("abc"), dissimilarity="own"
    )
    assert single.dtype == np.float32
