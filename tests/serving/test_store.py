from __future__ import annotations

import json
import math
import sqlite3
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.artifact import TrainedModel, encode_values
from leadlight.core.clock import FixedClock
from leadlight.core.errors import ModelContractError, Unavailable
from leadlight.serving.replay import replay
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import ReceiptIds, is_receipt_id
from leadlight.serving.store.keeper import ReceiptKeeper
from leadlight.serving.store.packed import packed, unpacked
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.receipts import Receipt, Slip
from leadlight.serving.store.spool import Spool
from models import trained

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def receipt(model: TrainedModel) -> Slip:
    scorer = Scorer(model, 7)
    row = encode_values(model.catalog, {"employees": 1 / 3, "source": "ads", "industry": "(other)"})
    return scorer.slip(scorer.explain(row, "L-1", 5), ReceiptIds(FixedClock(NOW)).next(), 9)


def renamed(receipt: Slip, receipt_id: str) -> Slip:
    text = unpacked(receipt.packed).replace(receipt.receipt_id.encode(), receipt_id.encode())
    return receipt._replace(receipt_id=receipt_id, packed=packed(text))


def numbered(receipt: Slip, count: int) -> list[Slip]:
    ids = ReceiptIds(FixedClock(NOW))
    return [renamed(receipt, ids.next()) for _ in range(count)]


def whole(slip: Slip) -> Receipt:
    return Receipt.from_packed(slip.packed)


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def keeper(folder: Path, clock: Clock | None = None) -> ReceiptKeeper:
    database = ReceiptTable(Database(f"sqlite:///{folder / 'leadlight.db'}"))
    return ReceiptKeeper(database, Spool(folder / "spool.jsonl"), seconds=clock or Clock())


def break_database(folder: Path) -> None:
    """A folder where the database file should be: nothing can be opened there, even by root."""
    (folder / "leadlight.db").mkdir()


def mend_database(folder: Path) -> None:
    (folder / "leadlight.db").rmdir()


def test_ids_sort_as_they_were_made_and_never_meet() -> None:
    ids = ReceiptIds(FixedClock(NOW))
    made = [ids.next() for _ in range(1000)]
    assert made == sorted(set(made))
    assert all(is_receipt_id(one) for one in made)
    later = ReceiptIds(FixedClock(datetime(2026, 11, 23, 9, 0, 0, 1000, tzinfo=UTC)))
    assert later.next() > made[-1]
    assert ReceiptIds(FixedClock(NOW)).next() not in made


@given(st.text(max_size=30))
def test_only_ids_look_like_ids(text: str) -> None:
    assert not is_receipt_id(text) or len(text) == 26


FLAT = trained(dated=False)


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_receipt_keeps_every_bit(value: float) -> None:
    model, scorer = FLAT, Scorer(FLAT, 7)
    answer = scorer.explain(encode_values(model.catalog, {"employees": abs(value)}), "L", 0, reasons=None)
    back = Receipt.from_packed(scorer.slip(answer, "x", 0).packed)
    assert struct.pack("d", back.log_odds) == struct.pack("d", answer.log_odds)
    assert [struct.pack("d", r["impact"]) for r in back.reasons] == [struct.pack("d", r.impact) for r in answer.reasons]
    assert encode_values(model.catalog, back.values).tobytes() == answer.row.tobytes()
    assert replay(back, model).same_bits


def test_a_receipt_replays_with_its_own_model_only(receipt: Receipt, model: TrainedModel) -> None:
    made = whole(receipt)
    assert replay(made, model).same_bits
    assert not replay(replace(made, log_odds=math.nextafter(made.log_odds, 9)), model).same_bits
    with pytest.raises(ModelContractError, match="version 7"):
        replay(made, FLAT)


def test_receipts_come_back_and_the_database_is_durable(tmp_path: Path, receipt: Slip) -> None:
    kept = keeper(tmp_path)
    kept.open()
    many = numbered(receipt, 3)
    assert kept.keep(many) == ()
    assert [kept.get(one.receipt_id) for one in many] == [whole(one) for one in many]
    assert kept.get("0" * 26) is None
    kept.close()
    with sqlite3.connect(tmp_path / "leadlight.db") as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert plain.execute("SELECT count(*) FROM receipts").fetchone() == (3,)
    plain.close()
    assert not (tmp_path / "spool.jsonl").exists()


def test_the_writer_waits_for_the_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'leadlight.db'}")
    with database.writing() as writer:
        assert writer.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    database.close()


def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path, receipt: Slip) -> None:
    database = ReceiptTable(Database(f"sqlite:///{tmp_path / 'leadlight.db'}"))
    one, two = numbered(receipt, 2)
    database.add([one])
    with pytest.raises(Exception, match="UNIQUE"):
        database.add([two, one])
    assert database.get(two.receipt_id) is None
    database.add([two])  # the connection works again
    assert database.get(two.receipt_id) == whole(two)
    database.close()


