"""What cannot be read as NIfTI is refused in one sentence."""

import re

import nibabel
import numpy as np
import pandas as pd
import pytest
from fmri_files import AFFINE, SHAPE, atlas_of, volumes, write_nifti

from neuroalign.errors import DataError
from neuroalign.readers import read_nifti


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])
    return path


def truncated(folder):
    return read_nifti(cut(folder / "bold.nii", 700))


def truncated_header(folder):
    return read_nifti(cut(folder / "bold.nii", 200))


def truncated_packed(folder):
    path = folder / "bold.nii.gz"
    series = read_nifti(cut(path, path.stat().st_size - 200))
    return series.load()


def truncated_since(folder):
    series = read_nifti(folder / "bold.nii")
    cut(folder / "bold.nii", 700)
    return series.load()


def patched(folder, place, *values):
    """Overwrite bytes of the header."""
    path = folder / "bold.nii"
    data = b"".join(value.tobytes() for value in values)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)
    return path


def absurd(folder):
    """Promise more than a petabyte in the header."""
    return read_nifti(patched(folder, 42, *[np.int16(30000)] * 4))


def nowhere(folder):
    """Leave the first number of the affine undefined, in a way that computers signal."""
    patched(folder, 254, np.int16(1))  # the affine of the header counts
    return read_nifti(patched(folder, 280, np.uint32(0x7FA00000)))


def absurd_packed(folder):
    image = nibabel.Nifti1Image(np.zeros(SHAPE, "int8"), AFFINE)
    image.header["dim"][1:4] = 20000
    path = folder / "big.nii.gz"
    with nibabel.openers.Opener(str(path), "wb") as file:
        image.header.write_to(file)
        file.write(bytes(1000))
    return read_nifti(path)


def another_format(folder):
    (folder / "text.nii").write_text("onset\tduration\n" * 100)
    return read_nifti(folder / "text.nii")


def mgh(folder):
    (folder / "a.mgh").write_bytes(bytes(300))
    return read_nifti(folder / "a.mgh")


def analyze(folder):
    image = nibabel.AnalyzeImage(np.zeros(SHAPE, "uint8"), None)
    image.to_filename(folder / "a.img")
    return read_nifti(folder / "a.img")


def cifti(folder):
    axis = nibabel.cifti2.BrainModelAxis.from_mask(np.ones(3), name="CortexLeft")
    series = nibabel.cifti2.SeriesAxis(0, 1, 2)
    path = folder / "a.dtseries.nii"
    nibabel.Cifti2Image(np.zeros((2, 3)), (series, axis)).to_filename(path)
    return read_nifti(path)


def colors(folder):
    values = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.Nifti1Image(values, AFFINE).to_filename(folder / "rgb.nii")
    return read_nifti(folder / "rgb.nii")


def five_axes(folder):
    return read_nifti(write_nifti(folder / "a.nii", np.zeros((*SHAPE, 2, 3))))


def flat_affine(folder):
    return read_nifti(patched(folder, 312, np.zeros(4, "f4")))


def other_runs(folder, **options):
    values = options.pop("values", np.zeros((*SHAPE, 2)))
    return read_nifti([folder / "bold.nii", write_nifti(folder / "b.nii", values, **options)])


def with_mask(folder, values, **options):
    return read_nifti(folder / "bold.nii", mask=write_nifti(folder / "m.nii", values, **options))


def with_labels(folder, labels):
    return read_nifti(folder / "bold.nii", atlas=folder / "atlas.nii", labels=labels)


def table(folder, text, name="t.tsv"):
    (folder / name).write_text(text)
    return with_labels(folder, folder / name)


