"""Whom we tell: the address and the secrets, read from the settings once, at the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from leadlight.core.errors import UsageError
from leadlight.core.settings import Settings
from leadlight.serving.outbox.signing import read_secrets

__all__ = ["Receiver", "receiver_of"]

_URL: Final = "LEADLIGHT_WEBHOOK_URL"
_SECRET: Final = "LEADLIGHT_WEBHOOK_SECRET"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go and how they are signed; shown without either, for both may hold secrets.

    Attributes
    ----------
    secure : bool
        Whether by TLS.
    host : str
    port : int or None
        None for the scheme's own.
    target : str
        Path and query.
    keys : tuple of bytes
        One signature each.
    """

    secure: bool
    host: str = field(repr=False)
    port: int | None = field(repr=False)
    target: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)


def receiver_of(settings: Settings) -> Receiver | None:
    """Return the receiver that is set; None where nothing is to be sent.

    Raises
    ------
    UsageError
        If the address is no ``http(s)://host/...``, or address and secret are not both there.
    """
    url = settings.webhook_url or ""
    secret = "" if settings.webhook_secret is None else settings.webhook_secret.get_secret_value()
    if not url and not secret:
        return None
    if not secret:
        raise UsageError(f"{_URL} is set and {_SECRET} is not: a receiver could not tell our messages from others'.")
    if not url:
        raise UsageError(f"{_SECRET} is set and {_URL} is not: say where changed scores are to be sent, or unset it.")
    return _receiver(url, read_secrets(secret, _SECRET))


def _receiver(url: str, keys: tuple[bytes, ...]) -> Receiver:
    try:
        parts = urlsplit(url)
        port = parts.port
        plain = url.isascii() and url.isprintable() and " " not in url
    except ValueError:  # a port or an IPv6 address that is none
        raise UsageError(_WRONG_URL) from None
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise UsageError(_WRONG_URL)
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{_URL} holds a user or a password; leave them out, for the signature tells who sends.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(parts.scheme == "https", parts.hostname, port, target, keys)


_WRONG_URL: Final = (
    f"{_URL} can't be used; write it as https://crm.example.com/hooks/leadlight "
    "(http:// for a receiver on this machine or network), other letters percent-encoded."
)
