"""Damage small files at random, and look for anything but one sentence. Run it by hand.

    python tests/fuzz_readers.py --minutes 10 --seed 0
    python tests/fuzz_readers.py --case 'nifti|bold.nii|123' --seed 0

Every case is read in a process of its own kind, with little memory and time: what is found are
exceptions that neuroalign did not raise, sentences of several lines, warnings, memory that ran out,
reads that took longer than 20 s, and processes that died. A case is named by its specimen, file and
number, and comes out the same for the same seed.

Some findings lie within C libraries and cannot be mended here: HDF5 may go round in a circle in a
damaged file; scipy asks for as many bytes as a name of a MAT 4 or netCDF-3 file claims to have.
"""

import argparse
import collections
import gzip
import io
import json
import logging
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

LONGEST = 20  # s that a read may take
MEMORY = 3 * 2**30  # bytes of addresses that a process may take, beyond what it begins with
EDGES = (0, 1, -1, 2, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**62, -2)


def flip(content, rng):
    """Flip some bits."""
    for place in rng.integers(0, len(content), rng.integers(1, 9)):
        content[place] ^= 1 << int(rng.integers(8))
    return content


def stretch(content, rng):
    """Choose a part of the content."""
    begin = int(rng.integers(len(content)))
    return begin, begin + int(rng.integers(1, 1 + min(len(content), 2 ** rng.integers(1, 12))))


def delete(content, rng):
    begin, end = stretch(content, rng)
    return content[:begin] + content[end:]


def repeat(content, rng):
    begin, end = stretch(content, rng)
    return content[:end] + content[begin:end] * int(rng.integers(1, 4)) + content[end:]


def move(content, rng):
    """Lay a part over another."""
    begin, end = stretch(content, rng)
    place = int(rng.integers(len(content)))
    return content[:place] + content[begin:end] + content[place + end - begin :]


def fill(content, rng):
    begin, end = stretch(content, rng)
    filler = bytes([int(rng.choice([0, 255, 32, 10, 65]))])
    return content[:begin] + filler * (end - begin) + content[end:]


def cut(content, rng):
    return content[: int(rng.integers(len(content)))]


def number(content, rng):
    """Write a whole number such as headers hold, mostly near the beginning."""
    for _ in range(int(rng.integers(1, 4))):
        width = int(rng.choice([1, 2, 4, 8]))
        limit = len(content) if rng.random() < 0.4 else min(len(content), 600)
        place = int(rng.integers(max(limit - width, 1)))
        value = int(rng.choice(EDGES)) % 2 ** (8 * width)
        content[place : place + width] = value.to_bytes(width, str(rng.choice(["little", "big"])))
    return content


def word(content, rng):
    """Put a word where text has another."""
    words = [b"nan", b"inf", b"-1", b"1e999", b"9" * 40, b'"', b"\t", b",", b"\n", b"\r", b"", b"{"]
    begin, end = stretch(content, rng)
    return content[:begin] + words[int(rng.integers(len(words)))] + content[min(end, begin + 8) :]


MUTATIONS = (flip, delete, repeat, move, fill, cut, number, number, word)


def mutate(content, rng):
    """Damage bytes once or a few times; what lies within a compressed file half of the time."""
    if rng.random() < 0.5:
        if content[:2] == b"\x1f\x8b":
            return gzip.compress(mutate_plain(gzip.decompress(content), rng))
        if content[:2] == b"PK":
            return mutate_member(content, rng)
        if content[:6] == b"MATLAB" and len(content) > 136 and content[128:132] == b"\x0f\0\0\0":
            size = int.from_bytes(content[132:136], "little")
            inner = zlib.compress(mutate_plain(zlib.decompress(content[136 : 136 + size]), rng))
            return content[:132] + len(inner).to_bytes(4, "little") + inner + content[136 + size :]
    return mutate_plain(content, rng)


def mutate_plain(content, rng):
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if changed:
            changed = bytearray(MUTATIONS[int(rng.integers(len(MUTATIONS)))](changed, rng))
    return bytes(changed)


