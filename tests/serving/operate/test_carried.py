"""A restore takes back nothing that must stand: erasures, objections, revoked keys; and the secret they hang on."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, delete, insert, select, update

from backups import CLOCK, OTHER, SECRET, lead, one_message, put_secret, receipt, settings_of
from leadlight.core.artifact import TrainedModel
from leadlight.core.errors import Unavailable, UsageError
from leadlight.core.registry import cached_champion
from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from leadlight.serving.operate.backup import back_up
from leadlight.serving.operate.restore import Restored, restore
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import ErasureJournal
from leadlight.serving.store.packed import NOTHING
from leadlight.serving.store.schema import API_KEYS, ERASURES, LEADS, OUTBOX, RECEIPTS
from leadlight.serving.store.upgrade import revision_of
from models import save_champion


def erase(connection: Connection, secret: bytes, tokens: set[str]) -> int:
    """Erase leads by a token that is their id backwards."""
    assert secret == SECRET
    leads = {token[::-1] for token in tokens}
    gone = connection.execute(delete(LEADS).where(LEADS.c.lead_id.in_(leads))).rowcount
    for token in tokens:
        connection.execute(delete(ERASURES).where(ERASURES.c.token == token))
        connection.execute(insert(ERASURES).values(token=token, erased_at=9, models="[]"))
    return gone


@pytest.fixture
def kept(url: str, tmp_path: Path) -> Settings:
    """A store with three leads, one of which was erased before the backup and came again."""
    settings = settings_of(tmp_path / "old", url)
    settings.home_path.mkdir()
    put_secret(settings)
    database = Database(url)
    with database.writing() as connection:
        connection.execute(insert(LEADS), [lead("ann"), lead("bob"), lead("cid")])
        connection.execute(insert(ERASURES).values(token="dic", erased_at=3, models="[]"))
    database.close()
    ErasureJournal(settings.home_path / "erasures.jsonl").add(["dic"], 3)
    return settings


def leads_of(settings: Settings) -> list[str]:
    database = Database(settings.database)
    with database.reading() as connection:
        found = connection.execute(select(LEADS.c.lead_id).order_by(LEADS.c.lead_id)).scalars().all()
    database.close()
    return list(found)


def put_back(settings: Settings, path: Path) -> Restored:
    return restore(settings, path, replace=True, reapply=erase)


def test_whom_we_forgot_since_stays_forgotten(kept: Settings, tmp_path: Path) -> None:
    back_up(kept, tmp_path / "b.tar", clock=CLOCK)
    ErasureJournal(kept.home_path / "erasures.jsonl").add(["bob", "nna"], 7)
    done = put_back(kept, tmp_path / "b.tar")
    assert (done.forgotten, done.erased) == (2, 2)
    assert leads_of(kept) == ["cid"]
    assert put_back(kept, tmp_path / "b.tar").erased == 2


def test_what_was_erased_anew_since_is_erased_again(kept: Settings, tmp_path: Path) -> None:
    back_up(kept, tmp_path / "b.tar", clock=CLOCK)
    ErasureJournal(kept.home_path / "erasures.jsonl").add(["dic"], 8)
    assert put_back(kept, tmp_path / "b.tar").erased == 1
    assert leads_of(kept) == ["ann", "bob"]


def test_the_database_that_is_replaced_knows_erasures_too(kept: Settings, tmp_path: Path) -> None:
    back_up(kept, tmp_path / "b.tar", clock=CLOCK)
    (kept.home_path / "erasures.jsonl").unlink()
    database = Database(kept.database)
    with database.writing() as connection:
        assert erase(connection, SECRET, {"bob"}) == 1
    database.close()
    put_back(kept, tmp_path / "b.tar")
    assert leads_of(kept) == ["ann", "cid"]


def key(key_id: str, revoked_at: int | None = None) -> dict[str, object]:
    return {"key_id": key_id, "secret_digest": "d", "role": "crm", "created_at": 1, "revoked_at": revoked_at}


def test_keys_that_were_revoked_since_stay_revoked(kept: Settings, new: Settings, tmp_path: Path) -> None:
    database = Database(kept.database)
    with database.writing() as connection:
        connection.execute(insert(API_KEYS), [key("good"), key("gone"), key("gone before", 5)])
    database.close()
    back_up(kept, tmp_path / "b.tar", clock=CLOCK)
    database = Database(kept.database)
    with database.writing() as connection:
        connection.execute(update(API_KEYS).where(API_KEYS.c.key_id == "gone").values(revoked_at=7))
        connection.execute(insert(API_KEYS).values(key("made since", 8)))
    database.close()
    assert put_back(kept, tmp_path / "b.tar").revoked == 1
    database = Database(kept.database)
    with database.reading() as connection:
        found = dict(connection.execute(select(API_KEYS.c.key_id, API_KEYS.c.revoked_at)).all())
    database.close()
    assert found == {"good": None, "gone": 7, "gone before": 5}
    assert put_back(new, tmp_path / "b.tar").revoked == 0  # nobody there knows better


def test_who_objected_since_still_objects(kept: Settings, tmp_path: Path) -> None:
    """The score goes and the receipts are emptied, as when the objection came."""
    database = Database(kept.database)
    with database.writing() as connection:
        connection.execute(update(LEADS).where(LEADS.c.lead_id == "cid").values(objected_at=2))
        connection.execute(insert(RECEIPTS).values(receipt(1) | {"lead_id": "bob"}))
        connection.execute(insert(OUTBOX).values(one_message() | {"lead_id": "bob"}))
    back_up(kept, tmp_path / "b.tar", clock=CLOCK)
    with database.writing() as connection:
        connection.execute(update(LEADS).where(LEADS.c.lead_id == "bob").values(objected_at=7))
        connection.execute(update(LEADS).where(LEADS.c.lead_id == "cid").values(objected_at=8))
        connection.execute(insert(LEADS).values(lead("dan") | {"objected_at": 9}))
    database.close()
    assert put_back(kept, tmp_path / "b.tar").objected == 1
    with database.reading() as connection:
        found = dict(connection.execute(select(LEADS.c.lead_id, LEADS.c.objected_at)).all())
        left = connection.execute(select(RECEIPTS.c.packed, RECEIPTS.c.erased_at)).one()
        assert connection.execute(select(OUTBOX)).all() == []
    database.close()
    assert found == {"ann": None, "bob": 7, "cid": 2}
    assert tuple(left) == (NOTHING, 7)


def test_nothing_is_restored_where_nobody_can_erase_again(kept: Settings, new: Settings, tmp_path: Path) -> None:
    back_up(kept, tmp_path / "b.tar", clock=CLOCK)
    put_secret(new)
    ErasureJournal(new.home_path / "erasures.jsonl").add(["bob"], 7)
    with pytest.raises(Unavailable, match="1 leads were erased since"):
        restore(new, tmp_path / "b.tar")
    database = Database(new.database).unopened()
    with database.connect() as connection:
        assert revision_of(connection) is None
    database.dispose()


@pytest.mark.parametrize("with_secret", [False, True])
def test_the_secret_goes_along_only_if_asked(kept: Settings, new: Settings, tmp_path: Path, with_secret: bool) -> None:
    out = tmp_path / "b.tar"
    back_up(kept, out, clock=CLOCK, with_secret=with_secret)
    assert (SECRET.hex().encode() in out.read_bytes()) == with_secret
    done = restore(new, out)
    path = new.home_path / "secret.key"
    assert (path.exists(), done.lacks_secret) == (with_secret, not with_secret)
    if with_secret:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text() == SECRET.hex() + "\n"


def test_a_secret_that_is_not_there_can_not_go_along(kept: Settings, tmp_path: Path) -> None:
    (kept.home_path / "secret.key").unlink()
    with pytest.raises(Unavailable, match="--with-secret"):
        back_up(kept, tmp_path / "b.tar", clock=CLOCK, with_secret=True)
    assert not (tmp_path / "b.tar").exists()


def test_another_secret_than_the_backups_is_refused(kept: Settings, new: Settings, tmp_path: Path) -> None:
    put_secret(new, OTHER)
    for with_secret in (False, True):
        back_up(kept, tmp_path / "b.tar", clock=CLOCK, with_secret=with_secret)
        with pytest.raises(UsageError, match=r"secret\.key"):
            restore(new, tmp_path / "b.tar")
    assert secret_of(new) == OTHER


def test_another_secret_is_given_up_only_where_it_tells_nobody(kept: Settings, new: Settings, tmp_path: Path) -> None:
    """Under the backup's secret those whom this home or this database forgot could not be told any more."""
    back_up(kept, tmp_path / "b.tar", clock=CLOCK, with_secret=True)
    put_secret(new, OTHER)
    database = Database(new.database)
    with database.writing() as connection:
        connection.execute(insert(ERASURES).values(token="t", erased_at=1, models="[]"))
    with pytest.raises(UsageError, match=r"1 erasures.*secret\.key"):
        put_back(new, tmp_path / "b.tar")
    with database.writing() as connection:
        connection.execute(delete(ERASURES))
    database.close()
    journal = ErasureJournal(new.home_path / "erasures.jsonl")
    journal.add(["t"], 1)
    with pytest.raises(UsageError, match=r"another secret\.key"):
        put_back(new, tmp_path / "b.tar")
    assert secret_of(new) == OTHER
    (new.home_path / "erasures.jsonl").unlink()
    put_back(new, tmp_path / "b.tar")
    assert secret_of(new) == SECRET


