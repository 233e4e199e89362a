"""Features of the account: what the other leads of the same company do, as far as it was known.

One account alone gives what it gives in a crowd. Where the account is not known, every column is NaN, never 0: nobody
there and nobody asked are two things. A lead without an account counts as not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leadlight.core.catalog import Catalog, Component, Feature, Topic, Vocabulary
from leadlight.core.clock import DAY, NEVER
from leadlight.core.stages import goal_and_later
from leadlight.features.asof import NAN, Flags, days_since, end_before
from leadlight.features.cycle import set_of
from leadlight.features.names import Names
from leadlight.features.order import Ints, Numbers
from leadlight.features.timeline import Accounts, Moments, StageChanges, Timeline
from leadlight.features.topics import colleague_activity_topic, colleague_stages_topic, colleagues_topic

__all__ = ["OPERATIONS", "AccountPlan", "compile_plan", "draw"]

WINDOWS: Final = (7, 30, 90)

COLLEAGUES, COLLEAGUE_COUNT, COLLEAGUE_DAYS_SINCE, COLLEAGUES_ACTIVE, COLLEAGUES_REACHED = range(5)

OPERATIONS: Final[Mapping[str, int]] = {
    "account_colleagues": COLLEAGUES,
    "account_activity_count": COLLEAGUE_COUNT,
    "account_days_since_activity": COLLEAGUE_DAYS_SINCE,
    "account_active_colleagues": COLLEAGUES_ACTIVE,
    "account_colleagues_reached": COLLEAGUES_REACHED,
}


def draw(
    vocabulary: Vocabulary, goal_stage: str, names: Names, *, has_activities: bool
) -> tuple[list[Feature], list[Topic]]:
    """Return the account's features and topics."""
    size, doing, stand = (
        names.topic(n, fallback="account") for n in ("colleagues", "colleague_activity", "colleague_stages")
    )
    features = [_number(size, "count", "account_colleagues", {}, "fit")]
    topics = [colleagues_topic(size)]
    if has_activities:
        for days in WINDOWS:
            features.append(_number(doing, f"count_{days}d", "account_activity_count", {"days": days}, "interest"))
        since = {"days": WINDOWS[-1]}
        features.append(_number(doing, "days_since", "account_days_since_activity", since, "interest"))
        features.append(_number(doing, "active_30d", "account_active_colleagues", {"days": 30}, "interest"))
        topics.append(colleague_activity_topic(doing))
    if vocabulary.stages:
        goal, won = {"stages": list(goal_and_later(goal_stage))}, {"stages": ["customer"]}
        features.append(_number(stand, "goal", "account_colleagues_reached", goal, "cycle"))
        if goal != won and "customer" in vocabulary.stages:
            features.append(_number(stand, "customers", "account_colleagues_reached", won, "cycle"))
        topics.append(colleague_stages_topic(stand, goal_stage))
    return features, topics


def _number(
    topic: str, what: str, primitive: str, params: Mapping[str, int | Sequence[str]], component: Component
) -> Feature:
    return Feature(f"{topic}.{what}", primitive, 1, params, "number", component, topic, topic)


class AccountPlan(NamedTuple):
    """The account family of a catalog, ready for `account_columns`."""

    sets: NDArray[np.bool_]
    windows: Ints
    operations: Ints

    def prepare(self, timeline: Timeline) -> tuple[Ints, Ints]:
        """Return, once for all chunks of moments, since when leads and members had reached each set of stages."""
        reached = np.maximum(reached_times(timeline.stages, self.sets), timeline.accounts.lead_known)
        return reached, members_reached(timeline.accounts, reached)

    def write(
        self, timeline: Timeline, moments: Moments, known: NDArray[np.bool_], prepared: tuple[Ints, Ints], out: Numbers
    ) -> None:
        """Fill the family's columns of ``out``."""
        account_columns(
            moments.lead, moments.as_of, known, timeline.accounts, *prepared, self.windows, self.operations, out
        )


def compile_plan(catalog: Catalog) -> AccountPlan | None:
    """Return the plan of a catalog's account features; None where it has none."""
    mine = [(i, f) for i, f in enumerate(catalog.features) if f.primitive in OPERATIONS]
    if not mine:
        return None
    sets = sorted({tuple(f.params["stages"]) for _, f in mine if "stages" in f.params})
    days = sorted({float(f.params["days"]) for _, f in mine if "days" in f.params})
    flags = np.array([set_of(stages, catalog.vocabulary) for stages in sets], dtype=np.bool_)
    return AccountPlan(
        flags.reshape(len(sets), len(catalog.vocabulary.stages) + 1),
        np.array([round(d * DAY) for d in days], dtype=np.int64),
        np.array([_operation(i, f, sets, days) for i, f in mine], dtype=np.int64),
    )


def _operation(
    column: int, feature: Feature, sets: list[tuple[Any, ...]], days: list[float]
) -> tuple[int, int, int, int]:
    which = sets.index(tuple(feature.params["stages"])) if "stages" in feature.params else -1
    window = days.index(feature.params["days"]) if "days" in feature.params else -1
    return OPERATIONS[feature.primitive], which, window, column


