"""Executable contracts: run these on your own dataset or model before you publish it."""

from neuroalign.testing.datasets import check_adapter as check_adapter
from neuroalign.testing.datasets import check_dataset as check_dataset
from neuroalign.testing.datasets import dataset_remarks as dataset_remarks
from neuroalign.testing.datasets import load_and_check as load_and_check
from neuroalign.testing.models import check_model as check_model

__all__ = ["check_adapter", "check_dataset", "check_model", "dataset_remarks", "load_and_check"]
