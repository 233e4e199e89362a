from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import FixedClock
from leadlight.core.errors import NoChampion, Unavailable
from leadlight.core.settings import Settings
from leadlight.serving.batch import score_history
from leadlight.serving.champion import Champion, Starting
from leadlight.serving.desk import Desk
from leadlight.serving.late_pages import LatePages
from leadlight.serving.ledger.memory import Memory
from leadlight.serving.metrics import Metrics
from leadlight.serving.queue import RankedQueue
from leadlight.serving.replay import replay
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.keeper import ReceiptKeeper
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.spool import Spool
from models import company, trained
from waiting import wait_for

CLOCK = FixedClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
COMPANY = company()


def desk(home: Path, model: TrainedModel) -> Desk:
    settings, database = Settings(home=home, _env_file=None), Database(f"sqlite:///{home / 'leadlight.db'}")
    keeper = ReceiptKeeper(ReceiptTable(database), Spool(home / "spool.jsonl"))
    champion, memory = Champion(lambda: (model, 7)), Memory(settings, database, lambda: None)
    return Desk(settings, CLOCK, champion, keeper, ReceiptIds(CLOCK), Metrics(champion), memory)


@pytest.fixture
def queue(model: TrainedModel, tmp_path: Path) -> RankedQueue:
    return RankedQueue(desk(tmp_path, model), Scorer(model, 7), COMPANY)


def receipts(home: Path) -> int:
    with sqlite3.connect(home / "leadlight.db") as plain:
        count: int = plain.execute("SELECT count(*) FROM receipts").fetchone()[0]
    plain.close()
    return count


def test_the_list_is_ranked_by_log_odds_and_agrees_with_the_batch(queue: RankedQueue, model: TrainedModel) -> None:
    page = queue.queue(language="en", limit=1000)
    frame = next(score_history(model, COMPANY)).sort_values(["log_odds", "lead_id"], ascending=[False, True])
    assert [row.lead_id for row in page.rows] == frame["lead_id"].tolist()
    assert [row.score for row in page.rows] == frame["score"].tolist()
    assert [row.rank for row in page.rows] == list(range(1, len(frame) + 1))
    assert sum(page.counts.values()) == page.total == len(frame)
    assert list(page.counts) == ["hot", "warm", "cold"]


def test_pages_and_filters_are_parts_of_the_same_list(queue: RankedQueue) -> None:
    whole = queue.queue(language="en", limit=1000)
    assert queue.queue(language="en", offset=3, limit=4).rows == whole.rows[3:7]
    assert queue.queue(language="en", offset=10_000).rows == ()
    for band in ("hot", "warm", "cold"):
        part = queue.queue(language="en", limit=1000, band=band)
        assert part.rows == tuple(row for row in whole.rows if row.band == band)
        assert part.total == whole.counts[band]
    assert whole.owners == ("ann", "bob")
    anns = queue.queue(language="en", limit=1000, owner="ann", minimum_score=50)
    assert anns.rows == tuple(row for row in whole.rows if row.owner_id == "ann" and row.score >= 50)


def test_the_scorecards_rank_stands_beside_ours(queue: RankedQueue) -> None:
    rows = queue.queue(language="en", limit=1000).rows
    points = [row.scorecard_points for row in rows]
    for row in rows:
        assert row.scorecard_rank == 1 + sum(other > row.scorecard_points for other in points)  # type: ignore[operator]


def test_only_what_is_shown_gets_a_receipt_and_only_once(queue: RankedQueue, tmp_path: Path) -> None:
    first = queue.queue(language="en", limit=5)
    assert receipts(tmp_path) == 5
    assert queue.queue(language="es", limit=5).rows[0].receipt_id == first.rows[0].receipt_id
    lead = queue.lead(first.rows[0].lead_id, language="en")
    assert lead is not None
    assert lead.row == first.rows[0]
    assert receipts(tmp_path) == 5


