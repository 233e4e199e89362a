"""Odoo's lead scoring in a backtest: which fields it sees, which closed leads it counts, in which ways it is run.

Three choices of fields (the two that Odoo takes by itself, the seven that its settings page offers, and *all*:
categories as they are, numbers cut into ranges), each with unset values skipped, as Odoo does, or counted as a value of
their own; and two labels: Odoo's own (every lead closed by the cut-off day, without a horizon) and ours (the moments
that our candidates learn from). "With effort" is all fields with unset values counted: what a diligent administrator
gets out of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from leadlight.training.backtest import odoo
from leadlight.training.labels import read_stages
from leadlight.training.moments import Moments, owners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.catalog import Catalog
    from leadlight.core.history import Attribute, History
    from leadlight.training.backtest.periods import Period
    from leadlight.training.features_at import FeaturesAt
    from leadlight.training.splits import Fold

__all__ = ["WAYS", "Closed", "Sheet", "Way", "closed_by", "sheet", "ways_for"]

Choice = Literal["all", "stock", "default"]

RANGES: Final = 10
"""Numbers are cut into tenths of the leads that are counted."""

STOCK: Final = {
    "source": "source",
    "lead_source": "source",
    "utm_source": "source",
    "origin": "source",
    "country": "country",
    "country_code": "country",
    "state": "state",
    "province": "state",
    "region": "state",
    "language": "language",
    "lang": "language",
    "tags": "tags",
    "tag": "tags",
    "phone_state": "phone quality",
    "phone_quality": "phone quality",
    "email_state": "e-mail quality",
    "email_quality": "e-mail quality",
}
"""What an attribute has to be called to be one of the seven fields of Odoo's settings page."""

QUALITY: Final = ("phone quality", "e-mail quality")
"""The two fields that Odoo takes by itself; "unset" is a value of theirs."""

GONE: Final = ("merged", "deleted")
"""Leads that are no longer there are neither won nor lost."""


@dataclass(frozen=True)
class Way:
    """One way to run it.

    Attributes
    ----------
    name : str
        Key in reports.
    words : str
    fields : {"all", "stock", "default"}
    unset_counts : bool
    own_label : bool
        All leads closed by the cut-off day; else the moments that our candidates learn from.
    """

    name: str
    words: str
    fields: Choice
    unset_counts: bool
    own_label: bool


_RUN_AS: Final[tuple[tuple[str, str, Choice, bool], ...]] = (
    ("odoo", "Odoo with effort", "all", True),
    ("odoo_unset_skipped", "Odoo with effort, unset skipped", "all", False),
    ("odoo_stock", "Odoo, stock fields", "stock", False),
    ("odoo_stock_unset_counted", "Odoo, stock fields, unset counted", "stock", True),
    ("odoo_default", "Odoo as installed", "default", False),
)

WAYS: Final = tuple(
    Way(name + ("" if own else "_our_label"), words + ("" if own else ", our label"), fields, counts, own)
    for own in (True, False)
    for name, words, fields, counts in _RUN_AS
)


@dataclass(frozen=True)
class Closed:
    """The leads that were won or lost by a day, as known then.

    Attributes
    ----------
    lead : ndarray of shape (n_closed,), dtype int64
    won : ndarray of shape (n_closed,), dtype bool
    known : ndarray of shape (n_closed,), dtype int64
        When that was recorded, microseconds.
    """

    lead: NDArray[np.int64]
    won: NDArray[np.bool_]
    known: NDArray[np.int64]


@dataclass(frozen=True)
class Sheet:
    """All leads that are counted or scored in one period, with their fields.

    Attributes
    ----------
    columns : tuple of Column
    learn, asked, closed : ndarray of int64
        Rows of the three kinds of lead; ``closed`` is empty for a flat export, where every outcome is a close.
    known : ndarray of int64
        When each close was recorded.
    won : ndarray of bool
        Of the closed leads.
    closed_owner : ndarray of int64
    """

    columns: tuple[Column, ...]
    learn: NDArray[np.int64]
    asked: NDArray[np.int64]
    closed: NDArray[np.int64]
    known: NDArray[np.int64]
    won: NDArray[np.bool_]
    closed_owner: NDArray[np.int64]

    def fields(self, way: Way, counted: NDArray[np.int64]) -> list[odoo.Field]:
        """Return the fields that a way looks at; numbers are cut by the leads that it counts."""
        return [column.field(way, counted) for column in self.columns if column.seen_by(way)]

    def counted(self, way: Way, learn: Moments) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return which rows a way counts, and which of them are won."""
        return (self.closed, self.won) if way.own_label and len(self.closed) else (self.learn, learn.converted)

    def counted_in(self, way: Way, learn: Moments, fold: Fold) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the same for an inner fold: closes known when its validation began, of other accounts."""
        if not (way.own_label and len(self.closed)):
            return self.learn[fold.learn], learn.converted[fold.learn]
        start = int(learn.when[fold.validate].min())
        own = (self.known < start) & ~np.isin(self.closed_owner, learn.owner[fold.validate])
        return self.closed[own], self.won[own]


