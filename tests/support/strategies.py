"""Small random histories for property tests, with all that goes wrong in real ones.

Times lie on a coarse grid, so that ties and events in the very microsecond of a moment are common; some rows are
recorded late, some leads have no account, some values are missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from histories import history
from leadlight.core.catalog import Condition, Rule
from leadlight.core.clock import DAY
from leadlight.core.history import Attribute, History

__all__ = ["ATTRIBUTES", "RULES", "World", "moments", "worlds"]

START = 20_000 * DAY
GRID = DAY // 4
SPAN = 130 * 4

ATTRIBUTES = (
    Attribute("source", "category", "creation", "Lead source"),
    Attribute("employees", "number", "exported", "employees"),
    Attribute("plan", "category", "dated", "plan"),
    Attribute("seats", "number", "dated", "Seats"),
)

RULES = (
    Rule("asked", Condition("activity", "demo_request", within_days=30.0), 25),
    Rule("busy", Condition("activity", "web_visit", within_days=10.0, at_least=2.0), 5),
    Rule("quiet", Condition("activity", "call", at_most=0.0), -5),
    Rule("never_heard_of", Condition("activity", "carrier_pigeon"), 1),
    Rule("large", Condition("attribute", "employees", at_least=10.0, at_most=100.0), 10),
    Rule("exact", Condition("attribute", "seats", any_of=("3", "many")), 1),
    Rule("good_source", Condition("attribute", "source", any_of=("webinar", "unseen")), 8),
    Rule("has_plan", Condition("attribute", "plan", known=True), 3),
    Rule("no_plan", Condition("attribute", "plan", known=False), -3),
    Rule("at_mql", Condition("stage", "stage", any_of=("mql", "sal")), 4),
    Rule("no_such_thing", Condition("attribute", "horoscope", any_of=("leo",)), 99),
)


@dataclass(frozen=True)
class World:
    """A history as plain rows, so that a test can take some away or turn them round."""

    leads: tuple[dict[str, Any], ...]
    activities: tuple[dict[str, Any], ...]
    stage_changes: tuple[dict[str, Any], ...]
    attribute_changes: tuple[dict[str, Any], ...]

    def history(self) -> History:
        """Return the history of these rows."""
        return history(self.leads, self.activities, self.stage_changes, self.attribute_changes, attributes=ATTRIBUTES)

    def without_future(self, as_of: int) -> World:
        """Return what had happened and was known before a moment; leads stay."""

        def known(rows: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
            return tuple(row for row in rows if max(row["occurred_at"], row["recorded_at"]) < as_of)

        return replace(
            self,
            activities=known(self.activities),
            stage_changes=known(self.stage_changes),
            attribute_changes=known(self.attribute_changes),
        )


times = st.integers(0, SPAN).map(lambda quarter: START + quarter * GRID)
lags = st.sampled_from((0, 0, 0, 1, GRID, 5 * DAY, 40 * DAY))


@st.composite
def _events(draw: st.DrawFn, n_leads: int, size: int, **columns: st.SearchStrategy[Any]) -> tuple[dict[str, Any], ...]:
    rows = []
    for _ in range(draw(st.integers(0, size))):
        occurred = draw(times)
        row = {"lead_id": f"L{draw(st.integers(0, n_leads - 1))}", "occurred_at": occurred}
        rows.append({**row, "recorded_at": occurred + draw(lags), **{k: draw(v) for k, v in columns.items()}})
    return tuple(rows)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return a strategy of histories of one to five leads."""
    n = draw(st.integers(1, 5))
    leads = tuple(
        {
            "lead_id": f"L{i}",
            "created_at": draw(times),
            "recorded_at": None,
            "account_id": draw(st.sampled_from(("A", "A", "B", None))),
            "source": draw(st.sampled_from(("webinar", "referral", "Fair {x}", None))),
            "employees": draw(st.sampled_from((None, 1.0, 10.0, 250.5))),
            "plan": "as exported",
            "seats": 99.0,
        }
        for i in range(n)
    )
    types = st.sampled_from(("web_visit", "web_visit", "demo_request", "call", "email_open", "Paper read"))
    stages = st.sampled_from(("new", "mql", "sql", "customer", "recycled", "disqualified", "Signed"))
    values = st.sampled_from((None, None, 0.1, 0.2, 3.7, -1.0))
    activities = _events(n, 14, type=types, channel=st.sampled_from((None, "email", "web", "Radio")), value=values)
    changes = st.one_of(
        st.tuples(st.just("plan"), st.sampled_from(("free", "paid", None))),
        st.tuples(st.just("seats"), st.sampled_from(("3", "12.5", "many", None))),
    )
    moved = draw(_events(n, 6, change=changes))
    return World(
        leads,
        draw(activities),
        draw(_events(n, 8, stage=stages)),
        tuple({**row, "attribute": row["change"][0], "value": row["change"][1]} for row in moved),
    )


moments = st.integers(0, SPAN + 40).map(lambda quarter: START + quarter * GRID)
"""Times on the same grid, some after everything."""
