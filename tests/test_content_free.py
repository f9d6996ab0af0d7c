"""Features that say only where a stimulus stands in its passage, and what folds make of them.

After Feghhi et al. (2024), arXiv:2406.01538, on shuffled folds: what is near in a passage is near
in the response, so features without content predict parted passages.
"""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na

N_PASSAGES, LENGTH, N_NEUROIDS, N_UNITS = 24, 12, 40, 60


def passages(seed):
    """Return a dataset whose responses drift within passages, and features without content."""
    rng = np.random.default_rng(seed)
    passage = np.repeat(np.arange(N_PASSAGES), LENGTH)
    labels = [f"s{number:03}" for number in range(len(passage))]
    place = np.tile(np.arange(LENGTH), N_PASSAGES)

    def walk(n):
        steps = rng.normal(size=(N_PASSAGES, LENGTH, n))
        return steps.cumsum(1).reshape(-1, n)

    responses = walk(N_NEUROIDS) / 2 + rng.normal(size=(len(passage), N_NEUROIDS))
    text = [f"{number} of {name}" for number, name in zip(place, passage, strict=True)]
    groups = [f"p{number:02}" for number in passage]
    stimuli = pd.DataFrame({"text": text, "group": groups}, labels)
    dataset = na.make_dataset(responses, stimuli)
    features = {
        "which passage": np.eye(N_PASSAGES)[passage],
        "position": np.eye(LENGTH)[place],
        "walk": walk(N_UNITS),
    }
    return dataset, {name: pd.DataFrame(x, labels) for name, x in features.items()}


def medians(seeds, name, folds):
    """Return the median r over neuroids and folds of each seed."""
    found = []
    for seed in seeds:
        dataset, features = passages(seed)
        metric = na.metrics.RidgeEncoding(inner_folds=3)
        scores = na.score({name: features[name]}, dataset, metric, folds=folds, seed=seed)
        found.append(float(scores.r.median()))
    return np.array(found)


def test_what_is_constant_in_whole_passages_is_undefined_and_counted():
    dataset, features = passages(0)
    scores = na.score({"which passage": features["which passage"]}, dataset)
    assert scores.r.isnull().all()
    meaning = scores.undefined.attrs["flag_meanings"].split()
    named = [meaning[flag] for flag in np.unique(scores.undefined)]
    assert named == ["constant_prediction"]
    table = na.summarize(scores)
    assert table["n_undefined"].tolist() == [N_NEUROIDS]


@pytest.mark.parametrize(("name", "most"), [("position", 0.03), ("walk", 0.08)])
def test_whole_passages_leave_nothing_to_features_without_content(name, most):
    assert np.median(np.abs(medians(range(3), name, None))) < most


def test_parted_passages_let_features_without_content_predict():
    assert medians(range(2), "walk", na.KFold(5, part_groups=True)).min() > 0.3


@pytest.mark.slow
def test_features_without_content_over_20_seeds():
    """Take 35 s on one thread."""
    for name in ("position", "walk"):
        assert np.median(np.abs(medians(range(20), name, None))) < 0.03
    assert medians(range(20), "walk", na.KFold(5, part_groups=True)).min() > 0.3
