"""Compare speed with peers, side by side in one run: `python tests/speed encoding`."""

import argparse
import importlib
import os

COMPARISONS = ("encoding", "closed_forms", "banded", "correlations", "growth")

parser = argparse.ArgumentParser(prog="python tests/speed", description=__doc__)
parser.add_argument("comparison", choices=COMPARISONS)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--runs", type=int, default=5)
arguments = parser.parse_args()
for library in ("OMP", "OPENBLAS", "MKL"):  # before any of them is loaded
    os.environ[f"{library}_NUM_THREADS"] = str(arguments.threads)

if __name__ == "__main__":
    importlib.import_module(arguments.comparison).compare(arguments.threads, arguments.runs)