@njit(cache=True, nogil=True)
def reached_times(events: StageChanges, sets: Flags) -> Ints:
    """Return since when we knew that each lead had reached a stage of each set.

    Parameters
    ----------
    events : StageChanges
    sets : ndarray of shape (n_sets, n_stages + 1), dtype bool

    Returns
    -------
    ndarray of shape (n_sets, n_leads), dtype int64
        Microseconds; the largest number there is where it never happened.
    """
    n_leads = events.start.size - 1
    reached = np.full((sets.shape[0], n_leads), 2**63 - 1)
    for lead in range(n_leads):
        for e in range(events.start[lead], events.start[lead + 1]):
            for s in range(sets.shape[0]):
                if sets[s, events.stage[e]] and events.known[e] < reached[s, lead]:
                    reached[s, lead] = events.known[e]
    return reached


@njit(cache=True, nogil=True)
def members_reached(accounts: Accounts, reached: Ints) -> Ints:
    """Return `reached_times` of an account's members, rising within each account; shape (n_sets, n_members)."""
    times = np.empty((reached.shape[0], accounts.member_lead.size), np.int64)
    for s in range(reached.shape[0]):
        for i in range(accounts.member_lead.size):
            times[s, i] = reached[s, accounts.member_lead[i]]
        for a in range(accounts.member_start.size - 1):
            times[s, accounts.member_start[a] : accounts.member_start[a + 1]].sort()
    return times


@njit(cache=True, nogil=True)
def account_columns(
    lead: Ints,
    as_of: Ints,
    known: Flags,
    accounts: Accounts,
    reached: Ints,
    times: Ints,
    windows: Ints,
    operations: Ints,
    out: Numbers,
) -> None:
    """Write what the other leads of the account did; all NaN where the account is not known.

    Only the account's activities within the largest window are looked at, so large accounts cost what they did lately,
    not what they ever did.

    Parameters
    ----------
    lead, as_of : ndarray of shape (n_moments,)
    known : ndarray of shape (n_moments,), dtype bool
        Whether the account may be looked at.
    accounts : Accounts
    reached, times : ndarray
        From `reached_times` and `members_reached`.
    windows : ndarray of shape (n_windows,)
        Microseconds, rising.
    operations : ndarray of shape (n_operations, 4)
    out : ndarray of shape (n_moments, n_features)
    """
    counts, active = np.zeros(windows.size), np.zeros(windows.size)
    met = np.zeros(accounts.of_lead.size, np.int64)
    for m in range(lead.size):
        account = accounts.of_lead[lead[m]]
        if account < 0 or not known[m]:
            for o in range(operations.shape[0]):
                out[m, operations[o, 3]] = NAN
            continue
        counts[:] = 0.0
        active[:] = 0.0
        last = _walk_account(accounts, account, lead[m], as_of[m], windows, counts, active, met, m + 1)
        first, stop = accounts.member_start[account], accounts.member_start[account + 1]
        for o in range(operations.shape[0]):
            what, which, w = operations[o, 0], operations[o, 1], operations[o, 2]
            if what == COLLEAGUES:
                value = float(end_before(accounts.member_known, first, stop, as_of[m]) - first)
                value -= 1.0 if accounts.lead_known[lead[m]] < as_of[m] else 0.0
            elif what == COLLEAGUE_COUNT:
                value = counts[w]
            elif what == COLLEAGUE_DAYS_SINCE:
                value = days_since(last, as_of[m]) if last != NEVER and as_of[m] - last <= windows[w] else NAN
            elif what == COLLEAGUES_ACTIVE:
                value = active[w]
            else:
                value = float(end_before(times[which], first, stop, as_of[m]) - first)
                value -= 1.0 if reached[which, lead[m]] < as_of[m] else 0.0
            out[m, operations[o, 3]] = value


@njit(cache=True, nogil=True)
def _walk_account(
    accounts: Accounts,
    account: int,
    lead: int,
    as_of: int,
    windows: Ints,
    counts: Numbers,
    active: Numbers,
    met: Ints,
    mark: int,
) -> int:
    """Count colleagues' activities, latest first; return the time of the latest (NEVER: none in the largest window).

    ``met`` remembers who was counted as active by this moment's ``mark``.
    """
    last = NEVER
    if windows.size == 0:
        return last
    e = end_before(accounts.time, accounts.start[account], accounts.start[account + 1], as_of) - 1
    while e >= accounts.start[account] and as_of - accounts.time[e] <= windows[-1]:
        if accounts.lead[e] != lead and accounts.known[e] < as_of:
            last = max(last, accounts.time[e])
            new = met[accounts.lead[e]] != mark
            met[accounts.lead[e]] = mark
            for w in range(windows.size - 1, -1, -1):
                if as_of - accounts.time[e] > windows[w]:
                    break
                counts[w] += 1.0
                active[w] += 1.0 if new else 0.0
        e -= 1
    return last
