"""The checks that every feature must pass, whatever it measures: `yield_checks` lists them, the tests run them all.

A new primitive that is part of a catalog is thereby tested. Each check asks one question of a whole catalog and names
the features that fail it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from leadlight.core.catalog import Catalog
from leadlight.core.history import History
from leadlight.features import account
from leadlight.features.build import build
from leadlight.features.encode import micros_of
from leadlight.features.order import Numbers
from leadlight.features.timeline import Moments, Timeline, known_since

__all__ = ["Case", "known_before", "same_bits", "yield_checks"]


@dataclass(frozen=True)
class Case:
    """A catalog, a history, and one question.

    Attributes
    ----------
    catalog : Catalog
    history : History
    lead_id : str
    as_of : int
        Microseconds.
    """

    catalog: Catalog
    history: History
    lead_id: str
    as_of: int

    def row(self, history: History | None = None) -> Numbers:
        """Return the features of the question asked of this history, or of another one; shape (n_features,)."""
        asked = self.history if history is None else history
        lead = asked.leads.index[asked.leads["lead_id"] == self.lead_id]
        moments = Moments(np.array(lead, np.int64), np.array([self.as_of]))
        values: Numbers = build(self.catalog, Timeline.from_history(asked, self.catalog.vocabulary), moments)[0]
        return values

    def account_id(self) -> Any:
        """Return the account of the lead, missing where it has none."""
        return self.history.leads.loc[self.history.leads["lead_id"] == self.lead_id, "account_id"].iloc[0]


def yield_checks() -> Iterator[Callable[[Case], None]]:
    """Yield each check; called with a case it raises AssertionError naming the features that fail."""
    yield check_future_blind
    yield check_order_blind
    yield check_alone_equals_crowd
    yield check_account_alone
    yield check_one_equals_many
    yield check_total
    yield check_pure


def same_bits(one: Numbers, two: Numbers) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return where two arrays hold the same bits; any NaN is like any other."""
    first, second = (np.where(np.isnan(values), np.nan, values).view(np.int64) for values in (one, two))
    return np.asarray(first == second)


def known_before(history: History, as_of: int, *, keep: str) -> History:
    """Return the history as it was at a moment: nothing that happened or was recorded at or after it.

    Parameters
    ----------
    history : History
    as_of : int
        Microseconds.
    keep : str
        The lead that is asked about stays, whenever it was created.
    """
    leads = history.leads
    times = micros_of(leads["created_at"])
    there = (known_since(times, micros_of(leads["recorded_at"])) < as_of) | (leads["lead_id"] == keep).to_numpy()
    return _narrowed(history, leads[there], lambda table: _known_rows(table, as_of))


def _known_rows(table: pd.DataFrame, as_of: int) -> pd.DataFrame:
    return table[known_since(micros_of(table["occurred_at"]), micros_of(table["recorded_at"])) < as_of]


def _narrowed(
    history: History, leads: pd.DataFrame, rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table
) -> History:
    """Return the history of some leads, with the rows that are left of each of their tables."""

    def left(table: pd.DataFrame) -> pd.DataFrame:
        return rows(table[table["lead_id"].isin(leads["lead_id"])]).reset_index(drop=True)

    return replace(
        history,
        leads=leads.reset_index(drop=True),
        activities=left(history.activities),
        stage_changes=left(history.stage_changes),
        attribute_changes=left(history.attribute_changes),
    )


def _compare(case: Case, two: Numbers, what: str, *, but: frozenset[str] = frozenset()) -> None:
    one = case.row()
    same = same_bits(one, two)
    wrong = [
        f"{feature.name}: {one[i]!r} became {two[i]!r}"
        for i, feature in enumerate(case.catalog.features)
        if not same[i] and feature.primitive not in but
    ]
    if wrong:
        raise AssertionError(f"{what}: {'; '.join(wrong)}")


def check_future_blind(case: Case) -> None:
    """Check that what we learn later changes nothing."""
    past = known_before(case.history, case.as_of, keep=case.lead_id)
    _compare(case, case.row(past), "deleting everything after the moment changed features")


def check_order_blind(case: Case) -> None:
    """Check that the order of rows changes nothing."""
    turned = _narrowed(case.history, case.history.leads[::-1], lambda table: table[::-1])
    _compare(case, case.row(turned), "turning the tables upside down changed features")


def check_alone_equals_crowd(case: Case) -> None:
    """Check that one lead alone gets what it gets in a crowd; colleagues are left to `check_account_alone`."""
    leads = case.history.leads
    alone = _narrowed(case.history, leads[leads["lead_id"] == case.lead_id])
    but = frozenset(account.OPERATIONS)
    _compare(case, case.row(alone), "taking away the other leads changed features", but=but)


def check_account_alone(case: Case) -> None:
    """Check that one account alone gets what it gets in a crowd."""
    leads = case.history.leads
    mine = (leads["lead_id"] == case.lead_id) | (leads["account_id"] == case.account_id()).fillna(False)
    _compare(case, case.row(_narrowed(case.history, leads[mine])), "taking away other accounts changed features")


def check_one_equals_many(case: Case) -> None:
    """Check that one moment alone gets what it gets among many."""
    timeline = Timeline.from_history(case.history, case.catalog.vocabulary)
    lead = int(case.history.leads.index[case.history.leads["lead_id"] == case.lead_id][0])
    n = timeline.n_leads
    leads, times = np.tile(np.arange(n), 3), np.repeat([case.as_of - 10**9, case.as_of, case.as_of + 10**9], n)
    _compare(case, build(case.catalog, timeline, Moments(leads, times))[n + lead], "other moments changed features")


def check_total(case: Case) -> None:
    """Check that every lead has an answer at any time: a finite number or NaN, and for a category one of its codes."""
    for as_of in (0, case.as_of, 2**62):
        row = replace(case, as_of=as_of).row()
        for feature, value in zip(case.catalog.features, row, strict=True):
            if np.isinf(value) or (feature.kind == "category" and value not in range(len(feature.levels) + 2)):
                raise AssertionError(f"{feature.name} is {value!r} at {as_of}")


def check_pure(case: Case) -> None:
    """Check that asking changes nothing: neither what was asked nor the next answer."""
    timeline = Timeline.from_history(case.history, case.catalog.vocabulary)
    arrays = [
        timeline.created,
        timeline.base,
        *timeline.activities,
        *timeline.stages,
        *timeline.changes,
        *timeline.accounts,
    ]
    before = [array.tobytes() for array in arrays]
    lead = case.history.leads.index[case.history.leads["lead_id"] == case.lead_id]
    build(case.catalog, timeline, Moments(np.array(lead, np.int64), np.array([case.as_of])))
    if before != [array.tobytes() for array in arrays]:
        raise AssertionError("building features changed the timeline")
    _compare(case, case.row(), "asking twice gave two answers")
