"""References of voltages: the average of all sites, the next contact, or the contacts around."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr

from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.readers.lazy import Part
from neuroalign.readers.stream_parts import as_wanted, checked_stream

KINDS = ("average", "bipolar", "laplacian")
CONTACT = re.compile(r"^(.*\D)(\d+)$")
# Combination of sites -> those it is made of, and the weight of each.
Weights = dict[str, dict[int, float]]


def rereference(stream: xr.DataArray, kind: str, *, radius: float | None = None) -> xr.DataArray:
    """Subtract from each site what others measure.

    "average" subtracts the mean of all sites. "bipolar" makes a site of every two neighbors, the
    first less the second, half way between them. "laplacian" subtracts the mean of the two
    neighbors of a site on its shaft, and leaves out sites that lack one of them.

    Neighbors are contacts whose names end in successive numbers, as in LA3 and LA4; a bad contact
    that was left out leaves a gap. On a grid such contacts may lie at the ends of two rows: give a
    radius there. With a radius they are the sites no further away than that,
    whatever their names: "laplacian" then subtracts the mean of all of them, and leaves out sites
    without any. A stream that lies in its file stays there.

    Parameters
    ----------
    stream : DataArray (sample, neuroid)
        Bad sites left out: those that the coordinate `bad` marks are refused, or mark the pair
        they are in. A missing sample makes those missing that it goes into; the average
        skips it.
    kind : str
        "average", "bipolar" or "laplacian".
    radius : float, optional, mm
        Of neighbors by their coordinates x, y and z.

    Returns
    -------
    DataArray (sample, neuroid)
        Sites of two are labelled "LA1-LA2": x, y and z half way, words kept where both agree and
        joined by "-" otherwise. Attributes: `reference`, and `sites_left_out`.

    Raises
    ------
    DataError
        If no site has the neighbors that are needed, or sites are marked as bad.

    References
    ----------
    Li et al. (2018), doi:10.1016/j.neuroimage.2018.08.020 (references of intracranial EEG);
    Wang et al. (2023), arXiv:2302.14367 (Laplacian along a shaft).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> stream = xr.DataArray([[1.0, 3.0, 4.0]], {"run": ("sample", ["a"]),
    ...     "onset": ("sample", [0.0]), "neuroid": ["LA1", "LA2", "LB1"]}, ("sample", "neuroid"),
    ...     attrs={"units": "uV", "sampling_period": 0.001})
    >>> pair = rereference(stream, "bipolar")
    >>> pair.neuroid.item(), pair.values.tolist()
    ('LA1-LA2', [[-2.0]])
    """
    stream, _ = checked_stream(stream)
    if kind not in KINDS:
        raise unknown_name(kind, KINDS, kind="reference")
    bad = np.asarray(stream.coords.get("bad", False), dtype=bool)
    if kind != "bipolar" and bad.any():
        message = (
            f"{bad.sum()} sites are marked as bad {name_some(stream['neuroid'].values[bad])}, and "
            "would go into others; leave them out, as in stream.isel(neuroid=~stream.bad)."
        )
        raise DataError(message)
    if kind == "average":
        return _averaged(stream, radius)
    labels = [str(label) for label in stream["neuroid"].values]
    near = _neighbors(labels) if radius is None else _within(stream, radius)
    sites = _pairs(labels, near) if kind == "bipolar" else _surrounded(labels, near, radius)
    if not sites:
        how = "names that end in successive numbers" if radius is None else f"within {radius:g} mm"
        message = (
            f"None of {len(labels)} sites has the neighbors of kind={kind!r}, {how} "
            f"{name_some(labels)}."
        )
        raise DataError(message)
    coords = _site_coords(stream, sites) if kind == "bipolar" else _kept(stream, sites)
    used = {number for parts in sites.values() for number in parts}
    centers = used if kind == "bipolar" else {labels.index(name) for name in sites}
    facts = {"reference": kind}
    if lost := [name for number, name in enumerate(labels) if number not in centers]:
        facts["sites_left_out"] = ", ".join(lost)
    parts = list(sites.values())

    def read(samples: Part, neuroids: Part) -> np.ndarray:
        chosen = [parts[number] for number in np.arange(len(parts))[neuroids]]
        needed = sorted({number for part in chosen for number in part})
        values = stream.isel(sample=samples, neuroid=needed).values
        place = {number: column for column, number in enumerate(needed)}
        found = np.zeros((len(values), len(chosen)))
        for column, part in enumerate(chosen):
            for number, weight in part.items():
                found[:, column] += weight * values[:, place[number]]
        return found

    on_samples = {name: x for name, x in stream.coords.items() if "neuroid" not in x.dims}
    return xr.DataArray(
        as_wanted(stream, (stream.sizes["sample"], len(parts)), read),
        {**on_samples, **coords},
        ("sample", "neuroid"),
        attrs={**stream.attrs, **facts},
    )


def _averaged(stream: xr.DataArray, radius: float | None) -> xr.DataArray:
    if radius is not None:
        message = f"radius={radius!r} is of neighbors; the average is that of all sites."
        raise DataError(message)
    n_sites = stream.sizes["neuroid"]

    def read(samples: Part, neuroids: Part) -> np.ndarray:
        values = np.asarray(stream.isel(sample=samples).values, dtype=float)
        known = np.isfinite(values)
        counts = known.sum(axis=1, keepdims=True)
        mean = np.where(known, values, 0).sum(axis=1, keepdims=True) / np.maximum(counts, 1)
        return (values - mean)[:, np.arange(n_sites)[neuroids]]

    facts = {**stream.attrs, "reference": "average"}
    return stream.copy(data=as_wanted(stream, stream.shape, read)).assign_attrs(facts)


def _neighbors(labels: Sequence[str]) -> list[list[int]]:
    """Return, for each site, those before and after it on its shaft, by name."""
    found = [CONTACT.match(label) for label in labels]
    places = {(m[1], int(m[2])): n for n, m in enumerate(found) if m is not None}
    if len(places) < sum(m is not None for m in found):
        message = f"Some contacts have the same shaft and number {name_some(labels)}."
        raise DataError(message)
    near: list[list[int]] = []
    for match in found:
        shaft, number = (match[1], int(match[2])) if match else ("", 0)
        around = [(shaft, number - 1), (shaft, number + 1)] if match else []
        near.append([places[place] for place in around if place in places])
    return near


def _within(stream: xr.DataArray, radius: float) -> list[list[int]]:
    """Return, for each site, the others no further than a radius, in mm."""
    if missing := [axis for axis in "xyz" if axis not in stream.coords]:
        message = f"Neighbors within radius={radius:g} mm need the coordinate {missing[0]!r}."
        raise DataError(message)
    place = np.stack([np.asarray(stream[axis].values, dtype=float) for axis in "xyz"], axis=1)
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    np.fill_diagonal(distance, np.inf)
    return [np.flatnonzero(row <= radius).tolist() for row in distance]


def _pairs(labels: Sequence[str], near: Sequence[Sequence[int]]) -> Weights:
    """Return every two neighbors once, the one with the lower number first."""
    sites: Weights = {}
    for first, others in enumerate(near):
        for second in others:
            one, two = sorted((first, second), key=lambda number: _natural(labels[number]))
            # Of labels with the subject in front, it stands once.
            sites[f"{labels[one]}-{labels[two].rpartition('/')[2]}"] = {one: 1.0, two: -1.0}
    return dict(sorted(sites.items(), key=lambda site: min(site[1])))


def _surrounded(
    labels: Sequence[str], near: Sequence[Sequence[int]], radius: float | None
) -> Weights:
    """Return each site that has its neighbors, less their mean."""
    fewest = 2 if radius is None else 1
    return {
        label: {number: 1.0, **dict.fromkeys(others, -1.0 / len(others))}
        for number, (label, others) in enumerate(zip(labels, near, strict=True))
        if len(others) >= fewest
    }


def _natural(label: str) -> tuple[str, int]:
    match = CONTACT.match(label)
    return (match[1], int(match[2])) if match else (label, 0)


def _kept(stream: xr.DataArray, sites: Weights) -> dict[str, object]:
    """Return the coordinates of the sites that stay."""
    rows = np.isin(stream["neuroid"].values.astype(str), list(sites))
    return {
        str(name): ("neuroid", x.values[rows])
        for name, x in stream.coords.items()
        if x.dims == ("neuroid",)
    }


def _site_coords(stream: xr.DataArray, sites: Weights) -> dict[str, object]:
    """Return the coordinates of sites of two."""
    pairs = np.array([list(parts) for parts in sites.values()])
    coords: dict[str, object] = {"neuroid": ("neuroid", np.asarray(list(sites), dtype=str))}
    for name, x in stream.coords.items():
        if x.dims != ("neuroid",) or name == "neuroid":
            continue
        one, two = x.values[pairs[:, 0]], x.values[pairs[:, 1]]
        if x.dtype.kind == "b":
            joined = one | two
        elif x.dtype.kind in "iuf":
            joined = (one.astype(float) + two) / 2
        else:
            joined = np.asarray(
                [a if a == b else f"{a}-{b}" for a, b in zip(one, two, strict=True)]
            )
        coords[str(name)] = ("neuroid", joined)
    return coords