def test_many_receipts_are_kept_whole_or_not_at_all_too(tmp_path: Path, receipt: Slip) -> None:
    database = ReceiptTable(Database(f"sqlite:///{tmp_path / 'leadlight.db'}"))
    many = numbered(receipt, 250)  # more than one statement takes
    with pytest.raises(Exception, match="UNIQUE"):
        database.add([*many, many[0]])
    assert [database.get(one.receipt_id) for one in many] == [None] * 250
    database.add(many)
    assert database.add_missing(many) == 0
    assert [database.get(one.receipt_id) for one in many] == [whole(one) for one in many]
    database.close()


def test_without_the_database_receipts_go_to_the_spool_and_are_loaded_later(tmp_path: Path, receipt: Slip) -> None:
    break_database(tmp_path)
    clock = Clock()
    kept = keeper(tmp_path, clock)
    kept.open()
    assert kept.degraded == ("receipts",)
    one, two, three = numbered(receipt, 3)
    assert kept.keep([one, two]) == ("receipts",)
    assert kept.get(one.receipt_id) == whole(one)
    with pytest.raises(Unavailable):
        kept.get("0" * 26)
    mend_database(tmp_path)
    assert kept.keep([three]) == ("receipts",)  # no score waits for it
    clock.seconds += 6
    assert kept.get("0" * 26) is None
    kept.catch_up()
    assert kept.degraded == ()
    assert kept.keep([renamed(receipt, "1" * 26)]) == ()
    assert (tmp_path / "spool.jsonl").read_bytes() == b""
    for made in (one, two, three):
        assert kept.get(made.receipt_id) == whole(made)
    kept.close()


def test_the_spool_is_loaded_at_the_next_start_and_never_twice(tmp_path: Path, receipt: Slip) -> None:
    many = numbered(receipt, 3)
    spool = Spool(tmp_path / "spool.jsonl")
    spool.add(many)
    database = ReceiptTable(Database(f"sqlite:///{tmp_path / 'leadlight.db'}"))
    database.add(many[:1])  # as after a crash between loading and emptying
    database.close()
    kept = keeper(tmp_path)
    kept.open()
    kept.catch_up()
    assert not spool.waiting
    with sqlite3.connect(tmp_path / "leadlight.db") as plain:
        assert plain.execute("SELECT count(*) FROM receipts").fetchone() == (3,)
    plain.close()
    kept.close()


def test_a_line_torn_by_a_crash_hurts_no_other(tmp_path: Path, receipt: Slip) -> None:
    one, two = numbered(receipt, 2)
    path = tmp_path / "spool.jsonl"
    path.write_bytes(unpacked(one.packed) + b"\n" + unpacked(two.packed)[:100])
    spool = Spool(path)
    spool.add([two])
    taken: list[Slip] = []
    spool.empty_into(taken.extend)
    assert taken == [one, two]


@pytest.mark.parametrize("part", [1, 3_000, 10_000_000])
def test_a_spool_is_loaded_part_by_part_each_whole_and_once(tmp_path: Path, receipt: Slip, part: int) -> None:
    spool, many = Spool(tmp_path / "spool.jsonl"), numbered(receipt, 9)
    spool.add(many)
    spool.forget({"nobody"})
    parts: list[list[Slip]] = []
    late = numbered(receipt, 10)[-1:]

    def take(found: list[Slip]) -> None:
        parts.append(found)
        assert sum(len(unpacked(slip.packed)) + 1 for slip in found) <= part or len(found) == 1

    assert spool.empty_into(take, part) == 9
    assert sorted(slip for found in parts for slip in found) == sorted(many)
    assert not spool.waiting
    spool.add(late)
    assert spool.empty_into(take, part) == 1


def test_what_breaks_off_in_the_middle_of_a_spool_goes_on_there(tmp_path: Path, receipt: Slip) -> None:
    spool, many = Spool(tmp_path / "spool.jsonl"), numbered(receipt, 9)
    spool.add(many)
    taken: list[Slip] = []

    def take(found: list[Slip]) -> None:
        if len(taken) == 4:
            raise OSError("disk full")
        taken.extend(found)

    with pytest.raises(OSError, match="disk full"):
        spool.empty_into(take, 1)
    assert spool.empty_into(taken.extend, 1) == 5
    assert sorted(taken) == sorted(many)


def test_a_spool_that_could_not_be_loaded_keeps_what_it_has(tmp_path: Path, receipt: Slip) -> None:
    spool = Spool(tmp_path / "spool.jsonl")
    spool.add([receipt])

    def fail(_: list[Receipt]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        spool.empty_into(fail)
    assert spool.find(receipt.receipt_id) == whole(receipt)


def test_where_nothing_can_be_kept_scoring_goes_on_and_says_so(tmp_path: Path, receipt: Slip) -> None:
    break_database(tmp_path)
    (tmp_path / "spool.jsonl").mkdir()
    kept = keeper(tmp_path)
    kept.open()
    assert kept.keep([receipt]) == ("receipts", "receipt_spool")


def test_a_receipt_is_one_line(receipt: Slip, model: TrainedModel) -> None:
    scorer = Scorer(model, 7)
    answer = scorer.explain(encode_values(model.catalog, {}), "two\nlines\u2028", 0)
    text = unpacked(scorer.slip(answer, receipt.receipt_id, 0).packed)
    assert b"\n" not in text
    assert json.loads(text)["schema_version"] == 1
