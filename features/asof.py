"""The point-in-time primitives: compiled loops over one lead's events as they were known at a moment.

Everything here keeps one rule: an event counts where it happened before the moment *and* we had heard of it by
then (``known < as_of``, `features.timeline`). The second test keeps a call that was logged on Monday out of Sunday's
features, although the call itself took place on Saturday.

Each family is one pass over a lead's events per moment that fills small accumulators, then a table of operations
that writes columns from them (`features.activity`, `cycle`, `profile` and `account` say which). Moments do not see
each other, so one alone gets what it gets in a crowd.

numba's cache notices only changes of the file that it compiled: whoever changes `end_before` or `days_since`
also touches
`features/account.py`, which compiles them into its own loops.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leadlight.core.clock import DAY, NEVER
from leadlight.features.order import Ints, Numbers
from leadlight.features.timeline import Activities, AttributeChanges, StageChanges

__all__ = [
    "activity_columns",
    "cycle_columns",
    "days_since",
    "end_before",
    "profile_columns",
]

Flags = NDArray[np.bool_]

NAN: Final = float("nan")

# Operations of each family; a row of a table is (operation, what, window or half-life, column).
COUNT, COUNT_EVER, DAYS_SINCE, DAYS_SINCE_FIRST, DECAY, VALUE_SUM, VARIETY, VELOCITY, ACTIVE_DAYS = range(9)
FIRST_TYPE, FIRST_CHANNEL, LAST_TYPE, LAST_CHANNEL, CARD_COUNT = range(9, 14)
STAGE, DAYS_IN_STAGE, DAYS_SINCE_CHANGE, AGE, TIMES_ENTERED, CYCLE_NUMBER, STAGES_SEEN, REACHED, CARD_STAGE = range(9)
NUMBER, CATEGORY, CARD_NUMBER, CARD_LEVEL, CARD_NEVER = range(5)


@njit(cache=True, nogil=True)
def end_before(time: Ints, start: int, stop: int, as_of: int) -> int:
    """Return the position of the first event that did not happen before ``as_of``.

    Parameters
    ----------
    time : ndarray of shape (n_events,)
        Rising between ``start`` and ``stop``; microseconds.
    start, stop : int
        The lead's events.
    as_of : int
        The moment; what happens in this very microsecond is not before it.

    Examples
    --------
    >>> end_before(np.array([10, 20, 20, 30]), 0, 4, 20)
    1
    """
    while start < stop:
        middle = (start + stop) // 2
        if time[middle] < as_of:
            start = middle + 1
        else:
            stop = middle
    return start


@njit(cache=True, nogil=True)
def days_since(then: int, as_of: int) -> float:
    """Return the days between an event and the moment; NaN where it never happened.

    Examples
    --------
    >>> days_since(0, 36 * 3_600_000_000), days_since(NEVER, 5)
    (1.5, nan)
    """
    return NAN if then == NEVER else (as_of - then) / DAY


class _Acts(NamedTuple):
    """What one pass over a lead's activities gathers; row n_types + 1 holds the lead's own acts together."""

    counts: Numbers  # (n_types + 2, n_windows)
    total: Numbers  # (n_types + 2, n_windows), sums of values
    decay: Numbers  # (n_types + 2, n_half_lives)
    last: Ints  # (n_types + 2,)
    first: Ints  # (n_types + 2,)
    ever: Numbers  # (n_types + 2,)
    days: Numbers  # (n_windows,), different days with an own act
    day: Ints  # (n_windows,), the last of them
    touch: Ints  # first type, first channel, last type, last channel as level codes


@njit(cache=True, nogil=True)
def activity_columns(
    lead: Ints,
    as_of: Ints,
    events: Activities,
    own: Flags,
    windows: Ints,
    half_lives: Numbers,
    operations: Ints,
    bounds: Numbers,
    out: Numbers,
) -> None:
    """Write the columns of the activity family.

    Parameters
    ----------
    lead, as_of : ndarray of shape (n_moments,)
    events : Activities
    own : ndarray of shape (n_types + 1,), dtype bool
        Whether a type is something that the lead did, others' shared code included.
    windows : ndarray of shape (n_windows,)
        Microseconds, rising; a window holds what happened in ``[as_of - window, as_of)``.
    half_lives : ndarray of shape (n_half_lives,)
        Microseconds after which an act counts half.
    operations : ndarray of shape (n_operations, 4)
    bounds : ndarray of shape (n_operations, 2)
        Lowest and highest count of a hand-picked rule.
    out : ndarray of shape (n_moments, n_features)
        Columns named in ``operations`` are overwritten.
    """
    rows, n_windows = own.size + 1, windows.size
    acts = _Acts(
        np.zeros((rows, n_windows)),
        np.zeros((rows, n_windows)),
        np.zeros((rows, half_lives.size)),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.int64),
        np.zeros(rows),
        np.zeros(n_windows),
        np.zeros(n_windows, np.int64),
        np.zeros(4, np.int64),
    )
    for m in range(lead.size):
        _clear(acts)
        _gather(acts, events, lead[m], as_of[m], own, windows, half_lives)
        for o in range(operations.shape[0]):
            out[m, operations[o, 3]] = _activity_value(acts, as_of[m], own, operations[o], bounds[o])


@njit(cache=True, nogil=True)
def _clear(acts: _Acts) -> None:
    acts.counts[:] = 0.0
    acts.total[:] = 0.0
    acts.decay[:] = 0.0
    acts.last[:] = NEVER
    acts.first[:] = NEVER
    acts.ever[:] = 0.0
    acts.days[:] = 0.0
    acts.day[:] = NEVER
    acts.touch[:] = 0


@njit(cache=True, nogil=True)
def _gather(
    acts: _Acts, events: Activities, lead: int, as_of: int, own: Flags, windows: Ints, half_lives: Numbers
) -> None:
    first = events.start[lead]
    together = own.size
    for e in range(first, end_before(events.time, first, events.start[lead + 1], as_of)):
        if events.known[e] >= as_of:
            continue
        kind, time, value = events.kind[e], events.time[e], events.value[e]
        _count(acts, kind, time, value, as_of, windows)
        for h in range(half_lives.size):
            acts.decay[kind, h] += math.exp(-math.log(2.0) * (as_of - time) / half_lives[h])
        if own[kind]:
            _count(acts, together, time, value, as_of, windows)
            for h in range(half_lives.size):
                acts.decay[together, h] += math.exp(-math.log(2.0) * (as_of - time) / half_lives[h])
            _count_day(acts, time, as_of, windows)
            _touch(acts, kind + 2 if kind < own.size - 1 else 1, events.channel[e])


@njit(cache=True, nogil=True)
def _count(acts: _Acts, row: int, time: int, value: float, as_of: int, windows: Ints) -> None:
    if acts.first[row] == NEVER:
        acts.first[row] = time
    acts.last[row] = time
    acts.ever[row] += 1.0
    for w in range(windows.size - 1, -1, -1):
        if as_of - time > windows[w]:
            break
        acts.counts[row, w] += 1.0
        if not math.isnan(value):
            acts.total[row, w] += value


@njit(cache=True, nogil=True)
def _count_day(acts: _Acts, time: int, as_of: int, windows: Ints) -> None:
    day = time // DAY
    for w in range(windows.size - 1, -1, -1):
        if as_of - time > windows[w]:
            break
        if acts.day[w] != day:
            acts.day[w] = day
            acts.days[w] += 1.0


@njit(cache=True, nogil=True)
def _touch(acts: _Acts, kind_level: int, channel_level: int) -> None:
    if acts.ever[acts.ever.size - 1] == 1.0:
        acts.touch[0], acts.touch[1] = kind_level, channel_level
    acts.touch[2], acts.touch[3] = kind_level, channel_level


@njit(cache=True, nogil=True)
def _activity_value(acts: _Acts, as_of: int, own: Flags, operation: Ints, bounds: Numbers) -> float:
    what, row, w = operation[0], operation[1], operation[2]
    if what == COUNT:
        return acts.counts[row, w]  # type: ignore[no-any-return]
    if what == DAYS_SINCE:
        return days_since(acts.last[row], as_of)
    if what == DECAY:
        return acts.decay[row, w]  # type: ignore[no-any-return]
    if what == VALUE_SUM:
        return acts.total[row, w]  # type: ignore[no-any-return]
    if what == CARD_COUNT:
        count = acts.ever[row] if w < 0 else acts.counts[row, w]
        return 1.0 if bounds[0] <= count <= bounds[1] else 0.0
    if what == COUNT_EVER:
        return acts.ever[row]  # type: ignore[no-any-return]
    if what == DAYS_SINCE_FIRST:
        return days_since(acts.first[row], as_of)
    if what == VARIETY:
        kinds = 0.0
        for kind in range(own.size):
            kinds += 1.0 if own[kind] and acts.counts[kind, w] > 0 else 0.0
        return kinds
    if what == VELOCITY:
        recent, all_four = acts.counts[acts.ever.size - 1, row], acts.counts[acts.ever.size - 1, w]
        return recent - (all_four - recent) / 3.0  # type: ignore[no-any-return]
    if what == ACTIVE_DAYS:
        return acts.days[w]  # type: ignore[no-any-return]
    return float(acts.touch[what - FIRST_TYPE])


@njit(cache=True, nogil=True)
def cycle_columns(
    lead: Ints, as_of: Ints, created: Ints, events: StageChanges, sets: Flags, operations: Ints, out: Numbers
) -> None:
    """Write the columns of the cycle family.

    Parameters
    ----------
    lead, as_of : ndarray of shape (n_moments,)
    created : ndarray of shape (n_leads,)
    events : StageChanges
    sets : ndarray of shape (n_sets, n_stages + 1), dtype bool
        Sets of stages that operations ask about, other's shared code included.
    operations : ndarray of shape (n_operations, 4)
    out : ndarray of shape (n_moments, n_features)
    """
    n_sets, n_stages = sets.shape
    entered, left = np.zeros(n_sets), np.zeros(n_sets)
    seen = np.zeros(n_stages, np.bool_)
    for m in range(lead.size):
        entered[:] = 0.0
        left[:] = 0.0
        seen[:] = False
        current, since, changed = _walk_stages(events, lead[m], as_of[m], sets, entered, left, seen)
        for o in range(operations.shape[0]):
            what, which = operations[o, 0], operations[o, 1]
            if what == STAGE:
                value = 0.0 if current < 0 else (current + 2.0 if current < n_stages - 1 else 1.0)
            elif what == DAYS_IN_STAGE:
                value = days_since(since, as_of[m])
            elif what == DAYS_SINCE_CHANGE:
                value = days_since(changed, as_of[m])
            elif what == AGE:
                value = days_since(created[lead[m]], as_of[m]) if created[lead[m]] < as_of[m] else NAN
            elif what == TIMES_ENTERED:
                value = entered[which]
            elif what == CYCLE_NUMBER:
                value = 1.0 + left[which]
            elif what == STAGES_SEEN:
                value = float(seen.sum())
            elif what == REACHED:
                value = 1.0 if entered[which] > 0 else 0.0
            else:
                value = 1.0 if current >= 0 and sets[which, current] else 0.0
            out[m, operations[o, 3]] = value


@njit(cache=True, nogil=True)
def _walk_stages(
    events: StageChanges, lead: int, as_of: int, sets: Flags, entered: Numbers, left: Numbers, seen: Flags
) -> tuple[int, int, int]:
    """Fill the accumulators; return the stage at the moment (-1: none), since when, and the last change's time."""
    current, since, changed = -1, NEVER, NEVER
    first = events.start[lead]
    for e in range(first, end_before(events.time, first, events.start[lead + 1], as_of)):
        if events.known[e] >= as_of:
            continue
        stage = events.stage[e]
        changed = events.time[e]
        if stage == current:
            continue
        for s in range(sets.shape[0]):
            if sets[s, stage]:
                entered[s] += 1.0
            elif current >= 0 and sets[s, current]:
                left[s] += 1.0
        seen[stage] = True
        current, since = stage, changed
    return current, since, changed


