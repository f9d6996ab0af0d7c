"""Features that know where a row stands, and not what it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.row_table import read_rows
from neuroalign.errors import DataError
from neuroalign.features.row_order import RowOrder, read_order
from neuroalign.numerics import content_free

MOST_COLUMNS, FEWEST_COLUMNS = 128, 16


def order_features(table: pd.DataFrame, *, seed: int = 0) -> xr.DataArray:
    """Make features that know where rows stand, and nothing of what they are.

    Random walks and smoothed noise, drawn anew for each group or run, tell neighbors; bumps tell
    the place in it. Where the order within groups is unknown, they tell the group only. Whatever
    they predict of held-out rows, a model need not know its content to predict as well.

    Parameters
    ----------
    table : DataFrame
        Stimuli, with the columns group and position, or run and onset, or one of them; or samples
        with run and onset, whose index has the name "sample".
    seed : int

    Returns
    -------
    DataArray (stimulus or sample, unit)
        The coordinate `space` names the kind of a unit.

    References
    ----------
    Feghhi et al. (2024), doi:10.48550/arXiv.2406.01538;
    Hadidi et al. (2025), doi:10.1101/2025.03.09.642245.

    Examples
    --------
    >>> import pandas as pd
    >>> from neuroalign.guards import order_features
    >>> words = pd.DataFrame({"group": list("aaabbb"), "position": [0, 1, 2] * 2}, index=range(6))
    >>> sorted(set(order_features(words).space.values.tolist()))
    ['neighbors', 'place', 'walks']
    """
    rng = np.random.default_rng([seed, 5, 1])
    return features_of_order(_known_order(table), rng, MOST_COLUMNS)


def smoothed_identity(table: pd.DataFrame, *, width: float = content_free.WIDTH) -> xr.DataArray:
    """Give every row a unit of its own, smoothed over its neighbors in the group or run.

    Where whole groups are held out, all units are 0 for held-out rows: the prediction is a
    constant, and r is undefined.

    Parameters
    ----------
    table : DataFrame
        As for `order_features`.
    width : float
        Standard deviation of the Gaussian, in rows.

    Returns
    -------
    DataArray (stimulus or sample, unit)

    References
    ----------
    Feghhi et al. (2024), doi:10.48550/arXiv.2406.01538.

    Examples
    --------
    >>> import pandas as pd
    >>> from neuroalign.guards import smoothed_identity
    >>> words = pd.DataFrame({"group": list("aabb"), "position": [0, 1] * 2}, index=range(4))
    >>> smoothed_identity(words).values[0].round(2).tolist()
    [1.0, 0.88, 0.0, 0.0]
    """
    order = _known_order(table)
    if not order.placed:
        message = "A smoothed identity needs the order in groups: a column 'position' or 'onset'."
        raise DataError(message)
    return _labelled(order, content_free.smoothed_identity(order.runs, width=width))


def features_of_order(order: RowOrder, rng: np.random.Generator, n_units: int) -> xr.DataArray:
    """Make features of an order; about as many as a layer has units, but no more than pay off."""
    n_columns = int(np.clip(min(len(order.runs) // 2, n_units), FEWEST_COLUMNS, MOST_COLUMNS))
    if not order.placed:
        n_runs = int(order.runs.max()) + 1
        values = rng.normal(size=(n_runs, min(n_runs, n_columns)))[order.runs]
        return _labelled(order, values, ["group"] * values.shape[1])
    parts = {
        "walks": content_free.random_walks(order.runs, n_columns // 2, rng),
        "neighbors": content_free.smooth_noise(order.runs, n_columns - n_columns // 2, rng),
        "place": content_free.position_bumps(order.runs),
    }
    values = np.concatenate([part / np.maximum(part.std(0), 1e-9) for part in parts.values()], 1)
    return _labelled(
        order, values, [name for name, part in parts.items() for _ in range(part.shape[1])]
    )


def _known_order(table: pd.DataFrame) -> RowOrder:
    order = read_order(table, read_rows(table))
    if order is None:
        message = (
            "The order of these stimuli is unknown; give them a column group, run, position or "
            "onset."
        )
        raise DataError(message)
    return order


def _labelled(order: RowOrder, values: np.ndarray, spaces: list[str] | None = None) -> xr.DataArray:
    coords = {order.rows: order.labels, "layer": "content-free"}
    named = {} if spaces is None else {"space": ("unit", spaces)}
    return xr.DataArray(values, {**coords, **named}, (order.rows, "unit"))
