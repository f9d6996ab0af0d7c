"""Miniature of Zhang et al. (2011): the layout of the R data file, with counts made up.

It is written in the format of R itself, by hand, so that what reads it is checked against another.
"""

import gzip
import struct
from functools import partial
from pathlib import Path

import numpy as np

FILE = "ZD_150bins_50sampled.Rda"
# Site: session, electrode, cluster. The sites of a session share their trials.
SITES = [(1001, 1, "A"), (1001, 2, "A"), (1001, 2, "B"), (1002, 1, "A"), (1002, 4, "C")]
OBJECTS, POSITIONS = ("car", "hand", "kiwi"), ("lower", "middle", "upper")
N_REPETITIONS = 3
FEWER = (1002, "hand_upper")  # was shown once less in this session
BEGINS = range(-500, 351, 50)  # ms
NAMES = [
    "siteID", "site_info.session_ID", "site_info.recording_channel", "site_info.unit",
    "labels.combined_ID_position", "labels.stimulus_position", "labels.stimulus_ID",
]  # fmt: skip
INTEGERS, REALS, STRINGS, LIST, END = 13, 14, 16, 19, 254  # types of R
HAS_ATTRIBUTES, IS_OBJECT, HAS_TAG = 0x200, 0x100, 0x400


def count(site, stimulus, repetition, begin):
    """Return the spikes of a trial in a bin: any rule, so that each has a place of its own."""
    place = sum(map(ord, stimulus)) + 7 * repetition
    return (3 * site + place + 5 * (begin // 50)) % 23


def write(folder, seed=0, *, mixed=None):
    """Write the trials of all sites; those of a session are in one order, drawn by lot.

    With a generator as `mixed` trials of different sites alternate, each site keeping its order,
    and columns and levels of factors are in another order.
    """
    rng = np.random.default_rng(seed)
    shown = [f"{name}_{where}" for name in OBJECTS for where in POSITIONS]
    order = {
        session: list(rng.permutation([name for name in shown for _ in range(N_REPETITIONS)]))
        for session in dict.fromkeys(session for session, _, _ in SITES)
    }
    order[FEWER[0]].remove(FEWER[1])
    rows, counts = [], []
    for site, (session, electrode, cluster) in enumerate(SITES, 1):
        for trial, name in enumerate(order[session]):
            what, _, where = name.partition("_")
            rows.append((site, session, electrode, cluster, name, where, what))
            repetition = order[session][:trial].count(name)
            counts.append([count(site, name, repetition, begin) for begin in BEGINS])
    columns = {name: [row[number] for row in rows] for number, name in enumerate(NAMES)} | {
        f"time.{begin}_{begin + 150}": np.divide(bins, 150)
        for begin, bins in zip(BEGINS, np.transpose(counts), strict=True)
    }
    names, order = list(columns), np.arange(len(rows))
    if mixed is not None:
        site, moment = np.array(columns["siteID"]), mixed.random(len(rows))
        for number in set(columns["siteID"]):
            moment[site == number] = np.sort(moment[site == number])
        names, order = list(mixed.permutation(names)), np.argsort(moment)
    factor = partial(_factor, backwards=mixed is not None)
    kinds = dict(zip(NAMES, (_integers, _reals, _reals, *[factor] * 4), strict=True))
    made = [kinds.get(name, _reals)([columns[name][row] for row in order]) for name in names]
    table = _frame(made, names, len(rows))
    start = b"RDX3\nX\n" + _whole(3, 0x40100, 0x30500) + _whole(5) + b"UTF-8"
    (Path(folder) / FILE).write_bytes(gzip.compress(start + _tagged({"binned_data": table})))


def _whole(*numbers):
    return struct.pack(f">{len(numbers)}i", *numbers)


def _text(text):
    return _whole(9 | 0x40000, len(text)) + text.encode("ascii")


def _tagged(values):
    """Return a list of values with names, as variables and attributes are kept."""
    items = [_whole(2 | HAS_TAG, 1) + _text(name) + value for name, value in values.items()]
    return b"".join(items) + _whole(END)


def _integers(values, kind=INTEGERS):
    return _whole(kind, len(values), *values)


def _reals(values):
    return _whole(REALS, len(values)) + struct.pack(f">{len(values)}d", *values)


def _strings(values):
    return _whole(STRINGS, len(values)) + b"".join(map(_text, values))


def _factor(values, backwards=False):
    levels = sorted(set(values), reverse=backwards)
    codes = [levels.index(value) + 1 for value in values]
    attributes = {"levels": _strings(levels), "class": _strings(["factor"])}
    return _integers(codes, INTEGERS | HAS_ATTRIBUTES | IS_OBJECT) + _tagged(attributes)


def _frame(columns, names, n_rows):
    attributes = {
        "names": _strings(names),
        "row.names": _integers([-(2**31), -n_rows]),
        "class": _strings(["binned_data", "data.frame"]),
    }
    kind = LIST | HAS_ATTRIBUTES | IS_OBJECT
    return _whole(kind, len(columns)) + b"".join(columns) + _tagged(attributes)
