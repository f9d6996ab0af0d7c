"""Voltages, archives, tables and folders that lie, hold code, or point out of their folder."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pandas as pd
import specimens
from lying_arrays import declare_gigabytes
from miniatures import majajhong2015
from PIL import Image
from test_table_reader import r_vector
from voltage_files import write_brainvision, write_edf

import neuroalign as na

R = na.readers


def fif(folder, value):
    """Let the first tag of a FIF file be of another size."""
    specimens.READERS["raw fif"].write(folder)
    path = folder / "a_raw.fif"
    content = bytearray(path.read_bytes())
    content[8:12] = struct.pack(">i", value)
    path.write_bytes(content)
    return R.read_raw(path).load()


def edf(folder, old, new):
    path = write_edf(folder / "a.edf", specimens.signals(), specimens.NAMES)
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    return R.read_raw(path).load()


def brainvision(folder, old, new):
    path = write_brainvision(folder / "a.vhdr", specimens.signals(), specimens.NAMES)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return R.read_raw(path).load()


def cut_sample(folder):
    path = write_brainvision(folder / "a.vhdr", specimens.signals(), specimens.NAMES)
    values = path.with_suffix(".eeg")
    values.write_bytes(values.read_bytes()[2:])
    return R.read_raw(path).load()


def parquet(folder):
    """Let a word of a Parquet table be none in UTF-8."""
    words = pd.DataFrame({"item": ["cat"], "unit": ["a"], "rate": [1.0]})
    words.to_parquet(folder / "a.parquet", compression=None, use_dictionary=False)
    content = (folder / "a.parquet").read_bytes()
    (folder / "a.parquet").write_bytes(content.replace(b"cat", b"c\xff\xfe"))
    return specimens.read_long(folder / "a.parquet")


def archive(folder, change):
    """Rewrite the archive of a stimulus set, a member at a time."""
    majajhong2015.write(folder)
    path = folder / majajhong2015.IMAGES
    with zipfile.ZipFile(path) as old:
        members = [(entry, old.read(entry)) for entry in old.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for number, (entry, content) in enumerate(members):
            for name, data in change(number, entry, content):
                new.writestr(name, data)
    return R.read_stimulus_set(folder / majajhong2015.TABLE, path)


def first(**changes):
    """Change the first member of an archive: its name, its content or its mode."""

    def change(number, entry, content):
        if number:
            return [(entry, content)]
        entry.filename = changes.get("name", entry.filename)
        if changes.get("symlink"):
            entry.external_attr = 0o120777 << 16
        return [(entry, changes.get("content", content))]

    return lambda folder: archive(folder, change)


def declared(folder):
    majajhong2015.write(folder)
    declare_gigabytes(folder / majajhong2015.IMAGES)
    return R.read_stimulus_set(folder / majajhong2015.TABLE, folder / majajhong2015.IMAGES)


def encrypted(folder):
    majajhong2015.write(folder)
    path = folder / majajhong2015.IMAGES
    content = bytearray(path.read_bytes())
    for mark, shift in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        begin = content.index(mark)
        content[begin + shift] |= 1
    path.write_bytes(content)
    return R.read_stimulus_set(folder / majajhong2015.TABLE, path)


def huge_picture():
    """Return a PNG of a few bytes that says it is 60000 pixels wide and high."""
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = struct.pack(">II", 60000, 60000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def text(folder, content, read=specimens.read_long, name="a.csv"):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(folder / name)


def rda(folder, content):
    (folder / "a.rda").write_bytes(content)
    return R.read_rda(folder / "a.rda")


def own(folder, name, content):
    """Change one file of a dataset that is a folder."""
    specimens.data_folder(folder)
    if isinstance(content, np.ndarray):
        np.save(folder / name, content, allow_pickle=True)
    else:
        (folder / name).write_text(content)
    return specimens.read_dataset(na.load_dataset(folder))


def module(folder, code):
    (folder / "dataset.py").write_text(code)
    return specimens.read_dataset(na.load_dataset(folder))


def card(folder, name):
    code = "import neuroalign as na\nCARD = na.DatasetCard(citation='x', modality='fmri', "
    code += (
        "species='human', stimulus='text', license='x', files={%r: 'https://a.b/c#sha256=%s'})\n"
    )
    code += "def load(files, *, subjects=None):\n    return files\n"
    return module(folder, code % (name, "0" * 64))


def study(folder, name, file, content):
    """Change one file of a study."""
    specimens.ADAPTERS[name].write(folder)
    (folder / file).write_bytes(content)
    return specimens.ADAPTERS[name].read(folder)


def saved(values, **options):
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


VOLTAGES = {
    "a tag of gigabytes": lambda f: fif(f, 2**31 - 1),
    "a tag below 0": lambda f: fif(f, -5),
    "EDF of many records": lambda f: edf(f, b"3       1       3   ", b"999999991       3   "),
    "EDF of words": lambda f: edf(f, b"3       1       3   ", b"three   1       3   "),
    "EDF without a channel": lambda f: edf(f, b"3       1       3   ", b"3       1       0   "),
    "BrainVision of many channels": lambda f: brainvision(
        f, "NumberOfChannels=3", "NumberOfChannels=9999999"
    ),
    "BrainVision without a channel": lambda f: brainvision(
        f, "NumberOfChannels=3", "NumberOfChannels=0"
    ),
    "BrainVision whose values are a folder": lambda f: brainvision(
        f, "DataFile=a.eeg", "DataFile=../"
    ),
    "BrainVision that ends within a sample": cut_sample,
    "BrainVision of time below 0": lambda f: brainvision(
        f, "SamplingInterval=10000", "SamplingInterval=-1"
    ),
}
ARCHIVES = {
    "a name that leads out": first(name="../../evil.png"),
    "an absolute name": first(name="/etc/evil.png"),
    "a link": first(symlink=True, content=b"/etc/passwd"),
    "a picture of no bytes": first(content=b""),
    "a picture of words": first(content=b"hello"),
    "a picture of a web page": first(content=b"<html></html>"),
    "a picture of billions of pixels": first(content=huge_picture()),
    "a bomb": first(content=bytes(2**23)),
    "a declared size of gigabytes": declared,
    "a password": encrypted,
    "a study's name that leads out": lambda f: study(
        f, "cowley2023", "images_210325.zip", b"PK\x05\x06" + bytes(18)
    ),
}
TABLES = {
    "one column": lambda f: text(f, "item;unit;rate\ncat;a;1\n"),
    "no row": lambda f: text(f, "item,unit,rate\n"),
    "no column of the name": lambda f: text(f, "item,unit,rates\ncat,a,1\n"),
    "a column twice": lambda f: text(f, "item,unit,rate,rate\ncat,a,1,1\n"),
    "words for numbers": lambda f: text(f, "item,unit,rate\ncat,a,fast\n"),
    "decimal commas": lambda f: text(f, 'item,unit,rate\ncat,a,"1,5"\n'),
    "more cells than columns": lambda f: text(f, "item,unit,rate\ncat,a,1,2\ndog,a,1\n"),
    "a quote without end": lambda f: text(f, 'item,unit,rate\ncat,"a,1\ndog,a,1\n'),
    "a cell of a megabyte": lambda f: text(f, "item,unit,rate\n" + "c" * 2**20),
    "UTF-16": lambda f: text(f, "item,unit,rate\ncat,a,1\n".encode("utf-16")),
    "Latin-1": lambda f: text(f, "item,unit,rate\nchat\xe9,a,1\n".encode("latin-1")),
    "bytes of 0": lambda f: text(f, b"item,unit,rate\ncat,\0,1\n"),
    "a response twice": lambda f: text(f, "item,unit,rate\ncat,a,1\ncat,a,2\n"),
    "Parquet of words that are none": parquet,
    "Parquet by its name": lambda f: text(f, "item,unit,rate\n", name="a.parquet"),
    "R by its name": lambda f: text(f, "item,unit,rate\n", R.read_rda, "a.rda"),
    "R that promises billions": lambda f: rda(
        f, r_vector(a=[1.0]).replace(struct.pack(">ii", 14, 1), struct.pack(">ii", 14, 2**31 - 1))
    ),
    "R that promises less than nothing": lambda f: rda(
        f, r_vector(a=[1.0]).replace(struct.pack(">ii", 14, 1), struct.pack(">ii", 14, -9))
    ),
    "R of an unknown kind": lambda f: rda(
        f, r_vector(a=[1.0]).replace(struct.pack(">ii", 14, 1), struct.pack(">ii", 77, 1))
    ),
    "dissimilarities of other shape": lambda f: text(
        f, "a,b\n0,1\n1,0\n2,2\n", lambda p: R.read_dissimilarities(p, dissimilarity="x")
    ),
    "events at no time": lambda f: text(
        f, "onset\tduration\ttrial_type\nsoon\t1\ta\n", R.read_events, "run-1_events.tsv"
    ),
}
FOLDERS = {
    "facts that are no TOML": lambda f: own(f, "dataset.toml", "units: spikes"),
    "facts that are unknown": lambda f: own(f, "dataset.toml", "unit = 'z'\nmodality = 'fmri'"),
    "facts of another type": lambda f: own(f, "dataset.toml", "units = 'z'\nmodality = 3"),
    "dims of another type": lambda f: own(
        f, "dataset.toml", "units = 'z'\nmodality = 'fmri'\ndims = 7"
    ),
    "a period that is a word": lambda f: own(
        f, "dataset.toml", "units = 'z'\nmodality = 'fmri'\nsampling_period = 'short'"
    ),
    "responses of other stimuli": lambda f: own(f, "responses.npy", np.ones((5, 2))),
    "responses of other neuroids": lambda f: own(f, "responses.npy", np.ones((3, 7))),
    "responses of another rank": lambda f: own(f, "responses.npy", np.ones((3, 2, 2, 2))),
    "responses in words": lambda f: own(f, "responses.npy", np.full((3, 2), "a")),
    "responses in objects": lambda f: own(f, "responses.npy", np.full((3, 2), None)),
    "stimuli twice": lambda f: own(f, "stimuli.csv", "stimulus,text\na,1\na,2\nb,3\n"),
    "stimuli of no kind": lambda f: own(f, "stimuli.csv", "stimulus,smell\na,1\nb,2\nc,3\n"),
    "neuroids twice": lambda f: own(f, "neuroids.csv", "neuroid,roi\nn,V1\nn,V4\n"),
    "a module that does not parse": lambda f: module(f, "def load(:\n"),
    "a module that fails": lambda f: module(f, "1 / 0\n"),
    "a module that fails in lines": lambda f: module(f, "raise ValueError('one\\n two\\n')\n"),
    "a module of nothing": lambda f: module(f, ""),
    "a module of bytes": lambda f: module(f, "x = '\0'\n"),
    "a file that leads out": lambda f: card(f, "../secret"),
    "a file that leads out below": lambda f: card(f, "a/../../secret"),
    "a file at the root": lambda f: card(f, "/etc/passwd"),
    "a file of another system": lambda f: card(f, "..\\secret"),
    "a file without a name": lambda f: card(f, ""),
    "a study's array of objects": lambda f: study(
        f, "cowley2023", "responses_raw_210325.npy",
        saved(np.full((4, 12, 10), None), allow_pickle=True),
    ),
    "a study's array of words": lambda f: study(
        f, "cowley2023", "responses_raw_210325.npy", saved(np.full((4, 12, 10), "a"))
    ),
    "a study's array of another shape": lambda f: study(
        f, "cowley2023", "responses_raw_210325.npy", saved(np.ones((4, 12)))
    ),
    "a study's text of another width": lambda f: study(
        f, "brennan2016", "alice_data_shared/6mm/s18-timecourses.txt", b"1 2 3\n4 5 6\n"
    ),
}  # fmt: skip
CASES = {
    "voltages": VOLTAGES, "archive": ARCHIVES, "table": TABLES, "dataset": FOLDERS,
}  # fmt: skip
