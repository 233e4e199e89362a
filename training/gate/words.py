"""What a gate says of what it found: plain sentences with figures, and a page for MLflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from leadlight.core.clock import from_micros
from leadlight.training.gate.checks import MARGIN, POOLED

if TYPE_CHECKING:
    from leadlight.training.gate.checks import NotWorse, Segment, Segments
    from leadlight.training.moments import Moments

__all__ = ["compared_on", "day_text", "markdown", "on_measure", "on_segments"]

_MEASURES: Final = {"auc": ("Ranking", "area under the ROC curve"), "log_loss": ("Chances", "log loss")}
_DIGITS: Final = {"auc": 3, "log_loss": 4}
_WORDS: Final = {"pass": "passed", "refuse": "refused", "not_yet": "not yet"}


def day_text(micros: int) -> str:
    """Return the day of a time in microseconds.

    Examples
    --------
    >>> day_text(86_400_000_000)
    '1970-01-02'
    """
    return from_micros(micros).date().isoformat()


def compared_on(moments: Moments, new: int, *, flat: bool) -> str:
    """Say what both were measured on; ``new`` conversions had not counted in an earlier decision."""
    won = moments.conversions
    if flat:
        return f"{len(moments):,} leads, {won:,} of which converted"
    leads = len(set(moments.lead.tolist()))
    span = f"from {day_text(int(moments.when.min()))} to {day_text(int(moments.when.max()))}"
    only = "" if new == won else f" ({new:,} of them had not counted before)"
    return f"{len(moments):,} moments {span} of {leads:,} leads, {won:,} of which converted{only}"


def on_measure(found: NotWorse) -> str:
    """Say how a measure compares."""
    head, name = _MEASURES[found.measure]
    digits = _DIGITS[found.measure]
    both = f"{name} {found.challenger.value:.{digits}f} against the champion's {found.champion.value:.{digits}f}"
    if found.gain == (0.0, 0.0, 0.0):
        return f"{head}: {both}, the same in every draw."
    said = f"{head}: {both}, {_gain(found.gain.value, digits)}; with 95 % certainty"
    if found.passed:
        return f"{said} {_bound(found.lower, digits)}, and {MARGIN:g} worse is the limit."
    if found.would_tell is None:
        return f"{said} {_bound(found.lower, digits)}: beyond the limit of {MARGIN:g} worse."
    return (
        f"{said} {_bound(found.lower, digits)}, so {MARGIN:g} worse can't be ruled out. "
        f"About {found.would_tell:,} new conversions would tell."
    )


def _gain(value: float, digits: int) -> str:
    return f"{abs(value):.{digits}f} {'better' if value >= 0 else 'worse'}"


def _bound(lower: float, digits: int) -> str:
    return f"{'at least' if lower >= 0 else 'at most'} {_gain(lower, digits)}"


def on_segments(found: Segments) -> Iterator[str]:
    """Say which segments are harmed, and what could not be judged."""
    yield from (_harm(segment) for segment in found.harmed)
    small = found.too_small or {}
    if not found.judged and not small:
        yield "Segments: none were agreed, so none was judged."
    elif not found.harmed:
        judged = sum(segment.name != POOLED for segment in found.judged)
        alone = f"{judged} could be judged, none of them is harmed" if judged else "none could be judged by itself"
        together = "; the small ones together are not harmed" if judged < len(found.judged) else ""
        yield f"Segments: {alone}{together}."
    if small:
        named = ", ".join(f"{name} ({n})" for name, n in small.items())
        pooled = "judged together" if any(s.name == POOLED for s in found.judged) else "too small together as well"
        yield f"Too small to judge (conversions in brackets; {pooled}): {named}."
    for name, why in (found.left_out or {}).items():
        yield f"No segments by {name}: {why}."


def _harm(segment: Segment) -> str:
    figures = []
    if "ranking" in segment.harms:
        fall = segment.area_fall
        figures.append(f"the area under the ROC curve falls by {fall.value:.3f} ({fall.low:.3f} to {fall.high:.3f})")
    if "chances" in segment.harms:
        ratio, before = segment.ratio, segment.champion_ratio
        figures.append(
            f"observed / expected is {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f}), "
            f"the champion's {before.value:.2f}"
        )
    return f"Segment {segment.name} is harmed: {' and '.join(figures)}, on {segment.conversions:,} converted leads."


def markdown(decision: Mapping[str, Any]) -> str:
    """Return a decision as a page in Markdown.

    Parameters
    ----------
    decision : mapping
        As `leadlight.training.gate.decide.Decision.to_dict` gives it.
    """
    head = f"# The gate: {_WORDS[decision['word']]}"
    lines = [head, "", " ".join(_circumstances(decision)), "", *(f"- {reason}" for reason in decision["reasons"])]
    judged = decision["checks"].get("segments", {}).get("judged") or []
    return "\n".join([*lines, *_table(judged)]) + "\n"


def _circumstances(decision: Mapping[str, Any]) -> Iterator[str]:
    yield f"As known on {decision['at']}." if decision["at"] else "On an export without dates."
    if decision["champion_version"] is not None:
        yield f"Against the champion, version {decision['champion_version']}."


def _table(judged: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not judged:
        return
    yield from ("", "| segment | moments | conversions | area falls by | observed / expected | champion's | harmed |")
    yield "|---|---|---|---|---|---|---|"
    for segment in judged:
        counts = (str(segment[name]) for name in ("name", "moments", "conversions"))
        figures = (_figure(segment[name]) for name in ("area_fall", "ratio", "champion_ratio"))
        yield f"| {' | '.join([*counts, *figures, ', '.join(segment['harms']) or 'no'])} |"


def _figure(found: Mapping[str, float | None]) -> str:
    value, low, high = ("-" if found[end] is None else f"{found[end]:.3f}" for end in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
