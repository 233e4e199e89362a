"""What must hold of a store, and of what the CRM was told, once everything has caught up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import func, select

from leadlight.core.artifact import TrainedModel
from leadlight.serving.replay import replay
from leadlight.serving.store.database import Database
from leadlight.serving.store.receipts import Receipt
from leadlight.serving.store.schema import ACTIVITIES, LEADS, OUTBOX, RECEIPTS, RESCORING, RESCORING_ACCOUNTS, SCORES
from receivers import Receiver
from under_load import Load
from waiting import wait_for

__all__ = ["check_settled", "settle"]


def settle(database: Database, seconds: float = 180) -> None:
    """Wait until nothing is left to score or to send."""

    def nothing_waits() -> bool:
        with database.reading() as connection:
            left = [
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (RESCORING, RESCORING_ACCOUNTS)
            ]
            waiting = connection.execute(select(func.count()).where(OUTBOX.c.state != "delivered")).scalar_one()
        return not any(left) and waiting == 0

    wait_for(nothing_waits, seconds)


def check_settled(database: Database, loads: list[Load], receiver: Receiver, models: Mapping[int, TrainedModel]) -> int:
    """Hold the store against what clients were answered and what the receiver got; return the messages."""
    with database.reading() as connection:
        leads = set(connection.execute(select(LEADS.c.lead_id)).scalars())
        activities = connection.execute(select(ACTIVITIES.c.activity_id)).scalars().all()
        told_last = dict(
            connection.execute(
                select(ACTIVITIES.c.lead_id, func.max(ACTIVITIES.c.recorded_at)).group_by(ACTIVITIES.c.lead_id)
            ).all()
        )
        scores = connection.execute(select(SCORES)).all()
        packed = connection.execute(select(RECEIPTS.c.receipt_id, RECEIPTS.c.packed)).all()
        outbox = connection.execute(select(OUTBOX).order_by(OUTBOX.c.number)).all()
    assert set().union(*(load.leads for load in loads)) <= leads
    assert set().union(*(load.activities for load in loads)) <= set(activities)
    assert len(activities) == len(set(activities))
    receipts = {receipt_id: Receipt.from_packed(stored) for receipt_id, stored in packed}
    for load in loads:
        for answer in load.scores:
            if answer.status == 200:
                kept = receipts[answer.body["receipt_id"]]
                assert (kept.score, kept.log_odds) == (answer.body["score"], answer.body["log_odds"])
    assert all(replay(one, models[one.model_version]).same_bits for one in receipts.values())
    assert {row.lead_id for row in scores} == leads
    for row in scores:
        assert told_last.get(row.lead_id, 0) < row.as_of, "a change was dropped"
        assert (row.score, row.band) == (row.told_score, row.told_band), "a changed score was not told"
    _check_messages(outbox, {row.lead_id: row for row in scores}, receiver)
    return len(outbox)


def _check_messages(outbox: list[Any], scores: Mapping[str, Any], receiver: Receiver) -> None:
    """Each arrived, in order per lead; each tells what changed since the one before, so none was made twice."""
    made: dict[str, list[Any]] = defaultdict(list)
    for row in outbox:
        made[row.lead_id].append(row)
    arrived: dict[str, list[Any]] = defaultdict(list)
    for one in list(receiver.arrivals):
        arrived[one.payload["data"]["lead_id"]].append(one)
    for lead_id, rows in made.items():
        ids = [one for one, _ in groupby(arrival.message_id for arrival in arrived[lead_id])]
        assert ids == [row.message_id for row in rows], "not in order, or not at all"
        told = [next(group) for _, group in groupby(arrived[lead_id], lambda one: one.message_id)]
        before = None
        for arrival in told:
            data = arrival.payload["data"]
            now = {"score": data["score"], "band": data["band"]}
            assert data["previous"] == before
            assert now != before, "told twice"
            before = now
        assert before == {"score": scores[lead_id].score, "band": scores[lead_id].band}
