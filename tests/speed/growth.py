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


def draw(medians, threads):
    """Draw the seconds of ours and theirs at each size, a panel for what grows."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(STEPS), figsize=(14, 3.5), sharey=True, layout="constrained")
    for axis, (name, sizes) in zip(axes, STEPS.items(), strict=True):
        for values, label in zip(
            np.transpose(medians[name]), ("neuroalign", "himalaya KernelRidgeCV"), strict=True
        ):
            axis.loglog(sizes, values, "o-", label=label)
        axis.set(xlabel=name, xticks=sizes, xticklabels=sizes)
        axis.xaxis.minorticks_off()
    ticks = (0.2, 0.5, 1, 2, 5, 10, 20)
    axes[0].set(ylabel="seconds", yticks=ticks, yticklabels=ticks)
    axes[0].yaxis.minorticks_off()
    axes[0].legend()
    others = ", ".join(f"{size} {name}" for name, size in BASE.items())
    figure.suptitle(f"Alpha per target on 5 inner folds, {threads} thread(s); otherwise {others}")
    figure.savefig(FIGURE, dpi=120)


def compare(threads, runs):
    rows, medians = [], {name: [] for name in STEPS}
    for name, sizes in STEPS.items():
        for size in sizes:
            case = {**BASE, name: size}
            shape = (case["rows"], case["units"], case["targets"])
            calls = [prepared(kind, shape, case["alphas"]) for kind in (None, KERNEL)]
            seconds, _ = alternated(calls, runs)
            medians[name].append([np.median(values) for values in seconds])
            rows.append((name, str(size), *(f"{value:.2f}" for value in medians[name][-1])))
    draw(medians, threads)
    names = ("what grows", "to", "neuroalign s", "himalaya KernelRidgeCV s")
    print_table(f"float32, {threads} threads, median of {runs}", names, rows)
