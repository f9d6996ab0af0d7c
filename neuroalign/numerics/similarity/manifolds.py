"""Manifolds: exemplars of classes, or views of stimuli, as clouds of points around their centers.

Left out: the capacity of manifolds of any shape, for which Chung et al. solve a quadratic program
per random direction, and the projection that they make to rid centers of correlations. Radius and
dimension here are those of a ball with the same variances, so that capacity is that of a ball.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from neuroalign.errors import DataError
from neuroalign.numerics.similarity.dimensionality import participation_ratio
from neuroalign.numerics.similarity.inputs import as_numbers, center_units, check_matrix

FEWEST_CLASSES, FEWEST_EXEMPLARS = 2, 4


class Manifolds(NamedTuple):
    """What a ball around the center of each class would be like.

    Parameters
    ----------
    radius : float array (classes,)
        Root of the sum of variances over the distance of the center from the mean of all centers.
        NaN where that distance is not more than the scatter of exemplars explains.
    dimension : float array (classes,)
        Participation ratio, (sum of variances)^2 over the sum of their squares, over directions.
        NaN where exemplars do not differ.
    capacity : float array (classes,)
        `ball_capacity` of these.
    mean_capacity : float
        Harmonic mean over classes.
    """

    radius: np.ndarray
    dimension: np.ndarray
    capacity: np.ndarray
    mean_capacity: float


def describe_manifolds(views: np.ndarray) -> Manifolds:
    """Estimate radius, dimension and ball capacity of the manifold of each class.

    Distances of centers are corrected for the scatter of their exemplars, and dimensions are the
    unbiased `participation_ratio`, so that few exemplars do not make manifolds look flat. Noise of
    measurement counts as extent: average over repetitions first, or compare like with like.

    Parameters
    ----------
    views : array (classes, exemplars, units)
        At least 2 classes with 4 exemplars each; ten of both are few.

    Returns
    -------
    Manifolds

    References
    ----------
    Chung, Lee & Sompolinsky (2018), doi:10.1103/PhysRevX.8.031003.
    """
    views = _check_views(views, FEWEST_CLASSES, FEWEST_EXEMPLARS)
    n_classes, n_exemplars, _ = views.shape
    total = np.array([(center_units(one) ** 2).sum() for one in views]) / (n_exemplars - 1)
    centers = center_units(views.mean(1))
    scatter = total / n_exemplars
    scatter = scatter * (1 - 2 / n_classes) + scatter.sum() / n_classes**2
    distance = (centers**2).sum(1) - scatter
    with np.errstate(invalid="ignore", divide="ignore"):
        radius = np.sqrt(np.where(distance > 0, total / distance, np.nan))
    dimension = np.array([participation_ratio(one) for one in views])
    dimension = np.where(dimension > 0, dimension, np.nan)
    capacity = ball_capacity(radius, dimension)
    return Manifolds(radius, dimension, capacity, float(1 / np.mean(1 / capacity)))


def ball_capacity(radius: np.ndarray | float, dimension: np.ndarray | float) -> np.ndarray:
    """Return how many balls per unit a plane can part, whatever the labels.

    1 / capacity is the integral over a standard normal t, up to R sqrt(D), of
    (R sqrt(D) - t)^2 / (1 + R^2). Points (R = 0) have capacity 2.

    Parameters
    ----------
    radius : float or float array
        R, over the distance of the center from the origin.
    dimension : float or float array
        D.

    Returns
    -------
    float array
        Classes per unit, from 0 to 2. NaN where an input is, but for a radius of 0.

    References
    ----------
    Chung, Lee & Sompolinsky (2018), doi:10.1103/PhysRevX.8.031003: balls in the limit of high
    dimension.
    """
    size, dimension = (
        as_numbers(values, name).astype(float)
        for values, name in ((radius, "radius"), (dimension, "dimension"))
    )
    if any(((values < 0) | np.isinf(values)).any() for values in (size, dimension)):
        message = "A radius or a dimension is negative or infinite; give values of 0 or more."
        raise DataError(message)
    if size.ndim and dimension.ndim and size.shape != dimension.shape:
        message = (
            f"Radii have shape {size.shape} and dimensions {dimension.shape}; give as many of both."
        )
        raise DataError(message)
    root = np.where(size == 0, 0.0, np.sqrt(dimension))
    reach, far = size * root, np.hypot(1, size)
    density = np.exp(-(np.minimum(reach, 40) ** 2) / 2) / np.sqrt(2 * np.pi)  # 0 beyond
    inside = size / far * root
    needed = (far**-2.0 + inside**2) * ndtr(reach) + inside / far * density
    return np.asarray(1 / needed)


def centroid_nuclear_norm(views: np.ndarray, *, relative: bool = False) -> float:
    """Measure how far the centers of classes spread, and how little their exemplars do.

    Views are divided by their length and averaged within classes; the nuclear norm (sum of singular
    values) of these centers is high where views of one class coincide and classes are orthogonal.

    Parameters
    ----------
    views : array (classes, exemplars, units)
    relative : bool
        Divide by the largest value that there can be, sqrt(P min(P, D)) for P classes and D units;
        all views alike give sqrt(P).

    Returns
    -------
    float
        NaN where all activations of a view are 0.

    References
    ----------
    Yerxa, Kuang, Simoncelli & Chung (2023), Efficient coding of natural images using maximum
    manifold capacity representations, arXiv:2303.03307.
    """
    views = _check_views(views, 1, 1)
    lengths = np.linalg.norm(views, axis=2, keepdims=True)
    if not lengths.all():
        return np.nan
    centers = (views / lengths).mean(1)
    value = float(np.linalg.svd(centers, compute_uv=False).sum())
    n_classes, n_units = centers.shape
    return value / float(np.sqrt(n_classes * min(n_classes, n_units))) if relative else value


def _check_views(views: np.ndarray, n_classes: int, n_exemplars: int) -> np.ndarray:
    """Refuse what is not a finite array of enough classes and exemplars."""
    views = as_numbers(views, "given")
    if views.ndim != 3 or not views.size:
        message = f"The views have shape {views.shape}; give one of (classes, exemplars, units)."
        raise DataError(message)
    if views.shape[0] < n_classes or views.shape[1] < n_exemplars:
        message = (
            f"There are {views.shape[0]} classes with {views.shape[1]} exemplars each; give at "
            f"least {n_classes} with {n_exemplars}."
        )
        raise DataError(message)
    return check_matrix(views.reshape(len(views), -1), "given").reshape(views.shape)
