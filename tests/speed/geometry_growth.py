"""How seconds grow with systems, stimuli and units: a figure, `geometry_growth.png`.

Of Generalized Procrustes a pass over all systems, ours beside netrep's recipe; of dispersion the
whole, in five folds with one fit to shuffled rows each; of RSA the correlation dissimilarities and
a bootstrap sample of ten subjects and five models, beside rsatoolbox. Seconds of the processor.
"""

from functools import partial

import matplotlib as mpl
import numpy as np
from geometry import alternated
from geometry_peers import (
    N_DRAWS,
    netrep_epochs,
    planted_views,
    rsatoolbox_bootstrap,
    rsatoolbox_dissimilarities,
)
from measure import print_table

from neuroalign.numerics.procrustes.alignment import AlignmentOptions
from neuroalign.numerics.procrustes.cross_fitted import cross_fitted_dispersion
from neuroalign.numerics.procrustes.generalized import generalized_procrustes
from neuroalign.numerics.rdm.bootstrap import bootstrap_scores, draw_counts
from neuroalign.numerics.rdm.dissimilarity import correlation

BASE = {"systems": 6, "stimuli": 1000, "units": 128}
STEPS = {
    "systems": (3, 6, 12, 24),
    "stimuli": (250, 500, 1000, 2000, 4000),
    "units": (16, 32, 64, 128, 256),
}
RSA_STIMULI, RSA_UNITS = (25, 50, 100, 200, 400), 500
N_PASSES, N_SAMPLES, FIGURE = 3, 500, "geometry_growth.png"
PASSES = ("a pass, neuroalign", "a pass, netrep's recipe", "dispersion, neuroalign")
RSA = (
    "dissimilarities, neuroalign",
    "dissimilarities, rsatoolbox",
    "a bootstrap sample, neuroalign",
    "a bootstrap sample, rsatoolbox",
)


def passes(systems, stimuli, units):
    """Prepare a few passes of either, and dispersion in folds; and of how many passes they are."""
    views = planted_views(systems, stimuli, units, "float32")
    options = {"dtype": "float32", "tolerance": 1e-15, "most_iterations": N_PASSES}
    dealt = np.arange(stimuli) % 5
    folds = [(np.flatnonzero(dealt != k), np.flatnonzero(dealt == k)) for k in range(5)]
    whole = {"n_null": 1, "options": AlignmentOptions(dtype="float32")}
    calls = [
        partial(generalized_procrustes, views, **options),
        partial(netrep_epochs, views, N_PASSES),
        partial(cross_fitted_dispersion, views, folds, **whole),
    ]
    # The start of ours is a pass over all systems but the first.
    return calls, (N_PASSES + 1 - 1 / systems, N_PASSES, 1)


def rsa(stimuli):
    random = np.random.default_rng(0)
    patterns = random.normal(size=(stimuli, RSA_UNITS))
    models, subjects = (random.gamma(3, size=(k, stimuli * (stimuli - 1) // 2)) for k in (5, 10))
    counts = draw_counts(stimuli, N_SAMPLES, 0)
    calls = [
        partial(correlation, patterns),
        rsatoolbox_dissimilarities(patterns, "correlation"),
        partial(bootstrap_scores, models, subjects, "correlation", stimulus_counts=counts),
        rsatoolbox_bootstrap(models, subjects, "correlation"),
    ]
    return calls, (1, 1, N_SAMPLES, N_DRAWS)


def medians(calls, parts, runs):
    seconds, _ = alternated(calls, runs)
    return np.median(seconds[:, 0], axis=1) / parts


def draw(found, threads):
    """Draw a panel for what grows, a line for what is timed."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(15, 4), layout="constrained")
    styles = ("o-", "s--", "^:", "v-.")
    for axis, (name, sizes, labels, values) in zip(axes, found, strict=True):
        for line, label, style in zip(np.transpose(values), labels, styles, strict=False):
            axis.loglog(sizes, line, style, label=label)
        axis.set(xlabel=name, xticks=sizes, xticklabels=sizes)
        axis.xaxis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set(ylabel="seconds of the processor")
    for axis, room in ((axes[0], 1), (axes[3], 50)):  # above the lines, for what they are
        axis.set_ylim(top=axis.get_ylim()[1] * room)
        axis.legend(fontsize="small")
    others = ", ".join(f"{size} {name}" for name, size in BASE.items())
    figure.suptitle(
        f"Generalized Procrustes and dispersion, otherwise {others}; RSA of {RSA_UNITS} units; "
        f"{threads} thread(s)"
    )
    figure.savefig(FIGURE, dpi=100)


def compare(threads, runs):
    found = []
    for name, sizes in STEPS.items():
        values = [medians(*passes(**{**BASE, name: size}), runs) for size in sizes]
        found.append((name, sizes, PASSES, values))
    values = [medians(*rsa(size), runs) for size in RSA_STIMULI]
    found.append(("stimuli (RSA)", RSA_STIMULI, RSA, values))
    draw(found, threads)
    for title, part, labels in (("systems", found[:3], PASSES), ("RSA", found[3:], RSA)):
        rows = [
            (name, str(size), *(f"{1e3 * value:.3g}" for value in line))
            for name, sizes, _, values in part
            for size, line in zip(sizes, values, strict=True)
        ]
        print_table(
            f"{title}: ms of the processor, {threads} threads, median of {runs}",
            ("what grows", "to", *labels),
            rows,
        )
