"""How seconds grow with rows, units, targets and alphas: a figure, `growth.png`."""

import matplotlib as mpl
import numpy as np
from encoding import KERNEL, prepared
from measure import alternated, print_table

BASE = {"rows": 1000, "units": 2000, "targets": 5000, "alphas": 20}
STEPS = {
    "rows": (250, 500, 1000, 2000),
    "units": (1500, 5000, 15000, 50000),
    "targets": (500, 1500, 5000, 15000),
    "alphas": (5, 10, 20, 60),
}
FIGURE = "growth.png"


def compare(threads, runs):
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(STEPS), figsize=(14, 3.5), layout="constrained")
    rows = []
    for axis, (name, sizes) in zip(axes, STEPS.items(), strict=True):
        medians = []
        for size in sizes:
            case = {**BASE, name: size}
            shape = (case["rows"], case["units"], case["targets"])
            calls = [prepared(kind, shape, case["alphas"]) for kind in (None, KERNEL)]
            seconds, _ = alternated(calls, runs)
            medians.append([np.median(values) for values in seconds])
            rows.append((name, str(size), *(f"{value:.2f}" for value in medians[-1])))
        for values, label in zip(np.transpose(medians), ("neuroalign", "himalaya"), strict=True):
            axis.loglog(sizes, values, "o-", label=label)
        axis.set(xlabel=name, ylabel="seconds", xticks=sizes, xticklabels=sizes)
        axis.minorticks_off()
    axes[0].legend()
    figure.suptitle(f"Ridge, alpha per target on 5 inner folds, {threads} threads; else {BASE}")
    figure.savefig(FIGURE, dpi=120)
    names = ("what grows", "to", "neuroalign s", "himalaya KernelRidgeCV s")
    print_table(f"float32, {threads} threads, median of {runs}", names, rows)
