"""Measure calls: seconds over several runs, and the peak memory of one, in a process of its own."""

import multiprocessing
import os
import threading
import time

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table


def alternated(calls, runs):
    """Run each of several calls in turn, `runs` times: their seconds, sorted, and last results."""
    seconds = [[] for _ in calls]
    results = [None] * len(calls)
    for _ in range(runs):
        for number, call in enumerate(calls):
            start = time.perf_counter()
            results[number] = call()
            seconds[number].append(time.perf_counter() - start)
    return [sorted(values) for values in seconds], results


def peak_megabytes(function, *arguments):
    """Return what a call needs above what its arguments took, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak, (function, arguments))


def _peak(function, arguments):
    prepared = function(*arguments)
    process = psutil.Process(os.getpid())
    before = highest = process.memory_info().rss
    done = threading.Event()

    def watch():
        nonlocal highest
        while not done.wait(0.005):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    prepared()
    done.set()
    watcher.join()
    return (highest - before) / 1e6


def spread(seconds):
    return f"{np.median(seconds):.2f} ({seconds[0]:.2f}-{seconds[-1]:.2f})"


def print_table(title, names, rows):
    table = Table(title=title)
    for name in names:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)
