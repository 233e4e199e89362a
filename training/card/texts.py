"""The words and the numbers' spelling of a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["FILTERS", "KINDS", "WORDS", "chosen_of", "kind_of"]

_DASH: Final = "–"

KINDS: Final = {
    "scorecard": "hand-picked points",
    "logistic": "logistic regression",
    "lightgbm": "boosted trees",
}

_STATUS: Final = {
    "calibrated": "chances are shown",
    "rank_only": "ranks only: no chance is shown",
    "points_only": "points only: nothing was learned, no chance is shown",
}

_MEASURES: Final = (
    ("ranking", "auc", "area under the ROC curve", 3),
    ("ranking", "average_precision", "average precision", 3),
    ("ranking", "top_10", "conversions caught in the best 10 %", "%"),
    ("ranking", "top_20", "in the best 20 %", "%"),
    ("ranking", "precision_at_capacity", "converted of those at weekly capacity", "%"),
    ("calibrated", "log_loss", "log loss", 3),
    ("calibrated", "brier", "Brier score", 3),
    ("calibrated", "calibration_error", "calibration error", 3),
    ("calibrated", "observed_to_expected", "observed / expected", 2),
)
"""Part of a candidate's report, measure, what it is called, and its digits."""

_COUNTS: Final = {
    "drawn": "moments are",
    "mature": "of them with their horizon passed",
    "immature_left_out": "left out: horizon not passed",
    "conversions": "leads converted",
    "late_wins_kept_as_0": "won after horizon and lag, kept as not converted",
    "converted_but_unrecorded_left_out": "left out: converted, not recorded yet",
    "leads_by_detour": "leads that took a detour",
    "bulk_imported": "leads that came in bulk",
    "youngest_tenth_base_rate": "base rate of the youngest tenth, perhaps not done",
}
"""What the counts of moments are called."""

_GATE: Final = {"pass": "passed", "refuse": "refused", "not_yet": "not yet"}


def kind_of(report: Mapping[str, Any]) -> str | None:
    """Return the kind of the model that was registered; None where nothing was."""
    kind: str | None = report["final"].get("kind")
    return kind


def chosen_of(report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the report of the candidate that was chosen; None where none could be measured."""
    if report["choice"] is None:
        return None
    return next((c for c in report["candidates"] if c["kind"] == report["choice"]["kind"]), None)


def number(value: float | None, digits: int | str = 3) -> str:
    """Write a number; ``"%"`` for the digits makes it a percentage.

    Examples
    --------
    >>> number(0.7049), number(0.346, "%"), number(None), number(-0.0004)
    ('0.705', '35 %', '–', '0.000')
    """
    if value is None:
        return _DASH
    if digits == "%":
        return f"{100 * value:.0f} %"
    said = f"{value:.{digits}f}"
    return said.lstrip("-") if float(said) == 0 else said


def interval(figure: Mapping[str, float | None] | None, digits: int | str = 3, *, signed: bool = False) -> str:
    """Write an estimate with its interval.

    Examples
    --------
    >>> interval({"value": 0.8561, "low": 0.823, "high": 0.886})
    '0.856 (0.823 to 0.886)'
    >>> interval({"value": 0.021, "low": -0.002, "high": 0.041}, signed=True)
    '+0.021 (-0.002 to +0.041)'
    """
    if figure is None or figure["value"] is None:
        return _DASH
    value, low, high = (number(figure[end], digits) for end in ("value", "low", "high"))
    if signed:
        value, low, high = (said if said[0] in f"-{_DASH}" else f"+{said}" for said in (value, low, high))
    return f"{value} ({low} to {high})"


def figure(value: float) -> str:
    """Write a figure of unknown size without needless digits.

    Examples
    --------
    >>> figure(90.0), figure(4.00299), figure(0.05974)
    ('90', '4.003', '0.05974')
    """
    return f"{value:.4g}"


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign.

    Examples
    --------
    >>> signed(0.764), signed(-0.004)
    ('+0.76', '0.00')
    """
    said = number(value, digits)
    return said if said.startswith("-") or float(said) == 0 else f"+{said}"


def points(value: float) -> str:
    """Write points with their sign.

    Examples
    --------
    >>> points(15.0), points(-2.5)
    ('+15', '-2.5')
    """
    return f"{value:+g}"


def count(value: float | None) -> str:
    """Write a count with its thousands marked.

    Examples
    --------
    >>> count(12345), count(None)
    ('12,345', '–')
    """
    return _DASH if value is None else f"{value:,.0f}"


def setting(name: str) -> str:
    """Spell a setting's name as words."""
    return name.replace("_", " ")


def day(text: object) -> str:
    """Shorten a time to its day; whatever else stands there stays.

    Examples
    --------
    >>> day("2026-01-01T00:00:00.000001+00:00"), day(6468), day(None)
    ('2026-01-01', '6,468', '–')
    """
    if text is None:
        return _DASH
    return f"{text:,}" if isinstance(text, int) else str(text)[:10]


FILTERS: Final = {
    "number": number,
    "interval": interval,
    "points": points,
    "count": count,
    "figure": figure,
    "signed": signed,
    "setting": setting,
    "day": day,
}

WORDS: Final = {"KINDS": KINDS, "STATUS": _STATUS, "MEASURES": _MEASURES, "GATE": _GATE, "COUNTS": _COUNTS}
