"""Puts what a run found into its report, the model's facts, and the input example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from leadlight.core.artifact import Kind, TrainedModel, decode
from leadlight.core.clock import DAY, NEVER, from_micros
from leadlight.core.wheel import release
from leadlight.training import measure
from leadlight.training.bootstrap import DRAWS, interval
from leadlight.training.features_at import HIDDEN_SHARE
from leadlight.training.moments import FEWEST_ACCOUNTS, few_accounts
from leadlight.training.report import CalibrationReport, CandidateReport, Report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.audit.findings import Audit
    from leadlight.training.drivers import Drivers
    from leadlight.training.moments import Moments
    from leadlight.training.parts import Contest, Ground, Outcome
    from leadlight.training.refit import Refitted
    from leadlight.training.splits import Fold

__all__ = ["example", "facts", "looked_at", "report"]

_EXAMPLES: Final = 5

_WORDS: Final = (
    "The figures belong to the recipe, measured on later moments; the registered weights are that recipe refitted on "
    "all mature data.",
    "Intervals come from resampling accounts (else leads); the noise of training itself is left out of them.",
    "Learning weighs the moments of one lead to a total of 1, the base rate kept; measures and calibration count every "
    "moment as it stood in the queue.",
    "Evidence describes what became of past leads; it does not say what would happen if something were done.",
)


def looked_at(history: History, ground: Ground, outcome: Outcome) -> pd.DataFrame:
    """Return the test part: lead, time, outcome, all candidates' calibrated log-odds; empty if not measured."""
    if not outcome.examined:
        return pd.DataFrame()
    test = ground.test
    dated = test.as_of if not history.is_flat else np.full(len(test), NEVER)
    columns = {
        "lead_id": history.leads["lead_id"].to_numpy()[test.lead],
        "as_of": pd.to_datetime(dated, unit="us", utc=True),
        "converted": test.converted,
    }
    return pd.DataFrame(columns | {kind: found.log_odds for kind, found in outcome.examined.items()})