@njit(cache=True, nogil=True)
def profile_columns(
    lead: Ints,
    as_of: Ints,
    base: Numbers,
    changes: AttributeChanges,
    tables: Numbers,
    operations: Ints,
    bounds: Numbers,
    out: Numbers,
) -> None:
    """Write attributes as they were at the moment.

    The change that *happened* last before the moment counts, not the one that reached us last; without a change
    the value in ``base`` stands.

    Parameters
    ----------
    lead, as_of : ndarray of shape (n_moments,)
    base : ndarray of shape (n_leads, n_attributes)
    changes : AttributeChanges
    tables : ndarray of shape (n_tables, n_entries)
        For a category the feature's code of each of the vocabulary's; for a rule the values it allows
        (a first NaN: any), filled up with NaN.
    operations : ndarray of shape (n_operations, 4)
    bounds : ndarray of shape (n_operations, 3)
        Lowest and highest value of a rule (NaN: any), and 0 where it asks that nothing is known.
    out : ndarray of shape (n_moments, n_features)
    """
    values = np.empty(max(1, base.shape[1]))
    for m in range(lead.size):
        values[: base.shape[1]] = base[lead[m]]
        first = changes.start[lead[m]]
        for e in range(first, end_before(changes.time, first, changes.start[lead[m] + 1], as_of[m])):
            if changes.known[e] < as_of[m]:
                values[changes.attribute[e]] = changes.value[e]
        for o in range(operations.shape[0]):
            what, value, table = operations[o, 0], values[operations[o, 1]], operations[o, 2]
            if what == CATEGORY:
                value = tables[table, int(value)]
            elif what == CARD_NUMBER:
                value = _meets(value, math.isnan(value), bounds[o], tables[table])
            elif what == CARD_LEVEL:
                value = _meets(value, value == 0.0, bounds[o], tables[table])
            elif what == CARD_NEVER:
                value = 0.0
            out[m, operations[o, 3]] = value


@njit(cache=True, nogil=True)
def _meets(value: float, missing: bool, bounds: Numbers, allowed: Numbers) -> float:
    """Return 1.0 where a value meets a hand-picked rule, else 0.0."""
    if missing:
        return 1.0 if bounds[2] == 0.0 else 0.0
    if bounds[2] == 0.0 or (not math.isnan(bounds[0]) and not bounds[0] <= value <= bounds[1]):
        return 0.0
    if allowed.size == 0 or math.isnan(allowed[0]):
        return 1.0
    for one in allowed:
        if one == value:
            return 1.0
    return 0.0
