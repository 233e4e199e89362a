"""Which route a request will reach, and by which rule: found out before the router does, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from starlette.routing import BaseRoute

from leadlight.serving.access.table import RULES, UNLISTED, Rule, plain_path

__all__ = ["Addresses", "Found", "flat"]


@dataclass(frozen=True, slots=True)
class Found:
    """What answers at a path.

    Attributes
    ----------
    path : str or None
        Of the route, as in the table; None where nothing answers at all.
    rule : Rule or None
        None where the path is known but not the method.
    methods : tuple of str
        Those that the path answers to; empty where it takes any.
    is_open : bool
        Whether anything at this path is open to all: then nothing is given away by naming its methods.
    """

    path: str | None
    rule: Rule | None
    methods: tuple[str, ...] = ()
    is_open: bool = False


_NOTHING: Final = Found(None, None)


@dataclass(frozen=True, slots=True)
class _Place:
    """A route that stands somewhere: what tells whether a path is its own."""

    path: str
    pattern: Any
    methods: tuple[str, ...]


class Addresses:
    """The routes of an app.

    Parameters
    ----------
    routes : iterable of BaseRoute
        In the router's order, for the first that matches answers.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._places = [
            _Place(path, route.path_regex, tuple(sorted((getattr(route, "methods", None) or set()) - {"HEAD"})))
            for path, route in flat(routes)
        ]
        fixed = [(place.path, method) for place in self._places for method in place.methods if "{" not in place.path]
        self._fixed = {(method, path): self._look(method, path) for path, method in fixed}

    def find(self, method: str, path: str) -> Found:
        """Return what answers; most paths hold no parameter, and are known beforehand."""
        return self._fixed.get((method, path)) or self._look(method, path)

    def _look(self, method: str, path: str) -> Found:
        here = [place for place in self._places if place.pattern.match(path)]
        for place in here:
            if not place.methods or method in place.methods:
                return Found(place.path, RULES.get((method, place.path), UNLISTED), place.methods)
        if not here:
            return _NOTHING
        methods = tuple(sorted({method for place in here for method in place.methods}))
        is_open = any(RULES.get((method, place.path), UNLISTED).is_open for place in here for method in place.methods)
        return Found(here[0].path, None, methods, is_open)


def flat(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, Any]]:
    """Yield each route with its path as in the table, those of included routers in their place.

    Raises
    ------
    TypeError
        If a router was included under a prefix, or something that is no route: what can't be read can't be guarded.
    """
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            if route.include_context.prefix:  # type: ignore[attr-defined] # FastAPI's own, and untyped
                raise TypeError("a router under a prefix: give its routes their whole path")
            yield from flat(included.routes)
        elif hasattr(route, "path_regex"):
            yield plain_path(route.path) or "/", route  # type: ignore[attr-defined] # of Route and Mount
        else:
            raise TypeError(f"{route!r} has no path that could be guarded")
