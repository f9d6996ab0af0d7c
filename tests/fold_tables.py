"""Tables of stimuli and samples that folds are made of."""

import pandas as pd


def table(n=40, groups=None):
    frame = pd.DataFrame(index=pd.Index([f"s{k:03}" for k in range(n)], name="stimulus"))
    return frame if groups is None else frame.assign(group=[str(g) for g in groups])


def samples(*lengths, period=2.0):
    """Make a table of the samples of runs of these lengths."""
    runs = [(f"run-{k}", index) for k, length in enumerate(lengths) for index in range(length)]
    frame = pd.DataFrame(runs, columns=["run", "onset"]).assign(onset=lambda f: f.onset * period)
    labels = [f"{run}/{index:07}" for run, index in runs]
    return frame.set_axis(pd.Index(labels, name="sample"))
