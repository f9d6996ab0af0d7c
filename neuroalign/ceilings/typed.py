"""A noise ceiling that knows what it bounds, how sure it is, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from scipy import stats

from neuroalign.errors import DataError, unknown_name

BOUNDS = ("correlation", "variance", "similarity")
ESTIMATES, LOWER, UPPER = ROLES = ("estimates the noise", "lower bound", "upper bound")
AVERAGES, SINGLE = "averaged responses", "single responses"
PREFIX = "ceiling_"
ARRAYS = ("error", "without", "undefined")
WORDS = ("method", "bounds", "role", "repetitions", "of")


@dataclass(frozen=True, eq=False, kw_only=True)
class Ceiling:
    """A noise ceiling of every neuroid.

    Resampling contract: `without` holds the ceiling with each block of stimuli left out, and
    `moments` of scores the sums from which r follows without that same block, since both divide the
    held-out stimuli in the same way. A statistic of r and ceiling together, such as their ratio, is
    therefore known without each block, and its standard error follows by the jackknife over blocks
    (`normalized_without` does the ratio). To first order, drawing block b c_b times moves the
    ceiling by the sum over blocks of (c_b - 1) (1 - n_b / n) (values - without_b), n_b being the
    stimuli in block b, which is the first of its moments, and n those in all.

    Parameters
    ----------
    values : DataArray (neuroid, [time])
        NaN where undefined. Not clipped, unless the method says so.
    error : DataArray (neuroid, [time])
        Standard error, by a jackknife over blocks of stimuli.
    without : DataArray (block, neuroid, [time])
        The values with each block left out.
    undefined : DataArray (neuroid, [time])
        0, or why the value is NaN, as its attribute `flag_meanings` lists.
    method : str
        The function it is from, as in "split_half".
    bounds : str
        "variance": a share of variance, so that r of a perfect model is its root. "correlation": r
        itself. "similarity": of dissimilarities.
    role : str
        "estimates the noise": scores may be divided by it. "lower bound", "upper bound": a perfect
        model lies above, or below, and nothing is divided by it.
    repetitions : str
        Which repetitions it is from, in words.
    of : str
        "averaged responses", as scores are, or "single responses".

    Examples
    --------
    >>> import neuroalign as na
    >>> recording = na.load_dataset("simulated-v4", n_crops=3).recordings["simulated"]
    >>> ceiling = na.ceilings.anova(recording)
    >>> ceiling.bounds, ceiling.role
    ('variance', 'estimates the noise')
    """

    values: xr.DataArray
    error: xr.DataArray
    without: xr.DataArray
    undefined: xr.DataArray
    method: str
    bounds: str
    role: str
    repetitions: str = "all repetitions"
    of: str = AVERAGES

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        for word, known in (("bounds", BOUNDS), ("role", ROLES), ("of", (AVERAGES, SINGLE))):
            if (given := getattr(self, word)) not in known:
                raise unknown_name(given, known, kind=f"kind of noise ceiling ({word!r})")

    def __repr__(self) -> str:
        """Say what it is in one line."""
        return (
            f"<Ceiling {self.method}: {self.values.sizes['neuroid']} neuroids, median "
            f"{float(self.values.median()):.2f} of {self.bounds} of {self.of}, {self.role}, from "
            f"{self.repetitions}>"
        )

    def interval(self, *, level: float = 0.95) -> tuple[xr.DataArray, xr.DataArray]:
        """Compute the lower and upper end of a t interval around the values.

        Parameters
        ----------
        level : float

        Returns
        -------
        low, high : DataArray (neuroid, [time])
        """
        freedom = max(self.without.sizes["block"] - 1, 1)
        reach = stats.t.ppf((1 + level) / 2, freedom) * self.error
        return self.values - reach, self.values + reach

    def select(self, neuroids: Iterable[str]) -> Ceiling:
        """Keep some neuroids, in this order."""
        names = list(neuroids)
        chosen = {kind: getattr(self, kind).sel(neuroid=names) for kind in ("values", *ARRAYS)}
        return replace(self, **chosen)

    def to_dataset(self) -> xr.Dataset:
        """Return the variables that it is in scores.

        Returns
        -------
        Dataset
            `ceiling_<method>`, with the words as attributes, and the same name with `_error`,
            `_without` and `_undefined`.
        """
        name = PREFIX + self.method
        words = {word: getattr(self, word) for word in WORDS}
        arrays = {f"{name}_{kind}": getattr(self, kind) for kind in ARRAYS}
        return xr.Dataset({name: self.values.assign_attrs(words), **arrays})

    @classmethod
    def from_scores(cls, scores: xr.Dataset, method: str) -> Ceiling:
        """Read a noise ceiling out of scores.

        Parameters
        ----------
        scores : Dataset
            From `score`, or of `to_dataset`.
        method : str
            As in "split_half".

        Returns
        -------
        Ceiling
        """
        known = ceilings_in(scores)
        if not known:
            message = "The scores carry no noise ceiling, because no stimulus was shown twice."
            raise DataError(message)
        if method not in known:
            raise unknown_name(method, known, kind="noise ceiling in these scores")
        name = PREFIX + method
        return cls(
            values=scores[name],
            **{kind: scores[f"{name}_{kind}"] for kind in ARRAYS},  # type: ignore[arg-type]
            **{word: scores[name].attrs[word] for word in WORDS},
        )


def ceilings_in(scores: xr.Dataset) -> list[str]:
    """List the methods of the noise ceilings that scores carry."""
    names = [str(name) for name in scores.data_vars]
    return [
        name.removeprefix(PREFIX)
        for name in names
        if name.startswith(PREFIX) and f"{name}_without" in names
    ]


def join(ceilings: Sequence[Ceiling]) -> Ceiling:
    """Put noise ceilings of several subjects side by side.

    Parameters
    ----------
    ceilings : sequence of Ceiling
        By one method, from the same repetitions.

    Returns
    -------
    Ceiling
        With the blocks of all. Where a subject lacks one, leaving it out changes nothing.
    """
    first = ceilings[0]
    for other in ceilings[1:]:
        for word in WORDS:
            if getattr(other, word) != getattr(first, word):
                message = (
                    f"Noise ceilings are joined if they are alike, but {word} is "
                    f"{getattr(first, word)!r} and {getattr(other, word)!r}."
                )
                raise DataError(message)
    names = np.unique(np.concatenate([c.without["block"].values for c in ceilings]))
    filled = []
    for ceiling in ceilings:
        known = xr.DataArray(names, dims="block").isin(ceiling.without["block"].values)
        filled.append(ceiling.without.reindex(block=names).where(known, ceiling.values))
    return replace(
        first,
        values=_side_by_side([ceiling.values for ceiling in ceilings]),
        error=_side_by_side([ceiling.error for ceiling in ceilings]),
        without=_side_by_side(filled),
        undefined=_side_by_side([ceiling.undefined for ceiling in ceilings]),
    )


def _side_by_side(arrays: Sequence[xr.DataArray]) -> xr.DataArray:
    return xr.concat(arrays, "neuroid", join="exact", combine_attrs="override")
