"""What cannot be asked of dispersion is refused in one sentence, before any fit is made."""

import re

import numpy as np
import pandas as pd
import pytest

import neuroalign as na
from neuroalign.errors import DataError
from neuroalign.report.saving import save_figure

WIDTHS = {"narrow": 12, "middle": 15, "wide": 20}


def views(**others):
    random = np.random.default_rng(0)
    shared = random.normal(size=(40, 6))
    made = {
        name: pd.DataFrame(shared @ random.normal(size=(6, width)))
        for name, width in WIDTHS.items()
    }
    return made | others


def dispersion(**options):
    return na.dispersion.procrustes_dispersion(views(), progress=False, **options)


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"folds": 5},
            "folds=5 does not split stimuli; use KFold(n) or TrainTest(test=[...]).",
        ),
        ({"seed": "x"}, "seed='x' is not a whole number of 0 or more."),
        ({"device": "gpu"}, "Device 'gpu' is not known to torch; use 'cpu' or 'cuda'."),
        ({"dtype": "float16"}, "dtype='float16' is not one of float64, float32."),
        ({"n_null": -1}, "n_null=-1 is not a whole number of 0 or more."),
        ({"n_null": 1.5}, "n_null=1.5 is not a whole number of 0 or more."),
        ({"n_starts": 0}, "n_starts=0 is not a whole number of 1 or more."),
        ({"dimensions": 0}, "dimensions=0 is not a whole number of 1 or more."),
        ({"dimensions": "two"}, "dimensions='two' is not a whole number of 1 or more."),
        (
            {"dimensions": 13},
            "dimensions=13 were asked for, but system 'narrow' has 12 units; ask for at most so "
            "many.",
        ),
        ({"stimuli": []}, "No stimuli are named; leave stimuli out to use all."),
    ],
    ids=lambda value: str(value)[:24],
)
def test_an_option_that_cannot_be_is_refused(options, message):
    with refused(message):
        dispersion(**options)


def test_a_system_that_does_not_vary_is_named():
    flat = pd.DataFrame(np.ones((40, 4)))
    with refused("System 'flat' is the same for all stimuli; leave it out."):
        na.dispersion.procrustes_dispersion(views(flat=flat), progress=False)


def test_shares_of_a_learning_curve_are_numbers():
    with refused("shares='all' are not numbers; give shares such as (0.5, 1.0)."):
        na.dispersion.learning_curve(views(), shares="all", progress=False)


@pytest.mark.parametrize("read", [na.dispersion.mean_interval, na.dispersion.confounds])
def test_what_is_no_dispersion_is_refused(read):
    message = (
        "The dispersion given is a int of something else; give what procrustes_dispersion returned."
    )
    with refused(message):
        read(3)


@pytest.mark.parametrize("name", ["no folder/a.png", "a.xyz"])
def test_a_figure_that_cannot_be_saved_is_said_in_one_sentence(name, tmp_path):
    from matplotlib.figure import Figure

    path = tmp_path / name
    message = f"^The figure cannot be saved as {re.escape(repr(str(path)))} \\(.*\\); name a file"
    with pytest.raises(DataError, match=message):
        save_figure(Figure(), path)


def test_a_figure_is_saved_where_a_path_is_given(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure()
    assert save_figure(figure, None) is figure
    assert save_figure(figure, tmp_path / "a.png") is figure
    assert (tmp_path / "a.png").stat().st_size
