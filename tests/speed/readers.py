"""Readers beside nilearn, MNE-Python, NumPy and h5py: seconds, memory, and whether values agree.

Files lie in the page cache, since each is read once before the clock starts. Where several runs
are asked for, the best of each side counts: other work on the machine only ever adds.
"""

import json
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pandas as pd
import xarray as xr
from measure import alternated, peak_megabytes, print_table

import neuroalign as na

sys.path.append(str(Path(__file__).parents[1]))
import voltage_files

SHAPE, N_VOLUMES = (64, 76, 56), 200
N_CHANNELS, RATE, SECONDS = 64, 1000, 300
N_UNITS, N_EVENTS, N_BINS = 500, 2000, 50
N_TRIALS, N_VOXELS, ROI = 3000, 40_000, slice(20_000, 20_400)


def write_volumes(folder):
    """Write a run of random volumes, unpacked and packed, and a mask, 100 regions and one."""
    rng = np.random.default_rng(0)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    far = np.sqrt(sum(x**2 for x in np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE))))
    brain = (far < 0.85).transpose(1, 0, 2)
    noise = rng.integers(0, 200, (*SHAPE, N_VOLUMES), dtype=np.int16)
    bold = nibabel.Nifti1Image((noise + 1000) * brain[..., None].astype(np.int16), affine)
    bold.header.set_xyzt_units("mm", "sec")
    bold.header["pixdim"][4] = 2.0
    for ending in ("nii", "nii.gz"):
        bold.to_filename(f"{folder}/bold.{ending}")
    regions = np.zeros(SHAPE, np.int16)
    regions[brain] = 1 + np.arange(brain.sum()) * 100 // brain.sum()
    for name, values in (("mask", brain), ("regions", regions), ("one", regions == 50)):
        nibabel.Nifti1Image(values.astype(np.int16), affine).to_filename(f"{folder}/{name}.nii")


def nilearn_values(path, masker, **images):
    from nilearn import maskers

    made = getattr(maskers, masker)(standardize=None, **images)
    return made.fit(path).transform(path) if masker == "NiftiMasker" else made.fit_transform(path)


def volumes(folder):
    write_volumes(folder)
    for ending in ("nii", "nii.gz"):
        path = f"{folder}/bold.{ending}"
        for what, name in (("brain", "mask"), ("one region", "one")):
            image = f"{folder}/{name}.nii"
            yield (
                f"{what}, .{ending}",
                lambda path=path, image=image: na.readers.read_nifti(path, mask=image).values,
                "NiftiMasker",
                partial(nilearn_values, path, "NiftiMasker", mask_img=image),
            )
        atlas = f"{folder}/regions.nii"
        yield (
            f"100 means, .{ending}",
            lambda path=path, atlas=atlas: (
                na.readers.read_nifti(
                    path, atlas=atlas, average="roi", labels={n: f"{n:03}" for n in range(1, 101)}
                ).values
            ),
            "NiftiLabelsMasker",
            partial(nilearn_values, path, "NiftiLabelsMasker", labels_img=atlas),
        )


def random_stream(seconds=SECONDS):
    n = seconds * RATE
    return xr.DataArray(
        np.random.default_rng(0).normal(size=(n, N_CHANNELS)),
        {
            "run": ("sample", np.repeat("film", n)),
            "onset": ("sample", np.arange(n) / RATE),
            "neuroid": [f"A{number}" for number in range(N_CHANNELS)],
        },
        ("sample", "neuroid"),
        attrs={"units": "uV", "sampling_period": 1 / RATE},
    )


def mne_amplitude(raw, method):
    filtered = raw.copy().filter(70, 150, verbose="error", **method)
    return filtered.apply_hilbert(envelope=True, verbose="error").get_data().T


