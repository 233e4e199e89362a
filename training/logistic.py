"""Logistic regression: one table a category, one line a number, all shrunk towards no effect.

A category's levels (not known and other included) each get a column; a number is seen through ``log1p`` where it is
skewed and never negative, scaled to unit spread, and gets a second column that says whether it is missing. A missing
number stands at the mean. Where there are hand-picked points the line through them is the start: effects are what the
data say beyond it, so that a strong penalty leaves the points as they are and not nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from leadlight.core.contributions import Additive, Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog, Feature

__all__ = ["fit", "fit_path", "strengths"]

_STRENGTHS: Final = (1e-4, 4e-4, 1.6e-3, 6.4e-3, 0.025, 0.1, 0.4, 1.6)
"""Ridge penalties to choose from: half the square of every coefficient times this, per lead taught.

Per lead, so that a fold's model and the final one are shrunk alike and a slope found on folds holds for the final one.
"""

_WEAKEST: Final = 2.0
"""Penalties below that in all are not tried: few leads would be learned by heart, at great cost of time."""

_SKEWED: Final = 1.0
_ITERATIONS: Final = 100
_TOLERANCE: Final = 1e-9
_ENOUGH_ROWS: Final = 20_000
"""From twice as many on the curvature is that of a sample; the gradient, and so the minimum, is always of all."""

_SMALLEST_STEP: Final = 1e-6
_KEPT_PROMISE: Final = 0.8
"""Share of the promised gain from which on the curvature is still good."""


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
    start: Additive | None = None,
) -> Additive:
    """Fit ridge logistic regression on the catalog's inputs.

    Parameters
    ----------
    matrix : ndarray of shape (n_moments, n_features)
    converted : ndarray of shape (n_moments,)
        Both outcomes occur.
    weight : ndarray of shape (n_moments,)
    strength : float
        Penalty a lead; larger shrinks more.
    start : Additive, optional
        Where it starts from; looks at other columns than the inputs.

    Returns
    -------
    Additive
        One term a column that says anything; means are weighted means over these moments.
    """
    return fit_path(catalog, matrix, converted, weight, (strength,), (start,))[0]


def strengths(leads: float) -> tuple[float, ...]:
    """Return the penalties worth trying on a lesson of so many leads."""
    return tuple(strength for strength in _STRENGTHS if strength * leads >= _WEAKEST) or _STRENGTHS[-1:]


def fit_path(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    penalties: Sequence[float],
    starts: Sequence[Additive | None] = (None,),
) -> list[Additive]:
    """Fit for each start and penalty on one design; each penalty goes on from where the stronger one ended."""
    columns, design = _design(catalog, matrix, weight)
    means = weight @ design / weight.sum()
    level = _log_odds(float(np.average(converted, weights=weight)))
    curvature: NDArray[np.float64] | None = None
    fitted: list[Additive] = []
    for start in starts:
        given = np.zeros(len(matrix)) if start is None else start.raw(matrix)
        theta = np.r_[level if start is None else 0.0, np.zeros(design.shape[1])]
        found: dict[float, Additive] = {}
        for strength in sorted(penalties, reverse=True):
            problem = _Problem(design, converted, weight, strength * float(weight.sum()), given)
            theta, curvature = _solve(problem, theta, curvature)
            found[strength] = _additive(columns, theta, means, start)
        fitted += [found[strength] for strength in penalties]
    return fitted


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
        columns.append(_Column(term, start, len(part)))
        parts.append(part)
        start += len(part)
    return columns, np.concatenate(parts).T if parts else np.empty((len(matrix), 0))


def _encode(
    column: int, feature: Feature, x: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[Term, NDArray[np.float64]] | None:
    """Return a feature's empty term and its columns of the design as rows; None where it says nothing."""
    if feature.kind == "category":
        codes = x.astype(np.int64)
        n_levels = 2 + len(feature.levels)
        if len(codes) == 0 or (codes == codes[0]).all():
            return None
        return Term(column, 0.0, table=(0.0,) * n_levels), np.eye(n_levels)[:, codes]
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
    return term, value[None] if known.all() else np.stack([value, (~known).astype(float)])


