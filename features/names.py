"""Names that can't meet: an attribute and an activity may both be called "webinar"."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Names"]


@dataclass
class Names:
    """The topic names given so far.

    Examples
    --------
    >>> names = Names()
    >>> names.topic("webinar", fallback="activity"), names.topic("webinar", fallback="attribute")
    ('webinar', 'attribute.webinar')
    """

    taken: set[str] = field(default_factory=set)

    def topic(self, wanted: str, *, fallback: str) -> str:
        """Return the wanted name, or one under ``fallback`` where it is taken."""
        name = wanted
        while name in self.taken:
            name = f"{fallback}.{name}"
        self.taken.add(name)
        return name
