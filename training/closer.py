"""A closer look at what was chosen: its chances by band and segment, the points, what happens if worked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadlight.training.bootstrap import Accounts
from leadlight.training.chances.base_rate import BaseRate, base_rate
from leadlight.training.chances.reliability import Reliability, bands_by_queue, reliability
from leadlight.training.chances.segments import segments_left_out, segments_of
from leadlight.training.measure import weeks_of
from leadlight.training.scorecard.review import CardReport, report_card
from leadlight.training.scorecard.weights import PointsReview, weights
from leadlight.training.worked.estimate import IfWorked, if_worked

if TYPE_CHECKING:
    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.features_at import FeaturesAt
    from leadlight.training.moments import Moments
    from leadlight.training.parts import Contest, Ground, Outcome

__all__ = ["Closer", "look_closer"]


@dataclass(frozen=True)
class Closer:
    """What a closer look found.

    Attributes
    ----------
    reliability : Reliability
        Of the chosen candidate's chances on the test part, by band and segment.
    segments_left_out : mapping of attribute to why
    base_rate : BaseRate
        Over time, all mature moments.
    points : PointsReview or None
        Weight by weight; None without hand-picked points.
    card : CardReport or None
        The chosen candidate as a card of rounded points; None where no one part teaches and no other measures.
    if_worked : IfWorked or None
        Beside today's practice; None for a flat export.
    """

    reliability: Reliability
    segments_left_out: dict[str, str]
    base_rate: BaseRate
    points: PointsReview | None
    card: CardReport | None
    if_worked: IfWorked | None


def look_closer(
    history: History,
    agreement: Agreement,
    ground: Ground,
    at: FeaturesAt,
    outcome: Outcome,
    *,
    open_now: Moments,
    as_of: int | None,
    seed: int,
) -> Closer:
    """Look closer at the candidate that was chosen.

    Parameters
    ----------
    ground : Ground
    at : FeaturesAt
        At all mature moments; the catalog drawn up from the learning part.
    outcome : Outcome
        Measured.
    open_now : Moments
        The leads that are open on the training day.
    as_of : int or None
        Training day, microseconds UTC; None for a flat export.
    """
    contest, split, test = outcome.contest, ground.split, ground.test
    assert contest is not None
    kind, asked = contest.choice.kind, at.matrix[split.test]
    log_odds = outcome.examined[kind].log_odds
    weeks = weeks_of(test, ground.mature.take(split.deployed_test), agreement.leads_per_week, flat=history.is_flat)
    segments = segments_of(agreement, at.catalog, asked)
    bands = bands_by_queue(log_odds, weeks)
    accounts = Accounts.draw(test.owner, seed)
    return Closer(
        reliability=reliability(log_odds, test, accounts, bands=bands, segments=segments),
        segments_left_out=segments_left_out(agreement, at.catalog),
        base_rate=base_rate(ground.mature, flat=history.is_flat, learn=split.learn, test=split.test),
        points=weights(agreement, at.catalog, at.matrix, ground.mature, seed=seed) if agreement.rules else None,
        card=None if split.held_out else _card(agreement, ground, at, contest, seed),
        if_worked=None if as_of is None else _if_worked(history, agreement, ground, at, contest, open_now, as_of, seed),
    )


def _card(agreement: Agreement, ground: Ground, at: FeaturesAt, contest: Contest, seed: int) -> CardReport:
    kind, split = contest.choice.kind, ground.split
    said = contest.fitted[kind].line(contest.rankers[kind].raw(at.matrix))
    return report_card(agreement, at, kind, said, ground.mature, split.learn, split.test, seed=seed)


def _if_worked(
    history: History,
    agreement: Agreement,
    ground: Ground,
    at: FeaturesAt,
    contest: Contest,
    open_now: Moments,
    as_of: int,
    seed: int,
) -> IfWorked:
    return if_worked(
        history,
        agreement,
        at,
        ground.mature,
        learn=ground.split.learn,
        test=ground.split.test,
        folds=contest.folds,
        practice=contest.chosen,
        open_now=at.more(open_now),
        as_of=as_of,
        seed=seed,
    )