def report(
    history: History,
    agreement: Agreement,
    audit: Audit,
    day: int | None,
    ground: Ground,
    outcome: Outcome,
    final: Refitted | None,
    *,
    moved_by: Drivers | None,
    seed: int,
    asked: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> Report:
    """Put a run's report together.

    Parameters
    ----------
    history : History
        Without what the audit leaves out.
    day : int or None
        Training day, microseconds UTC.
    final : Refitted or None
        None without a signal.
    moved_by : Drivers or None
        What moves the model's scores.
    seed : int
        As given to the run.
    asked : mapping
        What else it was asked for.
    seconds : mapping of step to float
    """
    contest = outcome.contest
    areas = {kind: found.ranking.figures["auc"].value for kind, found in outcome.examined.items()}
    return Report(
        data=_data(history, day),
        agreement={**asdict(agreement), "version": agreement.version},
        moments=ground.drawn.facts,
        split=_split_facts(history, ground, contest.folds if contest else ()),
        candidates=_candidates(contest, outcome) if contest else (),
        constant=outcome.constant,
        choice=contest.choice if contest else None,
        hindsight=max(areas, key=lambda kind: areas[kind]) if areas else None,
        deployed=outcome.deployed,
        audit=audit.to_dict(),
        drivers=moved_by,
        closer=outcome.closer,
        monotone=outcome.monotone,
        searched=contest.searched if contest else {},
        verdict=outcome.verdict,
        probability=outcome.probability,
        final=_final(final, ground) if final else {},
        words=(*(_WORDS if contest else ()), *_more_words(history, ground)),
        seed=seed,
        asked=asked,
        release=release(),
        seconds=dict(seconds),
    )


def _data(history: History, day: int | None) -> dict[str, Any]:
    tables = ("leads", "activities", "stage_changes", "attribute_changes", "campaign_costs")
    return {
        "rows": {name: len(getattr(history, name)) for name in tables},
        "fingerprint": history.fingerprint,
        "as_of": None if day is None else from_micros(day).isoformat(),
        "notes": list(history.notes),
        "excluded": dict(history.excluded),
        "as_exported": [a.name for a in history.attributes if a.known == "exported"],
    }


def _split_facts(history: History, ground: Ground, folds: Sequence[Fold]) -> dict[str, Any]:
    split, flat = ground.split, history.is_flat
    return {
        "way": split.way,
        "optimistic": split.optimistic,
        "cut": split.cut if flat else from_micros(split.cut).isoformat(),
        "embargo_days": None if flat else ground.drawn.gap / DAY,
        "learn": measure.describe(ground.learn, history),
        "test": measure.describe(ground.test, history),
        "unsplit": measure.describe(ground.mature, history),
        "inner_folds": [_fold_facts(fold, ground.learn, history) for fold in folds],
        "bootstrap_draws": DRAWS,
        "account_hidden_share": HIDDEN_SHARE,
    }


def _fold_facts(fold: Fold, learn: Moments, history: History) -> dict[str, Any]:
    taught, asked = (measure.describe(learn.take(rows), history) for rows in (fold.learn, fold.validate))
    return {
        "block": fold.block,
        "learn_until": taught.last,
        "validate": {"first": asked.first, "last": asked.last, "moments": asked.moments, "base_rate": asked.base_rate},
        "conversions": {"learn": taught.conversions, "validate": asked.conversions},
    }


def _more_words(history: History, ground: Ground) -> Iterator[str]:
    if history.is_flat:
        yield "A flat export has no horizon: the label is the outcome as exported; the youngest may not be done yet."
    if ground.split.optimistic:
        yield "No order was given, so figures are optimistic: later leads may differ from earlier ones."
    if any(attribute.known == "exported" for attribute in history.attributes):
        yield "Some attributes are as exported, not as known then: one filled after the outcome would flatter."
    if few_accounts(history.leads):
        yield (
            f"A few accounts hold nearly all leads (as many as fewer than {FEWEST_ACCOUNTS} of one size), too few to "
            "split by and to resample: each lead stands for itself, and figures say nothing about other accounts."
        )
    known = history.leads["account_id"].notna()
    if not history.is_flat and known.any() and not known.all():
        yield "Accounts are as exported: if a lead gets one only as it converts, whether it has one gives that away."


def _candidates(contest: Contest, outcome: Outcome) -> tuple[CandidateReport, ...]:
    return tuple(_candidate(kind, contest, outcome.examined[kind]) for kind in contest.lesson.kinds)


def _candidate(kind: Kind, contest: Contest, found: measure.Examined) -> CandidateReport:
    return CandidateReport(
        kind=kind,
        params=contest.params[kind],
        tuning=contest.tuning[kind],
        inner={"auc": interval(contest.areas[kind])} if kind in contest.areas else {},
        ranking=found.ranking.figures,
        raw=found.raw.figures,
        calibrated=found.calibrated.figures,
        test_slope=found.slope,
        test_intercept=found.intercept,
        calibration=CalibrationReport.of(contest.fitted[kind]),
    )


def _final(final: Refitted, ground: Ground) -> dict[str, Any]:
    model = final.model
    return {
        "kind": model.kind,
        "moments": len(ground.mature),
        "conversions": ground.mature.conversions,
        "features": len(model.catalog.features),
        "catalog_fingerprint": model.catalog.fingerprint,
        "calibration": None if final.fitted is None else CalibrationReport.of(final.fitted),
        "reference_leads": len(model.reference),
        "hot_score": model.hot_score,
        "warm_score": model.warm_score,
    }


def facts(told_by: Report) -> dict[str, Any]:
    """Return what travels inside the model: no seconds, no path."""
    told = told_by.to_dict()
    kind = None if told["choice"] is None else told["choice"]["kind"]
    chosen = next((c for c in told["candidates"] if c["kind"] == kind), None)
    return {
        "verdict": told["verdict"],
        "data": told["data"],
        "moments": told["moments"],
        "split": told["split"],
        "chosen": chosen,
        "choice": told["choice"],
        "hindsight": told["hindsight"],
        "constant": told["constant"],
        "probability": told["probability"],
        "final": told["final"],
        "words": told["words"],
        "seed": told["seed"],
    }


def example(model: TrainedModel, matrix: NDArray[np.float64]) -> pd.DataFrame:
    """Return the first few leads as the model's input example, categories as words."""
    rows = pd.DataFrame([decode(model.catalog, row) for row in matrix[:_EXAMPLES]], columns=list(model.catalog.columns))
    kinds = {f.name: "float64" if f.kind == "number" else "str" for f in model.catalog.features}
    return rows.astype(kinds)
