"""Load the dissimilarities of models that a dataset was published with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import xarray as xr

from neuroalign.data.catalog import dataset_files, dataset_module
from neuroalign.data.dissimilarities import (
    DIMS,
    dissimilarity_label_faults,
    dissimilarity_value_faults,
)
from neuroalign.errors import DataError


def load_model_dissimilarities(dataset: str | Path | ModuleType) -> dict[str, xr.DataArray]:
    """Load the dissimilarities of models that a dataset was published with, by name.

    The mapping is a model, each entry of which is scored like a layer.

    Parameters
    ----------
    dataset : str, Path or module
        As in `load_dataset`. Its adapter has a function `model_dissimilarities`, which takes the
        files and returns name -> dissimilarities.

    Returns
    -------
    dict of str to DataArray (stimulus, stimulus_other)

    Raises
    ------
    DataError
        If the dataset has none, or they are not labelled, symmetric and 0 on the diagonal.

    Examples
    --------
    >>> import types
    >>> import neuroalign as na
    >>> from neuroalign.data.dissimilarities import make_dissimilarities
    >>> animacy = make_dissimilarities([0, 1, 1], stimulus=["cat", "dog", "car"],
    ...     dissimilarity="in one category or not")
    >>> study = types.ModuleType("study2008")
    >>> study.load, study.model_dissimilarities = None, lambda files: {"animacy": animacy}
    >>> study.CARD = na.DatasetCard(citation="doi:10.1/x", modality="fmri", species="human",
    ...     stimulus="image", license="CC0-1.0")
    >>> list(load_model_dissimilarities(study))
    ['animacy']
    """
    if not isinstance(dataset, (str, Path, ModuleType)):
        message = (
            f"A {type(dataset).__name__} is no dataset; give its name, as in "
            "load_model_dissimilarities('kriegeskorte2008'), its folder or its module."
        )
        raise DataError(message)
    name, module, _ = dataset_module(dataset)
    if not hasattr(module, "model_dissimilarities"):
        message = (
            f"Dataset {name!r} comes with no dissimilarities of models; make your own with "
            "na.rsa.make_dissimilarities."
        )
        raise DataError(message)
    models = module.model_dissimilarities(dataset_files(dataset))
    if not isinstance(models, Mapping) or not all(
        isinstance(values, xr.DataArray) for values in models.values()
    ):
        message = (
            f"model_dissimilarities of dataset {name!r} does not return name -> dissimilarities; "
            "make them by na.rsa.make_dissimilarities."
        )
        raise DataError(message)
    for model, values in models.items():
        faults = dissimilarity_label_faults(values, DIMS[1:]) or dissimilarity_value_faults(values)
        if faults:
            message = f"Model {model!r} of dataset {name!r} cannot be used: {'; '.join(faults)}."
            raise DataError(message)
    return {model: values.assign_attrs(dataset=name) for model, values in models.items()}
