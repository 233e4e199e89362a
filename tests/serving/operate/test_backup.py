"""A backup is the whole store, in one file, that goes back into any database or is refused."""

from __future__ import annotations

import json
import tarfile
import threading
from dataclasses import replace as changed
from dataclasses import replace as replace_dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, insert, select, text

from backups import CLOCK, lead, one_message, put_secret, receipt, settings_of
from filled import everything
from leadlight.core import artifact
from leadlight.core.artifact import TrainedModel
from leadlight.core.errors import BrokenBackup, ModelContractError, Unavailable, UsageError
from leadlight.core.registry import cached_champion
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from leadlight.serving.operate.backup import back_up
from leadlight.serving.operate.restore import restore
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import ErasureJournal
from leadlight.serving.store.packed import unpacked
from leadlight.serving.store.receipts import Slip
from leadlight.serving.store.schema import LEADS, METADATA, OUTBOX, RECEIPTS
from leadlight.serving.store.spool import SPOOL_FILE, Spool
from leadlight.serving.store.upgrade import NEWEST, revision_of, upgrade
from models import save_champion


def rows_of(settings: Settings) -> object:
    database = Database(settings.database)
    try:
        return everything(database)
    finally:
        database.close()


def is_untouched(settings: Settings) -> bool:
    engine = Database(settings.database).unopened()
    with engine.connect() as connection:
        found = revision_of(connection)
    engine.dispose()
    return found is None and {p.name for p in settings.home_path.iterdir()} <= {"leadlight.db"}


def test_every_row_of_every_table_comes_back_whatever_the_two_databases(
    old: Settings, new: Settings, model: TrainedModel, tmp_path: Path
) -> None:
    save_champion(model, old.home_path)
    out = tmp_path / "b.tar"
    manifest = back_up(old, out, clock=CLOCK)
    assert manifest.rows == {table.name: 20 for table in METADATA.sorted_tables}
    assert out.stat().st_mode & 0o777 == 0o600
    done = restore(new, out)
    assert (done.revision, done.forgotten, done.lacks_secret) == (NEWEST, 0, False)
    assert rows_of(new) == rows_of(old)
    assert cached_champion(new)[1] == 7


def test_every_model_that_served_comes_along(old: Settings, new: Settings, model: TrainedModel, tmp_path: Path) -> None:
    """A receipt of a version that serves no more can be made again after a restore, too."""
    other = replace_dataclass(model, facts={"trained_on": {"moments": 1}})
    for home, version, served in ((old, 1, model), (old, 2, other), (new, 1, other)):
        save_champion(served, home.home_path, version)
        Shelf(home).keep(home.champion_cache, version)
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    restore(new, tmp_path / "b.tar", replace=True)
    kept = {folder.name: artifact.load(folder).facts for _, folder in Shelf(new).every()}
    assert kept == {"1": other.facts, "1~2": model.facts, "2": other.facts}


def test_a_model_of_a_format_that_nobody_reads_any_more_stops_no_restore(
    old: Settings, new: Settings, model: TrainedModel, tmp_path: Path
) -> None:
    save_champion(model, old.home_path, 2)
    former = old.model_shelf / "1"
    former.mkdir(parents=True)
    (former / "model.json").write_text('{"format": 999}')
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    restore(new, tmp_path / "b.tar")
    assert cached_champion(new)[1] == 2
    assert (new.model_shelf / "1" / "model.json").read_text() == '{"format": 999}'


def test_numbers_go_on_after_the_highest(old: Settings, new: Settings, tmp_path: Path) -> None:
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    restore(new, tmp_path / "b.tar")
    database = Database(new.database)
    for table in METADATA.sorted_tables:
        counted = table.autoincrement_column
        if counted is None:
            continue
        with database.writing() as connection:
            highest = connection.execute(select(func.max(counted))).scalar_one()
            row = dict(connection.execute(select(table).limit(1)).mappings().one())
            row |= {c.name: "one more" for c in table.columns if c.unique or c.name == "identity"}
            del row[counted.name]
            made = connection.execute(insert(table).values(row).returning(counted)).scalar_one()
        assert made == highest + 1
    database.close()


def test_an_empty_store_is_backed_up_too(url: str, new: Settings, tmp_path: Path) -> None:
    back_up(settings_of(tmp_path, url), tmp_path / "b.tar", clock=CLOCK)
    restore(new, tmp_path / "b.tar")
    database = Database(new.database)
    with database.writing() as connection:
        number = connection.execute(insert(OUTBOX).values(one_message()).returning(OUTBOX.c.number)).scalar_one()
    database.close()
    assert number == 1


