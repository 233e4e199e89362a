"""Signatures by Standard Webhooks (standardwebhooks.com): the receiver knows who sent a message, which one and when."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from leadlight.core.errors import UsageError

__all__ = ["ID", "SIGNATURE", "TIMESTAMP", "read_secrets", "sign", "verify"]

ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1,"
_LEAST_BYTES: Final = 24
_MOST_BYTES: Final = 64
"""Of a secret, as the standard asks."""

_TOLERANCE: Final = 300
"""Seconds by which the clocks of sender and receiver may differ; what is older may be somebody's replay."""


def read_secrets(text: str, name: str = "The secret") -> tuple[bytes, ...]:
    """Read one secret, or several separated by spaces.

    Parameters
    ----------
    text : str
        ``whsec_`` and base64 each.
    name : str
        What the caller calls it, for the message; the secret itself stands in none.

    Raises
    ------
    UsageError
        If there is none, or one that can't be used.

    Examples
    --------
    >>> read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")[0].hex()
    '31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0'
    """
    found = tuple(_key(part, name) for part in text.split())
    if not found:
        raise UsageError(f"{name} is empty; {_HOW}")
    return found


_HOW: Final = "give whsec_ and the base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)"


def _key(text: str, name: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else b""
    except binascii.Error:
        key = b""
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise UsageError(f"{name} can't be used; {_HOW}")
    return key


def sign(keys: Sequence[bytes], message_id: str, seconds: int, body: bytes) -> str:
    """Return the header ``webhook-signature``: one signature for each key, by spaces.

    Parameters
    ----------
    keys : sequence of bytes
    message_id : str
        The header ``webhook-id``.
    seconds : int
        The header ``webhook-timestamp``: when this attempt is made, since 1970 UTC.
    body : bytes

    Examples
    --------
    The standard's own:

    >>> keys = read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    return " ".join(_VERSION + one for one in _signatures(keys, message_id, str(seconds), body))


def _signatures(keys: Iterable[bytes], message_id: str, seconds: str, body: bytes) -> list[str]:
    content = b".".join((message_id.encode(), seconds.encode(), body))
    return [base64.b64encode(hmac.digest(key, content, sha256)).decode() for key in keys]


def verify(secrets: str, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Return whether a message is the sender's, whole and fresh, as a receiver should ask before it believes it.

    Parameters
    ----------
    secrets : str
        As the sender's; one that both know is enough.
    headers : mapping
        In any letter case.
    body : bytes
        As it arrived, before anything reads it.
    now : int
        The receiver's time, microseconds since 1970 UTC.

    Examples
    --------
    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> headers = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000"}
    >>> headers["webhook-signature"] = sign(read_secrets(secret), "msg_1", 1700000000, b"{}")
    >>> verify(secret, headers, b"{}", 1700000001_000000), verify(secret, headers, b"{ }", 1700000001_000000)
    (True, False)
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, seconds = given.get(ID, ""), given.get(TIMESTAMP, "")
    if not message_id or not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        return False
    if abs(now / 1_000_000 - int(seconds)) > _TOLERANCE:
        return False
    sent = [one.removeprefix(_VERSION) for one in given.get(SIGNATURE, "").split() if one.startswith(_VERSION)]
    right = _signatures(read_secrets(secrets), message_id, seconds, body)
    return any(hmac.compare_digest(a.encode(), b.encode()) for a in sent for b in right)
