"""All layers of a vision transformer beside one plain forward pass, and what memory they take.

A network as large as DeiT-small (12 blocks, 384 units, 6 heads), random, on images of 112 x 112
(49 patches and a class token), batches of 8. The plain pass prepares the same images, keeps
nothing and has no hooks. Seconds are those of the processor, since other work slows the clock.
"""

import tempfile
import time

import numpy as np
import pandas as pd
import torch
from measure import peak_megabytes, print_table
from transformers import ViTConfig, ViTModel

import neuroalign as na

N_IMAGES, N_FEWER, PIXELS, BATCH = 1000, 200, 112, 8
GOAL = 1.15
BLOCKS = "layers.*"
PARTS = [BLOCKS, "layers.*.layernorm_before", "layers.*.attention.o_proj", "layers.*.mlp"]
BUDGETS = (60, 300)  # MB


def network():
    torch.default_generator.manual_seed(0)
    sizes = {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536}
    return ViTModel(ViTConfig(image_size=PIXELS, **sizes), add_pooling_layer=False).eval()


def images(n):
    pixels = np.random.default_rng(0).integers(0, 256, (n, PIXELS, PIXELS, 3)).astype(np.uint8)
    labels = pd.Index([f"s{number:04}" for number in range(n)], name="stimulus")
    return pd.DataFrame({"image": list(pixels)}, index=labels)


def plain(module, stimuli):
    """Run the network as by hand, on the same batches: the first image alone."""
    preprocess = na.TorchModel(module).preprocess
    pictures = [na.models.inputs.read_stimulus(stimuli, label, "image") for label in stimuli.index]
    starts = [0, *range(1, len(stimuli), BATCH)]
    with torch.no_grad():
        for start, stop in zip(starts, [*starts[1:], len(stimuli)], strict=True):
            module(torch.stack([preprocess(picture) for picture in pictures[start:stop]]))


def extract(module, stimuli, budget, layers=BLOCKS):
    """Run the network through its hooks, and look at each layer once."""
    model = na.TorchModel(module, layers=layers, batch_size=BATCH, memory_budget=budget)
    n_bytes = 0
    for _, values in model.activations(stimuli):
        n_bytes += values.nbytes
        del values  # before the next one comes
    return n_bytes


def write(n_bytes):
    """Write so many bytes to a file, and read them again."""
    part = np.ones(BATCH * 50 * 384, np.float32)
    with tempfile.TemporaryFile() as file:
        for _ in range(n_bytes // part.nbytes):
            file.write(part.data)
        file.seek(0)
        while file.readinto(part.data):
            pass


def timed(calls, runs):
    """Run calls in turn: seconds of the processor and of the clock (runs, calls, 2), results."""
    seconds, results = np.empty((runs, len(calls), 2)), [None] * len(calls)
    for run in range(runs):
        for number, call in enumerate(calls):
            start = time.process_time(), time.perf_counter()
            results[number] = call()
            end = time.process_time(), time.perf_counter()
            seconds[run, number] = np.subtract(end, start)
    return seconds, results


def speed(threads, runs):
    module, stimuli = network(), images(N_IMAGES)
    plain(module, stimuli[:50])
    calls = [
        lambda: plain(module, stimuli),
        lambda: extract(module, stimuli, 10**11),
        lambda: extract(module, stimuli, 2 * 10**8),
    ]
    seconds, (_, n_bytes, _) = timed(calls, runs)
    writing, _ = timed([lambda: write(n_bytes)], runs)
    forward, memory, disk = seconds.min(0)
    written = writing.min(0)[0]
    rows = []
    for name, taken, extra in (
        ("plain forward pass", forward, 0 * forward),
        ("12 blocks, in memory", memory, 0 * forward),
        ("12 blocks, through a file", disk, written),
    ):
        beyond = (taken - extra) / forward
        met = "" if taken is forward else "yes" if beyond[0] <= GOAL else "NO"
        rows.append((name, *(f"{x:.1f}" for x in taken), *(f"{x:.3f}" for x in beyond), met))
    rows.append(("writing and reading alone", *(f"{x:.1f}" for x in written), "", "", ""))
    print_table(
        f"{N_IMAGES} images of {PIXELS} pixels, {n_bytes / 1e9:.1f} GB; {threads} threads; best of "
        f"{runs}; without writing, in plain passes (goal {GOAL})",
        ("what", "s of the processor", "of the clock", "passes", "by the clock", "met"),
        rows,
    )


def prepared(kind, layers=BLOCKS, megabytes=0):
    """Prepare a call whose memory is watched; a short pass before takes what torch keeps."""
    module, stimuli = network(), images(N_FEWER)
    torch.set_num_threads(1)
    plain(module, stimuli[:20])
    if kind == "plain":
        return lambda: plain(module, stimuli)
    extract(module, stimuli[:3], 0, layers)
    return lambda: extract(module, stimuli, int(megabytes * 1e6), layers)


def memory():
    rows = [("plain forward pass", "", "", f"{peak_megabytes(prepared, 'plain'):.0f}", "")]
    for megabytes in BUDGETS:
        for name, layers in (("12", BLOCKS), ("48", PARTS)):
            total = int(name) * N_FEWER * 50 * 384 * 4 / 1e6
            peak = peak_megabytes(prepared, "extract", layers, megabytes)
            within = "yes" if peak <= megabytes else "NO"
            rows.append((f"{name} layers", f"{total:.0f}", str(megabytes), f"{peak:.0f}", within))
    print_table(
        f"MB above what the network and {N_FEWER} images take; a layer takes "
        f"{N_FEWER * 50 * 384 * 4 / 1e6:.0f}",
        ("what", "all layers", "budget", "peak", "within"),
        rows,
    )


def compare(threads, runs):
    torch.set_num_threads(threads)
    memory()
    speed(threads, min(runs, 3))
