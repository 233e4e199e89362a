"""Prints a training report for people: verdict first, then every candidate on the same later moments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from leadlight.agreement.terms import FOR_DATED_ONLY
from leadlight.cli import screen

__all__ = ["print_report"]

_MEASURES: Final = (
    ("auc", "AUC"),
    ("average_precision", "avg. precision"),
    ("top_10", "caught in top 10 %"),
    ("top_20", "top 20 %"),
    ("precision_at_capacity", "precision at capacity"),
    ("log_loss", "log loss"),
    ("brier", "Brier"),
    ("calibration_error", "calibration error"),
)

_DRIVERS: Final = 5


def print_report(report: Mapping[str, Any]) -> None:
    """Print a report as `leadlight.training.report.Report.to_dict` gives it."""
    screen.note(str(report["verdict"]["text"]))
    if report["candidates"]:
        _candidates(report)
        _parts(report["split"])
    choice = report["choice"]
    if choice is not None:
        screen.note(f"Chosen on the inner folds: {choice['kind']}.")
        for step in choice["steps"]:
            screen.note(f"  {_step(step)}")
        if report["hindsight"] != choice["kind"]:
            screen.note(f"With hindsight {report['hindsight']} ranked best on the test part.")
    for said in _looked_closer(report):
        screen.note(said)
    for said in (*_defaults(report), *report["data"]["notes"], *report["words"]):
        screen.note(f"Note: {said}")


def _looked_closer(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of chances, whether the base rate stands still, how the points compare, what moves scores."""
    closer = report.get("closer")
    if closer is None:
        return
    status = report["probability"]
    yield f"Chances: {status['status'].replace('_', ' ')} ({status['check']})."
    yield from (*closer["reliability"]["words"], *closer["base_rate"]["words"])
    if closer["if_worked"] is not None:
        yield from closer["if_worked"]["words"]
    if closer["points"] is not None:
        counts = Counter(rule["verdict"] for rule in closer["points"]["rules"])
        said = ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common())
        yield f"The {counts.total()} hand-picked weights beside the data: {said}."
    strongest = report["drivers"]["groups"][:_DRIVERS]
    named = "; ".join(f"{driver['label']} {screen.percent(driver['share'])}" for driver in strongest)
    yield f"What moves scores most: {named}."


def _defaults(report: Mapping[str, Any]) -> list[str]:
    """Return what nobody agreed on, as far as it matters: a flat outcome has no stage and no horizon."""
    flat = report["split"]["embargo_days"] is None
    return [said for said in report["agreement"]["defaults"] if not (flat and said in FOR_DATED_ONLY)]


def _candidates(report: Mapping[str, Any]) -> None:
    rows = []
    for candidate in report["candidates"]:
        figures = {**candidate["ranking"], **candidate["calibrated"]}
        rows.append((candidate["kind"], *(_with_interval(figures[name]) for name, _ in _MEASURES)))
    title = "On later moments that none had seen (95 % interval below each figure)"
    screen.table(title, ("candidate", *(words for _, words in _MEASURES)), rows)


def _with_interval(figure: Mapping[str, float | None]) -> str:
    value, low, high = (screen.number(figure[end]) for end in ("value", "low", "high"))
    return f"{value}\n{low}-{high}"


def _parts(split: Mapping[str, Any]) -> None:
    head = ("part", "moments", "leads", "conversions", "base rate", "first", "last")
    rows = []
    for name in ("learn", "test", "unsplit"):
        part = split[name]
        counts = (f"{part[key]:,}" for key in ("moments", "leads", "conversions"))
        rows.append((name, *counts, screen.percent(part["base_rate"], 1), str(part["first"]), str(part["last"])))
    screen.table("Parts", head, rows)


def _step(step: Mapping[str, Any]) -> str:
    gain = step["gain"]
    interval = f"{screen.number(gain['low'])} to {screen.number(gain['high'])}"
    answer = "enough to take its place" if step["passed"] else "not enough: the simpler one stands"
    if step.get("contradicts_itself"):
        answer = "but one stretch of time contradicts another: the simpler one stands"
    compared = f"{step['challenger']} against {step['against']}"
    return f"{compared}: AUC {screen.number(gain['value'])} more ({interval}) on the inner folds, {answer}."
