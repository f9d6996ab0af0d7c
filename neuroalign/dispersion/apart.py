"""Whoever is aligned is left out of the dispersion: told by name, and by what it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import xarray as xr

from neuroalign.errors import DataError, name_some


def check_apart(
    dispersion: xr.Dataset, names: Sequence[str] | None, hashes: Mapping[str, str] | None = None
) -> None:
    """Refuse systems that are part of a dispersion and aligned too.

    Systems of one name are taken for one, even where their values differ (another layer, another
    run of the same network). Systems of equal values are one, whatever they are called; values that
    were changed by as little as a rounding error are not recognized.

    Parameters
    ----------
    dispersion : Dataset
        As `procrustes_dispersion` returns it.
    names : sequence of str, or None
        Of the systems that are aligned.
    hashes : mapping of str to str, optional
        Name -> hash of its values at the stimuli of the dispersion, where values are known.

    Raises
    ------
    DataError
        Where names are not given, or a system is on both sides.
    """
    if names is None:
        message = (
            "A value for each stimulus was given without the systems that it comes from; name them "
            "by systems=[...], so that none is among those of the dispersion."
        )
        raise DataError(message)
    inside = json.loads(dispersion.attrs["provenance"])["systems"]
    called = {digest: name for name, digest in inside.items()}
    known = hashes or {}
    both = sorted({str(name) for name in names} & set(inside))
    renamed = [
        f"{name} is {called[digest]}"
        for name, digest in sorted(known.items())
        if digest in called and name not in both
    ]
    changed = [name for name in both if name in known and known[name] != inside[name]]
    if renamed:
        message = (
            f"{len(renamed)} systems are both aligned and part of the dispersion, where they have "
            f"another name {name_some(renamed)}; compute the dispersion without them."
        )
        raise DataError(message)
    if same := [name for name in both if name not in changed]:
        message = (
            f"{len(same)} systems are both aligned and part of the dispersion {name_some(same)}; "
            "compute the dispersion without them."
        )
        raise DataError(message)
    if changed:
        message = (
            f"{len(changed)} systems are called as some of the dispersion are, and have other "
            f"values {name_some(changed)}; compute the dispersion without them, or rename what is "
            "another system."
        )
        raise DataError(message)