def _skewed(x: NDArray[np.float64]) -> bool:
    """Whether numbers that are never negative lean far to the left: counts, amounts, waiting times."""
    if x.min() < 0:
        return False
    gap = x - x.mean()
    square = gap * gap
    spread = float(np.sqrt(square.mean()))
    return spread > 0 and float((square * gap).mean()) / spread**3 > _SKEWED


@dataclass(frozen=True)
class _Problem:
    """Weighted log loss + strength / 2 * |coefficients|^2; the first entry of theta is the free intercept.

    ``given`` are log-odds that stand whatever theta is.
    """

    design: NDArray[np.float64]
    converted: NDArray[np.bool_]
    weight: NDArray[np.float64]
    strength: float
    given: NDArray[np.float64]

    def at(self, theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the loss and the log-odds."""
        log_odds = self.given + theta[0] + self.design @ theta[1:]
        losses = np.logaddexp(0.0, log_odds) - self.converted * log_odds
        return float(self.weight @ losses + self.strength / 2 * theta[1:] @ theta[1:]), log_odds

    def gradient(self, theta: NDArray[np.float64], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        residual = self.weight * (_chance(log_odds) - self.converted)
        return np.asarray(np.r_[residual.sum(), self.design.T @ residual + self.strength * theta[1:]])

    def curvature(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the second derivatives without the penalty's; of many rows an even sample gives them well enough."""
        some = slice(None, None, max(1, len(log_odds) // _ENOUGH_ROWS))
        design, p = self.design[some], _chance(log_odds[some])
        variance = np.maximum(self.weight[some] * p * (1 - p), 1e-12)
        scaled = design * np.sqrt(variance)[:, None]
        found = np.empty((1 + design.shape[1],) * 2)
        found[0, 0] = variance.sum()
        found[0, 1:] = found[1:, 0] = design.T @ variance
        found[1:, 1:] = scaled.T @ scaled
        return found * (len(log_odds) / max(len(p), 1))

    def step(self, curvature: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return Newton's step."""
        penalty = np.r_[0.0, np.full(len(gradient) - 1, self.strength)]
        return np.asarray(np.linalg.solve(curvature + np.diag(penalty), gradient), np.float64)


def _solve(
    problem: _Problem, theta: NDArray[np.float64], curvature: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Minimise by Newton steps, halved until they help; return theta and the curvature last used.

    The curvature costs fifty times a gradient and moves slowly: it is worked out anew only where a step brings
    less than it promised.
    """
    loss, log_odds = problem.at(theta)
    fresh = curvature is None
    curvature = problem.curvature(log_odds) if curvature is None else curvature
    for _ in range(_ITERATIONS):
        gradient = problem.gradient(theta, log_odds)
        step = problem.step(curvature, gradient)
        size, (tried, there) = 1.0, problem.at(theta - step)
        while tried > loss and size > _SMALLEST_STEP:
            size /= 2
            tried, there = problem.at(theta - size * step)
        gained, promised = loss - tried, float(gradient @ step) / 2
        if gained > 0:
            theta, loss, log_odds = theta - size * step, tried, there
        if max(gained, promised) < _TOLERANCE * max(abs(loss), 1.0) or (gained <= 0 and fresh):
            break
        fresh = gained < _KEPT_PROMISE * promised
        curvature = problem.curvature(log_odds) if fresh else curvature
    return theta, curvature


def _chance(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -30, 30)))


def _additive(
    columns: list[_Column], theta: NDArray[np.float64], means: NDArray[np.float64], start: Additive | None
) -> Additive:
    """Return the terms with their means, the start's first; ``means`` are those of the design's columns."""
    intercept, terms = (0.0, []) if start is None else (start.intercept, list(start.terms))
    for column in columns:
        own = slice(column.start, column.start + column.width)
        coefficients = theta[1:][own]
        terms.append(replace(_filled(column, coefficients), mean=float(coefficients @ means[own])))
    return Additive(intercept + float(theta[0]), tuple(terms))


def _filled(column: _Column, coefficients: NDArray[Any]) -> Term:
    if column.term.table:
        return replace(column.term, table=tuple(coefficients.tolist()))
    missing = float(coefficients[1]) if column.width == 2 else 0.0
    return replace(column.term, weight=float(coefficients[0]), missing=missing)


def _log_odds(rate: float) -> float:
    rate = min(max(rate, 1e-6), 1 - 1e-6)
    return float(np.log(rate / (1 - rate)))
