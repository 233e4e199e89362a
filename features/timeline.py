"""The timeline: a history as arrays, sorted by lead and time, ready for the compiled loops.

Words become codes of a catalog's `Vocabulary`, times become microseconds. Each event carries two times: when it
happened and since when it counts (``known``, the later of both clocks); it is part of a moment's knowledge where
both lie
strictly before the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from leadlight.core.catalog import Vocabulary
from leadlight.core.clock import NEVER
from leadlight.features.order import Ints, Numbers, sort_events

if TYPE_CHECKING:
    from leadlight.core.history import History

__all__ = [
    "NO_EVENTS",
    "Accounts",
    "Activities",
    "AttributeChanges",
    "Events",
    "Moments",
    "StageChanges",
    "Timeline",
    "assemble",
    "known_since",
    "number_of",
]

NOT_EVER: Final = 2**63 - 1
"""Since when an event without a time is known: never."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Which leads are asked about, and when.

    Attributes
    ----------
    lead : ndarray of shape (n_moments,), dtype int64
        Row in the timeline.
    as_of : ndarray of shape (n_moments,), dtype int64
        Microseconds since 1970 UTC; only what lies strictly before counts.
    """

    lead: Ints
    as_of: Ints


class Activities(NamedTuple):
    """Activities, sorted by lead, time, known, type, channel, value; ``start`` has n_leads + 1 entries.

    ``kind`` is the type's position in the vocabulary (its length: other); ``channel`` is a level code (0 not
    known, 1 other).
    """

    start: Ints
    time: Ints
    known: Ints
    kind: Ints
    channel: Ints
    value: Numbers


class StageChanges(NamedTuple):
    """Stage changes, sorted by lead, time, known, stage: the position in the vocabulary (its length: other)."""

    start: Ints
    time: Ints
    known: Ints
    stage: Ints


class AttributeChanges(NamedTuple):
    """Attribute changes, sorted by lead, time, known; values as in `Timeline.base`."""

    start: Ints
    time: Ints
    known: Ints
    attribute: Ints
    value: Numbers


class Accounts(NamedTuple):
    """Who belongs to which account, and all activities of an account in order of time.

    ``of_lead`` is each lead's account (-1: not known) and ``lead_known`` since when we know the lead; members of
    account a are
    ``member_lead[member_start[a] : member_start[a + 1]]``, in the order of ``member_known``; its activities are
    ``start[a] ... start[a + 1] - 1``, done by ``lead`` and ``known`` once both the event and the lead were.
    """

    of_lead: Ints
    lead_known: Ints
    member_start: Ints
    member_known: Ints
    member_lead: Ints
    start: Ints
    time: Ints
    known: Ints
    lead: Ints


class Events(NamedTuple):
    """Events as they come, in any order: whose, when, since when known, which code, what value."""

    lead: Ints
    time: Ints
    known: Ints
    code: Ints
    value: Numbers


_NONE: Final = np.zeros(0, np.int64)
NO_EVENTS: Final = Events(_NONE, _NONE, _NONE, _NONE, np.zeros(0))
"""Nothing happened: most requests bring no attribute that moved."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A history as sorted arrays.

    Attributes
    ----------
    vocabulary : Vocabulary
        Whose codes the arrays hold.
    created : ndarray of shape (n_leads,), dtype int64
        Microseconds, NEVER where not known.
    base : ndarray of shape (n_leads, n_attributes), dtype float64
        Attributes as they stand without a change: numbers (NaN: not known) and level codes (0: not known).
    activities, stages, changes, accounts
        See their classes.
    """

    vocabulary: Vocabulary
    created: Ints
    base: Numbers
    activities: Activities
    stages: StageChanges
    changes: AttributeChanges
    accounts: Accounts

    @property
    def n_leads(self) -> int:
        """Number of leads."""
        return self.created.size

    @classmethod
    def from_history(cls, history: History, vocabulary: Vocabulary) -> Self:
        """Encode a history; lead row i is ``history.leads`` row i.

        Parameters
        ----------
        history : History
        vocabulary : Vocabulary
            Of the catalog whose features will be built.

        Notes
        -----
        Attributes that move (``known="dated"``) take their values from ``attribute_changes`` alone: what stands in
        ``leads`` is the value of the export's day. Leads without ``account_id`` have no known account.
        """
        from leadlight.features.encode import encode  # pandas is loaded here only: the online path does without

        return cls(vocabulary, *encode(history, vocabulary))


def assemble(
    vocabulary: Vocabulary,
    created: Ints,
    lead_known: Ints,
    account: Ints,
    base: Numbers,
    activities: Events,
    stages: Events,
    changes: Events,
) -> tuple[Ints, Numbers, Activities, StageChanges, AttributeChanges, Accounts]:
    """Sort encoded events into a timeline's arrays; the one way in for training and serving.

    Parameters
    ----------
    vocabulary : Vocabulary
    created, lead_known, account : ndarray of shape (n_leads,)
        When a lead was created, since when we know it, its account's number or -1.
    base : ndarray of shape (n_leads, n_attributes)
    activities : Events
        ``code`` is ``type * (n_channels + 2) + channel``.
    stages : Events
        ``code`` is the stage.
    changes : Events
        ``code`` is the attribute's position in the vocabulary.
    """
    n_channels = len(vocabulary.channels) + 2
    start, time, known, code, value, _ = _sorted(created.size, activities)
    kind = code // n_channels
    acts = Activities(start, time, known, kind, code - kind * n_channels, value)
    start, time, known, code, _, _ = _sorted(created.size, stages)
    steps = StageChanges(start, time, known, code)
    moved = AttributeChanges(*_sorted(created.size, changes)[:5])
    return created, base, acts, steps, moved, _accounts(account, lead_known, activities)


def _sorted(n_groups: int, events: Events, group: Ints | None = None) -> tuple[Ints, Ints, Ints, Ints, Numbers, Ints]:
    lead, time, known, code, value = events
    if lead.size == 0:
        return np.zeros(n_groups + 1, np.int64), time, known, code, value, lead
    start, order = sort_events(n_groups, lead if group is None else group, time, known, code, value)
    return start, time[order], known[order], code[order], value[order], order


def _accounts(account: Ints, lead_known: Ints, activities: Events) -> Accounts:
    n_accounts = int(account.max(initial=-1)) + 1
    if n_accounts == 0:
        none, start = NO_EVENTS.time, np.zeros(1, np.int64)
        return Accounts(account, lead_known, start, none, none, start, none, none, none)
    rows = np.arange(account.size)
    start, members = sort_events(n_accounts, account, lead_known, lead_known, rows, np.zeros(account.size))
    group = np.where(activities.lead < 0, -1, account[activities.lead])
    events = _sorted(n_accounts, activities, group)
    lead = activities.lead[events[5]]
    # What a colleague did before we knew of the colleague could not be put down to the account.
    known = np.maximum(events[2], lead_known[lead])
    return Accounts(account, lead_known, start, lead_known[members], members, events[0], events[1], known, lead)


def number_of(value: object) -> float:
    """Return a value that should be a number as one; NaN where it is none.

    Examples
    --------
    >>> number_of("12.5"), number_of(None), number_of("a dozen")
    (12.5, nan, nan)
    """
    try:
        return float("nan") if value is None else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def known_since(occurred: Ints, recorded: Ints) -> Ints:
    """Return since when events count: the later of both clocks; never where it is not known when it happened."""
    known = np.maximum(occurred, recorded)
    known[occurred == NEVER] = NOT_EVER
    return known
