"""The truth: the chance to reach the goal within 90 days at every moment, as the hidden state and the past have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.training.simulate.behaviour import Behaviour
from leadlight.training.simulate.calendar import HORIZON_WEEKS, to_times, week_start
from leadlight.training.simulate.chances import CELLS, chances_within_horizon
from leadlight.training.simulate.company import Company
from leadlight.training.simulate.need import N_STATES, combo_shares
from leadlight.training.simulate.sales import Outcomes
from leadlight.training.simulate.watcher import Watcher
from leadlight.training.simulate.worlds import World

__all__ = ["TRUTH_COLUMNS", "Oracle"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TRUTH_COLUMNS: Final = (
    "p_hidden", "p_hidden_if_worked", "p_hidden_if_not_worked",
    "p_observable", "p_observable_if_worked", "p_observable_if_not_worked",
)  # fmt: skip


@dataclass
class Oracle:
    """Collects the truth of each week's open leads, and keeps the perfect observer informed.

    Where need does not decide, every chance is a lead's constant one and nobody needs to watch.

    Attributes
    ----------
    company, world, behaviour, outcomes
        What the company is like.
    index : ndarray of shape (n_leads, 12)
        Need index under each hidden pair; ``true_index``, shape (n_leads,), under the true one.
    within, kinds, steps
        As in `Watcher`.
    cell : tuple of two ndarray of shape (n_leads,)
        How well each title closes, and the fit tier.
    constant : ndarray of shape (n_leads,), optional
        Weekly chances where need does not decide.
    picked : ndarray of shape (7,)
        Weekly chance that a lead is picked up, by points as practised.
    """

    company: Company
    world: World
    index: NDArray[np.int16]
    true_index: NDArray[np.int16]
    within: Floats
    kinds: Floats
    steps: Floats
    behaviour: Behaviour
    outcomes: Outcomes
    cell: tuple[Ints, Ints]
    constant: Floats | None
    picked: Floats
    _rows: list[tuple[Ints, Ints, Flags, Floats]] = field(default_factory=list)
    _tables: dict[int, Floats] = field(default_factory=dict)
    _watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self._watcher = Watcher(
            account=self.company.account,
            index=self.index,
            within=self.within,
            kinds=self.kinds,
            steps=self.steps,
            shares=combo_shares(self.world),
        )

    def tell(
        self, week: int, rows: Ints, *, state: Ints, worked: Flags, points: Ints, excited: Flags, between: Flags
    ) -> None:
        """Note the chances of the leads that are open on the Monday of a week."""
        if self.constant is not None:
            chance = 1.0 - (1.0 - self.constant[rows]) ** HORIZON_WEEKS
            chances = np.repeat(chance[:, None], len(TRUTH_COLUMNS), axis=1)
        else:
            table = self._table(week)
            closing, tier = (part[rows] for part in self.cell)
            seen = (closing, tier, worked.astype(int), points, excited.astype(int))
            cell = np.ravel_multi_index(seen, CELLS)
            hidden = table[self.true_index[rows], cell, state]
            chances = np.hstack([hidden, self._watcher.expect(rows, cell, table)])
        self._rows.append((rows, np.full(len(rows), week), between, chances))

    def learn_band(self, leads: Ints) -> None:
        """Tell the observer that the size of these leads' accounts is known from now on."""
        accounts = self.company.account[leads]
        self._watcher.learn_band(accounts, self.company.band[accounts])

    def see(self, leads: Ints, likelihood: Floats, *, moves: Flags) -> None:
        """Pass a week's likelihood on to the observer."""
        if self.constant is None:
            self._watcher.see(leads, likelihood, moves=moves)

    def restart(self, leads: Ints) -> None:
        """Tell the observer that need begins anew for these leads."""
        self._watcher.restart(leads)

    def frame(self, lead_ids: NDArray[Any]) -> pd.DataFrame:
        """Return the truth, one row a moment, ordered by lead and time; chances are rounded to 1e-6."""
        rows, weeks, between, chances = (np.concatenate(parts) for parts in zip(*self._rows, strict=True))
        order = np.lexsort((weeks, rows))
        columns: Mapping[str, Any] = {
            "lead_id": pd.Series(lead_ids[rows[order]], dtype="str"),
            "as_of": to_times(week_start(weeks[order])),
            **{name: np.round(chances[order, i], 6) for i, name in enumerate(TRUTH_COLUMNS)},
            "between_cycles": between[order],
        }
        return pd.DataFrame(columns)

    def _table(self, week: int) -> Floats:
        """Return the chances from a week on, shape (n_grid, 180, 8, 3); they change only around a shift."""
        shift = self.world.shift_week
        before = HORIZON_WEEKS if shift is None else min(max(shift - week, 0), HORIZON_WEEKS)
        if before not in self._tables:
            chances = chances_within_horizon(
                self.steps, self.behaviour, self.outcomes, weeks_before_shift=before, picked=self.picked
            ).table
            self._tables[before] = np.ascontiguousarray(chances.reshape(len(self.steps), np.prod(CELLS), N_STATES, 3))
        return self._tables[before]
