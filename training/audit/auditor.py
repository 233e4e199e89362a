"""The leak audit, top to bottom: which fields know the outcome before it happened.

Each field of the leads, each dated attribute and each type of activity gets a verdict with its evidence:
*proved* (from clocks), *suspected* (two signs of different kinds, or one that no honest field gives), *asked* (strong,
but nothing tells a leak from a good predictor: the data's owner has to) or *clean*. docs/leak-audit.md explains the
signs and shows what they give on public data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.clock import to_micros
from leadlight.core.stages import goal_and_later
from leadlight.training.audit import age, clocks, signs
from leadlight.training.audit.area import alone
from leadlight.training.audit.columns import Column, as_exported, column_of
from leadlight.training.audit.findings import ORDER, Audit, FieldAudit, Filled, Sign
from leadlight.training.audit.ground import Ground
from leadlight.training.audit.stakes import at_stake
from leadlight.training.audit.verdict import STRONG, advice, question, weigh
from leadlight.training.bootstrap import Interval
from leadlight.training.moments import by_lead_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import Attribute, History
    from leadlight.training.audit.stakes import Stakes

__all__ = ["FEWEST_OUTCOMES", "audit"]

FEWEST_OUTCOMES: Final = 20
"""Leads of either outcome below which nothing is said about outcomes."""

_WEIGHTS: Final = ("proof", "alone", "sign", "hint", "none")
_ANSWERS: Final = ("creation", "moment")


def audit(
    history: History,
    agreement: Agreement,
    *,
    as_of: int | None = None,
    lead_rows: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Audit:
    """Audit a history for leaks.

    Parameters
    ----------
    history : History
        Flat or dated; the order of its rows changes nothing.
    agreement : Agreement
        Its goal is the outcome of a dated history.
    as_of : int, optional
        Microseconds UTC: what was recorded then or later is not looked at. Default: the history's end.
    lead_rows : ndarray of shape (n_leads,), dtype bool, optional
        Whose outcome may be looked at (the learning side), aligned with ``history.leads``; default everybody. Filling
        and ages, which need no outcome, are looked at for all leads.
    seed : int
        Of the quick models.
    """
    return _Job.of(history, agreement, as_of, lead_rows, seed).run()


@dataclass(frozen=True)
class _Looked:
    """One field on its way to a verdict."""

    attribute: Attribute
    column: Column
    table: str
    signs: tuple[Sign, ...]
    alone: Interval | None
    answered: str | None

    @property
    def quarantined(self) -> bool:
        return weigh(self.signs, self.alone) in ("proved", "suspected") and self.answered is None

    def without_words(self) -> _Looked:
        """Return the same as if names, labels and values had no meaning."""
        return replace(self, signs=tuple(sign for sign in self.signs if sign.kind != "text"))


@dataclass(frozen=True)
class _Job:
    history: History
    agreement: Agreement
    ground: Ground
    as_of: int | None
    seed: int

    @classmethod
    def of(
        cls, history: History, agreement: Agreement, as_of: int | None, lead_rows: NDArray[np.bool_] | None, seed: int
    ) -> _Job:
        if lead_rows is not None:
            ids = history.leads["lead_id"].to_numpy(dtype=object)
            lead_rows = np.asarray(lead_rows, bool)[np.argsort(ids, kind="stable")]
        history = by_lead_id(history)
        if history.is_flat or history.ended_at is None:
            day = None
        else:
            end = to_micros(history.ended_at.to_pydatetime()) + 1
            day = end if as_of is None else min(end, as_of)
        return cls(history, agreement, Ground.of(history, agreement, day, lead_rows), day, seed)

    @property
    def enough(self) -> bool:
        won = self.ground.conversions
        return min(won, self.ground.leads - won) >= FEWEST_OUTCOMES

    def run(self) -> Audit:
        changes = self._entries("attribute_changes", "attribute")
        first = [self._look(attribute, changes) for attribute in self.history.attributes]
        looked, by_figures = self._together(first), self._together([one.without_words() for one in first])
        stakes = self._stakes(looked)
        names = {one.column.name for one in looked if one.quarantined}
        names -= {one.column.name for one in by_figures if one.quarantined}
        told = [self._told(one, stakes.get(one.column.name), one.column.name in names) for one in looked]
        told += self._activity_types()
        told += self._account()
        told.sort(key=lambda f: (ORDER.index(f.verdict), -_height(f.auc_alone), f.table, f.name))
        outcome = self.history.outcome
        return Audit(
            fields=tuple(told),
            outcome=outcome.label
            if outcome
            else f"stage {' or '.join(map(repr, goal_and_later(self.agreement.stage)))}",
            leads=self.ground.leads,
            conversions=self.ground.conversions,
            order=self._order(),
            too_few=None if self.enough else self._too_few(),
            notes=tuple(self._notes()),
        )

    def _order(self) -> str | None:
        if self.ground.youth is None:
            return None
        outcome = self.history.outcome
        return "created_at" if outcome is None else outcome.order_by

    def _too_few(self) -> str:
        won, leads = self.ground.conversions, self.ground.leads
        return (
            f"{won:,} of {leads:,} leads converted; an audit of outcomes needs {FEWEST_OUTCOMES} that did and "
            f"{FEWEST_OUTCOMES} that did not. Names, ages and clocks were looked at all the same."
        )

    def _notes(self) -> Iterator[str]:
        if self.ground.youth is None:
            yield "Nothing says in which order the leads came, so no sign could rest on a row's age."
        if not self.history.is_flat and any("recorded_at" in note for note in self.history.notes):
            yield "Where recorded_at is missing, what was entered afterwards under an earlier date cannot be told."

    def _look(self, attribute: Attribute, changes: clocks.Entries) -> _Looked:
        mine = self.history.attribute_changes.iloc[changes.rows[changes.about(attribute.name)]]
        values = as_exported(self.history, attribute, mine)
        column = column_of(attribute.name, attribute.label, attribute.column or attribute.label, values)
        area = alone(column, self.ground) if self.enough else None
        if not len(mine) and attribute.known != "dated":
            return _Looked(attribute, column, "leads", self._signs(column), area, _answer(attribute))
        after = clocks.counted(*changes.first_times(attribute.name), self.ground)
        sign = clocks.attribute_sign(after) or clocks.moved_sign(after, clocks.moved_since_first(mine))
        found = () if sign is None else (sign,)
        return _Looked(attribute, column, "attribute_changes", found, area, _answer(attribute))

    def _entries(self, table: str, column: str) -> clocks.Entries:
        return clocks.Entries.of(getattr(self.history, table), column, self.history.leads["lead_id"], self.as_of)

    def _signs(self, column: Column) -> tuple[Sign, ...]:
        return signs.of_column(column, self.ground, outcomes=self.enough)

    def _together(self, looked: list[_Looked]) -> list[_Looked]:
        """Add the sign of being filled together with a quarantined field, until no more are caught by it."""
        while True:
            suspects = sorted((one.column for one in looked if one.quarantined), key=lambda column: column.name)
            added = [self._with_others(one, suspects) for one in looked]
            if sum(one.quarantined for one in added) == len(suspects):
                return added
            looked = added

    @staticmethod
    def _with_others(one: _Looked, suspects: list[Column]) -> _Looked:
        if one.table != "leads" or any(sign.kind == "filled_together" for sign in one.signs):
            return one
        sign = signs.filled_together(one.column, suspects)
        return one if sign is None else replace(one, signs=(*one.signs, sign))

    def _stakes(self, looked: list[_Looked]) -> Mapping[str, Stakes]:
        """Compare quick models for fields that say something; dated ones stay out but for proved leaks."""
        if not self.enough:
            return {}
        kept = [one.column.name for one in looked if not one.quarantined and one.table == "leads"]
        doubtful = [one for one in looked if self._in_doubt(one)]
        doubtful.sort(key=lambda one: (not one.quarantined, -_height(one.alone), one.column.name))
        return at_stake(
            [one.column for one in looked], kept, [one.column.name for one in doubtful], self.ground, self.seed
        )

    def _in_doubt(self, one: _Looked) -> bool:
        strong = one.alone is not None and one.alone.low >= STRONG
        return one.quarantined or (one.table == "leads" and (strong or weigh(one.signs, one.alone) != "clean"))

    def _told(self, one: _Looked, stakes: Stakes | None, by_name: bool) -> FieldAudit:
        dated = one.table == "attribute_changes"
        verdict = weigh(one.signs, None if dated else one.alone)
        if one.answered is not None and verdict == "asked":
            verdict = "clean"
        return FieldAudit(
            name=one.column.name,
            label=one.column.label,
            table=one.table,
            verdict=verdict,
            signs=tuple(sorted(one.signs, key=lambda sign: _WEIGHTS.index(sign.weight))),
            auc_alone=one.alone,
            model_with=stakes and stakes.model_with,
            model_without=stakes and stakes.model_without,
            at_stake=stakes and stakes.at_stake,
            filled=self._filled(one.column),
            question=question(one.column.label, verdict),
            answered=one.answered,
            caught_by_name_only=by_name,
            advice=advice(one.attribute, "after"),
            advice_if_known=advice(one.attribute, "moment"),
            column=one.column.column,
        )

    def _filled(self, column: Column) -> Filled:
        filled, ground = column.filled, self.ground
        won, lost = ground.looked & ground.converted, ground.looked & ~ground.converted
        return Filled(
            share=float(filled.mean()) if len(filled) else 0.0,
            converted=clocks.share(int(filled[won].sum()), int(won.sum())) if won.any() else None,
            others=clocks.share(int(filled[lost].sum()), int(lost.sum())) if lost.any() else None,
            by_age=age.fifths(filled, ground.youth),
        )

    def _activity_types(self) -> Iterator[FieldAudit]:
        """Yield the types of activity, each with when leads first had it."""
        if self.history.is_flat:
            return
        entries = self._entries("activities", "type")
        for type_ in entries.words:
            remark = clocks.activity_sign(clocks.counted(*entries.first_times(type_), self.ground), type_)
            yield FieldAudit(type_, type_, "activities", "clean", () if remark is None else (remark,))

    def _account(self) -> Iterator[FieldAudit]:
        """Yield whether a lead has an account at all, where it may: it is no attribute, so it is never left out."""
        accounts = self.history.leads["account_id"]
        if not self.enough or accounts.isna().all() or accounts.notna().all():
            return
        there = accounts.notna().map({True: "there", False: None}).astype("str")
        column = column_of("account_id", "account_id", "account_id", there)
        found = tuple(sign for sign in self._signs(column) if sign.kind in ("purity", "fill_age"))
        gives_away = any(sign.weight == "alone" for sign in found)
        yield FieldAudit(
            name="account_id",
            label="account_id",
            table="leads",
            verdict="asked" if gives_away else "clean",
            signs=found,
            auc_alone=alone(column, self.ground),
            filled=self._filled(column),
            question="Do leads get their account before it is known whether they convert?" if gives_away else None,
            advice="leave account_id out of [leads.columns], or map the account that was known at creation",
            column="account_id",
        )


def _answer(attribute: Attribute) -> str | None:
    """Return what the mapping answered; ``exported`` is no answer."""
    if attribute.answered is not None:
        return attribute.answered
    return attribute.known if attribute.known in _ANSWERS else None


def _height(found: Interval | None) -> float:
    return 0.0 if found is None or not np.isfinite(found.value) else round(found.value, 9)