def mutate_member(content, rng):
    """Damage one member of an archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        chosen = int(rng.integers(len(old.namelist())))
        for place, entry in enumerate(old.infolist()):
            inner = old.read(entry)
            if place == chosen and inner:
                inner = mutate_plain(inner, rng)
            new.writestr(entry.filename, inner, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def verdict(read):
    """Read, and say in a word and more what came of it."""
    from neuroalign.errors import NeuroalignError

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            read()
            found = ("read", "", "")
        except NeuroalignError as error:
            text = str(error)
            found = ("sentence", "", text)
            if "\n" in text or len(text) > 400 or "Traceback" in text:
                found = ("long sentence", text[:60], text)
            elif "does not fit into memory" in text or "MemoryError" in text:
                found = ("memory", where(error), text)
        except Exception as error:
            found = ("exception", f"{type(error).__name__} {where(error)}", str(error))
    if warned and found[0] in ("read", "sentence"):
        first = warned[0]
        place = f"{first.category.__name__} {Path(first.filename).name}:{first.lineno}"
        found = ("warning", place, str(first.message))
    return found


def where(error):
    """Say which line raised, and which of neuroalign's or of a dataset called it."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/neuroalign/" in frame.filename + "/"] or frames
    own += [frame for frame in frames if "/datasets/" in frame.filename]
    names = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (own[-1], frames[-1])]
    return " < ".join(dict.fromkeys(reversed(names)))


def work(root, seed):
    """Read the cases that are named on the standard input, and answer each in a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import specimens

    logging.disable(logging.CRITICAL)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        name, file, count = line.rstrip("\n").split("|")
        folder = Path(root, name)
        content = (folder / file).read_bytes()
        rng = np.random.default_rng([seed, zlib.crc32(f"{name}|{file}".encode()), int(count)])
        (folder / file).write_bytes(mutate(content, rng))
        found = verdict(lambda name=name, folder=folder: specimens.SPECIMENS[name].read(folder))
        (folder / file).write_bytes(content)
        answers.write(json.dumps(found) + "\n")
        answers.flush()


class Worker:
    """A process that reads cases, started anew when it dies."""

    def __init__(self, root, seed):
        self.words = [sys.executable, __file__, "--work", str(root), "--seed", str(seed)]
        self.root = root
        self.start()

    def start(self):
        """Start a process, and wait until it is ready."""
        self.process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, bufsize=1,
        )  # fmt: skip
        if not self.answer(120):
            message = "The worker did not begin."
            raise RuntimeError(message)

    def answer(self, seconds):
        """Return a line of the process: None after some seconds, "" when it has died."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else None

    def read(self, case):
        """Have a case read; a process that dies or does not answer is the finding."""
        path = Path(self.root, *case.split("|")[:2])
        content = path.read_bytes()
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        line = self.answer(LONGEST)
        if line:
            return json.loads(line)
        self.process.kill()
        code = self.process.wait()
        path.write_bytes(content)
        self.start()
        return ["hang", "", f"more than {LONGEST} s"] if line is None else ["died", str(code), ""]


def write_specimens(root, only):
    """Write every specimen, and list its files that are damaged."""
    import specimens

    cases = []
    for name, specimen in specimens.SPECIMENS.items():
        if only and name not in only:
            continue
        folder = Path(root, name)
        folder.mkdir()
        specimen.write(folder)
        cases += [(name, file) for file in specimen.paths(folder)]
    return cases


def main():
    """Read cases in turn until the time is over, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="a specimen; all by default")
    parser.add_argument("--case", help="read one case again: specimen|file|number")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.seed)
        return
    with tempfile.TemporaryDirectory() as root:
        only = [options.case.split("|")[0]] if options.case else options.only
        cases = write_specimens(root, only)
        worker = Worker(root, options.seed)
        if options.case:
            sys.stdout.write(f"{worker.read(options.case)}\n")
            return
        report(*run(worker, cases, options.minutes))


def run(worker, cases, minutes):
    """Read cases until the time is over; return counts of verdicts, and what was found."""
    end = time.monotonic() + 60 * minutes
    verdicts, findings = collections.Counter(), {}
    turn = 0
    while time.monotonic() < end:
        for name, file in cases:
            case = f"{name}|{file}|{turn}"
            kind, place, text = worker.read(case)
            verdicts[kind] += 1
            if kind not in ("read", "sentence"):
                _, known = findings.setdefault((name, kind, place), (f"{case}: {text[:200]!r}", []))
                known.append(case)
                if len(known) == 1:
                    sys.stdout.write(f"{kind} {place} | {case} | {text[:200]!r}\n")
                    sys.stdout.flush()
            if time.monotonic() >= end:
                break
        turn += 1
    return verdicts, findings


def report(verdicts, findings):
    """Say how many cases came out how, and what was found, most often first."""
    counted = ", ".join(f"{count} {kind}" for kind, count in verdicts.most_common())
    sys.stdout.write(f"\n{sum(verdicts.values())} cases: {counted}\n")
    for (name, kind, place), (first, known) in sorted(
        findings.items(), key=lambda item: -len(item[1][1])
    ):
        sys.stdout.write(f"{len(known):5} {kind} {place} in {name}, first {first}\n")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
