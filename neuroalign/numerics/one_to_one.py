"""One-to-one mapping: each neuroid is predicted by the single unit that is most like it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from neuroalign.errors import DataError
from neuroalign.numerics.mapping import Pairs, center_responses, check_units, choose_candidates
from neuroalign.numerics.moments import is_constant

# Units whose correlations are computed at a time.
CHUNK = 8192


@dataclass(frozen=True)
class OneToOne:
    """Predict each target from the one unit of highest correlation, by least squares.

    The unit is found and the line fitted on the training rows alone: the highest of many
    correlations is high on the rows that chose it even where nothing is related.

    Parameters
    ----------
    signed : bool
        Take the highest correlation rather than the highest absolute one. A unit that falls where
        the neuroid rises is not tuned like it, though it predicts it as well.
    bijective : bool
        Use each unit at most once, so that the sum of the correlations is greatest.

    References
    ----------
    Li, Yosinski, Clune, Lipson & Hopcroft (2016), arXiv:1511.07543.
    """

    signed: bool = True
    bijective: bool = False

    def fit_arrays(
        self,
        features: np.ndarray,
        responses: np.ndarray,
        inner: Pairs,
        *,
        seed: int,  # noqa: ARG002  nothing here is random
    ) -> OneToOneFit:
        """Fit all rows.

        Parameters
        ----------
        features : array (rows, units)
        responses : array (rows, targets)
        inner : list of pairs of int arrays
            Training and test rows for `inner_r2`; nothing is chosen on them.
        seed : int
            Not used.

        Returns
        -------
        OneToOneFit
        """
        n_units, n_targets = features.shape[1], responses.shape[1]
        if self.bijective and n_units < n_targets:
            message = (
                f"{n_targets} neuroids cannot each have one of {n_units} units to themselves; give "
                "as many units as neuroids, or use bijective=False."
            )
            raise DataError(message)
        responses = responses.astype(float)

        def path(train: np.ndarray, test: np.ndarray) -> Iterable[np.ndarray]:
            unit = self._match(features[train], responses[train])
            slope, intercept = _lines(features[train], responses[train], unit)
            yield features[np.ix_(test, unit)] * slope + intercept

        _, inner_r2 = choose_candidates(responses, inner, path, 1)
        unit = self._match(features, responses)
        slope, intercept = _lines(features, responses, unit)
        return OneToOneFit(unit, slope, intercept, n_units, {}, inner_r2)

    def _match(self, features: np.ndarray, responses: np.ndarray) -> np.ndarray:
        """Find the unit of each target; -1 where nothing varies with it."""
        goal, varies = standardize(responses)
        best, unit = np.full(len(varies), -np.inf), np.zeros(len(varies), dtype=int)
        similar: list[np.ndarray] = []
        for start in range(0, features.shape[1], CHUNK):
            rows, alive = standardize(features[:, start : start + CHUNK])
            r = rows.T @ goal
            r = r if self.signed else np.abs(r)
            if self.bijective:
                similar.append(r)
                continue
            r[~alive] = -np.inf
            top = r.argmax(0)
            value = r[top, np.arange(len(top))]
            unit = np.where(value > best, top + start, unit)
            best = np.maximum(best, value)
        if self.bijective:
            unit = linear_sum_assignment(np.vstack(similar).T, maximize=True)[1]
        constant = is_constant(features[:, unit].astype(float))
        return np.where(varies & ~constant, unit, -1)


@dataclass(frozen=True, eq=False)
class OneToOneFit:
    """A fitted one-to-one mapping.

    Parameters
    ----------
    assignment : int array (targets,)
        Number of the unit of each target; -1 where either does not vary.
    slope, intercept : float arrays (targets,)
    n_units : int
    hyperparameters : dict
        Empty: nothing is chosen.
    inner_r2 : float array (targets,)
        As in `LinearFit`.
    """

    assignment: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray
    n_units: int
    hyperparameters: dict[str, np.ndarray]
    inner_r2: np.ndarray

    @property
    def coefficients(self) -> np.ndarray:
        """Coefficients (units, targets): the slope at the unit of each target, 0 elsewhere."""
        full = np.zeros((self.n_units, len(self.slope)))
        full[self.assignment, np.arange(len(self.slope))] = self.slope
        return full

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict the responses (rows, targets) to features (rows, units)."""
        check_units(features, self.n_units)
        return features[:, self.assignment] * self.slope + self.intercept


def standardize(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center columns and give them length 1, so that their products are correlations.

    Parameters
    ----------
    values : array (rows, columns)

    Returns
    -------
    standardized : float array (rows, columns)
        0 for a constant column.
    varies : bool array (columns,)
    """
    values = values.astype(float)
    varies = ~is_constant(values)
    centered = np.where(varies, values - values.mean(0), 0.0)
    return centered / np.where(varies, np.linalg.norm(centered, axis=0), 1.0), varies


def _lines(
    features: np.ndarray, responses: np.ndarray, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit each target to its unit by least squares; a target without one keeps its mean."""
    values = features[:, unit].astype(float)
    mean = values.mean(0)
    goal, deviations = center_responses(responses)
    centered = values - mean
    size = (centered**2).sum(0)
    matched = unit >= 0
    slope = (centered * deviations).sum(0)
    slope = np.divide(slope, size, out=np.zeros_like(slope), where=matched)
    return slope, goal - slope * mean
