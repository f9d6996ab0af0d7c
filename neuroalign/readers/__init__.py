"""From files of the field's formats to labelled responses, one format a file."""

from neuroalign.readers.nifti import read_nifti as read_nifti

__all__ = [
    "read_nifti",
]
