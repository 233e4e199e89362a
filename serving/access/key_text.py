"""API keys as texts: ``ll_<key_id>_<secret>``.

The name in front lets people and secret scanners recognise a key that lies where it should not; the id may be shown and
logged, the secret never.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

__all__ = ["NewKey", "digest", "key_id_in", "new_key"]

_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_FORM: Final = re.compile(r"ll_([0-9a-f]{12})_[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment at which it is known.

    Attributes
    ----------
    key_id : str
        12 hex digits.
    text : str
        The whole key.
    """

    key_id: str
    text: str


def new_key() -> NewKey:
    """Draw a key: 48 random bits to name it, 256 to prove it."""
    key_id = secrets.token_hex(_ID_BYTES)
    return NewKey(key_id, f"ll_{key_id}_{secrets.token_hex(_SECRET_BYTES)}")


def key_id_in(text: str) -> str | None:
    """Return the id that a text names, None where it has not the form of a key.

    Examples
    --------
    >>> key_id_in("ll_0123456789ab_" + 64 * "0"), key_id_in("ll_0123456789ab_")
    ('0123456789ab', None)
    """
    found = _FORM.fullmatch(text)
    return None if found is None else found[1]


def digest(text: str) -> str:
    """Return what is stored of a key: SHA-256, 64 hex digits.

    A slow hash such as bcrypt makes guessing dear where people choose passwords. Nobody can guess 256 random bits,
    however fast each try is, so a fast hash keeps a stolen table just as worthless, and every call cheap.
    """
    return hashlib.sha256(text.encode("ascii")).hexdigest()
