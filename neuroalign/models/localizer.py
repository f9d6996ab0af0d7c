"""Localize units: those that respond more to one kind of stimuli than to another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from neuroalign.data.schema import as_labels, repeated
from neuroalign.errors import DataError, name_some, unknown_name
from neuroalign.features.matching import design_rows
from neuroalign.models.localized_units import LocalizedUnits, check_seed
from neuroalign.models.localizer_halves import equal_stimuli, first_half
from neuroalign.models.protocol import Model, as_model
from neuroalign.numerics.contrast import Contrast, welch
from neuroalign.numerics.multiple import benjamini_hochberg, holm

CORRECTIONS = {"benjamini-hochberg": benjamini_hochberg, "holm": holm}
SIGNS = ("positive", "absolute")
FEWEST = 2  # stimuli of a kind in a half


def localize_units(
    model: Model | Mapping[str, xr.DataArray | pd.DataFrame],
    stimuli: pd.DataFrame,
    *,
    preferred: str | Sequence[str],
    control: str | Sequence[str],
    by: str = "condition",
    layers: Sequence[str] | None = None,
    count: int | None = None,
    share: float | None = None,
    sign: str = "positive",
    q: float | None = None,
    correction: str = "benjamini-hochberg",
    seed: int = 0,
) -> LocalizedUnits:
    """Find the units of a model that respond more to preferred stimuli than to control stimuli.

    Units of all layers compete: a layer may have none. Nothing is kept between calls.

    Parameters
    ----------
    model : Model or mapping
    stimuli : DataFrame
        What the model reads, and the column `by`. Other conditions than those named are left out.
        Stimuli of equal content and activations count once in their condition; of content counts
        what the model reads or, of activations computed elsewhere, all.
    preferred, control : str or sequence of str
        Conditions, such as "sentences" and "nonwords"; or "faces" and ("bodies", "places").
    by : str
        Column of `stimuli` that holds the condition.
    layers : sequence of str, optional
        By default those of the model.
    count : int, optional
        Units to choose.
    share : float, optional
        Share of all units to choose instead, as in .01; constant units count among all.
    sign : {"positive", "absolute"}
        "positive" takes the largest t; "absolute" the largest |t|, so that units that respond
        less to what is preferred are chosen too.
    q : float, optional
        Choose only units whose corrected p is at most this; without `count` and `share`, all of
        them. p takes stimuli of other content as independent, even those of one group: where
        these are alike, p is too small.
    correction : {"benjamini-hochberg", "holm"}
        For the number of units.
    seed : int
        Of the halves. Stimuli are dealt to halves within condition, by their labels, whatever
        their order. Equal ones and, where they have the column "group", those of one group
        fall into one half.

    Returns
    -------
    LocalizedUnits

    Raises
    ------
    DataError
        If a condition is missing or has fewer than two stimuli in a half, or fewer units pass
        than wanted.

    References
    ----------
    Functional localizers in people: Fedorenko et al. (2010), doi:10.1152/jn.00032.2010. In
    language networks: AlKhamissi et al. (2024), arXiv:2411.02280 and arXiv:2406.15109. Effects of
    what was chosen on the same data are inflated: Kriegeskorte et al. (2009), doi:10.1038/nn.2303.

    Examples
    --------
    >>> import neuroalign as na, numpy as np, pandas as pd
    >>> labels = [f"s{number}" for number in range(40)]
    >>> values = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 100)), labels)
    >>> values.iloc[:20, 7] += 3
    >>> stimuli = pd.DataFrame({"condition": 20 * ["faces"] + 20 * ["places"]}, labels)
    >>> found = na.models.localize_units(
    ...     {"top": values}, stimuli, preferred="faces", control="places", count=1
    ... )
    >>> found.units.query("selected").number.tolist()
    [7]
    """
    network = as_model(model)
    _check_options(count, share, sign, q, correction)
    check_seed(seed)
    shown = stimuli.set_axis(as_labels(stimuli.index, "stimulus"))
    side = _conditions(shown, by, preferred, control)
    shown = shown.loc[side.index]
    equal = equal_stimuli(network, shown, layers)
    dealt = first_half(shown, equal, side, seed)
    once = ~pd.DataFrame({"equal": equal, "side": side}).duplicated().to_numpy()
    is_preferred, in_first = side.to_numpy()[once], dealt.to_numpy()[once]
    _check_halves(is_preferred, in_first, repeated=not once.all())
    halves = [np.ones(len(in_first), dtype=bool), in_first, ~in_first]
    tables, contrasts = [], []
    for layer, activations in network.activations(shown, layers):
        rows = design_rows(activations, list(shown.index))
        rows = rows[once]
        contrasts.append([_contrast(rows, is_preferred, half) for half in halves])
        tables.append(pd.DataFrame({"layer": layer, "number": np.arange(rows.shape[1])}))
    whole, *parts = (_joined(of_layers) for of_layers in zip(*contrasts, strict=True))
    two_sided = sign == "absolute"
    units = pd.concat(tables, ignore_index=True).assign(t=whole.t, effect=whole.effect)
    units["p"] = whole.p(two_sided=two_sided)
    units["q"] = CORRECTIONS[correction](units["p"].to_numpy())
    eligible = units["p"].notna() if q is None else units["q"] <= q
    # .07 of 100 units are 7, though .07 * 100 is more in floating point.
    n_share = max(1, math.ceil(round(share * len(units), 6))) if share else int(eligible.sum())
    wanted = count or n_share
    if not 0 < wanted <= eligible.sum():
        passing = "vary" if q is None else f"have a corrected p of {q} or less"
        message = (
            f"{eligible.sum()} of {len(units)} units of model {network.name!r} {passing}, but "
            f"{max(wanted, 1)} {'is' if wanted < 2 else 'are'} wanted; choose fewer, or use more "
            "stimuli."
        )
        raise DataError(message)
    rank = np.abs(whole.t) if two_sided else whole.t
    units["selected"] = _top(np.where(eligible, rank, np.nan), wanted)
    largest, than = ("|t|", "against") if two_sided else ("t", ">")
    rule = f"{wanted} units of the largest {largest}, {preferred} {than} {control}"
    if q is not None:
        rule += f", {correction} q <= {q:g}"
    return LocalizedUnits(units, _held_out(parts, wanted, two_sided), rule, rank, network.name)


def _check_options(
    count: int | None, share: float | None, sign: str, q: float | None, correction: str
) -> None:
    if sign not in SIGNS:
        raise unknown_name(sign, SIGNS, kind="sign")
    if correction not in CORRECTIONS:
        raise unknown_name(correction, CORRECTIONS, kind="correction")
    if (count is None) == (share is None) and (count is not None or q is None):
        given = f"count={count} and share={share}"
        message = f"{given} were given; give one of them, or q alone for all units that pass."
        raise DataError(message)
    if count is not None and (isinstance(count, bool) or int(count) != count or count < 1):
        message = f"count={count!r} is not a positive number of units."
        raise DataError(message)
    for name, value in (("share", share), ("q", q)):
        if value is not None and not 0 < value < 1:
            message = f"{name}={value!r} does not lie between 0 and 1."
            raise DataError(message)


def _conditions(
    stimuli: pd.DataFrame,
    by: str,
    preferred: str | Sequence[str],
    control: str | Sequence[str],
) -> pd.Series:
    """Tell which stimuli of the conditions named are preferred ones, by label."""
    if by not in stimuli:
        raise unknown_name(by, [str(column) for column in stimuli.columns], kind="column")
    if twice := repeated(stimuli.index):
        message = f"{len(twice)} stimuli have more than one row {name_some(twice)}."
        raise DataError(message)
    sides = [
        [str(name) for name in ([side] if pd.api.types.is_scalar(side) else side)]
        for side in (preferred, control)
    ]
    if both := sorted(set(sides[0]) & set(sides[1])):
        message = f"Condition {both[0]!r} is preferred and control at once; give it to one."
        raise DataError(message)
    conditions = stimuli[by].astype(str)
    for name in (*sides[0], *sides[1]):
        if name not in set(conditions):
            raise unknown_name(name, sorted(set(conditions)), kind="condition")
    kept = conditions[conditions.isin(sides[0] + sides[1])]
    return kept.isin(sides[0])


def _check_halves(is_preferred: np.ndarray, in_first: np.ndarray, *, repeated: bool) -> None:
    for what, side in (("preferred", is_preferred), ("control", ~is_preferred)):
        fewest = min((side & in_first).sum(), (side & ~in_first).sum())
        if fewest < FEWEST:
            linked = (
                ", where equal ones and groups that share some are together" if repeated else ""
            )
            message = (
                f"{side.sum()} {'different ' if repeated else ''}stimuli are {what}, which leaves "
                f"{fewest} in one of two halves{linked}; {FEWEST} in each are needed."
            )
            raise DataError(message)


def _contrast(rows: np.ndarray, is_preferred: np.ndarray, among: np.ndarray) -> Contrast:
    return welch(rows[is_preferred & among], rows[~is_preferred & among])


def _joined(contrasts: Sequence[Contrast]) -> Contrast:
    return Contrast(*(np.concatenate(parts) for parts in zip(*contrasts, strict=True)))


def _top(rank: np.ndarray, wanted: int) -> np.ndarray:
    """Mark so many, the first of those that tie; fewer where the rest is NaN."""
    chosen = np.zeros(len(rank), dtype=bool)
    chosen[np.argsort(-rank, kind="stable")[:wanted]] = True  # NaN come last
    return chosen & ~np.isnan(rank)


def _held_out(halves: Sequence[Contrast], wanted: int, two_sided: bool) -> pd.DataFrame:
    """Choose on each half, and look at the other."""
    ranks = [np.abs(half.t) if two_sided else half.t for half in halves]
    chosen = [_top(rank, wanted) for rank in ranks]
    rows = []
    for this, other in ((0, 1), (1, 0)):
        units = chosen[this]
        # The direction that this half shows is what the other half has to confirm.
        direction = np.sign(halves[this].t[units])
        there = Contrast(
            direction * halves[other].t[units],
            halves[other].degrees[units],
            direction * halves[other].effect[units],
        )
        shares = {
            "effect": direction * halves[this].effect[units],
            "held_out_effect": np.where(np.isnan(there.effect), 0, there.effect),
            "significant": there.p(two_sided=False) <= 0.05,
            "shared": chosen[other][units],
        }
        with np.errstate(invalid="ignore"):  # infinite effects in both directions
            means = {name: x.mean() if len(x) else np.nan for name, x in shares.items()}
        rows.append({"chosen": int(units.sum()), **means})
    return pd.DataFrame(rows, index=pd.Index(["first", "second"], name="half"))
