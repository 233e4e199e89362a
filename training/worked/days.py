"""Windows of working days: when one begins and ends, and which moments share one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.core.clock import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

__all__ = ["USUAL_DAYS", "Window"]

USUAL_DAYS: Final = 5


@dataclass(frozen=True)
class Window:
    """How long a lead may wait until a person turns to it, in working days of UTC.

    Attributes
    ----------
    days : int
        At least 1. The first is the day of the start itself, or the next working day.
    holidays : tuple of str
        ISO dates beside the weekends on which nobody works.
    """

    days: int = USUAL_DAYS
    holidays: tuple[str, ...] = ()

    @classmethod
    def agreed(cls, agreement: Agreement, history: History) -> Window:
        """Return the window of the agreement; without one the most frequent of the log, without that a week."""
        if agreement.queue is not None:
            return cls(agreement.queue.window_days, agreement.queue.holidays)
        logged = history.queue_log["window_days"].value_counts()
        return cls(int(logged.index[logged == logged.max()].min())) if len(logged) else cls()

    def first_day(self, start: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first working day of windows that begin at some times, as days since 1970.

        Examples
        --------
        >>> friday, saturday, monday = (np.array([day * DAY + 5]) for day in (20_056, 20_057, 20_059))
        >>> [int(Window().first_day(start)[0]) for start in (friday, saturday, monday)]
        [20056, 20059, 20059]
        """
        return self._later(start, 0)

    def end(self, start: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return when windows end that begin at some times: the midnight after the last working day, microseconds."""
        return (self._later(start, self.days - 1) + 1) * DAY

    def passed(self, start: NDArray[np.int64], until: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how many working days have passed at some times since windows began, with fractions.

        Examples
        --------
        >>> friday = np.array([20_056 * DAY])
        >>> [float(Window().passed(friday, friday + hours * DAY // 24)[0]) for hours in (6, 24, 48, 84)]
        [0.25, 1.0, 1.0, 1.5]
        """
        free, day = self._free, _days(np.asarray(until) // DAY)
        whole = np.busday_count(_days(self.first_day(start)), day, holidays=free)
        today = np.where(np.is_busday(day, holidays=free), np.asarray(until) % DAY / DAY, 0.0)
        return np.asarray(np.maximum(whole + today, 0.0))

    @property
    def _free(self) -> NDArray[Any]:
        return np.array(self.holidays, dtype="datetime64[D]")

    def _later(self, start: NDArray[np.int64], days: int) -> NDArray[np.int64]:
        day = _days(np.asarray(start) // DAY)
        return np.asarray(np.busday_offset(day, days, roll="forward", holidays=self._free).astype(np.int64))


def _days(number: NDArray[np.int64]) -> NDArray[Any]:
    return np.asarray(number).astype("datetime64[D]")
