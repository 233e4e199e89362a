"""Backtest: what if you had used it, month after month.

For each month every method learns from what was known on its first day, then ranks the open leads of the month's
weeks: the same leads for all. Nothing is registered and nothing is chosen by these figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from leadlight.core.clock import DAY, from_micros
from leadlight.training.backtest import figures
from leadlight.training.backtest.figures import RANDOM, Field, Measured, figure, ratio, summed
from leadlight.training.backtest.methods import LEADLIGHT, WORDS, Answers, Said, answers
from leadlight.training.backtest.periods import Plan, plan
from leadlight.training.bootstrap import DRAWS, Accounts
from leadlight.training.moments import by_lead_id
from leadlight.training.population import DEFAULT_HOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.backtest.weekly import Lists

__all__ = ["AGAINST", "Backtest", "Room", "backtest", "room_for"]

AGAINST: Final = ("scorecard", "odoo")
"""What the others are compared with, where it is there."""

TUNE_EVERY: Final = 3
"""Weights are learned anew for each month, settings for every third: tuning is what takes the time."""

_WORDS: Final = (
    "Outcomes reflect who was worked then: leads that another list would have brought to sales were mostly not worked, "
    "so what a list would have caught is what it points at, not what it would have changed.",
    "All open leads are ranked; earlier moments of the same lead may have taught, as in use.",
    "Intervals come from resampling accounts (else leads), 1,000 draws, the same for all methods, lists made anew in "
    "each; the noise of training itself is left out of them.",
    "Odoo counts fields of the lead only, neither activities nor stages after arrival; its own label is every lead "
    "closed by the cut-off day, without a horizon.",
    "Every method learns anew for each cut-off; the candidates' settings are chosen anew for every third.",
    "Recalibrated: every method by the same kind of affine map of its log-odds, slope from the inner forward folds, "
    "level from the moments it was taught.",
)


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    Attributes
    ----------
    found : dict
        JSON-ready: ``periods`` (each with its methods), ``pooled``, ``against``, ``top`` (the weekly lists), ``words``.
    """

    found: dict[str, Any]

    @property
    def sentence(self) -> str:
        """What came of it, in one or two sentences."""
        top = self.found["top"]
        served, converted = top["methods"][LEADLIGHT], top["converted"]
        first = (
            f"With the best {top['room_words']}, Leadlight's lists would have held {_of(served, converted)}; "
            f"lists drawn by lot {_of(top['methods'][RANDOM], converted)}"
        )
        rivals = [
            f"{words} {_of(top['methods'][name], converted)}" for name, words in _RIVALS if name in top["methods"]
        ]
        return "; ".join([first, *rivals]) + "."


_RIVALS: Final = (("scorecard", "those of the points"), ("odoo", "those of Odoo with effort"))


def _of(method: Mapping[str, Any], converted: int) -> str:
    share = method["share_caught"]
    low, high = (f"{100 * share[end]:.0f}" if share[end] is not None else "?" for end in ("low", "high"))
    return (
        f"{method['caught']:,.0f} of {converted:,} conversions ({100 * (share['value'] or 0):.0f} %, {low} to {high})"
    )


def _silent(step: str) -> None:
    """Show no progress."""


def backtest(
    history: History,
    agreement: Agreement,
    *,
    months: int | None = None,
    top: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = _silent,
) -> Backtest:
    """Replay a history month by month, or a flat export tenth by tenth.

    Parameters
    ----------
    history : History
    agreement : Agreement
    months : int, optional
        At most so many months (or tenths), the newest ones; default: as many as the history allows.
    top : int, optional
        Leads on each week's list; default the agreed capacity, else a tenth of the open leads.
    seed : int
        The same seed gives the same figures, whatever the order of rows.
    progress : callable
        Called with the name of each step as it begins.

    Raises
    ------
    Nothing
        If the export has no order, or no month can be replayed.
    """
    began = time.perf_counter()
    with threadpool_limits(1):  # the order of a sum must not depend on the number of cores
        history = by_lead_id(history)
        progress("what was known when")
        planned = plan(history, agreement, months)
        told: list[Answers] = []
        for i, period in enumerate(planned.periods):
            progress(f"{period.name}: learn from {len(period.learn):,} moments, rank {len(period.asked):,}")
            settings = told[-1].settings if i % TUNE_EVERY else None
            told.append(answers(history, agreement, period, seed, settings))
        progress("measures")
        found = _found(planned, told, agreement, top, seed)
    return Backtest({**found, "seed": seed, "seconds": round(time.perf_counter() - began, 2)})


def _found(planned: Plan, told: list[Answers], agreement: Agreement, top: int | None, seed: int) -> dict[str, Any]:
    asked = planned.asked
    room = room_for(planned, agreement, top)
    field = Field(asked, planned.of, planned.weeks, room.by_week, Accounts.draw(asked.owner, seed))
    methods = [name for name in WORDS if all(name in one.by for one in told)]
    measured = {name: Measured.of(_whole(told, name), field) for name in methods}
    return {
        "unit": planned.unit,
        "periods": [_period(planned, told, measured, field, i) for i in range(len(told))],
        "pooled": _pooled(measured, field),
        "against": {rival: _against(measured, field, rival) for rival in AGAINST if rival in measured},
        "top": _top(measured, field, room.words),
        "methods": {name: WORDS[name] for name in methods},
        "left_out": _left_out(methods),
        "draws": DRAWS,
        "agreement": {"stage": agreement.stage, "within_days": agreement.within_days, "version": agreement.version},
        "words": [*_words(planned), *([room.note + "."] if room.note else [])],
    }


def _whole(told: list[Answers], name: str) -> Said:
    parts = [one.by[name] for one in told]
    return Said(np.concatenate([p.raw for p in parts]), np.concatenate([p.recalibrated for p in parts]))