def under(settings: Settings, secret: bytes) -> Settings:
    """Return the settings with the secret as a setting."""
    return settings.model_copy(update={"secret": SecretStr(secret.hex())})


def test_a_secret_from_the_settings_counts_as_the_homes(kept: Settings, new: Settings, tmp_path: Path) -> None:
    (kept.home_path / "secret.key").unlink()
    manifest = back_up(under(kept, SECRET), tmp_path / "b.tar", clock=CLOCK)
    assert manifest.secret is not None
    assert restore(new, tmp_path / "b.tar").lacks_secret
    assert not (new.home_path / "secret.key").exists()
    ErasureJournal(new.home_path / "erasures.jsonl").add(["bob"], 7)
    put_secret(new, OTHER)  # passed over, for the setting comes first
    done = put_back(under(new, SECRET), tmp_path / "b.tar")
    assert (done.lacks_secret, done.erased) == (False, 1)
    with pytest.raises(UsageError, match="LEADLIGHT_SECRET"):
        put_back(under(new, OTHER), tmp_path / "b.tar")


def test_a_secret_from_the_settings_goes_along_as_a_file(kept: Settings, new: Settings, tmp_path: Path) -> None:
    (kept.home_path / "secret.key").unlink()
    back_up(under(kept, SECRET), tmp_path / "b.tar", clock=CLOCK, with_secret=True)
    with pytest.raises(UsageError, match="LEADLIGHT_SECRET"):
        put_back(under(new, OTHER), tmp_path / "b.tar")
    put_back(under(new, SECRET), tmp_path / "b.tar")
    assert not (new.home_path / "secret.key").exists()  # the setting says it
    put_back(new, tmp_path / "b.tar")
    assert secret_of(new) == SECRET


