"""Miniature of Brennan et al. (2016): the layout of the files, with words and signals made up."""

from pathlib import Path

import numpy as np

N_VOLUMES = 40  # of 2 s, kept after the first ten
N_ROIS = 6
SILENT = "s33"
SUBJECTS = [
    "s18", "s22", "s23", "s24", "s26", "s28", "s30", "s31", "s33", "s35", "s36", "s37", "s38",
    "s39", "s40", "s41", "s42", "s43", "s44", "s45", "s46", "s47", "s48", "s49", "s50", "s51",
    "s52", "s53",
]  # fmt: skip

# Text and end of each interval on the clock of the scan; the first begins at 12.5 s.
INTERVALS = [
    ("sp", 20.5), ("Alice", 21.0), ("was", 21.25), ("sp", 23.0), ("I ", 23.5), ("", 24.5),
    ("n't", 25.0), ('say ""Oh""', 27.5), ("sp", 98.0), ("cake", 99.5), ("sp", 99.75),
]  # fmt: skip
BEGIN = 12.5
HEAD = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = {begin}
xmax = {end}
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "word"
        xmin = {begin}
        xmax = {end}
        intervals: size = {size}
"""


def write(folder, seed=0):
    """Write the words, the predictors, and the signals of all subjects within 6 and 10 mm."""
    rng = np.random.default_rng(seed)
    stimuli = Path(folder) / "alice_stim_shared"
    stimuli.mkdir()
    (stimuli / "DownTheRabbitHoleFinal_exp120_pad_1.TextGrid").write_text(_textgrid())
    for radius in (6, 10):
        signals = Path(folder) / "alice_data_shared" / f"{radius}mm"
        signals.mkdir(parents=True)
        for subject in SUBJECTS:
            values = rng.normal(100 + radius, 2, (N_VOLUMES, N_ROIS))
            path = signals / f"{subject}-timecourses.txt"
            if subject == SILENT:
                np.savetxt(path, np.zeros_like(values), fmt="%d", delimiter="\t")
            else:
                np.savetxt(path, values, fmt="%15.7e")
    # Volume and column of each value: also of the ten volumes that were discarded.
    rows, columns = np.mgrid[: N_VOLUMES + 10, :12]
    path = signals.parent / "sept18-generic-predictors-under-hrf-with-logfrqhal.txt"
    np.savetxt(path, rows + columns / 100, fmt="%15.7e")


def _textgrid():
    text = HEAD.format(begin=BEGIN, end=INTERVALS[-1][1], size=len(INTERVALS))
    begin = BEGIN
    for number, (word, end) in enumerate(INTERVALS, 1):
        text += f"        intervals [{number}]:\n            xmin = {begin}\n"
        text += f'            xmax = {end}\n            text = "{word}"\n'
        begin = end
    return text
