"""Which moments were worked in their window, and what each stands for: weights 1/p, with p from the queue's log.

Reps work what ranks high. The outcomes of the others say what becomes of leads that nobody works, and a model that
learns from all of them learns that practice. Two questions have to be told apart, and no figure goes without its name:

- *under today's practice*: how often leads like this one convert as things are done;
- *if worked*: how often they would if somebody turned to each of them within the window.

The second is learned from worked moments alone. Each stands for all that were like it and had the same chance p of
being worked, so it weighs 1/p (Horvitz and Thompson, 1952), normalised to a mean of 1. p is what the queue logged
when it drew; nobody guesses it afterwards. Without a log there is no second answer.

How a moment finds its p. Moment and log entry are taken by their *first working day* in UTC (weekends and agreed
holidays belong to the next working day): an entry belongs to the moments of its lead on that same day, of several
the latest. It must be about a window of the same length, must have been written before its window was over, and
nobody may have turned to the lead between its start and the moment. All other moments have no chance of their own and
count for nothing here; the facts say how many there are of each kind.

Who converts before anybody turned to it, `leadlight.training.worked.seen` tells what that stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from leadlight.core.clock import DAY
from leadlight.features.encode import micros_of, positions_of
from leadlight.features.words import doer
from leadlight.training.labels import FOREVER, Conversions, read_stages
from leadlight.training.worked.days import Window
from leadlight.training.worked.facts import CLIPPED_AT, Facts, clipped, facts_of
from leadlight.training.worked.seen import Pace, Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.moments import Moments

__all__ = ["Worked", "worked"]

_DOERS: Final = ("lead", "rep", "system")


@dataclass(frozen=True)
class Worked(Seen):
    """Who was worked in time.

    Attributes
    ----------
    facts : Facts
        What has to be said with every figure of this estimate.
    """

    facts: Facts

    def factor(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Return the weights of some taken moments: 1/p, clipped, with a mean of 1; for ``Lesson.factor``.

        Who converted first weighs as much of it as it is likely to have been drawn.
        """
        return clipped(self.chance[rows], CLIPPED_AT, self.drawn[rows])


