"""``leadlight keys``: who may call the service."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption
from leadlight.cli.store import require_database
from leadlight.core.clock import DAY, SystemClock, from_micros, to_micros
from leadlight.core.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leadlight.core.settings import Settings
    from leadlight.serving.store.key_table import ApiKey, KeyTable

__all__ = ["app", "keys_of", "made"]

app = typer.Typer(help="Make, list and revoke the keys that callers of the service send.", no_args_is_help=True)


class Role(StrEnum):
    """What a key may do; docs/access.md has the table."""

    CRM = "crm"
    REP = "rep"
    ANALYST = "analyst"
    ADMIN = "admin"


@app.command("create")
def create(
    role: Annotated[Role, typer.Option("--role", help="What it may do.", show_default=False)],
    owner: Annotated[str | None, typer.Option("--owner", help="A rep sees the leads of this owner only.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Whose key it is, in your words.")] = None,
    expires_in: Annotated[
        int | None, typer.Option("--expires-in", min=1, max=36_500, help="Days until it ends; default: never.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, this once: only a digest of it is kept."""
    if owner is not None and role is not Role.REP:
        raise UsageError(f"--owner narrows what a rep sees; the role {role} has no owner. Leave --owner away.")
    if owner is not None and not owner.strip():
        raise UsageError("--owner is empty: name the owner as your leads do, or leave it away.")
    text, key = made(role, owner=owner, label=label, days=expires_in)
    with keys_of() as keys:
        keys.add(key)
    screen.note(f"Key {key.key_id} for the role {key.role}. It is shown this once; keep it where secrets lie:")
    if as_json:
        screen.emit({"key": text, **_told(key)})
    else:
        typer.echo(text)


@app.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """List all keys, the oldest first, without what would open anything."""
    with _keys_there() as keys:
        found = keys.all()
    rows = [
        (key.key_id, key.role, key.owner_id or "-", key.label or "-", _day(key.created_at), _state(key))
        for key in found
    ]
    screen.table("Keys", ("key", "role", "owner", "label", "created", "state"), rows, numbers_from=6)
    if as_json:
        screen.emit({"keys": [_told(key) for key in found]})


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="As keys list shows it; not the key itself.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Revoke a key: within a second neither it nor a session that it began opens anything."""
    from leadlight.serving.access.key_text import key_id_in

    with _keys_there() as keys:
        found = keys.revoke(key_id_in(key_id) or key_id, _now())
    if found is None:
        raise UsageError("There is no such key; 'leadlight keys list' shows the ids.")
    screen.note(f"Key {found.key_id} opens nothing any more.")
    if as_json:
        screen.emit(_told(found))


@contextmanager
def keys_of(settings: Settings | None = None) -> Iterator[KeyTable]:
    """Open the keys of a home, by default of the settings'.

    Raises
    ------
    Unavailable
        If their database can't be opened or does not answer.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from leadlight.core.settings import load
    from leadlight.serving.store.database import Database
    from leadlight.serving.store.key_table import KeyTable

    database = Database((settings or load()).database)
    try:
        yield KeyTable(database)
    except SQLAlchemyError as error:
        raise Unavailable(
            f"The database of keys does not answer ({type(getattr(error, 'orig', None) or error).__name__}). "
            "Check LEADLIGHT_DATABASE_URL and LEADLIGHT_HOME, and whether the database runs."
        ) from None
    finally:
        database.close()


@contextmanager
def _keys_there() -> Iterator[KeyTable]:
    """Open the keys of the settings' home where there is a database: looking makes none."""
    from leadlight.core.settings import load

    setting = load()
    require_database(setting)
    with keys_of(setting) as keys:
        yield keys


def made(
    role: str, *, owner: str | None = None, label: str | None = None, days: int | None = None
) -> tuple[str, ApiKey]:
    """Draw a key; return its text, and what is to be kept of it."""
    from leadlight.serving.access.key_text import digest, new_key
    from leadlight.serving.store.key_table import ApiKey

    new, now = new_key(), _now()
    expires_at = None if days is None else now + days * DAY
    return new.text, ApiKey(new.key_id, digest(new.text), str(role), owner, label, now, expires_at)


def _told(key: ApiKey) -> dict[str, Any]:
    """Return what may be shown of a key."""
    times = {"created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at}
    told = {name: None if at is None else from_micros(at).isoformat() for name, at in times.items()}
    return {
        "key_id": key.key_id, "role": key.role, "owner_id": key.owner_id, "label": key.label, **told,
        "state": _state(key).partition(" ")[0],
    }  # fmt: skip


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if not key.is_valid(_now()):
        return f"expired {_day(key.expires_at or 0)}"
    return "valid" if key.expires_at is None else f"valid until {_day(key.expires_at)}"


def _day(micros: int) -> str:
    return from_micros(micros).strftime("%Y-%m-%d")


def _now() -> int:
    return to_micros(SystemClock().now())
