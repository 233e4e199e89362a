"""Accounts and people: what a lead is like from the day it arrives, seen and hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.calendar import DAY, HOUR, WEEKS, week_start
from leadlight.training.simulate.traits import (
    BAND_EDGES,
    BANDS,
    CAMPAIGNS,
    COUNTRIES,
    DRIVERS,
    INDUSTRIES,
    SOURCES,
    TITLES,
)
from leadlight.training.simulate.worlds import World

__all__ = ["BOT", "BUYER", "SEEKER", "Company", "draw_company", "kind_chances"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

BUYER, BOT, SEEKER = 0, 1, 2


@dataclass(frozen=True)
class Company:
    """Leads in the order of their arrival, and the accounts behind them.

    Attributes
    ----------
    account : ndarray of shape (n_leads,)
        Number of the account; leads without one have an account of their own that nobody sees.
    has_account, free_mail, size_known : ndarray of shape (n_leads,), dtype bool
        ``size_known``: whether the number of employees is known on arrival.
    created : ndarray of shape (n_leads,)
        Seconds of UTC, increasing.
    born : ndarray of shape (n_leads,)
        Week of arrival.
    source, campaign, country, title : ndarray of shape (n_leads,)
        Positions in the lists of `traits`.
    kind : ndarray of shape (n_leads,)
        Hidden: 0 buyer, 1 bot, 2 job-seeker.
    industry, band, driver, employees : ndarray of shape (n_accounts,)
        ``driver`` is hidden always, ``band`` and ``employees`` until somebody asks.
    """

    account: Ints
    has_account: Flags
    free_mail: Flags
    size_known: Flags
    created: Ints
    born: Ints
    source: Ints
    campaign: Ints
    country: Ints
    title: Ints
    kind: Ints
    industry: Ints
    band: Ints
    driver: Ints
    employees: Ints

    @property
    def n_leads(self) -> int:
        """Number of leads."""
        return len(self.account)

    @property
    def n_accounts(self) -> int:
        """Number of accounts, those of single leads included."""
        return len(self.industry)


def draw_company(rng: np.random.Generator, *, leads: int, world: World) -> Company:
    """Draw everything that is settled when a lead arrives."""
    has_account = rng.random(leads) < 0.8
    account = _group(rng, has_account)
    n_accounts = int(account.max()) + 1
    created = _arrivals(rng, account, n_accounts)
    order = np.argsort(created, kind="stable")
    account, has_account, created = account[order], has_account[order], created[order]
    born = (created - week_start(np.zeros(1, np.int64))[0]) // (7 * DAY)
    source = _sources(rng, born, world.mix_week)
    title = _pick(rng, [t.share for t in TITLES], leads)
    free_mail = rng.random(leads) < np.where(has_account, 0.04, 0.7)
    chances = kind_chances(source, title, has_account, world)
    band = _pick(rng, BANDS, n_accounts)
    return Company(
        account=account,
        has_account=has_account,
        free_mail=free_mail,
        size_known=(rng.random(leads) < 0.7) | world.static,
        created=created,
        born=born,
        source=source,
        campaign=_pick(rng, [0.3, 0.4, 0.3], leads),
        country=_pick(rng, [share for _, share, _ in COUNTRIES], leads),
        title=title,
        kind=(rng.random(leads)[:, None] > np.cumsum(chances, axis=1)[:, :2]).sum(axis=1),
        industry=_pick(rng, [share for _, share, *_ in INDUSTRIES], n_accounts),
        band=band,
        driver=np.full(n_accounts, 1) if world.additive else _pick(rng, [p for _, p in DRIVERS], n_accounts),
        employees=_employees(rng, band),
    )


def kind_chances(source: Ints, title: Ints, has_account: Flags, world: World) -> Floats:
    """Return the chances of buyer, bot and job-seeker given what is seen, shape (n_leads, 3)."""
    bots = np.array([s.bots for s in SOURCES])[source]
    seekers = np.array([s.seekers for s in SOURCES])[source]
    nameless = np.array([t.rank == "none" for t in TITLES])[title]
    more = np.where(has_account, 1.0, 2.0) * np.where(nameless, 2.0, 0.8)
    chances = np.stack([1 - more * (bots + seekers), more * bots, more * seekers], axis=1)
    return np.eye(3)[np.zeros(len(source), int)] if world.additive else chances


def campaign_name(source: int, campaign: int) -> str:
    """Return the name of a source's campaign."""
    return f"{SOURCES[source].name}-{CAMPAIGNS[campaign][0]}"


def _pick(rng: np.random.Generator, shares: Any, size: int) -> Ints:
    share = np.asarray(shares, dtype=np.float64)
    return rng.choice(len(share), size=size, p=share / share.sum()).astype(np.int64)


def _group(rng: np.random.Generator, has_account: Flags) -> Ints:
    """Give leads to accounts: buying groups of one to a dozen; the others stay alone."""
    members, alone = int(has_account.sum()), int((~has_account).sum())
    sizes = 1 + np.minimum(rng.geometric(0.45, size=members) - 1, 11)
    group = np.repeat(np.arange(members), sizes)[:members]
    account = np.empty(len(has_account), dtype=np.int64)
    account[has_account] = group
    account[~has_account] = (int(group[-1]) + 1 if members else 0) + np.arange(alone)
    return account


def _arrivals(rng: np.random.Generator, account: Ints, n_accounts: int) -> Ints:
    """Draw times of arrival: colleagues come some weeks after each other, mostly on working days."""
    weeks = WEEKS - 1
    week = (rng.random(n_accounts) * weeks)[account] + rng.exponential(9.0, size=len(account)) - 3.0
    again = rng.random(len(account)) * weeks
    whole: Ints = np.floor(np.where((week < 0) | (week >= weeks), again, week)).astype(np.int64)
    day = rng.choice(7, size=len(account), p=[0.19, 0.19, 0.19, 0.18, 0.15, 0.05, 0.05])
    second = 7 * HOUR + rng.integers(0, 14 * HOUR, size=len(account))
    return np.asarray(week_start(whole) + day * DAY + second)


def _sources(rng: np.random.Generator, born: Ints, mix_week: int) -> Ints:
    early = _pick(rng, [s.early for s in SOURCES], len(born))
    late = _pick(rng, [s.late for s in SOURCES], len(born))
    return np.where(born < mix_week, early, late)


def _employees(rng: np.random.Generator, band: Ints) -> Ints:
    low, high = np.array(BAND_EDGES)[band], np.array(BAND_EDGES)[band + 1]
    employees: Ints = np.floor(low * (high / low) ** (rng.random(len(band)) * 0.999)).astype(np.int64)
    return employees