@dataclass(frozen=True)
class Room:
    """How many leads each list has room for, and what to say of it."""

    by_week: NDArray[np.float64]
    words: str
    note: str | None = None


def room_for(planned: Plan, agreement: Agreement, top: int | None) -> Room:
    """Say how many leads a list has room for: as asked, else the agreed capacity, else a tenth of who is open."""
    counts = np.bincount(planned.weeks)
    flat = planned.unit == "tenth"
    unit = "of every tenth of the export" if flat else "a week"
    agreed = None if flat else agreement.leads_per_week
    a_week, note = top if top is not None else agreed, None
    if a_week is None:
        a_week = max(1, round(DEFAULT_HOT * float(np.median(counts)) / planned.every))
        note = f"{'A flat export has no weeks' if flat else 'No capacity was agreed'}: the lists have room for a tenth"
    if planned.every > 1:
        note = f"Moments were thinned to one week in {planned.every}; each list has room for {planned.every} weeks"
    return Room(np.full(len(counts), float(a_week * planned.every)), f"{a_week:,} leads {unit}", note)


def _period(
    planned: Plan, told: list[Answers], measured: Mapping[str, Measured], field: Field, i: int
) -> dict[str, Any]:
    period, n = planned.periods[i], figures.moments_by_period(field)[:, i]
    weeks = field.week_period == i
    methods = {}
    for name, one in measured.items():
        listed, caught = summed(field, one.lists, i)
        methods[name] = {
            "auc": figure(one.auc(weeks)),
            "log_loss": figure(ratio(one.losses[:, i], n)),
            "log_loss_recalibrated": figure(ratio(one.losses_recalibrated[:, i], n)),
            "listed": float(listed[0]),
            "caught": float(caught[0]),
        }
    learn = period.learn
    return {
        "name": period.name,
        "cut_off": period.cut if period.flat else from_micros(period.cut).date().isoformat(),
        "chosen": told[i].chosen,
        "known": {
            "moments": period.known,
            "taught": len(learn),
            "leads": len(np.unique(learn.lead)),
            "conversions": learn.conversions,
            "embargo_days": None if period.flat else period.gap / DAY,
        },
        "asked": _counts(period.asked) | {"lists": int(weeks.sum())},
        "methods": methods,
    }


def _counts(moments: Any) -> dict[str, Any]:
    return {
        "moments": len(moments),
        "leads": len(np.unique(moments.lead)),
        "conversions": moments.conversions,
        "base_rate": float(moments.converted.mean()),
    }


def _pooled(measured: Mapping[str, Measured], field: Field) -> dict[str, Any]:
    n = figures.moments_by_period(field).sum(axis=1)
    methods = {
        name: {
            "auc": figure(one.auc()),
            "log_loss": figure(ratio(one.losses.sum(axis=1), n)),
            "log_loss_recalibrated": figure(one.chances["log_loss"]),
            "calibration_error": figure(one.chances["calibration_error"]),
            "observed_to_expected": figure(one.chances["observed_to_expected"]),
        }
        for name, one in measured.items()
    }
    return {**_counts(field.asked), "lists": len(field.room), "methods": methods}


def _against(measured: Mapping[str, Measured], field: Field, rival: str) -> dict[str, Any]:
    """Return paired differences to one method, draw by draw."""
    base, converted = measured[rival], field.converted()
    base_listed, base_caught = summed(field, base.lists)
    found = {}
    for name, one in measured.items():
        if name == rival:
            continue
        listed, caught = summed(field, one.lists)
        found[name] = {
            "auc": figure(one.auc() - base.auc()),
            "log_loss_recalibrated": figure(one.chances["log_loss"] - base.chances["log_loss"]),
            "caught": figure(caught - base_caught),
            "share_caught": figure(ratio(caught - base_caught, converted)),
            "lift": figure(ratio(ratio(caught, listed), ratio(base_caught, base_listed))),
        }
    return found


def _top(measured: Mapping[str, Measured], field: Field, words: str) -> dict[str, Any]:
    """Return what the weekly lists held; a lead counts once, at its first entry."""
    converted = field.converted()
    by_lot = field.at_random()
    lists: dict[str, Lists] = {**{name: one.lists for name, one in measured.items()}, RANDOM: by_lot}
    lot_listed, lot_caught = summed(field, by_lot)
    methods = {}
    for name, mine in lists.items():
        listed, caught = summed(field, mine)
        precision = ratio(caught, listed)
        methods[name] = {
            "listed": round(float(listed[0]), 6),
            "caught": round(float(caught[0]), 6),
            "share_caught": figure(ratio(caught, converted)),
            "precision": figure(precision),
            "lift_against_random": figure(ratio(precision, ratio(lot_caught, lot_listed))),
        }
    return {
        "room": float(field.room[0]),
        "room_words": words,
        "lists": len(field.room),
        "converted": int(converted[0]),
        "methods": methods,
    }


def _left_out(methods: list[str]) -> list[str]:
    """Say which methods this history has nothing for."""
    absent = {
        "odoo": "Leads have no attributes here, so Odoo's lead scoring has nothing to count: left out.",
        "odoo_default": "Odoo as installed looks at the state of phone and e-mail only; neither is here: left out.",
        "odoo_stock": "Odoo's settings page offers state, country, phone and e-mail quality, source, language and "
        "tags; no attribute is called so: left out.",
        "scorecard": "No hand-picked points were agreed: there is no scorecard to compare with.",
    }
    return [said for name, said in absent.items() if name not in methods]


def _words(planned: Plan) -> list[str]:
    if planned.unit == "month":
        return list(_WORDS)
    flat = "A flat export has neither days nor a horizon: outcomes are as exported, also of leads that had just come."
    return [*_WORDS, flat]
