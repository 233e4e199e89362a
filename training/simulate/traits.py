"""What leads and accounts can be like, and what each trait does to need (in log units) and to closing.

Numbers are invented; they are meant to be plausible, and in places to contradict the hand-picked points: C-level
titles score high on the card and seldom buy, webinars score and bring job-seekers, free-mail addresses score nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["BANDS", "BAND_EDGES", "CAMPAIGNS", "COUNTRIES", "DRIVERS", "INDUSTRIES", "SOURCES", "TITLES"]
__all__ += ["Source", "Title"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where leads come from.

    Attributes
    ----------
    name : str
    early, late : float
        Share of leads before and after the change of mix.
    need, shifted : float
        Effect on need, in the usual course and after the shift of the shifted world.
    bots, seekers : float
        Share of bots and job-seekers among leads with an account; without one there are more.
    cost : float
        Money spent a lead, on average.
    """

    name: str
    early: float
    late: float
    need: float
    shifted: float
    bots: float
    seekers: float
    cost: float


SOURCES: Final = (
    Source("organic", 0.24, 0.16, 0.25, -0.9, 0.04, 0.05, 6.0),
    Source("paid_search", 0.18, 0.14, 0.45, -1.1, 0.05, 0.03, 48.0),
    Source("paid_social", 0.08, 0.24, -0.75, 1.0, 0.07, 0.06, 31.0),
    Source("webinar", 0.12, 0.14, -0.35, 1.2, 0.01, 0.12, 22.0),
    Source("content", 0.16, 0.16, -0.15, 0.2, 0.05, 0.08, 12.0),
    Source("referral", 0.06, 0.05, 0.90, -0.6, 0.0, 0.01, 15.0),
    Source("event", 0.06, 0.04, 0.10, 0.8, 0.0, 0.04, 75.0),
    Source("outbound", 0.10, 0.07, -0.90, 0.7, 0.0, 0.0, 9.0),
)

CAMPAIGNS: Final = (("brand", 0.35), ("product", 0.0), ("broad", -0.40))
"""Campaigns of each source, with their effect on need."""


@dataclass(frozen=True, slots=True)
class Title:
    """A title: share among leads, effect on need, how well its holders close, and the rank behind it."""

    name: str
    share: float
    need: float
    closing: int
    rank: str


TITLES: Final = (
    Title("CEO", 0.05, -0.45, 1, "chief"),
    Title("CTO", 0.05, -0.20, 1, "chief"),
    Title("CFO", 0.04, -0.60, 1, "chief"),
    Title("VP Sales", 0.05, 0.25, 2, "vice"),
    Title("VP Operations", 0.05, 0.35, 2, "vice"),
    Title("Director of Marketing", 0.07, 0.45, 2, "lead"),
    Title("Head of Operations", 0.07, 0.70, 2, "lead"),
    Title("Marketing Manager", 0.12, 0.20, 1, "manager"),
    Title("Operations Manager", 0.11, 0.40, 1, "manager"),
    Title("IT Manager", 0.08, 0.15, 1, "manager"),
    Title("Analyst", 0.12, -0.25, 0, "staff"),
    Title("Assistant", 0.06, -0.60, 0, "staff"),
    Title("Student", 0.04, -1.20, 0, "none"),
    Title("", 0.09, -0.35, 1, "none"),
)
"""The last one stands for a title that is not known."""

INDUSTRIES: Final = (
    ("software", 0.20, 0.35, -1.2),
    ("manufacturing", 0.16, 0.50, -0.3),
    ("logistics", 0.10, 0.65, -0.5),
    ("finance", 0.12, -0.35, 1.2),
    ("retail", 0.12, 0.0, 0.4),
    ("health", 0.09, -0.10, 0.7),
    ("education", 0.08, -0.70, 0.8),
    ("public", 0.05, -0.90, -0.4),
    ("", 0.08, -0.20, 0.0),
)
"""Name, share, effect on need in the usual course and after the shift; the last stands for not known."""

COUNTRIES: Final = (
    ("DE", 0.22, 0.10), ("GB", 0.16, 0.05), ("FR", 0.13, 0.0), ("ES", 0.12, 0.10), ("US", 0.12, -0.15),
    ("NL", 0.08, 0.15), ("IT", 0.07, -0.10), ("PL", 0.06, 0.0), ("", 0.04, -0.15),
)  # fmt: skip

BANDS: Final = (0.34, 0.36, 0.21, 0.09)
"""Shares of the size bands."""
BAND_EDGES: Final = (2, 20, 200, 2000, 20_000)
"""Employees at which the bands begin; the last is the end."""

DRIVERS: Final = ((-1.0, 0.30), (0.0, 0.42), (1.0, 0.28))
"""The hidden driver of an account: effect on need, share."""

BAND_NEED: Final = np.array([-0.9, 0.1, 0.55, 0.6])  # it saturates: the largest need no more than the large
BAND_NEED_ADDITIVE: Final = np.array([-0.6, -0.2, 0.2, 0.6])
BAND_NEED_SHIFTED: Final = np.array([0.8, 0.4, -0.5, -1.1])