@dataclass(frozen=True)
class Column:
    """One attribute of all rows: codes of words (0: unset), or numbers (NaN: unset).

    ``values`` has shape (n_rows, n_values): one column, but for tags.
    """

    name: str
    stock: str | None
    values: NDArray[np.int64] | NDArray[np.float64] = field(repr=False)

    def seen_by(self, way: Way) -> bool:
        """Whether a way looks at it."""
        if way.fields == "stock":
            return self.stock is not None
        return way.fields == "all" or self.stock in QUALITY

    def field(self, way: Way, counted: NDArray[np.int64]) -> odoo.Field:
        """Return it as codes; numbers are cut by the quantiles of the counted rows."""
        codes = self._codes(counted)
        tags = self.stock == "tags"
        counts = (way.unset_counts or self.stock in QUALITY) and not tags
        return odoo.Field(self.name, codes, int(codes.max(initial=0)), counts, tags)

    def _codes(self, counted: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.values.dtype.kind == "i":
            return np.asarray(self.values, np.int64)
        there = self.values[counted]
        there = there[np.isfinite(there)]
        edges = np.unique(np.quantile(there, np.arange(1, RANGES) / RANGES)) if len(there) else np.empty(0)
        return np.where(np.isnan(self.values), 0, 1 + np.searchsorted(edges, self.values, "right")).astype(np.int64)


def ways_for(columns: Sequence[Column], *, flat: bool) -> list[Way]:
    """Return the ways that this history's fields allow; a flat export has one label only."""
    return [way for way in WAYS if (way.own_label or not flat) and any(column.seen_by(way) for column in columns)]


def sheet(history: History, agreement: Agreement, at: FeaturesAt, period: Period) -> Sheet:
    """Put together what Odoo would see on a cut-off day and in the weeks after it.

    Parameters
    ----------
    at : FeaturesAt
        Of the period's learning moments, followed by those asked about.
    """
    closed = _none() if period.flat else closed_by(history, agreement.stage, period.cut)
    n_learn, n_asked, n = len(period.learn), len(period.asked), len(period.learn) + len(period.asked)
    lead = np.concatenate([period.learn.lead, period.asked.lead, closed.lead])
    owner = owners(history.leads)[0]
    dated = [a for a in history.attributes if a.known == "dated"]
    late = _as_known(closed, period.cut, owner)
    matrix = np.concatenate([at.matrix, at.more(late)]) if dated and len(late) else at.matrix
    columns = [_column(history, a, lead, at.catalog, matrix) for a in history.attributes]
    return Sheet(
        columns=tuple(column for column in columns if column is not None),
        learn=np.arange(n_learn),
        asked=np.arange(n_learn, n_learn + n_asked),
        closed=np.arange(n, n + len(closed.lead)),
        known=closed.known,
        won=closed.won,
        closed_owner=owner[closed.lead],
    )


def closed_by(history: History, goal_stage: str, day: int) -> Closed:
    """Return who was won (had reached the goal) or lost (had left the queue otherwise), as known on a day.

    Odoo's own label: no horizon, and a lead that nobody closed is not counted. Recycled leads are still open.
    """
    stages = read_stages(history, goal_stage, day)
    n = len(history.leads)
    left = np.full(n, np.iinfo(np.int64).min)  # who never was in the queue was closed as it came
    for spans in (stages.at_risk, stages.unrecorded):
        np.maximum.at(left, spans.lead, spans.end)
    recorded = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(recorded, stages.conversions.lead, stages.conversions.recorded)
    won = recorded < day
    lost = ~won & (left < day) & ~_gone(history)
    known = np.where(won, recorded, left)
    lead = np.flatnonzero(won | lost)
    return Closed(lead, won[lead], known[lead])


def _gone(history: History) -> NDArray[np.bool_]:
    table = history.stage_changes
    return np.asarray(history.leads["lead_id"].isin(table["lead_id"][table["stage"].isin(GONE)]))


def _none() -> Closed:
    nobody = np.empty(0, np.int64)
    return Closed(nobody, np.empty(0, bool), nobody)


def _as_known(closed: Closed, day: int, owner: NDArray[np.int64]) -> Moments:
    """Return the closed leads as they stood on the cut-off day: Odoo counts the values that leads have now."""
    at, no = np.full(len(closed.lead), day), np.zeros(len(closed.lead), bool)
    return Moments(closed.lead, at, at, no, no, no, owner[closed.lead])


def _column(
    history: History, attribute: Attribute, lead: NDArray[np.int64], catalog: Catalog, matrix: NDArray[np.float64]
) -> Column | None:
    """Return an attribute's values; one that moves as it was at each moment, its rare words as "(other)"."""
    stock = STOCK.get(_plain(attribute.name)) or STOCK.get(_plain(attribute.label))
    if attribute.known == "dated":
        place = _place(catalog, attribute.name)
        if place is None:
            return None
        values = matrix[:, [place]]
        return Column(attribute.name, stock, values.astype(np.int64) if attribute.kind == "category" else values)
    if attribute.kind == "number":
        return Column(attribute.name, stock, history.leads[attribute.name].to_numpy(np.float64)[lead, None])
    words = history.leads[attribute.name]
    codes = _tag_codes(words) if stock == "tags" else _codes(words)[:, None]
    return Column(attribute.name, stock, codes[lead])


def _place(catalog: Catalog, attribute: str) -> int | None:
    wanted = ("attribute_number", "attribute_category")
    mine = (i for i, f in enumerate(catalog.features) if f.primitive in wanted and f.params["attribute"] == attribute)
    return next(mine, None)


def _codes(words: pd.Series[str]) -> NDArray[np.int64]:
    """Return 1, 2, ... for each spelling, 0 where there is none."""
    return np.asarray(pd.factorize(words)[0], np.int64) + 1


def _tag_codes(words: pd.Series[str]) -> NDArray[np.int64]:
    """Return the codes of each lead's tags, which commas part; as many columns as a lead has at most."""
    tags = words.astype("str").str.split(r"\s*,\s*", expand=True, regex=True)
    flat = pd.concat([tags[column] for column in tags.columns], ignore_index=True)
    return _codes(flat.replace("", pd.NA)).reshape(len(tags.columns), len(words)).T


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
