"""Where the problems of a table go: the mask of bad rows becomes one `Problem` with a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlight.core.errors import Problem

__all__ = ["Findings"]


@dataclass(frozen=True, slots=True)
class Findings:
    """Collects what is wrong in one table.

    Attributes
    ----------
    table : str
        As messages call it.
    rows : ndarray of shape (n_rows,), dtype int64
        The row of the file that each row comes from; 0 is the first below the header.
    problems : list of Problem
        What is found is added here.
    spelled : mapping of str to str
        What the file calls our columns.
    unread : dict of str to ndarray of bool
        By the file's column: the rows whose cell was there but could not be read.
    """

    table: str
    rows: NDArray[np.int64]
    problems: list[Problem]
    spelled: Mapping[str, str] = field(default_factory=dict)
    unread: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def add(self, rule: str, message: str, bad: NDArray[np.bool_], *, column: str | None = None) -> None:
        """Add one problem for all rows that are True in ``bad``, if there are any."""
        places = np.flatnonzero(bad)
        if len(places):
            row = int(self.rows[places[0]]) + 1
            self.problems.append(Problem(self.table, rule, message, row, self._theirs(column), len(places)))

    def add_unread(self, rule: str, message: str, bad: NDArray[np.bool_], *, column: str) -> None:
        """Add cells that can't be read, which are then not said to be empty as well."""
        self.add(rule, message, bad, column=column)
        theirs = str(self._theirs(column))
        self.unread[theirs] = bad | self.unread.get(theirs, np.zeros(len(self.rows), dtype=bool))

    def say(self, rule: str, message: str, *, column: str | None = None) -> None:
        """Add one problem of the table as a whole."""
        self.problems.append(Problem(self.table, rule, message, column=self._theirs(column)))

    def was_unread(self, column: str) -> NDArray[np.bool_]:
        """Return the rows whose cell in a column was reported as unreadable."""
        return self.unread.get(str(self._theirs(column)), np.zeros(len(self.rows), dtype=bool))

    def take(self, chosen: NDArray[Any]) -> Findings:
        """Follow a choice of rows, by mask or by places; problems still go to the same list."""
        unread = {column: bad[chosen] for column, bad in self.unread.items()}
        return Findings(self.table, self.rows[chosen], self.problems, self.spelled, unread)

    def _theirs(self, column: str | None) -> str | None:
        return None if column is None else self.spelled.get(column, column)