def test_a_shown_scores_receipt_replays(queue: RankedQueue, model: TrainedModel, tmp_path: Path) -> None:
    database = ReceiptTable(Database(f"sqlite:///{tmp_path / 'leadlight.db'}"))
    for row in queue.queue(language="en", limit=20).rows:
        receipt = database.get(str(row.receipt_id))
        assert receipt is not None
        assert replay(receipt, model).same_bits
        assert (receipt.score, receipt.probability) == (row.score, row.probability)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_leads_page_adds_up_and_shows_what_happened(queue: RankedQueue, language: str) -> None:
    for row in queue.queue(language=language, limit=1000).rows:
        page = queue.lead(row.lead_id, language=language)
        assert page is not None
        bars = [bar for part in page.components for bar in part.bars]
        assert bars[0].start == page.base_log_odds
        assert bars[-1].end == pytest.approx(page.log_odds, abs=1e-9)
        times = [entry.when for entry in page.timeline]
        assert times == sorted(times, reverse=True)
        assert page.timeline[-1].kind == "created"
        activities = COMPANY.activities[COMPANY.activities["lead_id"] == row.lead_id]
        assert sum(entry.kind == "activity" for entry in page.timeline) == len(activities)


def test_words_follow_the_language_and_numbers_do_not(queue: RankedQueue) -> None:
    english, spanish = queue.queue(language="en"), queue.queue(language="es")
    for one, other in zip(english.rows, spanish.rows, strict=True):
        assert one.why != other.why
        assert (one.score, one.probability, one.rank) == (other.score, other.probability, other.rank)
        assert not one.missing or one.missing != other.missing
    assert english.model.kind_label != spanish.model.kind_label
    assert english.model.probability_note != spanish.model.probability_note


def test_nobody_is_there_under_an_unknown_id(queue: RankedQueue) -> None:
    assert queue.lead("nobody", language="en") is None


def test_without_calibration_no_chance_is_shown_anywhere(tmp_path: Path) -> None:
    model = trained(status="rank_only")
    queue = RankedQueue(desk(tmp_path, model), Scorer(model, 1), COMPANY)
    rows = queue.queue(language="en").rows
    assert {row.probability for row in rows} == {None}
    page = queue.lead(rows[0].lead_id, language="en")
    assert page is not None
    assert page.base_probability is None


def test_an_undated_export_has_pages_too(tmp_path: Path) -> None:
    model = trained(dated=False)
    queue = RankedQueue(desk(tmp_path, model), Scorer(model, 1), company(dated=False))
    rows = queue.queue(language="en", limit=100).rows
    assert len(rows) == 60
    assert rows[0].scorecard_rank is None
    page = queue.lead(rows[0].lead_id, language="en")
    assert page is not None
    assert page.timeline == ()
    assert page.created_at is None
    assert page.agreement.horizon_days is None


def test_pages_say_what_they_wait_for(tmp_path: Path, model: TrainedModel) -> None:
    def none() -> Any:
        raise NoChampion.at("the home")

    waiting = Desk(**{**vars(desk(tmp_path, model)), "champion": Champion(none)})
    waiting.champion.load()
    pages = LatePages(waiting, COMPANY)
    pages.prepare()
    with pytest.raises(NoChampion):
        pages.queue(language="en")


def test_a_history_that_cannot_be_scored_leaves_the_api_alone(tmp_path: Path, model: TrainedModel) -> None:
    ready = desk(tmp_path, model)
    ready.champion.load()
    pages = LatePages(ready, replace(COMPANY, leads=COMPANY.leads.drop(columns="lead_id")))
    pages.prepare()
    with pytest.raises(Unavailable, match="log says why"):
        pages.queue(language="en")


def test_pages_come_once_a_model_is_promoted(tmp_path: Path, model: TrainedModel) -> None:
    late = desk(tmp_path, model)
    pages = LatePages(late, COMPANY)
    with pytest.raises(Starting):
        pages.queue(language="en")
    late.champion.load()
    assert pages.queue(language="en").rows


def test_the_service_lists_the_open_leads_of_its_history(serve: Any, model: TrainedModel) -> None:
    client = serve(model=model, history=COMPANY)
    wait_for(lambda: client.get("/leads").status_code == 200)
    assert client.get("/leads").text.count("/leads/L-") >= 20
    assert client.get("/leads/L-0").status_code in (200, 404)


def test_a_rep_sees_their_own_leads_and_no_others_exist_for_them(queue: RankedQueue) -> None:
    whole = queue.queue(language="en", limit=1000)
    anns = queue.queue(language="en", limit=1000, own="ann")
    assert anns.rows == tuple(row for row in whole.rows if row.owner_id == "ann")
    assert sum(anns.counts.values()) == anns.total == len(anns.rows) < whole.total
    assert anns.owners == ()
    assert queue.queue(language="en", owner="bob", own="ann").rows == ()
    bobs = next(row.lead_id for row in whole.rows if row.owner_id == "bob")
    assert queue.lead(bobs, language="en", own="ann") is None
    assert queue.lead(bobs, language="en", own="bob") is not None
