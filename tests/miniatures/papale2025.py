"""Miniature of Papale et al. (2025), TVSD: the layout of its MAT files, responses made up.

Variables and their axes are those of the README of gin.g-node.org/paolo_papale/TVSD (electrode x
stimulus, [x repetition] in MATLAB, the other way round in HDF5); fields and backslashes of
things_imgs.mat are those that github.com/serre-lab/tvsd-benchmark (utils/dataset.py) reads. The
originals have 22,248 and 100 images, and 30 repetitions; electrodes are as many as there.
"""

from pathlib import Path

import h5py
import numpy as np

MONKEYS = ("F", "N")
SIGNALS, IMAGES = "monkey{}/THINGS_normMUA.mat", "monkey{}/_logs/things_imgs.mat"
N_ELECTRODES, N_REPETITIONS = 1024, 3
TRAIN = [("aardvark", "01b"), ("aardvark", "02s"), ("zucchini", "11n"), ("bat1", "05s")]
TEST = [("candle", "12s"), ("acorn", "03s")]


def names(images):
    """Return paths as the file has them."""
    return [f"{concept}\\{concept}_{number}.jpg" for concept, number in images]


def response(monkey, image, repetition=0):
    """Return what every electrode answers: any rule that gives each place a value of its own."""
    electrode = np.arange(N_ELECTRODES)
    who, what = MONKEYS.index(monkey), (TRAIN + TEST).index(image)
    return np.sin(electrode + 2000.0 * who) + what + repetition / 100


def write(folder, seed=0, *, train=TRAIN):
    """Write responses, qualities of electrodes and names of images of both animals."""
    rng = np.random.default_rng(seed)
    for monkey in MONKEYS:
        once = np.stack([response(monkey, image) for image in train], axis=1)
        each = [
            np.stack([response(monkey, image, number) for image in TEST], axis=1)
            for number in range(N_REPETITIONS)
        ]
        repeated = np.stack(each, axis=2)
        save(
            Path(folder) / SIGNALS.format(monkey),
            {
                "train_MUA": once,
                "test_MUA": repeated.mean(axis=2),
                "test_MUA_reps": repeated,
                "SNR": rng.normal(2, 1, (N_ELECTRODES, 4)),
                "SNR_max": np.arange(N_ELECTRODES)[None] / 4.0,
                "lats": rng.uniform(30, 90, (N_ELECTRODES, 4)),
                "oracle": np.arange(N_ELECTRODES)[None] / 1024.0,
                "reliab": np.stack([np.arange(N_ELECTRODES) / 512.0, np.zeros(N_ELECTRODES)], 1),
                "tb": np.arange(-100.0, 200.0)[None],
            },
        )
        save(
            Path(folder) / IMAGES.format(monkey),
            {},
            train_imgs={"class": [x for x, _ in train], "things_path": names(train)},
            test_imgs={"class": [x for x, _ in TEST], "things_path": names(TEST)},
        )


def save(path, arrays, **structures):
    """Write a MAT file of version 7.3: matrices, and arrays of structures with words as fields."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = np.ascontiguousarray(np.transpose(values))
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        for name, fields in structures.items():
            group = file.create_group(name)
            group.attrs["MATLAB_class"] = np.bytes_("struct")
            for field, words in fields.items():
                cells = group.create_dataset(field, (len(words), 1), dtype=h5py.ref_dtype)
                for number, word in enumerate(words):
                    place = f"#refs#/{name}{field}{number}"
                    file[place] = np.array([[ord(letter)] for letter in word], dtype=np.uint16)
                    file[place].attrs["MATLAB_class"] = np.bytes_("char")
                    cells[number, 0] = file[place].ref
    with path.open("r+b") as stream:
        text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64"
        stream.write(text.ljust(124) + b"\x00\x02IM")