def test_erasures_without_any_secret_stop_the_restore(old: Settings, new: Settings, tmp_path: Path) -> None:
    """A secret that is made for the occasion would tell nobody, and look as if there had been nobody to erase."""
    back_up(old, tmp_path / "b.tar", clock=CLOCK)
    ErasureJournal(new.home_path / "erasures.jsonl").add(["bob"], 2**62)
    with pytest.raises(Unavailable, match=r"secret\.key"):
        put_back(new, tmp_path / "b.tar")
    assert not (new.home_path / "secret.key").exists()


def test_erasures_under_a_secret_that_is_lost_stop_the_restore(kept: Settings, new: Settings, tmp_path: Path) -> None:
    back_up(kept, tmp_path / "b.tar", clock=CLOCK)
    ErasureJournal(new.home_path / "erasures.jsonl").add(["bob"], 7)
    with pytest.raises(Unavailable, match=r"secret\.key"):
        restore(new, tmp_path / "b.tar", reapply=erase)
    put_secret(new)
    assert restore(new, tmp_path / "b.tar", reapply=erase).erased == 1


def test_the_champion_and_the_secret_are_in_place_even_if_the_shelf_takes_nothing(
    kept: Settings, new: Settings, model: TrainedModel, tmp_path: Path
) -> None:
    save_champion(model, kept.home_path, 2)
    Shelf(kept).keep(kept.champion_cache, 2)
    back_up(kept, tmp_path / "b.tar", clock=CLOCK, with_secret=True)
    new.model_shelf.write_text("no folder")
    with pytest.raises(OSError, match="models"):
        restore(new, tmp_path / "b.tar")
    assert cached_champion(new)[1] == 2
    assert secret_of(new) == SECRET
