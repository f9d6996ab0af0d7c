"""Small recordings of voltages: FIF by MNE-Python, EDF and BrainVision by hand."""

from pathlib import Path

import mne
import numpy as np

PERIOD = 0.01  # s
GAIN = 0.1  # uV of a step of EDF and BrainVision


def write_fif(
    path, values, names, *, kinds="seeg", bad=(), places=None, first=0, marks=(), rate=100.0, date=0
):
    """Write uV (channel, sample) as a FIF file; `marks` are (onset in s, words)."""
    info = mne.create_info(list(names), rate, kinds)
    raw = mne.io.RawArray(np.asarray(values) * 1e-6, info, first_samp=first, verbose="error")
    raw.info["bads"] = list(bad)
    for channel, place in zip(raw.info["chs"], places or [], strict=False):
        channel["loc"][:3] = np.divide(place, 1000)
    raw.set_meas_date(date)
    # Without a date MNE counts what it is given from the first sample.
    shift = 0 if date is None else first / rate
    onsets = [onset + shift for onset, _ in marks]
    annotations = mne.Annotations(
        onsets, [0.0] * len(marks), [words for _, words in marks], orig_time=raw.info["meas_date"]
    )
    raw.set_annotations(annotations, verbose="error")
    raw.save(path, fmt="double", overwrite=True, verbose="error")
    return path


def steps(values):
    """Return values in uV as whole numbers of steps."""
    return np.rint(np.asarray(values) / GAIN).astype("<i2")


def write_edf(path, values, names, *, n_records=None, units="uV"):
    """Write uV (channel, sample) as EDF, records of 1 s at 100 Hz, by its specification.

    https://www.edfplus.info/specs/edf.html
    """
    n_channels, n_samples = np.shape(values)
    per_record = round(1 / PERIOD)
    count = n_samples // per_record
    limit = 32767 * GAIN

    def fields(texts, width):
        return "".join(str(text).ljust(width) for text in texts)

    def same(text, width):
        return fields([text] * n_channels, width)

    header = fields(["0"], 8) + fields(["X X X X", "Startdate X X X X"], 80)
    header += fields(["01.01.20", "00.00.00", 256 * (1 + n_channels)], 8) + fields([""], 44)
    header += fields([count if n_records is None else n_records, 1], 8) + fields([n_channels], 4)
    header += fields(names, 16) + same("", 80) + same(units, 8)
    header += same(f"{-limit:.1f}", 8) + same(f"{limit:.1f}", 8) + same(-32767, 8)
    header += same(32767, 8) + same("", 80) + same(per_record, 8) + same("", 32)
    whole = steps(values)
    records = [
        whole[:, number * per_record : (number + 1) * per_record].tobytes()
        for number in range(count)
    ]
    Path(path).write_bytes(header.encode("latin-1") + b"".join(records))
    return path


def write_brainvision(path, values, names, *, marks=()):
    """Write uV (channel, sample) as BrainVision; `marks` are (sample from 0, words).

    https://www.brainproducts.com/support-resources/brainvision-core-data-format-1-0/
    """
    stem = Path(path).with_suffix("")
    stem.with_suffix(".eeg").write_bytes(steps(values).T.tobytes())
    channels = [f"Ch{number}={name},,{GAIN},uV" for number, name in enumerate(names, 1)]
    Path(path).write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={stem.name}.eeg\nMarkerFile={stem.name}.vmrk\nDataFormat=BINARY\n"
        f"DataOrientation=MULTIPLEXED\nNumberOfChannels={len(names)}\n"
        f"SamplingInterval={PERIOD * 1e6:.0f}\n\n[Binary Infos]\nBinaryFormat=INT_16\n\n"
        "[Channel Infos]\n" + "\n".join(channels) + "\n"
    )
    markers = [f"Mk{n}=Stimulus,{words},{at + 1},1,0" for n, (at, words) in enumerate(marks, 1)]
    stem.with_suffix(".vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={stem.name}.eeg\n\n[Marker Infos]\n" + "\n".join(markers) + "\n"
    )
    return path
