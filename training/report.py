"""What a training run has to say, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leadlight.core.artifact import Kind
from leadlight.training.bootstrap import Interval
from leadlight.training.calibration import Fitted
from leadlight.training.choice import Choice, Verdict

if TYPE_CHECKING:
    from leadlight.training.closer import Closer
    from leadlight.training.drivers import Drivers

__all__ = ["CalibrationReport", "CandidateReport", "Part", "Report", "plain"]


@dataclass(frozen=True)
class Part:
    """One part of the split, described without having been chosen by its outcomes.

    Attributes
    ----------
    moments, leads, accounts, conversions : int
        ``conversions`` counts distinct converted leads.
    base_rate : float or None
        Share of moments that converted.
    lead_age_days : tuple of float
        Quartiles of the leads' age at the moments; empty for a flat export.
    first, last : str or int or None
        First and last moment: date, or rank in a flat export's order.
    """

    moments: int
    leads: int
    accounts: int
    conversions: int
    base_rate: float | None
    lead_age_days: tuple[float, ...]
    first: str | int | None
    last: str | int | None


@dataclass(frozen=True)
class CalibrationReport:
    """How raw log-odds were turned into chances."""

    used: str
    why: str
    intercept: float
    slope: float
    estimated_slope: Interval
    estimated_intercept: Interval
    slope_by_block: tuple[Interval, ...]
    unstable: bool
    conversions: int

    @classmethod
    def of(cls, fitted: Fitted) -> CalibrationReport:
        """Describe a fitted calibration, without its draws."""
        return cls(
            used=fitted.used,
            why=fitted.why,
            intercept=fitted.calibration.intercept,
            slope=fitted.calibration.slope,
            estimated_slope=fitted.evidence.slope,
            estimated_intercept=fitted.evidence.intercept,
            slope_by_block=fitted.evidence.folds,
            unstable=fitted.evidence.unstable,
            conversions=fitted.evidence.conversions,
        )


@dataclass(frozen=True)
class CandidateReport:
    """One candidate.

    Attributes
    ----------
    kind : {"scorecard", "logistic", "lightgbm"}
    params : mapping of str to float
        Chosen on the inner folds.
    tuning : mapping of str to float
        Log loss on the inner folds by setting.
    inner : mapping of measure to Interval
        Area on the inner folds.
    ranking : mapping of measure to Interval
        On the test part, by rank.
    raw, calibrated : mapping of measure to Interval
        On the test part, chances before and after calibration.
    test_slope, test_intercept : Interval
        Of the calibrated log-odds on the test part; 1 and 0 are perfect.
    calibration : CalibrationReport
    """

    kind: Kind
    params: Mapping[str, float]
    tuning: Mapping[str, float]
    inner: Mapping[str, Interval]
    ranking: Mapping[str, Interval]
    raw: Mapping[str, Interval]
    calibrated: Mapping[str, Interval]
    test_slope: Interval
    test_intercept: Interval
    calibration: CalibrationReport


@dataclass(frozen=True)
class Report:
    """A training run, JSON-ready by `to_dict`.

    Attributes
    ----------
    data : mapping
        Counts, fingerprint, notes and excluded columns of the history.
    agreement : mapping
        Terms and which of them are defaults.
    moments : mapping
        How moments were drawn; what was left out and why.
    split : mapping
        Ways, cut-off and parts.
    candidates : tuple of CandidateReport
        Simplest first; all on the same moments and in the same draws.
    constant : mapping of measure to float
        The learning part's base rate for everybody, on the test part.
    choice : Choice or None
        None where nothing could be learned.
    hindsight : str or None
        The candidate with the largest area on the test part.
    deployed : mapping of measure to Interval
        As deployed: chosen candidate, all open leads of the late moments, earlier moments of the same lead allowed
        for learning.
    audit : mapping
        The leak audit: every field with its verdict, its signs and what is at stake; what was left out.
    drivers : Drivers or None
        What moves the scores of the reference population; None without a model.
    closer : Closer or None
        Chances by band and segment, the base rate over time, the points weight by weight, the learned card, both
        estimates (under today's practice, if worked); None without a signal.
    monotone : mapping
        Columns of a lead's own acts, which may only raise its chance, and the area that this cost the trees.
    searched : mapping
        What a search for better settings of the trees gave; empty without one.
    verdict : Verdict
    probability : mapping
        Status, and how it was checked.
    final : mapping
        The refit on all mature moments: counts, calibration, reference population, bands.
    words : tuple of str
        What must be said with the figures.
    seed : int
        As given to the run.
    asked : mapping
        What else the run was asked for: ``points_only``, and the ``seconds`` or ``trials`` of a search.
    release : str
        Of Leadlight.
    seconds : mapping of step to float
    """

    data: Mapping[str, Any]
    agreement: Mapping[str, Any]
    moments: Mapping[str, Any]
    split: Mapping[str, Any]
    candidates: tuple[CandidateReport, ...]
    constant: Mapping[str, float]
    choice: Choice | None
    hindsight: str | None
    deployed: Mapping[str, Any]
    audit: Mapping[str, Any]
    drivers: Drivers | None
    closer: Closer | None
    monotone: Mapping[str, Any]
    searched: Mapping[str, Any]
    verdict: Verdict
    probability: Mapping[str, Any]
    final: Mapping[str, Any]
    words: tuple[str, ...]
    seed: int
    asked: Mapping[str, Any]
    release: str
    seconds: Mapping[str, float] = field(default_factory=dict)

    def candidate(self, kind: Kind) -> CandidateReport:
        """Return one candidate's part."""
        return next(candidate for candidate in self.candidates if candidate.kind == kind)

    def params(self, kind: Kind) -> Mapping[str, float]:
        """Return a candidate's setting; empty where nothing was tuned."""
        return next((candidate.params for candidate in self.candidates if candidate.kind == kind), {})

    def metrics(self) -> dict[str, float]:
        """Return flat figures for a tracking server: ``test.logistic.auc``, with ``.low`` and ``.high``."""
        found: dict[str, float] = {}
        for candidate in self.candidates:
            for name, figure in {**candidate.ranking, **candidate.calibrated}.items():
                for end, value in zip(("", ".low", ".high"), figure, strict=True):
                    if math.isfinite(value):
                        found[f"test.{candidate.kind}.{name}{end}"] = value
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data; what is not a number is None."""
        found: dict[str, Any] = plain(self)
        return found


def plain(value: Any) -> Any:
    """Turn dataclasses, intervals, numpy and NaN into what JSON knows."""
    if isinstance(value, Interval):
        return {name: plain(number) for name, number in value._asdict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _part(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _part(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_part(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _part(value: Any) -> Any:
    """Let a part tell of itself where it can; the whole may call `plain` to do so."""
    return plain(value.to_dict() if hasattr(value, "to_dict") else value)
