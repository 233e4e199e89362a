"""Simulate a company, top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.core.errors import UsageError
from leadlight.training.simulate.activities import activities_frame
from leadlight.training.simulate.attributes import attribute_changes_frame, leads_frame
from leadlight.training.simulate.calendar import ENDED_AT
from leadlight.training.simulate.card import ENTRY_ACTS, agreement_toml, static_points
from leadlight.training.simulate.company import Company, draw_company
from leadlight.training.simulate.costs import campaign_costs_frame
from leadlight.training.simulate.life import live
from leadlight.training.simulate.queue import queue_log_frame, queue_toml
from leadlight.training.simulate.sales import weekly_chance
from leadlight.training.simulate.stages import stage_changes_frame
from leadlight.training.simulate.worlds import World, find_world

__all__ = ["FEWEST_LEADS", "HIGHEST_FLOOR", "Simulated", "simulate"]

FEWEST_LEADS: Final = 20

HIGHEST_FLOOR: Final = 0.5
"""Work that has begun goes on with a chance of .6 at least, so up to here the floor holds for every open lead."""

_DATASET_TOML: Final = f"""# A simulated company's history: see agreement.toml for what was agreed.
[history]
ended_at = {ENDED_AT:%Y-%m-%dT%H:%M:%SZ}

[leads.attributes]
source = {{ known = "creation" }}
campaign = {{ known = "creation" }}
country = {{ known = "creation" }}
industry = {{ known = "creation" }}
free_mail = {{ known = "creation" }}
"""


@dataclass(frozen=True)
class Simulated:
    """A simulated company.

    Attributes
    ----------
    leads, activities, stage_changes, attribute_changes, campaign_costs : DataFrame
        The history, as ``core.history`` describes its tables. ``leads`` is as exported on the last day.
    truth : DataFrame of shape (n_moments, 9)
        One row for each open lead and Monday 00:00 UTC: ``lead_id``, ``as_of``, ``p_hidden`` and ``p_observable``,
        each also ``_if_worked`` and ``_if_not_worked``, and ``between_cycles``. Open means: created, not a customer,
        not disqualified, ``sql`` not reached since it was last recycled. ``between_cycles`` marks leads that had
        reached it in an earlier cycle, were recycled, and have not been engaged again since. ``if_worked``: a rep
        works the lead in the week that begins, and goes on as reps do; ``if_not_worked``: none does in that week.
        Chances are of ``sql`` by ``occurred_at`` within 90 days.
    agreement_toml, dataset_toml : str
    ended_at : Timestamp
        End of what the history knows, UTC.
    queue_log : DataFrame or None
        The chances that leads had of being picked up, week by week; None where reps pick by points alone.
    """

    leads: pd.DataFrame
    activities: pd.DataFrame
    stage_changes: pd.DataFrame
    attribute_changes: pd.DataFrame
    campaign_costs: pd.DataFrame
    truth: pd.DataFrame
    agreement_toml: str
    dataset_toml: str
    ended_at: pd.Timestamp
    queue_log: pd.DataFrame | None = None


def simulate(*, leads: int, seed: int, world: str = "plain", explore: float | None = None) -> Simulated:
    """Simulate a company's last two years.

    Parameters
    ----------
    leads : int
        How many leads arrive, at least 20; each leaves about 20 activities.
    seed : int
        Not negative; the same seed gives the same company.
    world : {"plain", "linear", "null", "shifted", "honest-points"}
    explore : float, optional
        The least chance a week of being worked that every open lead has, up to 0.5: a queue draws whom reps pick up,
        and logs the chances. None or 0: reps pick by points, and nobody knows with what chance.

    Raises
    ------
    UsageError
        If there is no such world, or a number is out of range.
    """
    traits = find_world(world)
    if leads < FEWEST_LEADS or seed < 0:
        raise UsageError(
            f"A simulated company needs at least {FEWEST_LEADS} leads and a seed of 0 or more; got {leads} and {seed}.",
            leads=leads,
            seed=seed,
        )
    floor = explore or 0.0
    if not 0 <= floor <= HIGHEST_FLOOR:
        raise UsageError(f"The floor of exploration lies from 0 to {HIGHEST_FLOOR:g} a week; got {floor:g}.")
    streams = [np.random.Generator(np.random.PCG64(part)) for part in np.random.SeedSequence(seed).spawn(12)]
    company = draw_company(streams[0], leads=leads, world=traits)
    entry_acts = _entry_acts(streams[1], company, traits)
    points = static_points(company, entry_acts)
    lived, oracle = live(
        company,
        traits,
        streams=[*streams[2:7], streams[11]],
        constant=None if traits.outcome == "need" else weekly_chance(traits, points),
        head_start=np.where(traits.static, np.minimum(points // 15, 4), 0).astype(np.int64),
        explore=floor,
    )
    ids = np.array([f"L{number:06d}" for number in range(1, company.n_leads + 1)], dtype=object)
    stage_changes = stage_changes_frame(streams[7], company, lived, ids)
    attribute_changes = attribute_changes_frame(streams[8], company, traits, lived, ids)
    leads_table = leads_frame(company, lead_ids=ids, attribute_changes=attribute_changes, stage_changes=stage_changes)
    return Simulated(
        leads=leads_table,
        activities=activities_frame(streams[9], company, traits, lived, entry_acts, ids),
        stage_changes=stage_changes,
        attribute_changes=attribute_changes,
        campaign_costs=campaign_costs_frame(streams[10], leads_table),
        truth=oracle.frame(ids),
        agreement_toml=agreement_toml(traits, leads_per_week=_capacity(stage_changes)) + queue_toml(floor),
        dataset_toml=_DATASET_TOML,
        ended_at=ENDED_AT,
        queue_log=queue_log_frame(lived, ids) if floor else None,
    )


def _entry_acts(rng: np.random.Generator, company: Company, world: World) -> NDArray[np.bool_]:
    """Draw which of the card's acts a lead did on arrival; only static worlds have them."""
    shares = np.array([share for share, _ in ENTRY_ACTS])
    acts: NDArray[Any] = (rng.random((company.n_leads, len(shares))) < shares) & world.static
    return acts


def _capacity(stage_changes: pd.DataFrame) -> int:
    """Return how many leads a week sales took on in the last year, the capacity that both teams know."""
    taken = stage_changes.loc[stage_changes["stage"] == "sal", "occurred_at"]
    return max(1, round(float((taken >= ENDED_AT - pd.Timedelta(days=364)).sum()) / 52))
