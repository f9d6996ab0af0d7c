"""Small NWB files, written with pynwb."""

from datetime import UTC, datetime

import numpy as np
from pynwb import NWBHDF5IO, NWBFile
from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

REGIONS = ["V4", "IT", "IT", " "]
QUALITY = ["good", "mua", "good"]
IMAGES = ["b", "a", "b", "c"]


def new_file():
    """Return a file in memory with nothing but what every file says."""
    return NWBFile(
        session_description="made up",
        identifier="case",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
    )


def save(nwb, path):
    """Write a file."""
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
    return path


def spiking(spikes, *, observed=None, electrodes=((0,), (1, 2), (0, 1)), trials=True):
    """Return a file of three units; unit 7 is at V4, 3 at IT, 12 at both."""
    nwb = new_file()
    group = nwb.create_electrode_group(
        name="array", description="made up", location="V4", device=nwb.create_device(name="probe")
    )
    for region in REGIONS:
        nwb.add_electrode(group=group, location=region)
    nwb.add_unit_column("quality", "how well it is told from others")
    nwb.add_unit_column("roi", "a name that is taken")
    for number, times in enumerate(spikes):
        more = {} if observed is None else {"obs_intervals": observed[number]}
        if electrodes is not None:
            more["electrodes"] = list(electrodes[number])
        nwb.add_unit(
            spike_times=np.asarray(times, dtype=float), quality=QUALITY[number], roi="here",
            id=(7, 3, 12)[number], **more,
        )  # fmt: skip
    if trials:
        nwb.add_trial_column("image", "what was shown")
        nwb.add_trial_column("image_on", "when, s")
        nwb.add_trial_column("lists", "several numbers", index=True)
        for number, image in enumerate(IMAGES):
            nwb.add_trial(
                start_time=float(number), stop_time=number + 0.9, image=image,
                image_on=np.nan if number == 2 else number + 0.1, lists=[1.0] * number,
            )  # fmt: skip
    return nwb


def imaging(values, *, kind="DfOverF", name="RoiResponseSeries", rois=None, unit="n.a.", **clock):
    """Return a file of fluorescence (sample, cell)."""
    nwb = new_file()
    plane = nwb.create_imaging_plane(
        name="plane", description="made up", excitation_lambda=920.0, indicator="GCaMP6f",
        location="VISp", device=nwb.create_device(name="microscope"),
        optical_channel=OpticalChannel(name="o", description="made up", emission_lambda=500.0),
    )  # fmt: skip
    segmentation = ImageSegmentation()
    ophys = nwb.create_processing_module(name="ophys", description="made up")
    ophys.add(segmentation)
    cells = segmentation.create_plane_segmentation(
        name="cells", description="made up", imaging_plane=plane
    )
    cells.add_column("is_cell", "whether it is one")
    for number in range(4):
        cells.add_roi(pixel_mask=[(number, number, 1.0)], is_cell=number != 1, id=10 + number)
    rois = list(range(np.shape(values)[-1])) if rois is None else rois
    region = cells.create_roi_table_region("made up", region=rois)
    container = {"DfOverF": DfOverF, "Fluorescence": Fluorescence}[kind]()
    ophys.add(container)
    even = {} if "timestamps" in clock else {"rate": 30.0, "starting_time": 2.0}
    container.add_roi_response_series(
        RoiResponseSeries(name=name, data=values, rois=region, unit=unit, **even, **clock)
    )
    return nwb
