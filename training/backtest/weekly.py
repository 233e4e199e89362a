"""What a list of the best N a week would have caught, and how well methods rank within a week, in bootstrap draws.

A lead counts once: in the week in which it first comes among the best N it is listed, and leaves the queue. In a draw a
lead is there as often as its account was drawn, takes as many places, and the list is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from leadlight.training.bootstrap import ranked
from leadlight.training.moments import scrambled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.bootstrap import Accounts
    from leadlight.training.moments import Moments

__all__ = ["Lists", "Pairs", "at_random", "pairs_within", "replay"]


@dataclass(frozen=True)
class Lists:
    """What a method's weekly lists held.

    Attributes
    ----------
    listed, caught : ndarray of shape (n_draws + 1, n_weeks)
        Leads that came onto the list in each week, and how many of them converted within the horizon from then.
    """

    listed: NDArray[np.float64]
    caught: NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """How a method ranks within weeks.

    Attributes
    ----------
    good, all : ndarray of shape (n_draws + 1, n_weeks)
        Pairs of one lead that converted and one that did not, of the same week: those in the right order (ties count
        half), and all. Their ratio over any weeks is the area under the ROC curve within weeks.
    """

    good: NDArray[np.float64]
    all: NDArray[np.float64]


def replay(
    score: NDArray[np.float64], moments: Moments, week: NDArray[np.int64], room: NDArray[np.float64], accounts: Accounts
) -> Lists:
    """Work the best leads of every week, each lead once.

    Parameters
    ----------
    score : ndarray of shape (n_moments,)
        Higher is better; equal scores are put in an order that has nothing to do with the lead.
    moments : Moments
        All open leads of every week, labelled.
    week : ndarray of shape (n_moments,), dtype int64
        0 ... n_weeks - 1, in order of time.
    room : ndarray of shape (n_weeks,)
        How many leads can be worked.
    accounts : Accounts
        Of the moments.
    """
    order = np.lexsort((scrambled(moments.lead, moments.as_of), -ranked(score), week))
    return Lists(*_replay(*_arranged(moments, week, room, accounts, order)))


def at_random(moments: Moments, week: NDArray[np.int64], room: NDArray[np.float64], accounts: Accounts) -> Lists:
    """Return what lists drawn by lot would hold on average: of who is left, everybody is as likely as the next."""
    order = np.argsort(week, kind="stable")
    return Lists(*_at_random(*_arranged(moments, week, room, accounts, order)))


def pairs_within(
    score: NDArray[np.float64], converted: NDArray[np.bool_], week: NDArray[np.int64], n_weeks: int, accounts: Accounts
) -> Pairs:
    """Count the pairs within each week that a ranking puts in the right order.

    Parameters
    ----------
    score, converted, week : ndarray of shape (n_moments,)
    n_weeks : int
    accounts : Accounts
    """
    score = ranked(score)
    order = np.lexsort((-score, week))
    ties = np.r_[True, (np.diff(score[order]) != 0) | (np.diff(week[order]) != 0)]
    own = (accounts.of[order], converted[order].astype(np.float64), week[order], np.cumsum(ties) - 1)
    return Pairs(*_pairs(accounts.draws, *own, n_weeks))


def _arranged(
    moments: Moments, week: NDArray[np.int64], room: NDArray[np.float64], accounts: Accounts, order: NDArray[np.int64]
) -> tuple[Any, ...]:
    lead = np.unique(moments.lead, return_inverse=True)[1].astype(np.int64)
    start = np.searchsorted(week[order], np.arange(len(room) + 1))
    won = moments.converted[order].astype(np.float64)
    return accounts.draws, accounts.of[order], lead[order], won, start, np.asarray(room, np.float64)


def _replay_of(draws: Any, account: Any, lead: Any, converted: Any, start: Any, room: Any) -> Any:
    """Walk down each week's ranking until its room is filled, past who was listed before."""
    listed, caught = np.zeros((len(draws), len(room))), np.zeros((len(draws), len(room)))
    taken = np.full(len(account), -1)  # the draw in which a lead was last listed
    for d in range(len(draws)):
        for week in range(len(room)):
            left = room[week]
            for i in range(start[week], start[week + 1]):
                if left <= 0.0:
                    break
                times = draws[d, account[i]]
                if times <= 0.0 or taken[lead[i]] == d:
                    continue
                taken[lead[i]] = d
                took = min(times, left)
                left -= took
                listed[d, week] += took
                caught[d, week] += took * converted[i]
    return listed, caught


def _at_random_of(draws: Any, account: Any, lead: Any, converted: Any, start: Any, room: Any) -> Any:
    """Take from every lead that is left the same share, so that the shares fill the week's room."""
    listed, caught = np.zeros((len(draws), len(room))), np.zeros((len(draws), len(room)))
    for d in range(len(draws)):
        left = np.ones(len(account))
        for week in range(len(room)):
            there = 0.0
            for i in range(start[week], start[week + 1]):
                there += draws[d, account[i]] * left[lead[i]]
            share = min(room[week] / there, 1.0) if there > 0.0 else 0.0
            for i in range(start[week], start[week + 1]):
                took = share * draws[d, account[i]] * left[lead[i]]
                left[lead[i]] *= 1.0 - share
                listed[d, week] += took
                caught[d, week] += took * converted[i]
    return listed, caught


def _pairs_of(draws: Any, account: Any, converted: Any, week: Any, step: Any, n_weeks: int) -> Any:
    """Pairs in the right order, and all, by draw and week."""
    good, every = np.zeros((len(draws), n_weeks)), np.zeros((len(draws), n_weeks))
    for d in range(len(draws)):
        won = lost = 0.0
        i = 0
        while i < len(account):
            if i > 0 and week[i] != week[i - 1]:
                every[d, week[i - 1]] = won * lost
                won = lost = 0.0
            tied_won = tied_lost = 0.0
            j = i
            while j < len(account) and step[j] == step[i]:
                times = draws[d, account[j]]
                tied_won += times * converted[j]
                tied_lost += times * (1.0 - converted[j])
                j += 1
            good[d, week[i]] += tied_lost * (won + 0.5 * tied_won)
            won += tied_won
            lost += tied_lost
            i = j
        if len(account) > 0:
            every[d, week[len(account) - 1]] = won * lost
    return good, every


_replay: Any = numba.njit(cache=True)(_replay_of)
_at_random: Any = numba.njit(cache=True)(_at_random_of)
_pairs: Any = numba.njit(cache=True)(_pairs_of)
