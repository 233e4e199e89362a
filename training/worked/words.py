"""The two estimates in words; neither is ever named without the question that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from leadlight.training.bootstrap import Interval
    from leadlight.training.worked.facts import Facts

__all__ = ["PRACTICE_ONLY", "words_of"]

PRACTICE_ONLY: Final = (
    'Chances are given "under today\'s practice": leads that are hardly worked today look as if they would not convert.'
)


def words_of(facts: Facts, judged: Mapping[str, Any], shown: Mapping[str, Any], slope: str = "") -> tuple[str, ...]:
    """Return the sentences that stand beside the figures.

    Parameters
    ----------
    facts : Facts
    judged, shown : mapping
        As in `leadlight.training.worked.estimate.IfWorked`; empty where nothing was learned.
    slope : str
        Why worked moments did not say how far chances are spread; empty where they did.
    """
    return tuple(_sentences(facts, judged, shown, slope))


def _sentences(facts: Facts, judged: Mapping[str, Any], shown: Mapping[str, Any], slope: str) -> Iterator[str]:
    if facts.worked == 0:
        yield f"{PRACTICE_ONLY} What would happen if they were worked can't be said: {facts.why}."
        return
    yield (
        f"Of {facts.queued:,} moments in the queue {_rate(facts.practice)} converted under today's practice; "
        f"if worked within {facts.window_days} working days it would be {_rate(facts.rate)}."
    )
    yield from _of_stocks(facts)
    if not facts.used:
        yield f"It is shown and not used: {facts.why}."
    if slope:
        yield f"Worked moments set the level alone, not how far chances are spread: {slope}."
    ratio = facts.worked_to_expected
    yield (
        f"The log expected {facts.expected_worked:,.0f} moments to be worked: {ratio.value:.2f} times as many were "
        f"({ratio.low:.2f} to {ratio.high:.2f})."
    )
    if left_out := facts.moments - facts.queued:
        yield (
            f"{left_out:,} of {facts.moments:,} mature moments have no logged chance of their own, such as leads that "
            "a rep was working already: of them this estimate knows nothing."
        )
    yield from _of_models(judged, shown)


def _of_stocks(facts: Facts) -> Iterator[str]:
    log, teaching, cut = facts.log, facts.teaching, facts.clippings[1].share_clipped
    yield (
        f'"If worked" rests on {log.worked:,} worked moments of {log.leads:,} leads, {log.conversions:,} of which '
        f"converted, weighted by the logged chance of being worked (the smallest is {facts.smallest_chance:.3g}, "
        f"{cut:.1%} were clipped); they say as much as {log.effective:,.0f} leads of equal weight."
    )
    if log.converted_first:
        yield (
            f"At {log.converted_first:,} moments the lead converted within the window before anybody turned to it: it "
            "counts by how likely it still was to be worked, whoever called it afterwards."
        )
    if teaching != log:
        yield (
            f"What is learned rests on {teaching.worked:,} of these moments, of {teaching.leads:,} leads, "
            f"{teaching.conversions:,} of which converted: as much as {teaching.effective:,.0f} leads of equal weight."
        )


def _of_models(judged: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterator[str]:
    if "if_worked" in judged:
        first, second = (_area(judged[name]["auc"]) for name in ("under_practice", "if_worked"))
        yield (
            f"Among {judged['moments']:,} moments that count as worked and taught neither, the area under the ROC "
            f"curve is {first} learned under today's practice and {second} learned from worked moments."
        )
    if "if_worked" in shown:
        median, other = (shown[name]["chances"][2] for name in ("under_practice", "if_worked"))
        yield (
            f"Half of the {shown['leads']:,} open leads have a chance of {median:.1%} or more under today's practice, "
            f"and of {other:.1%} or more if worked."
        )


def _rate(rate: Interval) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _area(area: Interval) -> str:
    return f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
