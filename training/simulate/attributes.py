"""Leads with their attributes as exported, and the changes of those that move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.training.simulate.calendar import DAY, ENDED_SECOND, to_times
from leadlight.training.simulate.company import Company, campaign_name
from leadlight.training.simulate.life import Lived
from leadlight.training.simulate.recording import recorded_by_people
from leadlight.training.simulate.traits import BAND_EDGES, CAMPAIGNS, COUNTRIES, INDUSTRIES, SOURCES, TITLES
from leadlight.training.simulate.worlds import World

__all__ = ["LEAK", "MOVING", "attribute_changes_frame", "leads_frame"]

Ints = NDArray[np.int64]

MOVING: Final = ("employees", "title")
LEAK: Final = "contract_term"
"""Filled in only after a sale: the trap that every such export has."""

_PROMOTED: Final = {"Marketing Manager": "Director of Marketing", "Operations Manager": "Head of Operations"}
_REPS: Final = 12


@dataclass(frozen=True)
class _Changes:
    leads: Ints
    occurred: Ints
    recorded: Ints
    attribute: str
    values: NDArray[Any]


def attribute_changes_frame(
    rng: np.random.Generator, company: Company, world: World, lived: Lived, lead_ids: NDArray[np.object_]
) -> pd.DataFrame:
    """Return the values of moving attributes as they came to be known, the leak's included, ordered by time.

    ``employees`` is guessed on arrival, corrected now and then, and asked by reps where it was not known:
    as exported it tells who was worked. ``title`` moves with promotions, which change nothing about need.
    """
    changes = [*_sizes(rng, company, world, lived), *_titles(rng, company, world), _terms(rng, lived)]
    leads = np.concatenate([part.leads for part in changes])
    occurred = np.concatenate([part.occurred for part in changes])
    recorded = np.concatenate([part.recorded for part in changes])
    attribute = np.repeat(np.array([part.attribute for part in changes], dtype=object), [len(p.leads) for p in changes])
    values = np.concatenate([part.values.astype(object) for part in changes])
    known = np.flatnonzero(recorded < ENDED_SECOND)
    order = known[np.lexsort((attribute[known].astype(str), leads[known], occurred[known]))]
    return pd.DataFrame(
        {
            "lead_id": pd.Series(lead_ids[leads[order]], dtype="str"),
            "occurred_at": to_times(occurred[order]),
            "recorded_at": to_times(recorded[order]),
            "attribute": pd.Series(attribute[order], dtype="str"),
            "value": pd.Series(values[order], dtype="str"),
        }
    )


def _sizes(rng: np.random.Generator, company: Company, world: World, lived: Lived) -> list[_Changes]:
    size = company.employees[company.account]
    band = company.band[company.account]
    guess = np.floor(size * np.exp(0.2 * rng.standard_normal(len(size)))).astype(np.int64)
    # A guess never leaves the size band, which is what need depends on.
    guess = np.clip(guess, np.array(BAND_EDGES)[band], np.array(BAND_EDGES)[band + 1] - 1)
    corrected = (rng.random(len(size)) < 0.08) & company.size_known & (not world.static)
    known = np.flatnonzero(company.size_known)
    first = np.where(corrected, guess, size)[known]
    created = company.created[known]
    mended = np.flatnonzero(corrected)
    later = company.created[mended] + rng.integers(5, 300, size=len(mended)) * DAY
    asked = np.concatenate([leads for leads, _ in lived.filled])
    asked_at = np.concatenate([seconds for _, seconds in lived.filled])
    return [
        _Changes(known, created, created + 5, "employees", first.astype(str)),
        _Changes(mended, later, recorded_by_people(rng, later), "employees", size[mended].astype(str)),
        _Changes(asked, asked_at, recorded_by_people(rng, asked_at), "employees", size[asked].astype(str)),
    ]


def _titles(rng: np.random.Generator, company: Company, world: World) -> list[_Changes]:
    names = np.array([t.name for t in TITLES], dtype=object)[company.title]
    known = np.flatnonzero(names != "")
    created = company.created[known]
    may = np.isin(names.astype(str), list(_PROMOTED)) & (not world.static)
    risen = np.flatnonzero(may & (rng.random(company.n_leads) < 0.15))
    at = company.created[risen] + rng.integers(20, 500, size=len(risen)) * DAY
    better = np.array([_PROMOTED[name] for name in names[risen]], dtype=object)
    return [
        _Changes(known, created, created + 5, "title", names[known]),
        _Changes(risen, at, recorded_by_people(rng, at), "title", better),
    ]


def _terms(rng: np.random.Generator, lived: Lived) -> _Changes:
    leads = np.concatenate([deals.leads[deals.customer_at > 0] for deals in lived.pipeline.deals])
    sold = np.concatenate([deals.customer_at[deals.customer_at > 0] for deals in lived.pipeline.deals])
    signed = sold + rng.integers(1, 15, size=len(leads)) * DAY
    terms = np.array(["monthly", "annual", "three years"], dtype=object)[rng.integers(0, 3, size=len(leads))]
    return _Changes(leads, signed, recorded_by_people(rng, signed), LEAK, terms)


def leads_frame(
    company: Company,
    *,
    lead_ids: NDArray[np.object_],
    attribute_changes: pd.DataFrame,
    stage_changes: pd.DataFrame,
) -> pd.DataFrame:
    """Return the leads as a CRM exports them on the last day: moving attributes have their last value."""
    latest = attribute_changes.drop_duplicates(["lead_id", "attribute"], keep="last")
    values = {name: part.set_index("lead_id")["value"] for name, part in latest.groupby("attribute")}
    account = company.account
    ids = pd.Series(lead_ids, dtype="str")

    def as_exported(name: str) -> pd.Series[str]:
        return ids.map(values[name]).astype("str") if name in values else pd.Series(None, index=ids.index, dtype="str")

    return pd.DataFrame(
        {
            "lead_id": ids,
            "created_at": to_times(company.created),
            "account_id": pd.Series(_account_ids(company), dtype="str"),
            "owner_id": _owners(ids, account, stage_changes),
            "source": _names([s.name for s in SOURCES], company.source),
            "campaign": pd.Series(_campaigns(company), dtype="str"),
            "country": _names([name for name, *_ in COUNTRIES], company.country),
            "industry": _names([name for name, *_ in INDUSTRIES], company.industry[account]),
            "free_mail": pd.Series(np.where(company.free_mail, "yes", "no"), dtype="str"),
            "employees": pd.to_numeric(as_exported("employees")).astype("float64"),
            "title": as_exported("title"),
            LEAK: as_exported(LEAK),
        }
    )


def _account_ids(company: Company) -> NDArray[np.object_]:
    names = np.array([f"A{number:06d}" for number in range(1, company.n_accounts + 1)], dtype=object)
    ids = names[company.account]
    ids[~company.has_account] = None
    return np.asarray(ids)


def _campaigns(company: Company) -> NDArray[np.object_]:
    names = [campaign_name(s, c) for s in range(len(SOURCES)) for c in range(len(CAMPAIGNS))]
    return np.asarray(np.array(names, dtype=object)[company.source * len(CAMPAIGNS) + company.campaign])


def _owners(ids: pd.Series[str], account: Ints, stage_changes: pd.DataFrame) -> pd.Series[str]:
    """Return the rep who owns a lead: known once sales has accepted it."""
    accepted = ids.isin(stage_changes.loc[stage_changes["stage"] == "sal", "lead_id"]).to_numpy()
    reps = np.array([f"R{number:02d}" for number in range(1, _REPS + 1)], dtype=object)[account % _REPS]
    reps[~accepted] = None
    return pd.Series(reps, dtype="str")


def _names(names: list[str], codes: Ints) -> pd.Series[str]:
    return pd.Series(np.array([name or None for name in names], dtype=object)[codes], dtype="str")
