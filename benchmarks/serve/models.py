"""The models that are served: boosted trees and an additive one, taught by the same simulated company.

The steps are those of `leadlight.training.run`, less the contest and its test: whichever kind would win, both are
wanted here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from leadlight.core import artifact
from leadlight.core.clock import from_micros, to_micros
from leadlight.core.source import read_history
from leadlight.training import candidates
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import Moments, by_lead_id, draw_dated, open_leads, owners
from leadlight.training.refit import lesson_of, refit
from leadlight.training.simulate import simulate, write
from leadlight.training.splits import forward_folds

if TYPE_CHECKING:
    from leadlight.agreement.terms import Agreement
    from leadlight.core.artifact import Kind, TrainedModel
    from leadlight.core.history import History

__all__ = ["Company", "company", "save_champion", "taught"]


@dataclass(frozen=True)
class Company:
    """A simulated company as it is read back from its folder, at the end of its history."""

    history: History
    terms: Agreement
    as_of: int


def company(folder: Path, leads: int, seed: int) -> Company:
    """Simulate a company into a folder and read it."""
    from leadlight.agreement.terms import parse

    write(simulate(leads=leads, seed=seed), folder)
    history = by_lead_id(read_history(folder, now=from_micros(2**52)))
    assert history.ended_at is not None  # a simulated company has dates
    terms = parse((folder / "agreement.toml").read_text(encoding="utf-8"))
    return Company(history, terms, to_micros(history.ended_at.to_pydatetime()) + 1)


def taught(company: Company, kind: Kind, seed: int) -> TrainedModel:
    """Tune one candidate on forward folds and teach it all mature moments."""
    history, terms, day = company.history, company.terms, company.as_of
    drawn = draw_dated(history, goal_stage=terms.stage, within_days=terms.within_days, as_of=day)
    mature = drawn.moments.take(drawn.moments.mature)
    at = FeaturesAt.drawn_up(history, terms, mature, np.ones(len(mature), bool), day)
    folds = forward_folds(mature, owners(history.leads)[1], drawn.gap, by_account=True)
    tuned = candidates.tune(kind, lesson_of(terms, at, at.matrix, mature), folds, seed=seed)[0]
    params = {**tuned, "lean": 0.0}  # trees alone, without the points below them: that is what the peers can serve
    return refit(
        history,
        terms,
        kind=kind,
        params=params,
        at=at,
        mature=mature,
        folds=folds,
        reference=_open(company),
        status="calibrated",
        seed=seed,
    ).model


def _open(company: Company) -> Moments:
    lead = open_leads(company.history, goal_stage=company.terms.stage, as_of=company.as_of)
    at, no = np.full(len(lead), company.as_of), np.zeros(len(lead), bool)
    return Moments(lead, at, at, no, no, no, owners(company.history.leads)[0][lead])


def save_champion(model: TrainedModel, home: Path) -> None:
    """Write a model where the service looks for its champion, as promoting it does."""
    artifact.save(model, home / "champion")
    (home / "champion" / "version.json").write_text(json.dumps({"name": "leadlight", "version": 1}) + "\n")
