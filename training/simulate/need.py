"""Need: the hidden state of a lead, how it moves from week to week, and what it depends on."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.company import Company, kind_chances
from leadlight.training.simulate.traits import (
    BAND_NEED,
    BAND_NEED_ADDITIVE,
    BAND_NEED_SHIFTED,
    BANDS,
    CAMPAIGNS,
    COUNTRIES,
    DRIVERS,
    INDUSTRIES,
    SOURCES,
    TITLES,
)
from leadlight.training.simulate.worlds import World

__all__ = ["ACTIVE", "AFTER_SALE", "COMBOS", "LATENT", "NONE", "N_STATES", "URGENT", "combo_shares", "first_states"]
__all__ += ["need_grid", "need_index", "step_tables"]

NONE, LATENT, ACTIVE, URGENT, BOT_BUSY, BOT_GONE, SEEKER_BUSY, SEEKER_GONE = range(8)
N_STATES: Final = 8

AFTER_SALE: Final = np.array([NONE] * 4 + [BOT_GONE] * 2 + [SEEKER_GONE] * 2)
"""The state from which a lead starts anew once its opportunity is lost."""

_GRID_STEP: Final = 0.1
_GRID_LIMIT: Final = 40

COMBOS: Final = tuple((driver, band) for driver in range(len(DRIVERS)) for band in range(len(BANDS)))
"""What may be hidden of an account: every pair of driver and size band."""


def combo_shares(world: World) -> NDArray[np.float64]:
    """Return the share of each hidden pair before anything is seen, shape (12,)."""
    driver = np.array([0.0, 1.0, 0.0]) if world.additive else np.array([share for _, share in DRIVERS])
    shares: NDArray[np.float64] = np.outer(driver, np.array(BANDS)).ravel()
    return shares


def need_grid() -> NDArray[np.float64]:
    """Return the values that the need index can take; all rates are tables over them."""
    return np.arange(-_GRID_LIMIT, _GRID_LIMIT + 1, dtype=np.float64) * _GRID_STEP


def need_index(company: Company, world: World) -> NDArray[np.int16]:
    """Return each lead's position on `need_grid` under each hidden pair, shape (n_leads, 12)."""
    late = np.zeros(company.n_leads, bool) if world.shift_week is None else company.born >= world.shift_week
    seen = _seen_effects(company, late)
    columns = [seen + _hidden_effects(company, world, late, driver, band) for driver, band in COMBOS]
    steps = np.rint(np.stack(columns, axis=1) / _GRID_STEP)
    return (np.clip(steps, -_GRID_LIMIT, _GRID_LIMIT) + _GRID_LIMIT).astype(np.int16)


def _seen_effects(company: Company, late: NDArray[np.bool_]) -> NDArray[np.float64]:
    source = np.array([[s.need, s.shifted] for s in SOURCES])[company.source]
    industry = np.array([[usual, shifted] for _, _, usual, shifted in INDUSTRIES])[company.industry[company.account]]
    mixed = source + industry  # (n_leads, 2): the usual course, and after the shift
    title = np.array([t.need for t in TITLES])[company.title]
    campaign = np.array([effect for _, effect in CAMPAIGNS])[company.campaign]
    country = np.array([effect for *_, effect in COUNTRIES])[company.country]
    return np.asarray(np.where(late, mixed[:, 1], mixed[:, 0]) + title + campaign + country - 0.35 * company.free_mail)


def _hidden_effects(
    company: Company, world: World, late: NDArray[np.bool_], driver: int, band: int
) -> NDArray[np.float64]:
    if world.additive:
        return np.full(company.n_leads, BAND_NEED_ADDITIVE[band])
    senior = np.array([t.rank in {"vice", "lead"} for t in TITLES])[company.title]
    # Rank helps in large companies, where it carries a budget, and means little in small ones.
    together = senior * (0.7 if band >= 2 else -0.5)
    return np.asarray(np.where(late, BAND_NEED_SHIFTED[band], BAND_NEED[band]) + together + DRIVERS[driver][0])


def step_tables() -> NDArray[np.float64]:
    """Return the weekly transition matrices, shape (n_grid, 8, 8), rows sum to 1."""
    index = need_grid()
    steps = np.zeros((len(index), N_STATES, N_STATES))
    moves: list[tuple[int, int, NDArray[np.float64] | float]] = [
        (NONE, LATENT, np.minimum(0.014 * np.exp(0.9 * index), 0.30)),
        (LATENT, NONE, 0.05),
        (LATENT, ACTIVE, np.minimum(0.035 * np.exp(0.7 * index), 0.30)),
        (ACTIVE, LATENT, 0.06),
        (ACTIVE, NONE, 0.03),
        (ACTIVE, URGENT, np.minimum(0.07 * np.exp(0.3 * index), 0.30)),
        (URGENT, ACTIVE, 0.07),
        (URGENT, NONE, 0.04),
        (BOT_BUSY, BOT_GONE, 0.12),
        (BOT_GONE, BOT_BUSY, 0.015),
        (SEEKER_BUSY, SEEKER_GONE, 0.10),
        (SEEKER_GONE, SEEKER_BUSY, 0.01),
    ]
    for start, end, rate in moves:
        steps[:, start, end] = rate
    stay = 1.0 - steps.sum(axis=2)
    steps[:, np.arange(N_STATES), np.arange(N_STATES)] = stay
    return steps


def first_states(company: Company, world: World) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the chances of each state on arrival: by need index, shape (n_grid, 8), and by kind, (n_leads, 3).

    The chances of a lead are those of its kind times those of the states within the kind.
    """
    weights = np.exp(np.outer(need_grid(), [0.0, 0.5, 1.0, 1.3])) * np.array([1.0, 0.55, 0.25, 0.06])
    within = np.zeros((len(weights), N_STATES))
    within[:, :4] = weights / weights.sum(axis=1, keepdims=True)
    within[:, BOT_BUSY : BOT_GONE + 1] = [0.8, 0.2]
    within[:, SEEKER_BUSY : SEEKER_GONE + 1] = [0.7, 0.3]
    return within, kind_chances(company.source, company.title, company.has_account, world)
