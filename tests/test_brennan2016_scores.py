"""brennan2016 from files to scores: an independent reference, the clock, the silent subject."""

import numpy as np
import pandas as pd
import pytest

import neuroalign as na

ROIS = ["LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"]
PERIOD, N_SAMPLES, GAP = 2.0, 362, 7


pytestmark = pytest.mark.usefixtures("real_data")  # found through the environment


def reference(words, signals):
    """Lanczos word rate at four delays, least squares, five stretches with gaps: r per region."""
    middles = (words["onset"] + words["duration"] / 2).to_numpy()
    rate = np.zeros(N_SAMPLES)
    for sample in range(N_SAMPLES):
        for middle in middles:
            x = (sample * PERIOD + PERIOD / 2 - middle) / PERIOD
            if abs(x) < 3:
                rate[sample] += np.sinc(x) * np.sinc(x / 3)
    design = np.zeros((N_SAMPLES, 5))
    design[:, 4] = 1
    for number, delay in enumerate((1, 2, 3, 4)):
        design[delay:, number] = rate[:-delay]
    found = []
    for held_out in np.array_split(np.arange(N_SAMPLES), 5):
        far = np.ones(N_SAMPLES, dtype=bool)
        far[max(held_out[0] - GAP, 0) : held_out[-1] + GAP + 1] = False
        weights = np.linalg.lstsq(design[far], signals[far], rcond=None)[0]
        guess = design[held_out] @ weights
        found.append(
            [np.corrcoef(guess[:, k], signals[held_out, k])[0, 1] for k in range(len(ROIS))]
        )
    return np.mean(found, axis=0)


def test_the_rate_of_words_scores_as_in_a_reference_that_shares_no_code():
    people, story = na.load_dataset("brennan2016", pooled=True), na.load_dataset("brennan2016")
    scores = na.score(na.load_model("word-rate"), people, progress=False)
    assert scores.sizes["fold"] == 5
    recordings = [story.recordings[name].values for name in story.subjects if name != "s33"]
    signals = np.mean([(x - x.mean(0)) / x.std(0) for x in recordings], axis=0)
    expected = reference(people.stimuli, signals)
    np.testing.assert_allclose(scores.r.mean("fold").values[0], expected, atol=0.03)


def test_a_clock_that_is_ten_volumes_off_is_visible():
    people = na.load_dataset("brennan2016", pooled=True)
    late = people.stimuli.assign(onset=people.stimuli["onset"] + 10 * PERIOD)
    late = late[late["onset"] < N_SAMPLES * PERIOD]
    shifted = na.BrainDataset(people.recordings, late)
    rate = na.load_model("word-rate")
    right, wrong = (na.summarize(na.score(rate, d, progress=False)) for d in (people, shifted))
    assert right["r"].item() > 0.35
    assert abs(wrong["r"].item()) < 0.15


def test_the_silent_subject_is_undefined_and_named():
    some = na.load_dataset("brennan2016", subjects=["s31", "s33", "s35"])
    scores = na.score(na.load_model("word-rate"), some, progress=False)
    silent = scores.sel(neuroid=[f"s33/{roi}" for roi in ROIS])
    assert silent.r.isnull().all()
    assert (silent.undefined == 2).all()
    assert "6 neuroids have no score in any layer (first: 's33/LATL'" in scores.attrs["undefined"]
    assert na.summarize(scores, by=["layer"])["n_undefined"].item() == 6
    assert scores.ceiling_inter_subject.sel(neuroid="s31/LATL").notnull()


@pytest.mark.slow
def test_a_trained_language_model_is_ahead_of_its_untrained_twin():
    """About 2 minutes: 2,127 words with windows of 20, two networks."""
    pytest.importorskip("transformers")
    from neuroalign.inference.intervals import difference_interval

    people = na.load_dataset("brennan2016", pooled=True)
    chosen, medians = {}, {}
    for name in ("minilm", "minilm-untrained"):
        model = na.load_model(name, context="window", window=20)
        scores = na.score(
            model, people, layers=["embeddings", "block.1", "block.3"], progress=False
        )
        chosen[name] = na.best_layer(scores)
        medians[name] = na.summarize(scores)["r"].max()
    ahead = difference_interval(chosen["minilm"], chosen["minilm-untrained"])
    print(pd.Series(medians), ahead)
    assert medians["minilm"] > medians["minilm-untrained"] > 0.35
    assert ahead.median > 0
    assert np.isfinite([ahead.low, ahead.high]).all()