def test_it_is_one_moment_while_others_write(url: str, new: Settings, tmp_path: Path) -> None:
    """Each transaction puts a lead and its receipt in: no backup may hold one without the other."""
    database, stop = Database(url), threading.Event()
    database.open()

    def write() -> None:
        number = 0
        while not stop.is_set():
            with database.writing() as connection:
                connection.execute(insert(RECEIPTS).values(receipt(number)))
                connection.execute(insert(LEADS).values(lead(f"L-{number}")))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(5):
            manifest = back_up(settings_of(tmp_path, url), tmp_path / f"{turn}.tar", clock=CLOCK)
            assert manifest.rows["leads"] == manifest.rows["receipts"]
    finally:
        stop.set()
        writer.join()
        database.close()
    restore(new, tmp_path / "4.tar")


def test_receipts_that_wait_in_the_spool_are_in_it(old: Settings, new: Settings, tmp_path: Path) -> None:
    says = {"receipt_id": "W", "lead_id": "L", **WAITING}
    waiting = Slip.of(says, json.dumps(says).encode())
    Spool(old.home_path / SPOOL_FILE).add([waiting])
    manifest = back_up(old, tmp_path / "b.tar", clock=CLOCK)
    assert manifest.rows["receipts"] == 21
    restore(new, tmp_path / "b.tar")
    assert rows_of(new) == rows_of(old)


WAITING = {"as_of": 1, "made_at": 2, "model_version": 3, "agreement_version": "v", "schema_version": 1, "score": 5}


def test_a_store_that_holds_something_is_not_given_up_unasked(old: Settings, new: Settings, tmp_path: Path) -> None:
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    database = Database(new.database)
    with database.writing() as connection:
        connection.execute(insert(LEADS).values(lead("precious")))
    database.close()
    before = rows_of(new)
    with pytest.raises(UsageError, match=r"1 leads.*--replace"):
        restore(new, tmp_path / "b.tar")
    assert rows_of(new) == before
    restore(new, tmp_path / "b.tar", replace=True)
    assert rows_of(new) == rows_of(old)


def test_another_champion_is_not_given_up_unasked(
    old: Settings, new: Settings, model: TrainedModel, tmp_path: Path
) -> None:
    save_champion(model, old.home_path)
    save_champion(model, new.home_path, version=8)
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    with pytest.raises(UsageError, match="champion"):
        restore(new, tmp_path / "b.tar")
    assert cached_champion(new)[1] == 8
    restore(new, tmp_path / "b.tar", replace=True)
    assert cached_champion(new)[1] == 7
    assert [p.name for p in new.home_path.iterdir() if p.name.startswith(".")] == []


def test_a_backup_that_ends_early_is_refused_whole(old: Settings, tmp_path: Path) -> None:
    whole = backup_bytes(old, tmp_path)
    for end in [0, 1, 511, 512, *range(1_000, len(whole), 1_777), len(whole) - 1]:
        refused(tmp_path, whole[:end])
    refused(tmp_path, whole + b"\0")
    refused(tmp_path, b"no archive at all " * 100)


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_backup_with_one_altered_byte_is_refused_whole(old: Settings, tmp_path: Path, shift: int) -> None:
    whole = backup_bytes(old, tmp_path)
    for place in range(shift * 13, len(whole), 97):
        refused(tmp_path, whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])


def backup_bytes(settings: Settings, folder: Path) -> bytes:
    back_up(settings, folder / "b.tar", clock=CLOCK)
    return (folder / "b.tar").read_bytes()


def refused(folder: Path, content: bytes) -> None:
    empty = settings_of(folder / "empty", f"sqlite:///{folder / 'empty' / 'leadlight.db'}")
    (folder / "altered.tar").write_bytes(content)
    with pytest.raises(BrokenBackup, match=r"altered\.tar was not restored"):
        restore(empty, folder / "altered.tar")
    assert not empty.home_path.exists()


def test_any_tar_unpacks_it(old: Settings, tmp_path: Path) -> None:
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    with tarfile.open(tmp_path / "b.tar") as archive:
        names = archive.getnames()
        file = archive.extractfile("manifest.json")
        assert file is not None
        assert json.load(file)["revision"] == NEWEST
    assert {f"tables/{table.name}.jsonl.gz" for table in METADATA.sorted_tables} < set(names)


