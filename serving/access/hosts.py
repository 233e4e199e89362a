"""By which names the service may be called: a page of a foreign name that points here must not read the answers.

A browser that trusts ``evil.example`` can be led to 127.0.0.1 by that name's own DNS (rebinding), and would hand the
answers to its scripts. The ``Host`` header tells by which name it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

__all__ = ["Hosts", "host_name", "is_address", "is_loopback"]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_FORM: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?")


class Hosts:
    """Tells welcome names from others.

    Parameters
    ----------
    named : iterable of str
        Welcome on every connection; from the setting ``LEADLIGHT_ALLOWED_HOSTS``.
    """

    def __init__(self, named: Iterable[str]) -> None:
        self._named = frozenset(name.lower() for name in named)
        self.allow = lru_cache(maxsize=1024)(self._allow)

    def _allow(self, header: bytes, server: str) -> bool:
        """Return whether a request that came to an address of ours may bear this ``Host``.

        Welcome are the names of the setting, the address itself, and this machine's own names where the request came
        within it. A unix socket has a path for an address, and is within this machine.
        """
        name = host_name(header)
        if name is None:
            return False
        return name in self._named or name == server.lower() or (name in _LOOPBACK and is_loopback(server))


def host_name(header: bytes) -> str | None:
    """Return the name in a ``Host`` header without its port; None where it can't be one.

    Examples
    --------
    >>> host_name(b"[::1]:8000"), host_name(b"Leads.example.com."), host_name(b"a b")
    ('::1', 'leads.example.com', None)
    """
    found = _FORM.fullmatch(header.decode("latin-1").lower())
    return None if found is None else (found[1] or found[2]).rstrip(".")


@lru_cache(maxsize=1024)
def is_address(text: str) -> bool:
    """Return whether a text is an IP address."""
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Return whether an end of a connection is within this machine; what is no address (a unix socket) is.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::ffff:127.0.0.1"), is_loopback("192.0.2.1"), is_loopback("/run/a.sock")
    (True, True, False, True)
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_loopback
