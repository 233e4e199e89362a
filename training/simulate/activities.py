"""Activities as the CRM holds them: one row for each page, mail, act, call and meeting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.training.simulate.calendar import ENDED_SECOND, HOUR, START_SECOND, WEEK, to_times
from leadlight.training.simulate.card import ENTRY_ACTS
from leadlight.training.simulate.company import Company, campaign_name
from leadlight.training.simulate.life import Lived, Seen
from leadlight.training.simulate.pipeline import Deals
from leadlight.training.simulate.recording import recorded_by_machine, recorded_by_people
from leadlight.training.simulate.sessions import office_hours
from leadlight.training.simulate.traits import CAMPAIGNS, SOURCES
from leadlight.training.simulate.worlds import World

__all__ = ["activities_frame"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TYPES: Final = (
    "web_visit", "form_fill", "content_download", "pricing_view", "webinar_attended", "demo_request",
    "email_sent", "email_open", "email_click", "call", "meeting",
)  # fmt: skip
_CODE: Final = {name: code for code, name in enumerate(TYPES)}
_CHANNEL: Final = dict(zip(TYPES, ["web"] * 4 + ["event", "web"] + ["email"] * 3 + ["phone", "meeting"], strict=True))
_ACTS: Final = ("web_visit", "content_download", "pricing_view", "webinar_attended", "demo_request")
"""The act of each kind of session; browsing has none beyond its pages."""

ACTORS: Final = ("lead", "rep", "system")
LEAD, REP, SYSTEM = range(3)

_CAMPAIGNS: Final = tuple(
    ["", "nurture", "webinar-series"]
    + [campaign_name(source, campaign) for source in range(len(SOURCES)) for campaign in range(len(CAMPAIGNS))]
)
_NO_CAMPAIGN, _NURTURE, _WEBINARS, _FIRST_OF_SOURCES = range(4)


@dataclass(frozen=True)
class Rows:
    """Some activities of one type."""

    leads: Ints
    seconds: Ints
    type: str
    actor: int = LEAD
    campaign: int | Ints = _NO_CAMPAIGN
    value: NDArray[np.float64] | None = None


def activities_frame(
    rng: np.random.Generator,
    company: Company,
    world: World,
    lived: Lived,
    entry_acts: Flags,
    lead_ids: NDArray[np.object_],
) -> pd.DataFrame:
    """Return all activities that were recorded by the end of the history, ordered by time.

    Parameters
    ----------
    rng : Generator
    company : Company
    world : World
    lived : Lived
    entry_acts : ndarray of shape (n_leads, 4), dtype bool
        Which of the card's acts each lead did on arrival (static worlds only).
    lead_ids : ndarray of shape (n_leads,)
    """
    rows = _arrivals(rng, company, world, entry_acts)
    rows += _of_deals(rng, lived.pipeline.deals)
    for seen in lived.weeks:
        rows += [*_of_sessions(rng, seen), *_of_mail(rng, seen, company), *_of_sales(rng, seen)]
    return _frame(rng, [part for part in rows if len(part.leads)], lead_ids)


def _arrivals(rng: np.random.Generator, company: Company, world: World, entry_acts: Flags) -> list[Rows]:
    """Return how leads came in: a form, a webinar, a download; outbound ones only get a mail."""
    campaign = _FIRST_OF_SOURCES + company.source * len(CAMPAIGNS) + company.campaign
    names = np.array([s.name for s in SOURCES])[company.source]

    def at(who: Flags, type: str, *, after: int, actor: int = LEAD) -> Rows:
        leads = np.flatnonzero(who)
        return Rows(leads, company.created[leads] + after, type, actor, campaign[leads])

    rows = [
        at(~np.isin(names, ["event", "outbound"]), "form_fill", after=0),
        at(names == "outbound", "email_sent", after=600, actor=SYSTEM),
    ]
    if world.static:
        return rows + [at(entry_acts[:, i], act, after=30 * i + 30) for i, (_, act) in enumerate(ENTRY_ACTS)]
    attended = at(names == "webinar", "webinar_attended", after=60)
    minutes = np.floor(10 + 50 * rng.random(len(attended.leads)))
    attended = Rows(attended.leads, attended.seconds, attended.type, LEAD, attended.campaign, minutes)
    return [*rows, attended, at(names == "content", "content_download", after=60)]


def _of_sessions(rng: np.random.Generator, seen: Seen) -> list[Rows]:
    part = seen.sessions
    leads = seen.leads[part.row]
    session = np.repeat(np.arange(len(leads)), part.pages)
    nth = np.arange(len(session)) - np.repeat(np.cumsum(part.pages) - part.pages, part.pages)
    stay = np.floor(5 + rng.exponential(60.0, size=len(session)))
    rows = [Rows(leads[session], part.second[session] + 70 * nth, "web_visit", value=stay)]
    for form, act in enumerate(_ACTS):
        chosen = part.form == form
        if form == 0 or not chosen.any():
            continue
        who, when = leads[chosen], part.second[chosen] + 35
        if act in {"webinar_attended", "demo_request"}:
            rows.append(Rows(who, when, "form_fill", campaign=_WEBINARS if act[0] == "w" else _NO_CAMPAIGN))
        minutes = np.floor(10 + 50 * rng.random(len(who))) if act == "webinar_attended" else None
        rows.append(Rows(who, when + 5, act, campaign=_WEBINARS if act[0] == "w" else _NO_CAMPAIGN, value=minutes))
    return rows


def _of_mail(rng: np.random.Generator, seen: Seen, company: Company) -> list[Rows]:
    """Return the newsletter of marketing, and who opened and clicked it."""
    monday = START_SECOND + seen.week * WEEK
    did = seen.did
    mailed = np.flatnonzero(did.mailed)
    sent = office_hours(rng, len(mailed), monday=monday, days=(1, 3))
    sent = np.minimum(np.maximum(sent, company.created[seen.leads[mailed]] + HOUR), monday + WEEK - 2 * HOUR)
    opened_at = np.minimum(sent + 60 + np.floor(rng.exponential(5.0 * HOUR, size=len(mailed))), monday + WEEK - HOUR)
    opened_at = opened_at.astype(np.int64)
    opened, clicked = did.opened[mailed], did.clicked[mailed]
    leads = seen.leads[mailed]
    return [
        Rows(leads, sent, "email_sent", SYSTEM, _NURTURE),
        Rows(leads[opened], opened_at[opened], "email_open", LEAD, _NURTURE),
        Rows(leads[clicked], opened_at[clicked] + 40, "email_click", LEAD, _NURTURE),
    ]


def _of_sales(rng: np.random.Generator, seen: Seen) -> list[Rows]:
    """Return what reps did with the leads that they worked: at least one call a week."""
    monday = START_SECOND + seen.week * WEEK
    worked = np.flatnonzero(seen.worked)
    calls = np.repeat(worked, 1 + rng.poisson(0.15, size=len(worked)))
    wrote = worked[rng.random(len(worked)) < 0.5]
    met = np.flatnonzero(seen.did.met)
    minutes = np.floor(1 + rng.exponential(7.0, size=len(calls)))
    long = np.floor(20 + 40 * rng.random(len(met)))
    return [
        Rows(seen.leads[calls], office_hours(rng, len(calls), monday=monday, days=(1, 4)), "call", REP, value=minutes),
        Rows(seen.leads[wrote], office_hours(rng, len(wrote), monday=monday, days=(1, 4)), "email_sent", REP),
        Rows(seen.leads[met], office_hours(rng, len(met), monday=monday, days=(2, 4)), "meeting", REP, value=long),
    ]


def _of_deals(rng: np.random.Generator, deals: list[Deals]) -> list[Rows]:
    """Return the calls and meetings on the way from opportunity to its end, as many for won as for lost ones."""
    leads = np.concatenate([part.leads for part in deals])
    begin = np.concatenate([part.opportunity_at for part in deals])
    end = np.concatenate([np.maximum(part.customer_at, part.lost_at) for part in deals])
    rows = []
    for type, most in (("call", 4), ("meeting", 3)):
        deal = np.repeat(np.arange(len(leads)), np.where(begin > 0, rng.integers(1, most, size=len(leads)), 0))
        at = begin[deal] + np.floor(rng.random(len(deal)) * (end - begin)[deal]).astype(np.int64)
        rows.append(Rows(leads[deal], at, type, REP, value=np.floor(5 + 40 * rng.random(len(deal)))))
    return rows


def _frame(rng: np.random.Generator, rows: list[Rows], lead_ids: NDArray[np.object_]) -> pd.DataFrame:
    sizes = [len(part.leads) for part in rows]
    leads = np.concatenate([part.leads for part in rows])
    occurred = np.concatenate([part.seconds for part in rows])
    code = np.repeat([_CODE[part.type] for part in rows], sizes)
    actor = np.repeat([part.actor for part in rows], sizes)
    campaign = np.concatenate([np.broadcast_to(part.campaign, len(part.leads)) for part in rows])
    value = np.concatenate([np.full(len(p.leads), np.nan) if p.value is None else p.value for p in rows])
    by_people = np.isin(code, [_CODE["call"], _CODE["meeting"]])
    recorded = recorded_by_machine(rng, occurred)
    recorded[by_people] = recorded_by_people(rng, occurred[by_people])
    known = np.flatnonzero((recorded < ENDED_SECOND) & (occurred < ENDED_SECOND))
    order = known[np.lexsort((code[known], leads[known], occurred[known]))]
    campaigns = np.array([name or None for name in _CAMPAIGNS], dtype=object)
    return pd.DataFrame(
        {
            "activity_id": _numbered("E", len(order)),
            "lead_id": _words(lead_ids, leads[order]),
            "occurred_at": to_times(occurred[order]),
            "recorded_at": to_times(recorded[order]),
            "type": _words(np.array(TYPES, dtype=object), code[order]),
            "campaign": _words(campaigns, campaign[order]),
            "channel": _words(np.array([_CHANNEL[name] for name in TYPES], dtype=object), code[order]),
            "value": value[order],
            "actor": _words(np.array(ACTORS, dtype=object), actor[order]),
        }
    )


def _words(names: NDArray[np.object_], codes: Ints) -> pd.Series[str]:
    """Return names by their codes as strings; taking from an Arrow array needs no Python objects."""
    return pd.Series(pd.array(names, dtype="str").take(codes))


def _numbered(letter: str, n: int) -> pd.Series[str]:
    width = max(6, len(str(n)))
    return pd.Series([f"{letter}{number:0{width}d}" for number in range(1, n + 1)], dtype="str")
