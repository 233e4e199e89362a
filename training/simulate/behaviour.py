"""What a lead's hidden state makes it do in a week, and how likely what it did is under each state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.need import N_STATES
from leadlight.training.simulate.worlds import World

__all__ = ["MOST_POINTS", "SESSIONS", "Behaviour", "Week", "behaviour_of", "draw_week"]

SESSIONS: Final = ("browse", "content", "pricing", "webinar", "demo")
SESSION_POINTS: Final = np.array([0, 1, 1, 1, 2])
"""Points as practised that the CRM adds for a week with a session of a kind."""
MOST_POINTS: Final = 4

_SESSIONS_A_WEEK: Final = np.array(
    [  # browse, content, pricing, webinar, demo
        [0.022, 0.007, 0.0015, 0.004, 0.0003],  # no need
        [0.070, 0.030, 0.0100, 0.016, 0.0025],  # latent
        [0.230, 0.085, 0.1000, 0.040, 0.0350],  # active
        [0.420, 0.070, 0.2800, 0.030, 0.1100],  # urgent
        [0.600, 0.300, 0.2500, 0.000, 0.0100],  # bot, busy
        [0.010, 0.003, 0.0020, 0.000, 0.0000],  # bot, gone
        [0.400, 0.120, 0.0200, 0.090, 0.0030],  # job-seeker, busy
        [0.010, 0.004, 0.0010, 0.004, 0.0002],  # job-seeker, gone
    ]
)
_ONE_MORE_PAGE: Final = np.array([0.18, 0.30, 0.40, 0.42, 0.58, 0.58, 0.36, 0.36])
_OPENS: Final = np.array([0.16, 0.26, 0.38, 0.42, 0.85, 0.3, 0.3, 0.12])
_CLICKS: Final = np.array([0.06, 0.15, 0.30, 0.35, 0.80, 0.3, 0.15, 0.05])
_MEETS: Final = np.array([0.03, 0.08, 0.25, 0.38, 0.0, 0.0, 0.08, 0.03])
_NEWSLETTER: Final = 0.045
_EXCITED: Final = 0.6
"""Share by which a week's sessions grow if the week before had one."""


@dataclass(frozen=True)
class Behaviour:
    """Rates by hidden state.

    Attributes
    ----------
    sessions : ndarray of shape (8, 5)
        Sessions of each kind a week.
    gains : ndarray of shape (8, 2, 5, 2)
        Chance of a gain in points (0 ... 4) and of being excited next week, by state and by being excited now.
    """

    sessions: NDArray[np.float64]
    gains: NDArray[np.float64]


@dataclass(frozen=True)
class Week:
    """What some leads did in one week; every array has one row a lead.

    Attributes
    ----------
    sessions : ndarray of shape (n, 5)
    pages : ndarray of shape (n,)
        Pages beyond the first of each session, all sessions together.
    mailed, opened, clicked, met : ndarray of shape (n,), dtype bool
    """

    sessions: NDArray[np.int64]
    pages: NDArray[np.int64]
    mailed: NDArray[np.bool_]
    opened: NDArray[np.bool_]
    clicked: NDArray[np.bool_]
    met: NDArray[np.bool_]

    @property
    def gain(self) -> NDArray[np.int64]:
        """Points as practised that the week adds, before the limit."""
        seen = (self.sessions > 0).astype(np.int64)
        # A download and a webinar in one week count once.
        both = seen[:, 1] & seen[:, 3]
        return np.asarray(np.minimum(seen @ SESSION_POINTS - both, MOST_POINTS), dtype=np.int64)

    @property
    def excites(self) -> NDArray[np.bool_]:
        """Whether it had a session at all, which excites the next week."""
        return np.asarray(self.sessions.sum(axis=1) > 0)


def behaviour_of(world: World) -> Behaviour:
    """Return the world's rates; in a static one all sessions are mere browsing, which no card looks at."""
    sessions = _SESSIONS_A_WEEK.copy()
    if world.static:
        sessions = np.stack([sessions.sum(axis=1), *np.zeros((4, N_STATES))], axis=1)
    return Behaviour(sessions, _gains(sessions))


def _gains(sessions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the chances of every pattern of session kinds (some or none of each)."""
    gains = np.zeros((N_STATES, 2, MOST_POINTS + 1, 2))
    for excited in (0, 1):
        some = 1.0 - np.exp(-sessions * (1.0 + _EXCITED * excited))  # (8, 5)
        for pattern in np.ndindex(2, 2, 2, 2, 2):
            chance = np.prod(np.where(pattern, some, 1.0 - some), axis=1)
            points = int(np.dot(pattern, SESSION_POINTS)) - (pattern[1] & pattern[3])
            gains[:, excited, min(points, MOST_POINTS), int(any(pattern))] += chance
    return gains


def draw_week(
    rng: np.random.Generator,
    behaviour: Behaviour,
    state: NDArray[np.int64],
    excited: NDArray[np.bool_],
    worked: NDArray[np.bool_],
) -> tuple[Week, NDArray[np.float64]]:
    """Draw one week of some leads, with its likelihood under each hidden state.

    Returns
    -------
    week : Week
    likelihood : ndarray of shape (n, 8)
        Up to a factor of each row.
    """
    boost = 1.0 + _EXCITED * excited[:, None].astype(np.float64)
    sessions = rng.poisson(behaviour.sessions[state] * boost)
    count = sessions.sum(axis=1)
    pages = np.zeros(len(state), dtype=np.int64)
    some = count > 0
    pages[some] = rng.negative_binomial(count[some], 1.0 - _ONE_MORE_PAGE[state[some]])
    chance = rng.random((len(state), 4))
    mailed = (chance[:, 0] < _NEWSLETTER) & ~worked
    opened = mailed & (chance[:, 1] < _OPENS[state])
    clicked = opened & (chance[:, 2] < _CLICKS[state])
    met = worked & (chance[:, 3] < _MEETS[state])
    week = Week(sessions, pages, mailed, opened, clicked, met)
    return week, _likelihood(behaviour, week, boost, worked)


def _likelihood(
    behaviour: Behaviour, week: Week, boost: NDArray[np.float64], worked: NDArray[np.bool_]
) -> NDArray[np.float64]:
    rates = behaviour.sessions
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(rates), -1e3)  # a kind of session that a state never has rules the state out
    log = week.sessions @ logs.T - boost * rates.sum(axis=1)
    log += week.sessions.sum(axis=1)[:, None] * np.log1p(-_ONE_MORE_PAGE) + week.pages[:, None] * np.log(_ONE_MORE_PAGE)
    log -= log.max(axis=1, keepdims=True)
    answered = _happened(week.opened, _OPENS, week.mailed) * _happened(week.clicked, _CLICKS, week.opened)
    likelihood: NDArray[np.float64] = np.exp(log) * answered * _happened(week.met, _MEETS, worked)
    return likelihood


def _happened(
    happened: NDArray[np.bool_], chance: NDArray[np.float64], asked: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the chance of what happened under each state, 1 where it could not happen."""
    return np.where(asked[:, None], np.where(happened[:, None], chance, 1.0 - chance), 1.0)
