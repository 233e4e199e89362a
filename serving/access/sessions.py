"""Sessions of people: a signed cookie that names a key and an end, and tokens that its forms carry.

Nothing is stored: whoever has the service's secret can check the signature, and the key is looked up at each request,
so a session ends with its key.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from leadlight.core.secret import keyed

__all__ = ["COOKIE", "SESSION_SECONDS", "Sessions"]

COOKIE: Final = "leadlight_session"
SESSION_SECONDS: Final = 12 * 60 * 60

_FORM: Final = re.compile(r"([0-9a-f]{12})\.([0-9]{1,12})\.([0-9a-f]{64})")


class Sessions:
    """Makes and checks what sessions carry.

    Parameters
    ----------
    secret : bytes
        See `leadlight.core.secret.secret_of`.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def token(self, key_id: str, now: int) -> str:
        """Return the cookie of a session that begins now (microseconds since 1970 UTC)."""
        said = f"{key_id}.{now // 1_000_000 + SESSION_SECONDS}"
        return f"{said}.{keyed(self._secret, 'session', said)}"

    def key_id(self, token: str, now: int) -> str | None:
        """Return the key that a cookie names; None where we did not sign it or its time is over."""
        found = _FORM.fullmatch(token)
        if found is None:
            return None
        key_id, end, signature = found.groups()
        if not hmac.compare_digest(signature, keyed(self._secret, "session", f"{key_id}.{end}")):
            return None
        return key_id if now < int(end) * 1_000_000 else None

    def csrf(self, token: str) -> str:
        """Return what the forms of a session carry: another site can make a browser send the cookie, but not this."""
        return keyed(self._secret, "csrf", token)

    def is_csrf(self, token: str, sent: str) -> bool:
        """Return whether a form carries what those of a session do."""
        return hmac.compare_digest(self.csrf(token).encode(), sent.encode("utf-8", "replace"))