def test_a_failure_midway_leaves_the_database_as_it_was(old: Settings, new: Settings, tmp_path: Path) -> None:
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    restore(new, tmp_path / "b.tar")
    put_secret(new)
    ErasureJournal(new.home_path / "erasures.jsonl").add(["t"], 5)
    before = rows_of(new)

    def fail(connection: Connection, _: bytes, tokens: set[str]) -> int:
        connection.execute(delete(LEADS))
        raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        restore(new, tmp_path / "b.tar", replace=True, reapply=fail)
    assert rows_of(new) == before


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"the one of yesterday")
    broken = settings_of(tmp_path, f"sqlite:///{tmp_path / 'leadlight.db'}")
    (tmp_path / "leadlight.db").write_bytes(b"no database " * 1000)
    with pytest.raises(Unavailable, match="database does not answer"):
        back_up(broken, tmp_path / "b.tar", clock=CLOCK)
    assert (tmp_path / "b.tar").read_bytes() == b"the one of yesterday"
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []


def test_a_backup_of_an_earlier_step_is_restored_into_that_step_and_upgraded(
    new: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the release before would have written it: its tables alone, its columns alone."""
    old = settings_of(tmp_path / "old", f"sqlite:///{tmp_path / 'old.db'}")
    engine = Database(old.database).unopened()
    upgrade(engine, "0001")
    columns = ("receipt_id", "lead_id", "as_of", "made_at", "model_version", "agreement_version", "schema_version")
    with engine.begin() as connection:
        connection.execute(
            text(f"INSERT INTO receipts ({', '.join(columns)}, receipt) VALUES (:id, 'L', 1, 2, 3, 'v', 1, :text)"),
            [{"id": f"{i:026}", "text": json.dumps({"score": i})} for i in range(30)],
        )
    engine.dispose()
    write_at_step(old, "0001", {"receipts": (*columns, "receipt")}, tmp_path / "b.tar")
    done = restore(new, tmp_path / "b.tar")
    assert (done.manifest.revision, done.revision) == ("0001", NEWEST)
    database = Database(new.database)
    with database.reading() as connection:
        rows = connection.execute(select(RECEIPTS.c.score, RECEIPTS.c.packed).order_by(RECEIPTS.c.receipt_id)).all()
    database.close()
    assert [row.score for row in rows] == list(range(30))
    assert [json.loads(unpacked(row.packed)) for row in rows] == [{"score": number} for number in range(30)]


def write_at_step(old: Settings, step: str, tables: dict[str, tuple[str, ...]], out: Path) -> None:
    import gzip

    from leadlight.serving.operate.archive import ArchiveWriter
    from leadlight.serving.operate.manifest import Manifest, TableMember, write_manifest
    from leadlight.serving.operate.rows import line_of

    engine = Database(old.database).unopened()
    with out.open("w+b") as file, engine.connect() as connection:
        archive, members = ArchiveWriter(file, 0), []
        for name, columns in tables.items():
            rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM {name}")).all()
            with archive.member(f"tables/{name}.jsonl.gz") as member:
                member.write(gzip.compress("".join(line_of(row) + "\n" for row in rows).encode()))
            members.append(TableMember(name, columns, len(rows), archive.members[-1]))
        write_manifest(archive, Manifest("0.0.9", step, 5, None, tuple(members), ()))
        archive.close()
    engine.dispose()


def test_a_backup_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    old = settings_of(tmp_path / "old", f"sqlite:///{tmp_path / 'old.db'}")
    Database(old.database).open()
    write_at_step(old, "9999", {}, tmp_path / "b.tar")
    with pytest.raises(BrokenBackup, match=r"newer release.*9999"):
        restore(settings_of(tmp_path / "new", f"sqlite:///{tmp_path / 'new.db'}"), tmp_path / "b.tar")
    assert not (tmp_path / "new.db").exists()


def test_a_database_of_a_newer_release_is_left_alone(old: Settings, new: Settings, tmp_path: Path) -> None:
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    database = Database(new.database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(ModelContractError, match="newer release"):
        restore(new, tmp_path / "b.tar", replace=True)


def test_a_manifest_says_what_is_in_it(old: Settings, tmp_path: Path) -> None:
    manifest = back_up(old, tmp_path / "b.tar", clock=CLOCK)
    empty = settings_of(tmp_path / "empty", f"sqlite:///{tmp_path / 'empty.db'}")
    assert restore(empty, tmp_path / "b.tar").manifest == manifest
    assert changed(manifest, taken_at=0) != manifest
