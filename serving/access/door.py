"""Who is it? Keys and sessions, held against what this process knows of them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from leadlight.core.clock import Clock, to_micros
from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.serving.access.caller import Caller
from leadlight.serving.access.hosts import Hosts
from leadlight.serving.access.key_text import digest, key_id_in
from leadlight.serving.access.known_keys import KnownKeys
from leadlight.serving.access.limits import Buckets, WrongKeys
from leadlight.serving.access.sessions import Sessions
from leadlight.serving.access.table import ADMIN
from leadlight.serving.store.key_table import ApiKey, KeyTable

__all__ = ["HERE", "Door"]

HERE: Final = Caller(None, ADMIN, None)
"""Everybody on this machine, while there is no key at all."""

_NO_DIGEST: Final = digest("")
"""What the digest of an unknown key is compared with, so that a known id takes no longer than an unknown one."""


class Door:
    """Everything that letting somebody in takes.

    Parameters
    ----------
    settings : Settings
    keys : KeyTable
    clock : Clock
        The machine's, also where the service's own stands still: keys and sessions end in real time.
    """

    def __init__(self, settings: Settings, keys: KeyTable, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.known = KnownKeys(keys)
        self.hosts = Hosts(settings.host_names)
        self.buckets = Buckets(settings.requests_per_second)
        self.wrong_keys = WrongKeys()

    @cached_property
    def sessions(self) -> Sessions:
        """Signs and checks sessions; the secret is made when the first is asked for."""
        return Sessions(secret_of(self._settings))

    def open(self) -> None:
        """Read the secret and the keys, so that no request waits for them."""
        _ = self.sessions
        self.known.load()

    def close(self) -> None:
        """Read no more keys."""
        self.known.close()

    def now(self) -> int:
        """Return the machine's time in microseconds since 1970 UTC."""
        return to_micros(self._clock.now())

    def by_key(self, text: str | None, keys: Mapping[str, ApiKey]) -> Caller | None:
        """Return whose key a text is; None where it opens nothing."""
        key_id = None if text is None else key_id_in(text)
        if text is None or key_id is None:
            return None
        key = keys.get(key_id)
        is_right = hmac.compare_digest(digest(text), _NO_DIGEST if key is None else key.secret_digest)
        return self._caller(key) if is_right else None

    def by_session(self, token: str | None, keys: Mapping[str, ApiKey]) -> Caller | None:
        """Return whose session a cookie is; None where it opens nothing."""
        key_id = None if token is None else self.sessions.key_id(token, self.now())
        return None if key_id is None else self._caller(keys.get(key_id))

    def _caller(self, key: ApiKey | None) -> Caller | None:
        if key is None or (not (key.expires_at is None and key.revoked_at is None) and not key.is_valid(self.now())):
            return None
        return Caller(key.key_id, key.role, key.owner_id)
