"""The moments that a gate may look at: later than what both models were taught, known by now, not used before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.clock import DAY, NEVER
from leadlight.training.moments import Moments, draw_dated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

__all__ = ["ENOUGH", "ENOUGH_TO_TEACH", "Known", "New", "known_by"]

ENOUGH: Final = 50
"""Newly converted leads from which on two models are compared."""

ENOUGH_TO_TEACH: Final = 40
"""Converted leads, and as many that did not, from which on a recipe can be taught as of a day."""

_WEEK: Final = 7 * DAY


@dataclass(frozen=True)
class New:
    """What can be judged by.

    Attributes
    ----------
    moments : Moments
        In order of time.
    conversions : int
        Distinct leads that converted and had not counted in an earlier decision.
    """

    moments: Moments
    conversions: int


@dataclass(frozen=True)
class Known:
    """Mature moments of a history, as known on a day.

    Attributes
    ----------
    mature : Moments
    gap : int
        Horizon + reporting lag, microseconds: so much later a moment's outcome is known.
    day : int
        Microseconds.
    """

    mature: Moments
    gap: int
    day: int

    def after(self, cut: int, used_until: int | None) -> New:
        """Return what is later than the cut-off and than what an earlier decision used.

        A lead that converted after a moment which an earlier decision used has counted there: its later moments say
        the same once more, so it is no new conversion.
        """
        start = cut if used_until is None else max(cut, used_until)
        fresh = self.mature.take(self.mature.when > start)
        won = np.unique(fresh.lead[fresh.converted])
        if used_until is not None:
            won = np.setdiff1d(won, self.mature.lead[self.mature.converted & (self.mature.when <= used_until)])
        return New(fresh, len(won))

    def teaches(self, day: int) -> bool:
        """Whether enough had matured by a day to teach a recipe."""
        then = self.mature.take(self.mature.when + self.gap <= day)
        lost = len(np.unique(then.lead)) - then.conversions
        return min(then.conversions, lost) >= ENOUGH_TO_TEACH

    def latest_cut(self, cut: int, used_until: int | None) -> int | None:
        """Return the latest cut-off, not before the given one, that leaves enough to judge by; None: there is none."""
        start = cut if used_until is None else max(cut, used_until)
        for found in np.unique(self.mature.when[self.mature.when > start])[::-1].tolist():
            if self.after(found - 1, used_until).conversions >= ENOUGH:
                return int(found) - 1
        return None

    def enough_by(self, cut: int, used_until: int | None) -> int | None:
        """Return about when enough will have converted, microseconds, from the pace so far; None: it can't be told.

        The latest stretch of mature moments in which as many converted says how long it takes to gather them; the
        last of those moments must then mature.
        """
        again = used_until is not None and used_until > cut
        start = max(cut, used_until or cut)
        length = self._takes(again=again)
        if length is None:
            return None
        missing = 1.0 - min(self.after(cut, used_until).conversions / ENOUGH, 1.0)
        return max(start + length + self.gap, self.day + max(round(missing * length), _WEEK))

    def _takes(self, *, again: bool) -> int | None:
        """Return how long a stretch of moments holds enough conversions, microseconds."""
        won = self.mature.take(self.mature.converted)
        if len(won) == 0:
            return None
        seen = np.sort(_first(won) if again else _last(won))[::-1]
        end, begin = int(self.mature.when.max()), int(self.mature.when.min())
        if len(seen) >= ENOUGH:
            return max(end - int(seen[ENOUGH - 1]), _WEEK)
        return max(round((end - begin) * ENOUGH / len(seen)), _WEEK)


def _first(won: Moments) -> NDArray[np.int64]:
    """Return each lead's first moment."""
    _, place = np.unique(won.lead, return_inverse=True)
    found = np.full(place.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(found, place, won.when)
    return found


def _last(won: Moments) -> NDArray[np.int64]:
    """Return each lead's last moment."""
    _, place = np.unique(won.lead, return_inverse=True)
    found = np.full(place.max() + 1, NEVER)
    np.maximum.at(found, place, won.when)
    return found


def known_by(history: History, agreement: Agreement, day: int) -> Known:
    """Return the moments of a dated history whose outcome is known on a day.

    Parameters
    ----------
    history : History
        Leads sorted by id.
    day : int
        Microseconds.
    """
    drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)
    return Known(drawn.moments.take(drawn.moments.mature), drawn.gap, day)
