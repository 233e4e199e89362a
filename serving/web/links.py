"""Addresses within the pages. A language that the reader asked for travels along in them: no cookie keeps it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from leadlight.serving.pages_data import Band

__all__ = ["Filters", "Links"]


@dataclass(frozen=True, slots=True)
class Filters:
    """What part of the queue is asked for; page numbers count from 1."""

    band: Band | None = None
    minimum_score: int = 0
    owner: str | None = None
    page: int = 1

    @property
    def narrowing(self) -> bool:
        """Whether any lead could be filtered out."""
        return self.band is not None or self.minimum_score > 0 or self.owner is not None

    def query(self) -> list[tuple[str, str]]:
        """Return the address's parameters; what is at its default is left out."""
        pairs = (
            ("band", self.band),
            ("min", self.minimum_score or None),
            ("owner", self.owner),
            ("page", self.page if self.page > 1 else None),
        )
        return [(name, str(value)) for name, value in pairs if value is not None]


@dataclass(frozen=True, slots=True)
class Links:
    """Builds addresses for one answer.

    Attributes
    ----------
    root : str
        Path that the service is mounted under, without a slash at its end; mostly empty.
    here : str
        This page's own path, quoted, below the root.
    query : tuple of (name, value)
        This page's own parameters, less the language.
    asked : str or None
        The language that this page's address names; None where the browser chose.
    csrf : str
        What forms carry as their field ``csrf``; empty where the reader has no session.

    Examples
    --------
    >>> links = Links("", "/leads/L-1", (), "es")
    >>> links.lead("a b/c"), links.switch("en")
    ('/leads/a%20b%2Fc?lang=es', '/leads/L-1?lang=en')
    """

    root: str
    here: str
    query: tuple[tuple[str, str], ...] = ()
    asked: str | None = None
    csrf: str = ""

    def queue(self, filters: Filters | None = None) -> str:
        """Return the address of the queue."""
        return self._address("/leads", (filters or Filters()).query())

    def page(self, filters: Filters, page: int) -> str:
        """Return the address of another page of the same list."""
        return self.queue(replace(filters, page=page))

    def lead(self, lead_id: str) -> str:
        """Return the address of a lead; whatever its id holds stays one step of the path."""
        return self._address(f"/leads/{quote(lead_id, safe='')}", [])

    def decide(self, lead_id: str) -> str:
        """Return where the form of a decision on a lead goes."""
        return self._address(f"/leads/{quote(lead_id, safe='')}/decisions", [])

    def receipt(self, receipt_id: str) -> str:
        """Return the address of a receipt, which is JSON."""
        return f"{self.root}/v1/receipts/{quote(receipt_id, safe='')}"

    def login(self) -> str:
        """Return the address where a key is exchanged for a session."""
        return self._address("/login", [])

    def logout(self) -> str:
        """Return the address that ends a session."""
        return self._address("/logout", [])

    def static(self, name: str) -> str:
        """Return the address of a file of ours."""
        return f"{self.root}/static/{name}"

    def switch(self, language: str) -> str:
        """Return this page's address in another language."""
        return f"{self.root}{self.here}?{urlencode([*self.query, ('lang', language)])}"

    def _address(self, path: str, query: list[tuple[str, str]]) -> str:
        pairs = [*query, *([("lang", self.asked)] if self.asked else [])]
        return f"{self.root}{path}" + (f"?{urlencode(pairs)}" if pairs else "")
