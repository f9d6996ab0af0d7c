"""What the command prints about scores."""

import pytest

import neuroalign as na
from neuroalign.report.console import print_summary


@pytest.mark.parametrize(("layers", "said"), [(["other", "true"], True), (["other"], False)])
def test_the_truth_is_told_where_the_planted_layer_was_scored(planted, layers, said, capsys):
    activations, dataset = planted
    scores = na.score(
        {name: activations[name] for name in layers}, dataset, folds=na.KFold(4), progress=False
    )
    scores.attrs["planted_layer"] = "true"
    print_summary(scores, na.summarize(scores, by=["layer"]), {})
    sentence = "Truth: planted on true. Found: true scores highest."
    assert (sentence in capsys.readouterr().out) == said
