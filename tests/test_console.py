"""What the command prints about scores."""

import pytest

import neuroalign as na
from neuroalign.report.console import print_summary


@pytest.mark.parametrize(
    ("layers", "model", "said"),
    [
        (["other", "true"], "precomputed activations", True),
        (["other", "true"], "another network", False),
        (["other"], "precomputed activations", False),
    ],
)
def test_the_truth_is_told_where_the_planted_layer_was_scored(planted, layers, model, said, capsys):
    activations, dataset = planted
    (recording,) = dataset.recordings.values()
    recording.attrs |= {"planted_layer": "true", "planted_model": model}
    scores = na.score(
        {name: activations[name] for name in layers}, dataset, folds=na.KFold(4), progress=False
    )
    print_summary(scores, na.summarize(scores, by=["layer"]), {})
    sentence = "Truth: planted on true. Found: true scores highest."
    assert (sentence in capsys.readouterr().out) == said


def test_guards_are_printed_to_the_letter_and_those_left_out_are_not(planted, capsys):
    scores = na.score(*planted, folds=na.KFold(4), progress=False, guards=())
    table = na.summarize(scores, by=["layer"])
    print_summary(scores, table, {})
    assert "Guards" not in capsys.readouterr().out
    scores.attrs["guards"] = "duplicates: 1 of 9 test stimuli is 'a[b]'"
    scores.attrs["guards_alarmed"] = "duplicates"
    print_summary(scores, table, {})
    printed = capsys.readouterr().out
    assert "Guards, at the chosen layer (alarmed: duplicates):\n" in printed
    assert "  duplicates: 1 of 9 test stimuli is 'a[b]'.\n" in printed
