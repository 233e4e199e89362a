"""What became of a lead: when it was at risk, when it converted, and when we could know.

Two views of the same stage changes. *Known*: what the queue showed at an instant, from changes that had been recorded.
*True*: what had happened by then, recorded or not. A lead is asked about while the queue shows it as open and it has
not in truth reached the goal in its current cycle.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from leadlight.agreement.stages import Standing, follow
from leadlight.core.clock import NEVER
from leadlight.core.stages import CLOSED, RECYCLED, reached
from leadlight.features.cycle import USUAL_STAGES
from leadlight.features.encode import micros_of, positions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.history import History

__all__ = ["FOREVER", "Conversions", "Spans", "Stages", "read_stages", "reporting_lag"]

FOREVER: Final = 2**63 - 1
LAG_QUANTILE: Final = 0.95


class Change(NamedTuple):
    """One stage change of one lead."""

    occurred: int
    recorded: int
    stage: str


@dataclass(frozen=True)
class Spans:
    """When leads were at risk: half-open from the past, ``start < moment <= end``.

    Attributes
    ----------
    lead, start, end : ndarray of shape (n_spans,), dtype int64
        Row in ``History.leads``; microseconds UTC.
    """

    lead: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


@dataclass(frozen=True)
class Conversions:
    """First reaching of the goal in each cycle, sorted by lead and time.

    Attributes
    ----------
    lead, occurred, recorded : ndarray of shape (n_conversions,), dtype int64
        ``recorded`` is never before ``occurred``.
    """

    lead: NDArray[np.int64]
    occurred: NDArray[np.int64]
    recorded: NDArray[np.int64]

    def within(self, lead: NDArray[np.int64], as_of: NDArray[np.int64], horizon: int) -> tuple[NDArray[np.int64], ...]:
        """Return the first conversion at or after each moment: when it happened and when it was recorded.

        Both are FOREVER where there is none within ``horizon`` microseconds.
        """
        n = len(self.lead)
        if n == 0:
            return np.full(len(lead), FOREVER), np.full(len(lead), FOREVER)
        is_conversion = np.r_[np.ones(n, np.int8), np.zeros(len(lead), np.int8)]
        order = np.lexsort((is_conversion, np.r_[self.occurred, as_of], np.r_[self.lead, lead]))
        # Walking the merged list backwards, the conversion met last is the next one for every moment before it.
        at = np.where(order < n, order, n)
        upcoming = np.minimum.accumulate(at[::-1])[::-1]
        following = np.empty(n + len(lead), np.int64)
        following[order] = upcoming
        following = following[n:]
        there = following < n
        pick = np.where(there, following, 0)
        there &= (self.lead[pick] == lead) & (self.occurred[pick] - as_of <= horizon)
        return np.where(there, self.occurred[pick], FOREVER), np.where(there, self.recorded[pick], FOREVER)


@dataclass(frozen=True)
class Stages:
    """All that training reads from the stage changes known on the training day.

    Attributes
    ----------
    at_risk : Spans
        Open as the queue showed it and not yet converted.
    unrecorded : Spans
        The queue showed them as open although they had converted: not yet recorded. Left out, counted in reports.
    conversions : Conversions
    lag : int
        Reporting lag of the goal, microseconds.
    counts : dict of str to int
        Leads whose last known stage is recycled, disqualified, merged or deleted.
    """

    at_risk: Spans
    unrecorded: Spans
    conversions: Conversions
    lag: int
    counts: dict[str, int]


def read_stages(history: History, goal_stage: str, as_of: int) -> Stages:
    """Follow every lead through its stages, as known on the training day.

    Parameters
    ----------
    history : History
        Dated.
    goal_stage : str
        Its reaching is the conversion; on the usual ladder, later stages count as well.
    as_of : int
        Training day, microseconds UTC: what was recorded then or later is not known.
    """
    goal = reached(goal_stage)
    opened = _known_since(micros_of(history.leads["created_at"]), micros_of(history.leads["recorded_at"]))
    rows, changes = _changes(history, as_of)
    risk: list[tuple[int, int, int]] = []
    unrecorded: list[tuple[int, int, int]] = []
    won: list[tuple[int, int, int]] = []
    last: dict[str, int] = {}
    for row, own in _by_lead(rows, changes):
        last[own[-1].stage] = last.get(own[-1].stage, 0) + 1
        wins = _conversions(own, goal)
        won += [(row, win.occurred, win.recorded) for win in wins]
        true_spans = _true_spans(own, goal)
        for start, end in _known_spans(own, goal, int(opened[row])):
            overlaps = [(max(start, s), min(end, e)) for s, e in true_spans if max(start, s) < min(end, e)]
            risk += [(row, s, e) for s, e in overlaps]
            unrecorded += [(row, s, e) for s, e in _rest(start, end, overlaps)]
    quiet = np.setdiff1d(np.arange(len(opened)), rows)
    never_moved = np.stack([quiet, opened[quiet], np.full(len(quiet), FOREVER)], axis=1)
    conversions = Conversions(*_columns(won))
    return Stages(
        at_risk=Spans(*np.concatenate([np.array(risk, np.int64).reshape(-1, 3), never_moved]).T.copy()),
        unrecorded=Spans(*_columns(unrecorded)),
        conversions=conversions,
        lag=reporting_lag(conversions),
        counts={stage: last[stage] for stage in sorted(last) if stage in RECYCLED | CLOSED},
    )


def reporting_lag(conversions: Conversions) -> int:
    """Return the 95th percentile of how long after it happened a conversion was recorded, microseconds."""
    if len(conversions.lead) == 0:
        return 0
    return int(np.quantile(conversions.recorded - conversions.occurred, LAG_QUANTILE, method="higher"))


def _known_since(occurred: NDArray[np.int64], recorded: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the later of both clocks; where nothing was recorded, when it happened."""
    return np.maximum(occurred, recorded)  # a missing time is the smallest number there is


