"""Flat exports of companies that never were, with honest fields that look like leaks and leaks that look honest.

Each lead comes on a day of a year, converts or not by a hidden need, some weeks later, and is exported on the last day.
Honest fields are known when the lead comes; leaks are written along the way or afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadlight.core.history import History
from leadlight.core.mapping import parse
from leadlight.core.source import history_from_tables

__all__ = ["HONEST", "LEAKS", "UNDECIDABLE", "Company", "company", "export"]

NOW = pd.Timestamp("2026-11-23", tz="UTC")


@dataclass(frozen=True)
class Company:
    """Leads of a company; arrays of shape (n_leads,)."""

    rng: np.random.Generator
    need: np.ndarray  # hidden, standard normal
    came: np.ndarray  # 0 the oldest, 1 the youngest
    open_for: np.ndarray  # years between coming and the export, or converting
    won: np.ndarray

    @property
    def n(self) -> int:
        return len(self.won)

    def some(self, share, among=None):
        """Draw a mask."""
        there = self.rng.random(self.n) < share
        return there if among is None else there & among

    def words(self, values, there=None):
        """Return words, missing where not there."""
        found = np.asarray(values, dtype=object).copy()
        if there is not None:
            found[~there] = None
        return pd.Series(found, dtype="str")

    def numbers(self, values, there=None):
        """Return numbers, missing where not there."""
        found = np.asarray(values, dtype=float).copy()
        if there is not None:
            found[~there] = np.nan
        return pd.Series(found)


def company(n=5000, base_rate=0.2, seed=0) -> Company:
    """Draw a company."""
    rng = np.random.default_rng(seed)
    need = rng.normal(size=n)
    came = rng.permutation((np.arange(n) + 0.5) / n)
    level = np.log(base_rate / (1 - base_rate)) - 0.9 * base_rate
    would = rng.random(n) < 1 / (1 + np.exp(-(level + 1.5 * need)))
    after = rng.exponential(0.08, n)
    won = would & (after < 1 - came)
    return Company(rng, need, came, np.where(won, after, 1 - came), won)


def _level(c, edges, names, noise=0.6):
    return np.array(names, dtype=object)[np.searchsorted(edges, c.need + noise * c.rng.normal(size=c.n))]


def _referred(c):
    """Rare levels that nearly all convert, and a strong one: honest."""
    found = _level(c, [-0.7, 0.5, 1.4], ["web", "ads", "fair", "partner"])
    found[c.some(0.6, (c.need > 2.2))] = "founder's friend"
    return c.words(found)


def _not_eligible(c):
    found = _level(c, [0.0, 1.0], ["small", "middle", "large"])
    lost = ~c.won & c.some(0.04)
    found[lost] = "outside our region"
    return c.words(found)


def _since(c, day):
    """Is asked for from some day on."""
    return c.some(np.where(c.came > day, 0.95, 0.0))


HONEST = {
    "fit": lambda c: c.numbers(c.need + 0.5 * c.rng.normal(size=c.n)),  # area about .85
    "source": _referred,
    "region": _not_eligible,
    "employees": lambda c: c.numbers(np.exp(3 + c.need + c.rng.normal(size=c.n)), c.some(1 / (1 + np.exp(-c.need)))),
    "budget": lambda c: c.numbers(c.need + c.rng.normal(size=c.n), c.some(0.15 + 0.8 * c.came)),  # filled better lately
    "interest": lambda c: c.words(_level(c, [0.0, 1.0], ["a", "b", "c"]), c.some(np.where(c.came < 0.6, 0.9, 0.1))),
    "visits_before": lambda c: c.numbers(c.rng.poisson(np.exp(1 + 0.5 * c.need))),
    "newsletters_sent": lambda c: c.numbers(c.rng.poisson(52 * (1 - c.came))),  # goes on for everybody
    "campaign": lambda c: c.words(np.where(c.rng.random(c.n) < c.came, "new", _level(c, [0.5], ["old", "special"]))),
    "market_index": lambda c: c.numbers(np.round(10 * np.sin(3 * c.came), 1)),
    "employment_contract": lambda c: c.words(_level(c, [0.0], ["fixed term", "permanent"], noise=3.0)),
    "previous_deals": lambda c: c.numbers(c.rng.poisson(np.exp(0.4 * c.need))),
    "last_name_initial": lambda c: c.words(c.rng.choice(list("ABCDEFGH"), c.n)),
    "weekday": lambda c: c.words(c.rng.choice(["mo", "tu", "we", "th", "fr"], c.n)),
    "credit_score": lambda c: c.numbers(c.need + 0.7 * c.rng.normal(size=c.n), _since(c, 0.4)),
}  # fmt: skip


def _codes(c):
    return np.char.add("K", c.rng.integers(0, c.n // 12, c.n).astype(str))


def _reason(c):
    """Give reasons for lost leads, with time."""
    return c.words(c.rng.choice(["price", "timing", "other"], c.n), c.some(np.clip(1.3 * (1 - c.came), 0, 1), ~c.won))


def _note(c):
    there = c.some(0.35, c.won) | c.some(0.01, ~c.won)
    words = c.rng.choice(["met at fair", "sent papers", "asked twice", "two calls"], c.n)
    return c.words(
        np.char.add(words.astype(str), np.char.add(" ", c.rng.integers(0, c.n // 8, c.n).astype(str))), there
    )


def _activity(c):
    rate = np.where(c.won[:, None], [0.55, 0.15, 0.2, 0.1], [0.2, 0.4, 0.2, 0.2])
    old = np.clip((1 - c.came) * 0.6, 0, 0.6)
    pick = (c.rng.random(c.n)[:, None] > rate.cumsum(axis=1)).sum(axis=1)
    found = np.array(["sms", "mail", "visit", "chat"], dtype=object)[np.minimum(pick, 3)]
    found[c.some(old, ~c.won)] = "unsubscribed"
    return c.words(found)


def _judged(c):
    """Judge after talking: sales knows half of what will be."""
    seen = c.won | c.some(0.5)
    found = np.where(
        c.won,
        c.rng.choice(["high", "middle"], c.n, p=[0.8, 0.2]),
        c.rng.choice(["high", "middle", "low"], c.n, p=[0.03, 0.3, 0.67]),
    )
    return c.words(found, seen)


def _step(c):
    """Is written as work goes on: old leads have it, young ones not yet; those who have it late often won."""
    there = c.some(np.clip(1.6 * (1 - c.came), 0, 1)) & (c.won | c.some(0.3))
    found = np.where(
        c.won, c.rng.choice(["p", "q"], c.n, p=[0.9, 0.1]), c.rng.choice(["p", "q", "r"], c.n, p=[0.05, 0.45, 0.5])
    )
    return c.words(found, there)


LEAKS = {
    "onboarded": lambda c: c.words(np.where(np.where(c.some(0.97), c.won, c.some(0.001)), "yes", "no")),
    "gift_sent": lambda c: c.words(np.where(c.won & (c.rng.random(c.n) < 30 / max(c.won.sum(), 1)), "yes", "no")),
    "order_code": lambda c: c.words(_codes(c), c.won & c.some(0.9)),
    "reason_lost": lambda c: _reason(c),
    "mails_while_open": lambda c: c.numbers(c.rng.poisson(1 + 60 * c.open_for)),
    "logins": lambda c: c.numbers(c.rng.poisson(np.where(c.won, 2 + 60 * (1 - c.came), 1.5))),
    "remark": _note,
    "x_17": lambda c: c.numbers(np.where(c.won, 2.0, -2.0) + c.rng.normal(size=c.n) * 0.6),
    "last_activity": _activity,
    "lead_quality": _judged,
    "step": _step,
    "invoice_number": lambda c: c.numbers(c.rng.integers(1000, 9999, c.n), c.won & c.some(0.8)),
}  # fmt: skip

UNDECIDABLE = {
    "noisy_proxy": lambda c: c.words(np.where(np.where(c.some(0.9), c.won, ~c.won), "a", "b")),
}


def export(c: Company, fields, *, ordered=True) -> History:
    """Return a flat export with these fields (name to maker), read at the door."""
    leads = pd.DataFrame({name: make(c) for name, make in fields.items()})
    leads["lead_id"] = [f"L{i:06d}" for i in c.rng.permutation(c.n)]
    leads["won"], leads["came"] = np.where(c.won, "yes", "no"), np.argsort(np.argsort(c.came))
    order = 'column = "came"' if ordered else 'by = "none"\n[leads.attributes]\ncame = { exclude = "the order" }'
    mapping = parse(f'[leads.outcome]\ncolumn = "won"\npositive = ["yes"]\n[leads.order]\n{order}\n')
    return history_from_tables({"leads": leads}, now=NOW, mapping=mapping)
