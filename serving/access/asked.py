"""What a request says of who sends it, read in one walk over its headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from leadlight.serving.access.sessions import COOKIE

__all__ = ["FORWARDED", "Asked"]

_LONGEST_KEY: Final = 200
_BEARER: Final = "bearer "
FORWARDED: Final = (b"x-forwarded-for", b"forwarded")
"""By which a proxy speaks for somebody else."""

_NAMES: Final = frozenset(
    {b"host", b"authorization", b"cookie", b"origin", b"sec-fetch-site", b"x-csrf-token", b"content-type", *FORWARDED}
)


class Asked:
    """The headers that the gate looks at.

    Parameters
    ----------
    headers : iterable of (bytes, bytes)
        As in an ASGI scope: names in small letters.
    """

    __slots__ = ("_found",)

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        found: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            if name in _NAMES:
                found.setdefault(name, []).append(value)
        self._found = found

    def one(self, name: bytes) -> bytes | None:
        """Return a header; None where it was not sent, or more than once: which counts can't be guessed."""
        values = self._found.get(name, ())
        return values[0] if len(values) == 1 else None

    def text(self, name: bytes) -> str | None:
        """Return a header as text; see `one`."""
        value = self.one(name)
        return None if value is None else value.decode("latin-1")

    def sent(self, name: bytes) -> bool:
        """Return whether a header was sent at all."""
        return name in self._found

    @property
    def bearer(self) -> str | None:
        """The key in ``Authorization: Bearer``; None where it holds anything else, or was sent twice."""
        value = self.one(b"authorization")
        if value is None or len(value) > _LONGEST_KEY or not value.isascii():
            return None
        text = value.decode("ascii")
        return text[len(_BEARER) :].strip() if text[: len(_BEARER)].lower() == _BEARER else None

    @property
    def session(self) -> str | None:
        """The session's cookie; None where there is none. Of several the first counts."""
        for header in self._found.get(b"cookie", ()):
            for part in header.split(b";"):
                name, _, value = part.partition(b"=")
                if name.strip() == COOKIE.encode():
                    return value.strip().decode("latin-1")
        return None

    @property
    def is_from_us(self) -> bool:
        """Whether a page of ours may have sent it, or no page at all.

        Browsers say from where with every POST; what says nothing is no browser, hence carries no cookie unasked.
        """
        if self.sent(b"sec-fetch-site") and self.text(b"sec-fetch-site") not in ("same-origin", "none"):
            return False
        if not self.sent(b"origin"):
            return True
        origin, host = self.text(b"origin"), self.text(b"host")
        if not origin or not host:
            return False
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:
            return False