def high_gamma(_):
    import mne

    stream = random_stream()
    info = mne.create_info(list(stream.neuroid.values), RATE, "seeg")
    raw = mne.io.RawArray(np.ascontiguousarray(stream.values.T), info, verbose="error")
    butter = {"method": "iir", "iir_params": {"order": 4, "ftype": "butter", "output": "sos"}}
    inside = slice(RATE, -RATE)  # edges are padded otherwise
    for what, rate, name, method in (
        ("all samples", None, "MNE, the same filter", butter),
        ("100 Hz", 100.0, "MNE, its default filter", {}),
    ):
        yield (
            f"high gamma, {what}",
            lambda rate=rate: na.readers.high_gamma(stream, rate=rate).values,
            name,
            lambda method=method: mne_amplitude(raw, method),
            (lambda ours, theirs: largest(ours[inside], theirs[inside])) if rate is None else None,
        )


def histograms(times, onsets, width):
    edges = np.arange(N_BINS + 1) * width
    counts = np.empty((len(onsets), len(times), N_BINS), np.int32)
    for unit, own in enumerate(times):
        begins, ends = np.searchsorted(own, [onsets, onsets + edges[-1]])
        for event, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            counts[event, unit] = np.histogram(own[begin:end] - onsets[event], edges)[0]
    return counts


def spikes(_):
    rng = np.random.default_rng(0)
    times = [np.sort(rng.uniform(0, N_EVENTS, 4 * N_EVENTS)) for _ in range(N_UNITS)]
    onsets = np.arange(N_EVENTS) + 0.1
    units = np.repeat(np.arange(N_UNITS), 4 * N_EVENTS)
    named = [f"{number:03}" for number in range(N_UNITS)]
    together = np.concatenate(times), np.array(named)[units]

    def ours(units):
        found = na.readers.bin_spikes(together[0], units, onsets, start=0, stop=0.5, width=0.01)
        return found.sel(neuroid=sorted(found.neuroid.values, key=int)).values

    plain = partial(histograms, times, onsets, 0.01)
    yield "spikes, units by words", partial(ours, together[1]), "np.histogram, by unit", plain
    try:
        import pynapple
    except ModuleNotFoundError:  # which the project does not install
        return
    group = pynapple.TsGroup({n: pynapple.Ts(own) for n, own in enumerate(times)})
    spans = pynapple.IntervalSet(onsets, onsets + 0.5)
    theirs = lambda: group.trial_count(spans, 0.01).transpose(1, 0, 2)  # noqa: E731
    yield "spikes, units by numbers", partial(ours, units), "pynapple", theirs


def write_bids(folder):
    """Write a BIDS dataset of one run (BrainVision, 16 bits) and return its events."""
    place = Path(folder, "sub-01", "ieeg")
    place.mkdir(parents=True)
    Path(folder, "dataset_description.json").write_text('{"Name": "n", "BIDSVersion": "1.9.0"}')
    stem = place / "sub-01_task-film_run-1"
    stream = random_stream()
    names = stream.neuroid.values.tolist()
    voltage_files.PERIOD = 1 / RATE
    voltage_files.write_brainvision(f"{stem}_ieeg.vhdr", 50 * stream.values.T, names)
    rows = [f"{name}\tSEEG\tuV\tgood" for name in names]
    Path(f"{stem}_channels.tsv").write_text("\n".join(["name\ttype\tunits\tstatus", *rows, ""]))
    Path(f"{stem}_ieeg.json").write_text(json.dumps({"SamplingFrequency": RATE}))
    onsets = np.sort(np.random.default_rng(1).choice(SECONDS * RATE - 2000, 1000, replace=False))
    events = pd.DataFrame({"onset": (onsets + 1000) / RATE, "duration": 0.1})
    events["trial_type"] = [f"word{number}" for number in range(1000)]
    events.to_csv(f"{stem}_events.tsv", sep="\t", index=False)
    return f"{stem}_ieeg.vhdr", events


def mne_epochs(path, events):
    import mne

    raw = mne.io.read_raw_brainvision(path, preload=False, verbose="error")
    at = np.rint(events["onset"].to_numpy() * RATE).astype(int)
    marks = np.column_stack([at, np.zeros_like(at), np.ones_like(at)])
    cut = mne.Epochs(
        raw, marks, tmin=0, tmax=0.599, baseline=None, preload=True, proj=False, verbose="error"
    )
    return 1e6 * cut.get_data().reshape(len(at), N_CHANNELS, 12, 50).mean(axis=3)


