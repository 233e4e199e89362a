"""A history: the tables of what happened, as read and checked at the door.

The tables (design of the columns: README, "Your own data"):

================== =========================================================================================
``leads``          ``lead_id``, ``created_at``, ``recorded_at``, ``account_id``, ``owner_id``, attributes
``activities``     ``lead_id``, ``occurred_at``, ``recorded_at``, ``type``, ``activity_id``, ``campaign``,
                   ``channel``, ``value``, ``actor``
``stage_changes``  ``lead_id``, ``occurred_at``, ``recorded_at``, ``stage``, ``change_id``, ``reason``,
                   ``amount``, ``actor``
``attribute_changes`` ``lead_id``, ``occurred_at``, ``recorded_at``, ``attribute``, ``value`` (text)
``campaign_costs`` ``campaign``, ``month``, ``cost``
``queue_log``      ``lead_id``, ``occurred_at``, ``recorded_at``, ``chance``, ``window_days``
================== =========================================================================================

After the door every column named here exists (filled with missing values where the export has none), ids and
words are ``str``, times are ``datetime64[us, UTC]``, ``value``, ``amount``, ``cost``, ``chance`` and
``window_days`` are ``float64``. ``queue_log`` says how likely it was, when a window of ``window_days`` working days
began at ``occurred_at``, that the lead would be worked in it; it is never a feature.
Two clocks: ``occurred_at`` is when it happened, ``recorded_at`` when we knew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import pandas as pd

__all__ = ["TABLES", "Attribute", "FlatOutcome", "History", "KnownWhen", "OrderBy"]

KnownWhen = Literal["creation", "moment", "exported", "dated"]
"""Since when an attribute's value in ``leads`` can be trusted.

``creation``: known when the lead was created and never changed since. ``moment``: the owner says that it was
known at any moment that is scored. ``exported``: as found on the day of the export, the honest default.
``dated``: it moves, and ``attribute_changes`` has its values; the ``leads`` value is not used at all.
"""

OrderBy = Literal["column", "file", "none"]

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "leads": ("lead_id", "created_at", "recorded_at", "account_id", "owner_id"),
    "activities": (
        "lead_id", "occurred_at", "recorded_at", "type", "activity_id", "campaign", "channel", "value", "actor",
    ),
    "stage_changes": ("lead_id", "occurred_at", "recorded_at", "stage", "change_id", "reason", "amount", "actor"),
    "attribute_changes": ("lead_id", "occurred_at", "recorded_at", "attribute", "value"),
    "campaign_costs": ("campaign", "month", "cost"),
    "queue_log": ("lead_id", "occurred_at", "recorded_at", "chance", "window_days"),
}  # fmt: skip
"""Columns of each table, in order, as every reader of a history may rely on them."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute column of ``leads``.

    Attributes
    ----------
    name : str
        The column in ``History.leads``; also the ``attribute`` in ``attribute_changes``.
    kind : {"number", "category"}
        Numbers are ``float64`` in ``leads``; categories are ``str`` with missing values.
    known : KnownWhen
    label : str
        What people call it: ``"Lead source"``.
    column : str or None
        The file's spelling, which ``dataset.toml`` goes by; None: as the label.
    answered : {"creation", "moment"} or None
        Since when the mapping says that it is known; None: it says nothing. Kept apart from ``known``, because a dated
        attribute is dated whatever the mapping says.
    """

    name: str
    kind: Literal["number", "category"]
    known: KnownWhen
    label: str
    column: str | None = None
    answered: Literal["creation", "moment"] | None = None


@dataclass(frozen=True)
class FlatOutcome:
    """The outcome column of a flat export, which has no dates.

    Attributes
    ----------
    converted : Series of shape (n_leads,), dtype bool
        Aligned with ``History.leads.index``.
    order_by : {"column", "file", "none"}
        What takes the place of time.
    order : Series of shape (n_leads,), dtype int64
        Rank in that order, 0 is the oldest; all 0 for ``"none"``.
    label : str
        What the export calls the outcome.
    """

    converted: pd.Series[bool]
    order_by: OrderBy
    order: pd.Series[int]
    label: str


def _no_log() -> pd.DataFrame:
    kinds = ("str", "datetime64[us, UTC]", "datetime64[us, UTC]", "float64", "float64")
    return pd.DataFrame(
        {name: pd.Series([], dtype=kind) for name, kind in zip(TABLES["queue_log"], kinds, strict=True)}
    )


@dataclass(frozen=True)
class History:
    """A company's history, checked.

    Attributes
    ----------
    leads, activities, stage_changes, attribute_changes, campaign_costs, queue_log : DataFrame
        See the module's table. Index 0 ... n-1, rows in the order of the file.
    attributes : tuple of Attribute
        The attribute columns of ``leads`` that may become features.
    excluded : mapping of str to str
        Columns left out and why: by the mapping, or by a rule (personal data, an identifier).
    ended_at : Timestamp or None
        The end of what the history knows: declared, else the last time in any table. None for a flat export
        without dates.
    outcome : FlatOutcome or None
        Set for flat exports only.
    doers : mapping of str to {"lead", "rep", "system"}
        Who does an activity of a type, where the mapping says it.
    notes : tuple of str
        What every report on this history has to say ("recorded_at is missing in activities: taken as occurred_at").
    fingerprint : str
        SHA-256 over the files' bytes and the mapping, hex.
    """

    leads: pd.DataFrame
    activities: pd.DataFrame
    stage_changes: pd.DataFrame
    attribute_changes: pd.DataFrame
    campaign_costs: pd.DataFrame
    attributes: tuple[Attribute, ...]
    ended_at: pd.Timestamp | None
    fingerprint: str
    excluded: Mapping[str, str] = field(default_factory=dict)
    outcome: FlatOutcome | None = None
    doers: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    queue_log: pd.DataFrame = field(default_factory=_no_log)

    @property
    def is_flat(self) -> bool:
        """Whether one outcome column takes the place of dated stage changes."""
        return self.outcome is not None

    @property
    def is_dated(self) -> bool:
        """Whether the leads have creation times."""
        return self.ended_at is not None