CASES = {
    "absent": (
        lambda folder: read_nifti(folder / "no.nii"),
        "File '{folder}/no.nii' does not exist; check its name and folder.",
    ),
    "none": (
        lambda _: read_nifti([]),
        "No file was given; pass a path, or a list of paths.",
    ),
    "twice": (
        lambda folder: read_nifti([folder / "bold.nii"] * 2),
        "File '{folder}/bold.nii' was given more than once; name each file once.",
    ),
    "truncated": (
        truncated,
        "File '{folder}/bold.nii' has 700 bytes, but its header promises 928; fetch it anew.",
    ),
    "truncated header": (
        truncated_header,
        "File '{folder}/bold.nii' cannot be read as a NIfTI image (*).",
    ),
    "truncated, compressed": (
        truncated_packed,
        "File '{folder}/bold.nii.gz' cannot be read as a NIfTI image (*).",
    ),
    "truncated since it was opened": (
        truncated_since,
        "File '{folder}/bold.nii' ends within volume 3; fetch it anew.",
    ),
    "absurd size": (
        absurd,
        "File '{folder}/bold.nii' has 928 bytes, but its header promises "
        "3,240,000,000,000,000,352; fetch it anew.",
    ),
    "nowhere": (
        nowhere,
        "File '{folder}/bold.nii' has an affine that places no voxel; mend its header.",
    ),
    "absurd size, compressed": (
        absurd_packed,
        "File '{folder}/big.nii.gz' has * bytes, but its header promises 8,000,000,000,352; "
        "fetch it anew.",
    ),
    "another format": (
        another_format,
        "File '{folder}/text.nii' cannot be read as a NIfTI image (*).",
    ),
    "MGH": (
        mgh,
        "File '{folder}/a.mgh' is of FreeSurfer's MGH; convert it to NIfTI (mri_convert).",
    ),
    "Analyze": (analyze, "File '{folder}/a.img' is a *, but a NIfTI image is needed."),
    "CIFTI": (cifti, "File '{folder}/a.dtseries.nii' is a CIFTI-2 file; use read_cifti."),
    "colors": (
        colors,
        "File '{folder}/rgb.nii' holds values of type *; plain numbers are needed.",
    ),
    "five axes": (
        five_axes,
        "File '{folder}/a.nii' has the shape (4, 3, 2, 2, 3); a volume or a series is needed.",
    ),
    "affine": (
        flat_affine,
        "File '{folder}/bold.nii' has an affine that places no voxel; mend its header.",
    ),
    "volume and series": (
        lambda folder: other_runs(folder, values=np.zeros(SHAPE)),
        "Some files are single volumes and some are series; read them apart.",
    ),
    "other shape": (
        lambda folder: other_runs(folder, values=np.zeros((4, 3, 3, 2))),
        "Files '{folder}/b.nii' and '{folder}/bold.nii' have different grids "
        "((4, 3, 3) rather than (4, 3, 2) voxels).",
    ),
    "other affine": (
        lambda folder: other_runs(folder, affine=AFFINE + np.eye(4, k=3)),
        "Files '{folder}/b.nii' and '{folder}/bold.nii' have different grids "
        "(voxels up to 1 mm away).",
    ),
    "other period": (
        lambda folder: other_runs(folder, period=2),
        "The sampling period is 1.5 s in '{folder}/bold.nii' and 2 s in '{folder}/b.nii'; "
        "read them apart.",
    ),
    "same runs": (
        lambda folder: read_nifti([folder / "bold.nii", folder / "other.nii"], run=["a", "a"]),
        "Several files are of the same run (first: 'a'); name the run of each, as in "
        "run=['run-1', 'run-2'].",
    ),
    "runs": (
        lambda folder: read_nifti(folder / "bold.nii", run=["a", "b"]),
        "2 runs are named for 1 files; name one for each.",
    ),
    "period as a word": (
        lambda folder: read_nifti(folder / "bold.nii", sampling_period="2 s"),
        "sampling_period='2 s' cannot be used; a stream needs the seconds from one sample to the "
        "next, as in sampling_period=2.0.",
    ),
    "period of 0": (
        lambda folder: read_nifti(folder / "bold.nii", sampling_period=0),
        "sampling_period=0 cannot be used; a stream needs the seconds from one sample to the next, "
        "as in sampling_period=2.0.",
    ),
    "no period": (
        lambda folder: read_nifti(write_nifti(folder / "a.nii", np.zeros((*SHAPE, 2)), period=0)),
        "The header of '{folder}/a.nii' states no usable sampling period (0, unit sec); pass "
        "sampling_period, in seconds.",
    ),
    "no unit of time": (
        lambda folder: read_nifti(write_nifti(folder / "a.nii", np.zeros((*SHAPE, 2)), unit=0)),
        "The header of '{folder}/a.nii' states no usable sampling period (1.5, unit unknown); "
        "pass sampling_period, in seconds.",
    ),
    "rows": (
        lambda folder: read_nifti(folder / "bold.nii", rows="stimulus"),
        "rows='stimulus' cannot be read; volumes are 'sample' or 'showing'.",
    ),
    "empty mask": (
        lambda folder: with_mask(folder, np.zeros(SHAPE)),
        "No voxel is inside of the mask and the atlas; one is needed at least.",
    ),
    "mask of probabilities": (
        lambda folder: with_mask(folder, np.linspace(0, 1, 24).reshape(SHAPE)),
        "The mask holds 23 values above 0, where one is needed; cut it at a threshold, or pass "
        "it as the atlas if they are regions.",
    ),
    "mask of another grid": (
        lambda folder: with_mask(folder, np.ones((5, 3, 2))),
        "The mask '{folder}/m.nii' has another grid than '{folder}/bold.nii' ((5, 3, 2) rather "
        "than (4, 3, 2) voxels); pass resample=True to take the nearest value of it in every "
        "voxel.",
    ),
    "mask that moved": (
        lambda folder: with_mask(folder, np.ones(SHAPE), affine=AFFINE + 3 * np.eye(4, k=3)),
        "The mask '{folder}/m.nii' has another grid than '{folder}/bold.nii' (voxels up to 3 mm "
        "away); pass resample=True to take the nearest value of it in every voxel.",
    ),
    "mask of volumes": (
        lambda folder: with_mask(folder, np.ones((*SHAPE, 2))),
        "The mask '{folder}/m.nii' has the shape (4, 3, 2, 2); three axes are needed.",
    ),
    "mask as an array": (
        lambda folder: read_nifti(folder / "bold.nii", mask=np.ones(SHAPE)),
        "The mask is a ndarray; pass a path or a nibabel image.",
    ),
    "atlas of probabilities": (
        lambda folder: read_nifti(
            folder / "bold.nii", atlas=write_nifti(folder / "p.nii", np.full(SHAPE, 0.5))
        ),
        "The atlas holds values that are not whole numbers, as maps of probability do, or above "
        "2^31; a number for each region is needed.",
    ),
    "atlas of huge numbers": (
        lambda folder: read_nifti(
            folder / "bold.nii", atlas=write_nifti(folder / "p.nii", np.full(SHAPE, 1e20))
        ),
        "The atlas holds values that are not whole numbers, as maps of probability do, or above "
        "2^31; a number for each region is needed.",
    ),
    "negative size": (
        lambda folder: read_nifti(patched(folder, 42, np.int16(-4))),
        "File '{folder}/bold.nii' has the shape (-4, 3, 2, 6); a volume or a series is needed.",
    ),
    "units that do not exist": (
        lambda folder: read_nifti(patched(folder, 123, np.uint8(12))),
        "The header of '{folder}/bold.nii' states no usable sampling period (1.5, unit unknown); "
        "pass sampling_period, in seconds.",
    ),
    "labels without atlas": (
        lambda folder: read_nifti(folder / "bold.nii", labels={1: "V1"}),
        "labels names the regions of an atlas; pass the atlas too.",
    ),
    "average without atlas": (
        lambda folder: read_nifti(folder / "bold.nii", average="roi"),
        "average='roi' is not possible; it is 'roi', with an atlas, or left out.",
    ),
    "no name": (
        lambda folder: with_labels(folder, {7: "V1"}),
        "The atlas has 1 regions that labels does not name (first: '3'); name them, or leave "
        "labels out.",
    ),
    "names as a list": (
        lambda folder: with_labels(folder, ["V1", "V4"]),
        "labels is a list; a mapping from whole numbers to names, or a table with columns "
        "'index' and 'name', is needed.",
    ),
    "no column": (
        lambda folder: table(folder, "index\tregion\n7\tV1\n"),
        "The table of regions has no column 'name'; columns 'index' and 'name' are needed, as in "
        "a BIDS dseg.tsv.",
    ),
    "two names": (
        lambda folder: table(folder, "index\tname\n7\tV1\n3\tV4\n7\tV2\n"),
        "Region 7 has two names, 'V1' and 'V2'; keep one.",
    ),
    "fractional index": (
        lambda folder: table(folder, "index,name\n7.5,V1\n", "t.csv"),
        "A region has the index '7.5'; a whole number is needed.",
    ),
    "empty name": (
        lambda folder: with_labels(folder, pd.DataFrame({"index": [7], "name": [None]})),
        "Region 7 is called None; a name is a string.",
    ),
    "empty table": (
        lambda folder: table(folder, "\n"),
        "File '{folder}/t.tsv' cannot be read as a table of regions (EmptyDataError: No columns "
        "to parse from file).",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_sentence(case, tmp_path, rng):
    for name in ("bold.nii", "bold.nii.gz", "other.nii"):
        write_nifti(tmp_path / name, volumes(rng))
    write_nifti(tmp_path / "atlas.nii", atlas_of())
    call, sentence = CASES[case]
    pattern = re.escape(sentence.format(folder=tmp_path)).replace(r"\*", r"[^\n]+")
    with pytest.raises(DataError, match=f"^{pattern}$"):
        call(tmp_path)
