"""The service's own secret: it signs sessions and makes pseudonyms, and never leaves this machine.

Whoever has it can forge what was signed with it, so it lies in the home, readable by its owner only, or comes from a
setting where a home is not to be trusted or several machines share one database.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from leadlight.core.disk import sync
from leadlight.core.errors import UsageError
from leadlight.core.settings import Settings

__all__ = ["SECRET_FILE", "keyed", "known_secret", "secret_of"]

SECRET_FILE: Final = "secret.key"
"""In the home: the secret as hex digits."""

_BYTES: Final = 32
_HEX_DIGITS: Final = 2 * _BYTES


def secret_of(settings: Settings) -> bytes:
    """Return the secret; it is made on first use.

    Parameters
    ----------
    settings : Settings
        ``LEADLIGHT_SECRET`` if it is set, else the file `SECRET_FILE` in the home.

    Returns
    -------
    bytes
        32 random ones from the file; as many as the setting has hex digits for, at least 32.

    Raises
    ------
    UsageError
        If the file holds anything else.
    OSError
        If it can be neither read nor made.
    """
    found = known_secret(settings)
    if found is not None:
        return found
    path = settings.home_path / SECRET_FILE
    _make(path)
    return _read(path)


def known_secret(settings: Settings) -> bytes | None:
    """Return the secret that is in effect, None where there is none yet; it is not made.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    UsageError
        If the file holds anything else.
    OSError
        If it can't be read.
    """
    if settings.secret is not None:
        return bytes.fromhex(settings.secret.get_secret_value())
    path = settings.home_path / SECRET_FILE
    return _read(path) if path.exists() else None


def keyed(secret: bytes, purpose: str, text: str) -> str:
    """Return a digest that only who has the secret can work out: HMAC-SHA256, 64 hex digits.

    Parameters
    ----------
    secret : bytes
    purpose : str
        Keeps what was made for one thing from serving as another.
    text : str
        What is to be recognised again.

    Raises
    ------
    ValueError
        If the purpose holds NUL, which ends it within what is digested.

    Examples
    --------
    >>> keyed(bytes(32), "session", "abc") == keyed(bytes(32), "erasure", "abc")
    False
    """
    if "\0" in purpose:
        raise ValueError("a purpose holds no NUL: it ends there")
    said = f"{purpose}\0{text}".encode("utf-8", "surrogatepass")
    return hmac.digest(secret, said, "sha256").hex()


def _make(path: Path) -> None:
    """Write a whole file first and give it its name only where it has none: of several processes, one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(written, path)
        except FileExistsError:
            return
        sync(path.parent)  # a secret that a crash took away would void all that was signed with it
    finally:
        written.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    try:
        found = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        found = b""
    if len(found) < _BYTES:
        raise UsageError(
            f"{path} does not hold a secret of {_HEX_DIGITS} hex digits. Put back the file that was there, or set "
            "LEADLIGHT_SECRET; if it is lost, remove the file: a new one is made, and all sessions end."
        )
    return found