def epochs(folder):
    path, events = write_bids(folder)
    shown = events.rename(columns={"trial_type": "stimulus"})

    def ours(channels):
        stream = na.readers.read_bids_ieeg(folder, subject="01", task="film")
        cut = na.readers.epoch(stream, shown, start=0, stop=0.6, width=0.05)
        return cut.isel(neuroid=slice(channels)).values

    theirs = partial(mne_epochs, path, events)
    yield "1000 epochs, all channels", partial(ours, N_CHANNELS), "mne.Epochs", theirs


def write_betas(folder):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(N_TRIALS, N_VOXELS)).astype(np.float32)
    with h5py.File(f"{folder}/betas.h5", "w") as file:
        file.create_dataset("whole", data=values)
        file.create_dataset("chunks", data=values, chunks=(N_TRIALS, 100))
    grid = values.T.reshape(40, 40, 25, N_TRIALS)
    nibabel.Nifti1Image(grid, np.eye(4)).to_filename(f"{folder}/betas.nii")
    roi = np.zeros(grid.shape[:3], np.uint8)
    roi.reshape(-1)[ROI] = 1
    nibabel.Nifti1Image(roi, np.eye(4)).to_filename(f"{folder}/roi.nii")


def our_hdf5(folder, name):
    def read():
        found = na.readers.read_hdf5(f"{folder}/betas.h5", name, ("showing", "neuroid"))
        return found.isel(neuroid=ROI).values

    return read


def whole_hdf5(folder, name):
    def read():
        with h5py.File(f"{folder}/betas.h5") as file:
            return file[name][()][:, ROI]

    return read


def our_nifti(folder):
    path, mask = f"{folder}/betas.nii", f"{folder}/roi.nii"
    return lambda: na.readers.read_nifti(path, mask=mask, rows="showing").values


def mapped_nifti(folder):
    def read():
        inside = np.asarray(nibabel.load(f"{folder}/roi.nii").dataobj) > 0
        return np.asarray(nibabel.load(f"{folder}/betas.nii").dataobj)[inside].T

    return read


def betas(folder):
    write_betas(folder)
    for what, ours, name, theirs, given in (
        ("HDF5", our_hdf5, "h5py, all", whole_hdf5, ("whole",)),
        ("HDF5 chunks", our_hdf5, "h5py, all", whole_hdf5, ("chunks",)),
        ("NIfTI", our_nifti, "nibabel, mapped", mapped_nifti, ()),
    ):
        memory = [f"{peak_megabytes(call, folder, *given):.0f}" for call in (ours, theirs)]
        calls = ours(folder, *given), theirs(folder, *given)
        yield f"400 of 40,000, {what}", calls[0], name, calls[1], None, memory


CASES = [volumes, high_gamma, spikes, epochs, betas]


def largest(ours, theirs):
    if ours.shape != theirs.shape:
        return "other shape"
    scale = np.abs(theirs).max()
    return f"{np.abs(ours - theirs).max() / scale:.0e}"


def compare(threads, runs):
    rows = []
    warnings.simplefilter("ignore")  # of what peers will change
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            for what, ours, name, theirs, *more in case(folder):
                unlike, memory = [*more, None, None][:2]
                seconds, found = alternated([ours, theirs], runs)
                best = [values[0] for values in seconds]
                agree = (unlike or largest)(*found)
                rows.append(
                    (
                        what,
                        *(f"{value:.3g}" for value in (best[0], seconds[0][-1])),
                        name,
                        *(f"{value:.3g}" for value in (best[1], seconds[1][-1])),
                        f"{best[1] / best[0]:.2g}",
                        " / ".join(memory or []),
                        agree,
                    )
                )
                found.clear()
    names = ("what", "neuroalign s", "worst", "peer", "s", "worst", "peer / ours", "MB", "unlike")
    print_table(f"{threads} threads; seconds: best of {runs}, and worst", names, rows)
