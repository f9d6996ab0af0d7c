"""What simulators refuse, by the whole message."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from simulate_cases import layer_of

import neuroalign as na
from neuroalign.errors import DataError

LAYER = layer_of(12, 6)
LABELS = LAYER["stimulus"].values
SPACES = {"vision": LAYER, "language": layer_of(12, 5, seed=1)}
EVENTS = pd.DataFrame({"run": "a", "onset": np.arange(12.0), "duration": 1.0}, index=LABELS)


def refusal(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("simulator", [na.simulate.spikes, na.simulate.fmri, na.simulate.bold])
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            pd.DataFrame(np.ones((3, 4))),
            "Activations are given as a DataFrame; simulators need a DataArray, as in "
            "xr.DataArray(frame.to_numpy(), {'stimulus': frame.index}, ('stimulus', 'unit')).",
        ),
        (
            np.ones((3, 4)),
            "Activations are given as a ndarray without labels; simulators need a DataArray with "
            "the coordinate 'stimulus'.",
        ),
        (
            xr.DataArray(np.ones((3, 4)), dims=("stimulus", "unit")),
            "Activations are given as a DataArray without labels; simulators need a DataArray "
            "with the coordinate 'stimulus'.",
        ),
        (
            LAYER.transpose("unit", "stimulus"),
            "Activations have the dimensions ('unit', 'stimulus'); simulators need "
            "('stimulus', 'unit') or ('stimulus', 'channel', 'row', 'column').",
        ),
        (
            xr.concat([LAYER, LAYER[:2]], "stimulus"),
            "2 stimuli have activations more than once (first: 's000', 's001').",
        ),
        (
            LAYER.where(LAYER["stimulus"] != "s003"),
            "6 activations are not finite, so no response can be planted on them.",
        ),
    ],
    ids=["table", "array", "no labels", "turned", "twice", "missing"],
)
def test_layers_that_cannot_be_read_are_refused(simulator, layer, message):
    with refusal(message):
        simulator(layer)


def test_layers_that_do_not_vary_are_refused():
    words = (
        "do not vary enough to plant responses on; simulators need 3 stimuli or more, and a unit "
        "that varies."
    )
    with refusal(f"Activations of 6 units to 12 stimuli {words}"):
        na.simulate.fmri(LAYER * 0 + 0.1)
    with refusal(f"Activations of 6 units to 2 stimuli {words}"):
        na.simulate.fmri(LAYER[:2])
    with refusal(f"Activations of 6 units to 12 stimuli {words}"):
        na.simulate.seeg({"vision": LAYER * 0})
    # Six of each sign have products of 1 with themselves.
    signs = np.sign(LAYER - LAYER.median("stimulus"))
    with refusal(f"Activations of 6 units to 12 stimuli {words}"):
        na.simulate.seeg({"vision": signs, "language": signs})


def test_neurons_on_a_layer_that_does_not_vary_are_refused():
    message = (
        "3 of 3 neurons would listen to channels that do not vary over stimuli; "
        "plant them on another layer."
    )
    with refusal(message):
        na.simulate.spikes(LAYER * 0, n_neuroids=3)


def test_more_subjects_than_the_layer_has_independent_units_are_refused():
    message = (
        "The activations have too few independent units for 4 parts of a signal that are "
        "uncorrelated; plant on a larger layer, on fewer subjects, or with shared=1."
    )
    with refusal(message):
        na.simulate.fmri(layer_of(12, 3), n_subjects=3)
    assert len(na.simulate.fmri(layer_of(12, 3), n_subjects=3, shared=1)) == 3
    assert len(na.simulate.fmri(layer_of(12, 4), n_subjects=3)) == 3


def test_two_spaces_that_are_one_direction_cannot_be_summed():
    message = (
        "The activations have too few independent units for 2 parts of a signal that are "
        "uncorrelated; plant on a larger layer, on fewer subjects, or with shared=1."
    )
    with refusal(message):
        na.simulate.seeg({"vision": LAYER[:, :1], "language": LAYER[:, :1]})


@pytest.mark.parametrize("simulator", [na.simulate.spikes, na.simulate.fmri, na.simulate.seeg])
@pytest.mark.parametrize("given", [0, 2.0, True, (0, 3), (4, 3), (1, 2, 3), [1, 2]], ids=str)
def test_numbers_of_repetitions_that_cannot_be_are_refused(simulator, given):
    message = (
        f"n_repetitions={given!r} is neither a number nor a pair (fewest, most) of numbers of 1 "
        "or more."
    )
    with refusal(message):
        simulator(SPACES if simulator is na.simulate.seeg else LAYER, n_repetitions=given)


@pytest.mark.parametrize(
    ("simulator", "option", "value", "message"),
    [
        ("spikes", "n_neuroids", 0, "n_neuroids=0 is not a whole number of 1 or more."),
        ("spikes", "base_rate", 0, "base_rate=0 is not a number of spikes per bin above 0."),
        ("spikes", "gain_variance", -1, "gain_variance=-1 is not a variance of 0 or more."),
        ("fmri", "n_subjects", 0, "n_subjects=0 is not a whole number of 1 or more."),
        ("fmri", "n_sessions", 0, "n_sessions=0 is not a whole number of 1 or more."),
        (
            "fmri",
            "n_sessions",
            4,
            "n_sessions=4 are more than the 3 repetitions that are dealt out to them.",
        ),
        (
            "fmri",
            "shape",
            (3, 3),
            "shape=(3, 3) does not name voxels in x, y and z, as in shape=(6, 6, 4).",
        ),
        ("fmri", "shape", (3, 3, 0), "shape=0 is not a whole number of 1 or more."),
        ("fmri", "smoothness", -1, "smoothness=-1 is not an FWHM in voxels of 0 or more."),
        ("fmri", "drift", -0.5, "drift=-0.5 is not a standard deviation of 0 or more."),
        (
            "fmri",
            "autocorrelation",
            1,
            "autocorrelation=1 is not a correlation between -1 and 1.",
        ),
        ("fmri", "shared", 1.5, "shared=1.5 is not a share of the variance from 0 to 1."),
        ("bold", "n_subjects", 0, "n_subjects=0 is not a whole number of 1 or more."),
        ("bold", "n_neuroids", 0, "n_neuroids=0 is not a whole number of 1 or more."),
        ("bold", "n_repetitions", 0, "n_repetitions=0 is not a whole number of 1 or more."),
        ("bold", "n_runs", 0, "n_runs=0 is not a whole number of 1 or more."),
        ("bold", "n_runs", 13, "n_runs=13 are more than the 12 stimuli that make them up."),
        ("bold", "event_rate", 0, "event_rate=0 is not a number above 0."),
        ("bold", "sampling_period", -2, "sampling_period=-2 is not a number above 0."),
        ("bold", "shared", -0.1, "shared=-0.1 is not a share of the variance from 0 to 1."),
        (
            "bold",
            "autocorrelation",
            -1.0,
            "autocorrelation=-1.0 is not a correlation between -1 and 1.",
        ),
        ("seeg", "n_sites", 0, "n_sites=0 is not a whole number of 1 or more."),
        (
            "seeg",
            "integration",
            0,
            "integration=0 is not a share of the variance above 0, up to 1.",
        ),
        ("seeg", "exponent", -1, "exponent=-1 is not an exponent of a spectrum of 0 or more."),
        (
            "seeg",
            "trial_correlation",
            1.0,
            "trial_correlation=1.0 is not a correlation between -1 and 1.",
        ),
        ("seeg", "lag", 0.1, "lag=0.1 is not a pair (shortest, longest) of seconds."),
        ("seeg", "lag", (0.2, 0.1), "lag=(0.2, 0.1) is not a pair (shortest, longest) of seconds."),
        (
            "seeg",
            "lag",
            (0.1, 0.4),
            "With lag=(0.1, 0.4) responses peak from 0.25 to 0.55 s, but times go from 0 to "
            "0.475 s.",
        ),
        (
            "seeg",
            "times",
            (0.0, 0.1, 0.3),
            "times are not two or more seconds from onset, evenly spaced and increasing.",
        ),
        (
            "seeg",
            "times",
            (0.3, 0.2, 0.1),
            "times are not two or more seconds from onset, evenly spaced and increasing.",
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_options_that_cannot_be_are_refused(simulator, option, value, message):
    given = SPACES if simulator == "seeg" else LAYER
    with refusal(message):
        getattr(na.simulate, simulator)(given, **{option: value})


@pytest.mark.parametrize("simulator", [na.simulate.fmri, na.simulate.bold, na.simulate.seeg])
@pytest.mark.parametrize("snr", [-1, (0, 1), (2, 1), (1, 2, 3), "high", np.inf], ids=str)
def test_ratios_of_signal_to_noise_that_cannot_be_are_refused(simulator, snr):
    message = (
        f"snr={snr!r} is neither a ratio of variances of 0 or more, nor a pair (lowest, highest) "
        "of ratios above 0."
    )
    with refusal(message):
        simulator(SPACES if simulator is na.simulate.seeg else LAYER, snr=snr)


@pytest.mark.parametrize(
    ("stimuli", "message"),
    [
        (EVENTS, "stimuli have no column 'group', which says what is shown in one run."),
        (
            EVENTS.assign(group="a")[2:],
            "2 of 12 stimuli that have activations are not in the table of stimuli "
            "(first: 's000', 's001').",
        ),
        (
            EVENTS.assign(group="a", position=[np.nan, *range(11)]),
            "1 stimuli have no position (first: 's000').",
        ),
    ],
    ids=["no group", "missing", "no position"],
)
def test_tables_that_do_not_say_what_is_shown_together_are_refused(stimuli, message):
    with refusal(message):
        na.simulate.fmri(LAYER, stimuli=stimuli)


@pytest.mark.parametrize(
    ("stimuli", "message"),
    [
        (
            EVENTS[["onset"]],
            "stimuli of a stream need the columns run and onset; 'run' is missing.",
        ),
        (
            EVENTS.rename(index={"s003": "other"}),
            "1 of 12 stimuli have no activations (first: 'other').",
        ),
        (
            EVENTS.assign(onset=[-1.0, *range(11)]),
            "1 stimuli have an onset that is not a number of seconds of 0 or more (first: 's000').",
        ),
        (
            EVENTS.assign(duration=[1.0, np.inf, *range(10)]),
            "1 stimuli have a duration that is not a number of seconds of 0 or more "
            "(first: 's001').",
        ),
    ],
    ids=["no run", "strangers", "early", "endless"],
)
def test_tables_that_cannot_be_laid_out_in_time_are_refused(stimuli, message):
    with refusal(message):
        na.simulate.bold(LAYER, stimuli=stimuli)


@pytest.mark.parametrize("names", [[], ["noise"], ["a", "products"], ["a", "b", "c"]], ids=str)
def test_spaces_that_give_no_kinds_of_sites_are_refused(names):
    message = (
        f"spaces has the names {names}; one or two are needed, and none of "
        "['additive', 'integration', 'noise', 'products']."
    )
    with refusal(message):
        na.simulate.seeg(dict.fromkeys(names, LAYER))


def test_spaces_of_different_stimuli_are_refused():
    with refusal("2 stimuli are in one space only (first: 's000', 's011')."):
        na.simulate.seeg({"vision": LAYER[1:], "language": LAYER[:-1]})


def test_products_of_one_space_are_refused():
    with refusal("1 space was given; products need two."):
        na.simulate.multimodal_layer({"vision": LAYER})
