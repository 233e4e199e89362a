"""Logistic regression: one table a category, one line a number, all shrunk towards no effect.

A category's levels (not known and other included) each get a column; a number is seen through ``log1p`` where it is
skewed and never negative, scaled to unit spread, and gets a second column that says whether it is missing. A missing
number stands at the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from leadlight.core.contributions import Additive, Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog, Feature

__all__ = ["STRENGTHS", "fit"]

STRENGTHS: Final = (2.0, 8.0, 32.0, 128.0, 512.0)
"""Ridge penalties to choose from, per unit of weight (a lead): half the square of every coefficient times this."""

_SKEWED: Final = 1.0
_ITERATIONS: Final = 100
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True)
class _Column:
    """Where a feature's coefficients stand in the design."""

    term: Term
    start: int
    width: int


def fit(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    strength: float,
) -> Additive:
    """Fit ridge logistic regression on the catalog's inputs.

    Parameters
    ----------
    matrix : ndarray of shape (n_moments, n_features)
    converted : ndarray of shape (n_moments,)
        Both outcomes occur.
    weight : ndarray of shape (n_moments,)
    strength : float
        Penalty; larger shrinks more.

    Returns
    -------
    Additive
        One term a column that says anything; means are weighted means over these moments.
    """
    return fit_path(catalog, matrix, converted, weight, (strength,))[0]


def fit_path(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    strengths: tuple[float, ...],
) -> list[Additive]:
    """Fit for several penalties on one design; each starts where the stronger one ended."""
    columns, design = _design(catalog, matrix, weight)
    found: dict[float, Additive] = {}
    theta = np.zeros(design.shape[1] + 1)
    theta[0] = _log_odds(float(np.average(converted, weights=weight)))
    for strength in sorted(strengths, reverse=True):
        theta = _solve(design, converted, weight, strength, theta)
        found[strength] = _additive(columns, theta, matrix, weight)
    return [found[strength] for strength in strengths]


def _design(
    catalog: Catalog, matrix: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[list[_Column], NDArray[np.float64]]:
    columns: list[_Column] = []
    parts: list[NDArray[np.float64]] = []
    start = 0
    for i in catalog.inputs:
        made = _encode(i, catalog.features[i], matrix[:, i], weight)
        if made is None:
            continue
        term, part = made
        columns.append(_Column(term, start, part.shape[1]))
        parts.append(part)
        start += part.shape[1]
    return columns, np.concatenate(parts, axis=1) if parts else np.empty((len(matrix), 0))


def _encode(
    column: int, feature: Feature, x: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[Term, NDArray[np.float64]] | None:
    """Return a feature's empty term and its columns of the design; None where it says nothing."""
    if feature.kind == "category":
        codes = x.astype(np.int64)
        n_levels = 2 + len(feature.levels)
        if len(codes) == 0 or (codes == codes[0]).all():
            return None
        return Term(column, 0.0, table=(0.0,) * n_levels), np.eye(n_levels)[codes]
    return _encode_number(column, x, weight)


def _encode_number(
    column: int, x: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[Term, NDArray[np.float64]] | None:
    known = ~np.isnan(x)
    if not known.any() or (known.all() and (x == x[0]).all()):
        return None
    transform: Literal["identity", "log1p"] = "log1p" if _skewed(x[known]) else "identity"
    seen = np.log1p(x[known]) if transform == "log1p" else x[known]
    center = float(np.average(seen, weights=weight[known]))
    scale = float(np.sqrt(np.average((seen - center) ** 2, weights=weight[known])))
    scale = scale if scale > 1e-9 * max(abs(center), 1e-3) else 1.0
    value = np.zeros(len(x))
    value[known] = (seen - center) / scale
    term = Term(column, 0.0, transform=transform, center=center, scale=scale)
    return term, value[:, None] if known.all() else np.stack([value, (~known).astype(float)], axis=1)


def _skewed(x: NDArray[np.float64]) -> bool:
    """Whether numbers that are never negative lean far to the left: counts, amounts, waiting times."""
    spread = x.std()
    return bool(x.min() >= 0 and spread > 0 and ((x - x.mean()) ** 3).mean() / spread**3 > _SKEWED)


def _solve(
    design: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    strength: float,
    theta: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimise weighted log loss + strength / 2 * |coefficients|^2 by Newton steps, halved until they help."""
    loss = _loss(design, converted, weight, strength, theta)
    for _ in range(_ITERATIONS):
        step = _step(design, converted, weight, strength, theta)
        size = 1.0
        while (tried := _loss(design, converted, weight, strength, theta - size * step)) > loss and size > 1e-6:
            size /= 2
        theta = theta - size * step
        if loss - tried < _TOLERANCE * max(abs(loss), 1.0):
            break
        loss = tried
    return theta


def _step(
    design: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    strength: float,
    theta: NDArray[np.float64],
) -> NDArray[np.float64]:
    p = 1.0 / (1.0 + np.exp(-np.clip(theta[0] + design @ theta[1:], -30, 30)))
    residual, variance = weight * (p - converted), np.maximum(weight * p * (1 - p), 1e-12)
    gradient = np.r_[residual.sum(), design.T @ residual + strength * theta[1:]]
    scaled = design * np.sqrt(variance)[:, None]
    hessian = np.empty((len(theta), len(theta)))
    hessian[0, 0] = variance.sum()
    hessian[0, 1:] = hessian[1:, 0] = design.T @ variance
    hessian[1:, 1:] = scaled.T @ scaled
    hessian[np.arange(1, len(theta)), np.arange(1, len(theta))] += strength
    return np.asarray(np.linalg.solve(hessian, gradient), np.float64)


def _loss(
    design: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    strength: float,
    theta: NDArray[np.float64],
) -> float:
    log_odds = theta[0] + design @ theta[1:]
    return float(weight @ (np.logaddexp(0.0, log_odds) - converted * log_odds) + strength / 2 * theta[1:] @ theta[1:])


def _additive(
    columns: list[_Column], theta: NDArray[np.float64], matrix: NDArray[np.float64], weight: NDArray[np.float64]
) -> Additive:
    terms = [_filled(column, theta[1 + column.start : 1 + column.start + column.width]) for column in columns]
    means = [float(np.average(term.value(matrix[:, term.column]), weights=weight)) for term in terms]
    return Additive(float(theta[0]), tuple(replace(t, mean=m) for t, m in zip(terms, means, strict=True)))


def _filled(column: _Column, coefficients: NDArray[Any]) -> Term:
    if column.term.table:
        return replace(column.term, table=tuple(coefficients.tolist()))
    missing = float(coefficients[1]) if column.width == 2 else 0.0
    return replace(column.term, weight=float(coefficients[0]), missing=missing)


def _log_odds(rate: float) -> float:
    rate = min(max(rate, 1e-6), 1 - 1e-6)
    return float(np.log(rate / (1 - rate)))
