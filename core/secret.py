"""The installation's secret: signs sessions, and tells ids that were erased without keeping them."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from leadlight.core.errors import UsageError
from leadlight.core.settings import Settings

__all__ = ["SECRET_FILE", "keyed", "secret_of"]

SECRET_FILE: Final = "secret.key"
_BYTES: Final = 32


def secret_of(settings: Settings) -> bytes:
    """Return the secret; made on first use, in the home, unless the settings hold one.

    Raises
    ------
    UsageError
        If what is there is no secret.
    """
    path = settings.home_path / SECRET_FILE
    try:
        return _decoded(path.read_text(), str(path))
    except FileNotFoundError:
        _make(path)
        return _decoded(path.read_text(), str(path))


def keyed(secret: bytes, purpose: str, text: str) -> str:
    """Return a keyed digest of a text, hex; those of two purposes tell nothing of each other."""
    return hmac.new(secret, f"{purpose}\x00{text}".encode(), hashlib.sha256).hexdigest()


def _decoded(text: str, where: str) -> bytes:
    try:
        found = bytes.fromhex(text.strip())
    except ValueError:
        found = b""
    if len(found) < _BYTES:
        raise UsageError(f"{where} holds no secret of {2 * _BYTES} hexadecimal digits; restore it from a backup.")
    return found


def _make(path: Path) -> None:
    """Make the file whole at once; of several processes that start together one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
