"""The agreement: what this company's marketing and sales signed, with its hand-picked points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.company import Company
from leadlight.training.simulate.traits import INDUSTRIES, SOURCES, TITLES
from leadlight.training.simulate.worlds import World

__all__ = ["ENTRY_ACTS", "agreement_toml", "static_points"]


@dataclass(frozen=True, slots=True)
class ActRule:
    """Points for an activity, at least ``times`` within ``days``."""

    act: str
    days: int
    times: int
    points: int


@dataclass(frozen=True, slots=True)
class FitRule:
    """Points for an attribute: one of ``words``, or at least ``least``."""

    attribute: str
    words: tuple[str, ...]
    least: int
    points: int


ACT_RULES: Final = (
    ActRule("demo_request", 30, 1, 20),
    ActRule("pricing_view", 30, 1, 5),
    ActRule("webinar_attended", 90, 1, 15),
    ActRule("content_download", 60, 1, 10),
    ActRule("form_fill", 90, 1, 10),
    ActRule("email_click", 30, 1, 5),
    ActRule("web_visit", 30, 5, 15),
)
STATIC_ACTS: Final = ("demo_request", "pricing_view", "webinar_attended", "content_download")
"""What the card looks at in a static world; it happens on arrival or never."""

ENTRY_ACTS: Final = (
    (0.08, "demo_request"),
    (0.15, "pricing_view"),
    (0.15, "webinar_attended"),
    (0.30, "content_download"),
)
"""In a static world: the share of leads that did it on arrival."""

FIT_RULES: Final = (
    FitRule("title", tuple(t.name for t in TITLES if t.rank in {"chief", "vice"}), 0, 20),
    FitRule("employees", (), 200, 8),
    FitRule("industry", ("software", "finance"), 0, 8),
    FitRule("source", ("webinar", "content"), 0, 8),
    FitRule("free_mail", ("yes",), 0, -5),
)


def agreement_toml(world: World, *, leads_per_week: int) -> str:
    """Write the signed agreement, in the format of ``agreement.toml``."""
    head = f"""# What marketing and sales of the simulated company agreed on.
[conversion]
stage = "sql"
within_days = 90
base_rate = 0.08

[capacity]
leads_per_week = {leads_per_week}

[grades]
A = 80
B = 55
C = 30

[segments]
by = ["source"]
"""
    rules = [_act_line(rule, world) for rule in ACT_RULES if not world.static or rule.act in STATIC_ACTS]
    return "\n".join([head, *rules, *map(_fit_line, FIT_RULES)])


def _act_line(rule: ActRule, world: World) -> str:
    window = "" if world.static else f", within_days = {rule.days}"
    times = f", at_least = {rule.times}" if rule.times > 1 else ""
    return _rule(f'activity = "{rule.act}"{window}{times}', rule.points)


def _fit_line(rule: FitRule) -> str:
    words = ", ".join(f'"{word}"' for word in rule.words)
    asks = f"any_of = [{words}]" if rule.words else f"at_least = {rule.least}"
    return _rule(f'attribute = "{rule.attribute}", {asks}', rule.points)


def _rule(when: str, points: int) -> str:
    return f"[[scorecard]]\nwhen = {{ {when} }}\npoints = {points}\n"


def static_points(company: Company, acts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the card's points where nothing that it looks at ever changes, shape (n_leads,).

    Parameters
    ----------
    company : Company
    acts : ndarray of shape (n_leads, 4), dtype bool
        Which of `ENTRY_ACTS` each lead did on arrival.
    """
    points = np.zeros(company.n_leads)
    worth = {rule.act: rule.points for rule in ACT_RULES}
    for column, (_, act) in enumerate(ENTRY_ACTS):
        points += worth[act] * acts[:, column]
    values = {
        "title": np.array([t.name for t in TITLES])[company.title],
        "industry": np.array([name for name, *_ in INDUSTRIES])[company.industry[company.account]],
        "source": np.array([s.name for s in SOURCES])[company.source],
        "free_mail": np.where(company.free_mail, "yes", "no"),
    }
    for rule in FIT_RULES:
        if rule.words:
            points += rule.points * np.isin(values[rule.attribute], rule.words)
        else:
            points += rule.points * (company.employees[company.account] >= rule.least)
    return points