def _changes(history: History, as_of: int) -> tuple[NDArray[np.int64], list[Change]]:
    """Return the stage changes known on the training day, sorted by lead, occurrence, record and step.

    At one instant stages followed each other in the order of the usual ladder, as features and the queue take it:
    the order of rows in a file is an accident.
    """
    table = history.stage_changes
    lead = positions_of(table["lead_id"], history.leads["lead_id"])
    occurred = micros_of(table["occurred_at"])
    known = _known_since(occurred, micros_of(table["recorded_at"]))
    words = table["stage"].astype(object).to_numpy()
    order = np.lexsort((_steps(words), known, occurred, lead))
    order = order[(known[order] < as_of) & (occurred[order] != NEVER) & (lead[order] >= 0)]
    return lead[order], [Change(int(occurred[i]), int(known[i]), str(words[i])) for i in order]


def _steps(words: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return each stage's place in the usual order; the company's own come after it, by name."""
    own = sorted({str(word) for word in words} - set(USUAL_STAGES))
    place = {word: i for i, word in enumerate((*USUAL_STAGES, *own))}
    return np.array([place[str(word)] for word in words], np.int64)


def _by_lead(rows: NDArray[np.int64], changes: Sequence[Change]) -> Iterator[tuple[int, Sequence[Change]]]:
    if len(rows) == 0:
        return
    bounds = [*np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]]).tolist(), len(rows)]
    for start, end in itertools.pairwise(bounds):
        yield int(rows[start]), changes[start:end]


def _conversions(changes: Sequence[Change], goal: frozenset[str]) -> list[Change]:
    """Return the change that first reached the goal in each cycle."""
    standing, wins = Standing(), []
    for change in changes:
        before, standing = standing, follow(standing, change.stage, goal)
        if standing.converted and (not before.converted or (before.away and change.stage in goal)):
            wins.append(change)
    return wins


def _true_spans(changes: Sequence[Change], goal: frozenset[str]) -> list[tuple[int, int]]:
    """Return when the lead had not, in truth, converted in its cycle; by occurrence."""
    standing, spans, since = Standing(), [], NEVER
    for change in changes:
        before, standing = standing, follow(standing, change.stage, goal)
        if standing.converted and not before.converted:
            spans.append((since, change.occurred))
        elif before.converted and not standing.converted:
            since = change.occurred
    return spans if standing.converted else [*spans, (since, FOREVER)]


def _known_spans(changes: Sequence[Change], goal: frozenset[str], opened: int) -> list[tuple[int, int]]:
    """Return when the queue showed the lead as open and not converted; by what had been recorded."""
    spans: list[tuple[int, int]] = []
    heard: list[int] = []
    showing, since = True, opened
    for i in sorted(range(len(changes)), key=lambda i: changes[i].recorded):
        heard.append(i)
        standing = Standing()
        for j in sorted(heard):  # changes are in order of occurrence, whatever the order of hearing
            standing = follow(standing, changes[j].stage, goal)
        shown = standing.open and not standing.converted
        if showing and not shown:
            spans.append((since, changes[i].recorded))
        elif shown and not showing:
            since = max(opened, changes[i].recorded)
        showing = shown
    spans += [(since, FOREVER)] if showing else []
    return [(start, end) for start, end in spans if start < end]


def _rest(start: int, end: int, covered: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what of a span is not covered."""
    for low, high in covered:
        if start < low:
            yield start, low
        start = high
    if start < end:
        yield start, end


def _columns(rows: Sequence[tuple[int, int, int]]) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, 3).T.copy()
