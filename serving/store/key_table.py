"""API keys in the database: who may call, but never what they call with."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Row, Update, insert, select, update

from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import API_KEYS

__all__ = ["ApiKey", "KeyTable"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored; times are microseconds since 1970 UTC by the machine's clock.

    Attributes
    ----------
    key_id : str
    secret_digest : str
        See `leadlight.serving.access.key_text.digest`.
    role : str
    owner_id : str or None
        The owner whose leads alone a rep may see.
    label : str or None
        Whose key it is, in words.
    created_at : int
    expires_at : int or None
        From then on it is refused.
    revoked_at : int or None
        Since when it is refused.
    """

    key_id: str
    secret_digest: str
    role: str
    owner_id: str | None
    label: str | None
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def is_valid(self, now: int) -> bool:
        """Return whether it lets anybody in at a time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyTable:
    """Adds, lists and revokes keys. Revoked ones stay: that there was a key once keeps the service closed.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: ApiKey) -> None:
        """Keep a key."""
        with self._database.writing() as writer:
            writer.execute(insert(API_KEYS).values(**asdict(key)))

    def all(self) -> list[ApiKey]:
        """Return every key, the oldest first."""
        with self._database.reading() as reader:
            rows = reader.execute(select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.key_id))
            return [_key(row) for row in rows]

    def revoke(self, key_id: str, now: int) -> ApiKey | None:
        """Revoke a key and return it; None if there is none. The first time counts."""
        with self._database.writing() as writer:
            writer.execute(_revoking(now).where(API_KEYS.c.key_id == key_id))
            return _one(writer, key_id)

    def replace_labelled(self, key: ApiKey) -> None:
        """Keep a key and revoke all others of its label, in one transaction."""
        with self._database.writing() as writer:
            writer.execute(_revoking(key.created_at).where(API_KEYS.c.label == key.label))
            writer.execute(insert(API_KEYS).values(**asdict(key)))


def _revoking(now: int) -> Update:
    return update(API_KEYS).where(API_KEYS.c.revoked_at.is_(None)).values(revoked_at=now)


def _one(connection: Connection, key_id: str) -> ApiKey | None:
    row = connection.execute(select(API_KEYS).where(API_KEYS.c.key_id == key_id)).one_or_none()
    return None if row is None else _key(row)


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(**row._mapping)
