"""References of voltages: what is subtracted from what, names, places, and what is left out."""

import numpy as np
import pytest
import xarray as xr
from voltage_streams import in_file, stream_of

import neuroalign as na
from neuroalign.data.schema import in_memory
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.readers import rereference

NAMES = ["LA2", "LB1", "LA1", "LA4", "LB2", "LA3", "REF"]


@pytest.fixture
def values(rng):
    return rng.normal(size=(50, len(NAMES)))


@pytest.fixture
def stream(values):
    """Sites of two shafts in no order, 3 mm apart along x, and one that is no contact."""
    number = np.array([int(name[-1]) if name != "REF" else 50 for name in NAMES])
    shaft = np.array([name[1] for name in NAMES])
    return stream_of(
        {"a": values[:30], "b": values[30:]},
        names=NAMES,
        x=3.0 * number,
        y=np.where(shaft == "B", 40.0, 0.0),
        z=np.zeros(len(NAMES)),
        roi=["STG", "IFG", "STG", "MTG", "IFG", "STG", "unknown"],
    )


def of(values, name):
    return values[:, NAMES.index(name)]


def test_the_average_reference_subtracts_the_mean_of_all_sites(stream, values):
    found = rereference(stream, "average")
    np.testing.assert_allclose(found.values, values - values.mean(axis=1, keepdims=True))
    assert found.attrs["reference"] == "average"
    assert found["neuroid"].values.tolist() == NAMES


def test_a_missing_sample_is_left_out_of_the_average(stream, values):
    holed = values.copy()
    holed[4, 2] = np.nan
    found = rereference(stream.copy(data=holed), "average").values
    np.testing.assert_allclose(found[4, 0], holed[4, 0] - np.nanmean(holed[4]))
    assert np.isnan(found).sum() == 1


def test_a_bipolar_site_is_a_contact_less_the_next_on_its_shaft(stream, values):
    found = rereference(stream, "bipolar")
    assert sorted(found["neuroid"].values) == ["LA1-LA2", "LA2-LA3", "LA3-LA4", "LB1-LB2"]
    for name in found["neuroid"].values:
        one, two = name.split("-")
        expected = of(values, one) - of(values, two)
        np.testing.assert_allclose(found.sel(neuroid=name), expected)
    assert found.attrs["sites_left_out"] == "REF"


def test_a_bipolar_site_lies_half_way_and_keeps_the_words_that_agree(stream):
    found = rereference(stream, "bipolar")
    site = found.sel(neuroid="LA3-LA4")
    assert (float(site["x"]), float(site["y"])) == (10.5, 0)
    assert str(site["roi"].values) == "STG-MTG"
    assert str(found.sel(neuroid="LA1-LA2")["roi"].values) == "STG"


@pytest.mark.parametrize("kind", ["average", "laplacian"])
def test_a_bad_site_marks_its_pairs_and_is_refused_where_it_would_go_into_others(kind, stream):
    marked = stream.assign_coords(bad=("neuroid", [False] * 5 + [True, False]))
    pairs = rereference(marked, "bipolar")
    assert pairs["neuroid"].values[pairs["bad"].values].tolist() == ["LA2-LA3", "LA3-LA4"]
    with pytest.raises(DataError) as caught:
        rereference(marked, kind)
    assert str(caught.value) == (
        "1 sites are marked as bad (first: 'LA3'), and would go into others; leave them out, as in "
        "stream.isel(neuroid=~stream.bad)."
    )
    good = marked.isel(neuroid=~marked.bad)
    xr.testing.assert_allclose(rereference(good, "average"), good - good.mean("neuroid"))


def test_a_contact_that_was_left_out_leaves_a_gap(stream):
    found = rereference(stream.isel(neuroid=[0, 2, 3]), "bipolar")  # LA2, LA1, LA4
    assert found["neuroid"].values.tolist() == ["LA1-LA2"]
    assert found.attrs["sites_left_out"] == "LA4"


def test_a_laplacian_subtracts_the_mean_of_both_neighbors(stream, values):
    found = rereference(stream, "laplacian")
    assert found["neuroid"].values.tolist() == ["LA2", "LA3"]
    for name, before, after in (("LA2", "LA1", "LA3"), ("LA3", "LA2", "LA4")):
        expected = of(values, name) - (of(values, before) + of(values, after)) / 2
        np.testing.assert_allclose(found.sel(neuroid=name), expected)
    assert found["x"].values.tolist() == [6, 9]
    assert found.attrs["sites_left_out"] == "LB1, LA1, LA4, LB2, REF"