def worked(
    history: History,
    agreement: Agreement,
    moments: Moments,
    *,
    window: Window,
    as_of: int,
    teach: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Worked:
    """Find who was worked in time, and how likely that had been.

    Parameters
    ----------
    history : History
        Dated.
    agreement : Agreement
        Its goal says when a lead had converted, its horizon which touches come too late.
    moments : Moments
        Mature.
    window : Window
    as_of : int
        Training day, microseconds UTC: what was recorded then or later is not known.
    teach : ndarray of shape (n_moments,), dtype bool, optional
        Moments that the estimate is learned from; by default all. Whether it is used is decided on these.
    seed : int
        For the intervals of the facts.
    """
    log, touches = _Log.read(history, window, as_of), _touches(history, as_of)
    entry = log.entry_of(moments, window)
    opened = log.of(log.start, entry, moments.as_of)
    since = np.maximum(opened, moments.as_of)
    absent, yes = entry < 0, np.ones(len(moments), bool)
    wrong = {
        "no log entry on their day": absent,
        "logged for a window of another length": ~log.of(log.fits, entry, yes),
        "logged after the window was over": ~log.of(log.in_time, entry, yes),
        "a person had turned to the lead before the moment": ~absent
        & (touches.within(moments.lead, np.minimum(opened, moments.as_of), FOREVER)[0] < since),
    }
    unlogged = np.full(len(moments), np.nan)
    chance = np.where(np.any(list(wrong.values()), axis=0), np.nan, log.of(log.chance, entry, unlogged))
    times = _Times(
        start=moments.as_of,
        touched=touches.within(moments.lead, since, FOREVER)[0],
        converted=_converted(history, agreement, moments, as_of) if len(log.start) else np.full(len(moments), FOREVER),
        end=window.end(moments.as_of),
        horizon=moments.as_of + round(agreement.within_days * DAY),
    )
    seen, expected = times.seen(chance, window)
    left_out = {why: int(bad.sum()) for why, bad in wrong.items()}
    facts = facts_of(
        moments,
        seen,
        left_out,
        expected=expected,
        teach=yes if teach is None else teach,
        entries=len(log.start),
        window=window.days,
        seed=seed,
    )
    return Worked(seen.chance, seen.touched, seen.early, facts)


@dataclass(frozen=True)
class _Times:
    """When what happened after each moment, microseconds UTC; arrays of shape (n_moments,), FOREVER: never."""

    start: NDArray[np.int64]
    touched: NDArray[np.int64]
    converted: NDArray[np.int64]
    end: NDArray[np.int64]
    horizon: NDArray[np.int64]

    def seen(self, chance: NDArray[np.float64], window: Window) -> tuple[Seen, NDArray[np.float64]]:
        """Return what was seen of each window, and how likely each lead was to be turned to within its horizon."""
        queued = ~np.isnan(chance)
        before = self.touched < np.minimum(self.end, self.converted)
        first = (self.converted <= self.touched) & (self.converted < self.end)
        touched, converted = self._passed(window, self.touched, before), self._passed(window, self.converted, first)
        until = self._passed(window, self.horizon, self.horizon < self.end)
        pace = Pace.of(touched[queued], converted[queued], chance[queued])
        in_time = np.where(np.isinf(until), 1.0, pace.before(until))
        cut_short = queued & first & (self.converted <= self.horizon)
        early = np.zeros(len(chance))
        early[cut_short] = pace.still(chance[cut_short], converted[cut_short], in_time[cut_short])
        return Seen(chance, before & (self.touched < self.horizon), early), chance * in_time

    def _passed(self, window: Window, when: NDArray[np.int64], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the working days that had passed at some times since the windows began; elsewhere infinite."""
        passed = np.full(len(when), np.inf)
        passed[rows] = window.passed(self.start[rows], when[rows])
        return passed


def _converted(history: History, agreement: Agreement, moments: Moments, as_of: int) -> NDArray[np.int64]:
    """Return when each moment's lead next reached the goal."""
    conversions = read_stages(history, agreement.stage, as_of).conversions
    return conversions.within(moments.lead, moments.as_of, FOREVER)[0]


@dataclass(frozen=True)
class _Log:
    """The log as known on the training day; arrays have shape (n_entries,), sorted by lead, day and start."""

    lead: NDArray[np.int64]
    day: NDArray[np.int64]
    start: NDArray[np.int64]
    chance: NDArray[np.float64]
    fits: NDArray[np.bool_]
    in_time: NDArray[np.bool_]

    @classmethod
    def read(cls, history: History, window: Window, as_of: int) -> _Log:
        table = history.queue_log
        lead = positions_of(table["lead_id"], history.leads["lead_id"])
        start, recorded = micros_of(table["occurred_at"]), micros_of(table["recorded_at"])
        day = window.first_day(start)
        order = np.lexsort((recorded, start, day, lead))
        order = order[(np.maximum(start, recorded)[order] < as_of) & (lead[order] >= 0)]
        return cls(
            lead=lead[order],
            day=day[order],
            start=start[order],
            chance=table["chance"].to_numpy(np.float64)[order],
            fits=table["window_days"].to_numpy(np.float64)[order] == window.days,
            in_time=(recorded < window.end(start))[order],
        )

    def of(self, column: NDArray[Any], entry: NDArray[np.int64], otherwise: NDArray[Any]) -> NDArray[Any]:
        """Return what a column says of some entries, and something else where there is none."""
        found = otherwise.copy()
        found[entry >= 0] = column[entry[entry >= 0]]
        return found

    def entry_of(self, moments: Moments, window: Window) -> NDArray[np.int64]:
        """Return each moment's entry, the latest of its lead's on its first working day; -1 where there is none."""
        asked = pd.MultiIndex.from_arrays([moments.lead, window.first_day(moments.as_of)])
        logged = pd.MultiIndex.from_arrays([self.lead, self.day])
        last = ~logged.duplicated(keep="last")
        place = logged[last].get_indexer(asked)
        rows = np.flatnonzero(last)
        return np.where(place >= 0, rows[place] if len(rows) else -1, -1)


def _touches(history: History, as_of: int) -> Conversions:
    """Return when reps turned to leads, as events that can be looked up: calls, meetings, mails of their own.

    Who did it is what the row's ``actor`` says where that is lead, rep or system; else what is said or usual of its
    type. A newsletter is an ``email_sent`` too.
    """
    table = history.activities
    actor = table["actor"]
    by_type = {kind: history.doers.get(kind) or doer(kind) for kind in table["type"].unique()}
    who = actor.where(actor.isin(_DOERS), table["type"].map(by_type))
    lead = positions_of(table["lead_id"], history.leads["lead_id"])
    occurred, recorded = micros_of(table["occurred_at"]), micros_of(table["recorded_at"])
    rows = np.flatnonzero((who == "rep").to_numpy(bool) & (lead >= 0) & (np.maximum(occurred, recorded) < as_of))
    rows = rows[np.lexsort((occurred[rows], lead[rows]))]
    return Conversions(lead[rows], occurred[rows], recorded[rows])
