"""The perfect observer: the posterior of what is hidden, by forward filtering, exact for each account.

For every lead and every hidden pair (driver, size band) of its account it keeps the distribution of the hidden state
given the lead's own past; for every account the log-likelihood of each pair, summed over its leads.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.need import AFTER_SALE, COMBOS, N_STATES

__all__ = ["Watcher"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Watcher:
    """Keeps the posterior of every lead and account.

    Parameters
    ----------
    account : ndarray of shape (n_leads,)
    index : ndarray of shape (n_leads, 12)
        Need index under each hidden pair.
    within : ndarray of shape (n_grid, 8)
        Chances of the states on arrival within each kind.
    kinds : ndarray of shape (n_leads, 3)
        Chances of the kinds given what is seen.
    steps : ndarray of shape (n_grid, 8, 8)
    shares : ndarray of shape (12,)
        Of the hidden pairs before anything is seen.
    """

    def __init__(
        self, *, account: Ints, index: NDArray[np.int16], within: Floats, kinds: Floats, steps: Floats, shares: Floats
    ) -> None:
        self._account, self._index, self._steps = account, index, steps
        by_state = np.repeat(kinds, [4, 2, 2], axis=1)  # (n_leads, 8)
        self._states = within[index] * by_state[:, None, :]  # (n_leads, 12, 8)
        with np.errstate(divide="ignore"):
            self._logs = np.tile(np.log(shares), (int(account.max()) + 1, 1))  # (n_accounts, 12)

    def learn_band(self, accounts: Ints, bands: Ints) -> None:
        """Take note that the size bands of these accounts are known now."""
        of_combo = np.array([band for _, band in COMBOS])
        self._logs[accounts] = np.where(of_combo == bands[:, None], self._logs[accounts], -np.inf)

    def see(self, leads: Ints, likelihood: Floats, *, moves: NDArray[np.bool_]) -> None:
        """Take in a week: its likelihood under each state, shape (n, 8), then the states move where ``moves``."""
        _see(leads, likelihood, moves, self._account, self._index, self._steps, self._states, self._logs)

    def restart(self, leads: Ints) -> None:
        """Put leads back where their need begins anew: after a lost opportunity."""
        before = self._states[leads]
        after = np.zeros_like(before)
        for state, target in enumerate(AFTER_SALE):
            after[:, :, target] += before[:, :, state]
        self._states[leads] = after

    def expect(self, leads: Ints, cell: Ints, table: Floats) -> Floats:
        """Return the posterior mean of the chances, shape (n, 3).

        Parameters
        ----------
        leads : ndarray of shape (n,)
        cell : ndarray of shape (n,)
            Position of each lead's observed state on the middle axis of the table.
        table : ndarray of shape (n_grid, n_cells, 8, 3)
        """
        return np.asarray(_expect(leads, cell, table, self._account, self._index, self._states, self._logs))


@numba.njit(cache=True)
def _see(leads, likelihood, moves, account, index, steps, states, logs):  # type: ignore[no-untyped-def]
    moved = np.empty(N_STATES)
    for row in range(len(leads)):
        lead = leads[row]
        for combo in range(states.shape[1]):
            if logs[account[lead], combo] == -np.inf:
                continue
            state = states[lead, combo]
            total = 0.0
            for x in range(N_STATES):
                state[x] *= likelihood[row, x]
                total += state[x]
            logs[account[lead], combo] += np.log(total)
            step = steps[index[lead, combo]]
            moved[:] = 0.0
            for x in range(N_STATES):
                share = state[x] / total
                if not moves[row]:
                    moved[x] = share
                    continue
                # Need and the two kinds of visitors do not mix: states 0-3, 4-5 and 6-7.
                first = 0 if x < 4 else (4 if x < 6 else 6)
                last = 4 if x < 4 else (6 if x < 6 else 8)
                for y in range(first, last):
                    moved[y] += share * step[x, y]
            state[:] = moved


@numba.njit(cache=True)
def _expect(leads, cell, table, account, index, states, logs):  # type: ignore[no-untyped-def]
    result = np.zeros((len(leads), table.shape[3]))
    for row in range(len(leads)):
        lead = leads[row]
        log = logs[account[lead]]
        top = log.max()
        total = 0.0
        for combo in range(len(log)):
            if log[combo] == -np.inf:
                continue
            weight = np.exp(log[combo] - top)
            total += weight
            for x in range(N_STATES):
                for column in range(table.shape[3]):
                    chance = table[index[lead, combo], cell[row], x, column]
                    result[row, column] += weight * states[lead, combo, x] * chance
        for column in range(table.shape[3]):
            result[row, column] /= total
    return result