def test_neighbors_within_a_radius_need_no_names(stream, values):
    renamed = stream.assign_coords(neuroid=list("pqrstuv"))
    found = rereference(renamed, "bipolar", radius=3.5)
    assert set(found["neuroid"].values) == {"p-r", "p-u", "s-u", "q-t"}
    np.testing.assert_allclose(found.sel(neuroid="s-u"), of(values, "LA4") - of(values, "LA3"))
    around = rereference(renamed, "laplacian", radius=3.5)
    assert around["neuroid"].values.tolist() == list("pqrstu")
    np.testing.assert_allclose(around.sel(neuroid="r"), of(values, "LA1") - of(values, "LA2"))
    expected = of(values, "LA2") - (of(values, "LA1") + of(values, "LA3")) / 2
    np.testing.assert_allclose(around.sel(neuroid="p"), expected)


def test_what_all_sites_share_is_gone():
    shared = np.arange(40.0)[:, None] * np.ones(4)
    for kind in ("average", "bipolar", "laplacian"):
        assert np.abs(rereference(stream_of({"a": shared}), kind).values).max() < 1e-12


@pytest.mark.parametrize("kind", ["average", "bipolar", "laplacian"])
def test_the_order_of_sites_does_not_matter(kind, stream):
    order = [3, 6, 0, 5, 2, 4, 1]
    found, turned = (rereference(x, kind) for x in (stream, stream.isel(neuroid=order)))
    aligned = turned.sel(neuroid=found["neuroid"].values)
    np.testing.assert_allclose(aligned.values, found.values, atol=1e-12)
    assert aligned["x"].values.tolist() == found["x"].values.tolist()


@pytest.mark.parametrize("kind", ["average", "bipolar", "laplacian"])
def test_a_stream_in_its_file_stays_there(kind, stream):
    reads = []
    lazy = rereference(in_file(stream, reads), kind)
    assert not in_memory(lazy)
    assert not reads
    np.testing.assert_array_equal(lazy.values, rereference(stream, kind).values)
    part = lazy.isel(sample=[3, 1], neuroid=[-1])
    np.testing.assert_array_equal(part, rereference(stream, kind).values[[3, 1]][:, [-1]])
    assert reads[-1][0] == 2


def test_sites_of_a_recording_have_the_subject_in_front_once(stream):
    recording = na.make_recording(stream, subject="01")
    found = rereference(recording, "bipolar")
    assert "01/LA1-LA2" in found["neuroid"].values
    assert na.make_recording(found, subject="01").identical(found)


def test_the_stream_is_not_changed(stream):
    before = stream.copy(deep=True)
    rereference(stream, "average")
    assert stream.identical(before)


REFUSED = {
    "another reference": (
        lambda s: rereference(s, "mastoid"),
        "No reference is called 'mastoid'. Known: 'average', 'bipolar', 'laplacian'.",
    ),
    "no neighbors by name": (
        lambda s: rereference(s.isel(neuroid=[0, 3, 6]), "bipolar"),
        "None of 3 sites has the neighbors of kind='bipolar', names that end in successive numbers "
        "(first: 'LA2', 'LA4', 'REF').",
    ),
    "no neighbors so near": (
        lambda s: rereference(s, "laplacian", radius=0.5),
        "None of 7 sites has the neighbors of kind='laplacian', within 0.5 mm (first: 'LA2', "
        "'LB1', 'LA1').",
    ),
    "no places": (
        lambda s: rereference(s.drop_vars("z"), "bipolar", radius=4),
        "Neighbors within radius=4 mm need the coordinate 'z'.",
    ),
    "an average of near ones": (
        lambda s: rereference(s, "average", radius=4),
        "radius=4 is of neighbors; the average is that of all sites.",
    ),
    "a contact twice": (
        lambda s: rereference(s.assign_coords(neuroid=["A1", "A01", *"BCDEF"]), "bipolar"),
        "Some contacts have the same shaft and number (first: 'A1', 'A01', 'B').",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_a_reference_that_cannot_be_made_is_refused(case, stream):
    process, sentence = case
    with pytest.raises((DataError, UnknownNameError)) as caught:
        process(stream)
    assert str(caught.value) == sentence
