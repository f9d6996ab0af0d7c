"""Compare speed with peers, side by side in one run: `python tests/speed encoding`."""

import argparse
import importlib
import os

COMPARISONS = (
    "encoding",
    "closed_forms",
    "banded",
    "correlations",
    "growth",
    "permutations",
    "geometry",
    "geometry_growth",
    "models",
    "readers",
)

parser = argparse.ArgumentParser(prog="python tests/speed", description=__doc__)
parser.add_argument("comparison", choices=COMPARISONS)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--cases", type=int, help="only so many shapes of `encoding`")
arguments = parser.parse_args()
for library in ("OMP", "OPENBLAS", "MKL"):  # before any of them is loaded
    os.environ[f"{library}_NUM_THREADS"] = str(arguments.threads)

if __name__ == "__main__":
    module = importlib.import_module(arguments.comparison)
    if arguments.cases is not None:
        module.CASES = module.CASES[: arguments.cases]
    module.compare(arguments.threads, arguments.runs)
