"""Page data and texts in, HTML out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leadlight.core.catalog import LANGUAGES
from leadlight.features.words import stage_name
from leadlight.serving.pages_data import LeadPage, ModelFacts, QueuePage
from leadlight.serving.web import formats
from leadlight.serving.web.chart import Axis, sigmoid
from leadlight.serving.web.forms import LONGEST_REASON
from leadlight.serving.web.links import Filters, Links
from leadlight.serving.web.texts import LANGUAGE_NAMES, words

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = [
    "FOLDER",
    "LoginPage",
    "ProblemPage",
    "Window",
    "render_lead",
    "render_login",
    "render_problem",
    "render_queue",
]

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """Why a page can't be given.

    Attributes
    ----------
    status : int
        HTTP status.
    name : str
        Which texts say it: ``problem.<name>.title`` and ``.text``.
    subject : str
        The lead that was asked for; shown in some texts.
    commands : tuple of str
        What to type to mend it.
    again_after : int or None
        Seconds until the browser asks again by itself; None: it does not.
    """

    status: int
    name: str
    subject: str = ""
    commands: tuple[str, ...] = ()
    again_after: int | None = None


@dataclass(frozen=True, slots=True)
class LoginPage:
    """Where a key is exchanged for a session.

    Attributes
    ----------
    wanted : str
        Address to go on to.
    trouble : str or None
        Kind of the refusal that the last try met.
    is_needed : bool
        False while the service has no key at all.
    """

    wanted: str
    trouble: str | None
    is_needed: bool


@dataclass(frozen=True, slots=True)
class Window:
    """Which stretch of the list a page of the queue is."""

    page: int
    pages: int
    first: int
    last: int

    @classmethod
    def of(cls, queue: QueuePage) -> Window:
        """Return the stretch that a page shows; an empty list has one empty page."""
        return cls(
            page=queue.offset // queue.limit + 1,
            pages=max(1, -(-queue.total // queue.limit)),
            first=queue.offset + 1,
            last=queue.offset + len(queue.rows),
        )


def render_queue(queue: QueuePage, filters: Filters, links: Links) -> str:
    """Return the ranked list as HTML."""
    template = _environment(queue.language).get_template("queue.html")
    return template.render(page=queue, window=Window.of(queue), filters=filters, links=links)


def render_lead(lead: LeadPage, links: Links, *, may_decide: bool = False) -> str:
    """Return a lead's page as HTML, with the form for a decision where the reader may send it."""
    template = _environment(lead.language).get_template("lead.html")
    return template.render(
        page=lead, axis=Axis.of(lead), links=links, may_decide=may_decide, longest_reason=LONGEST_REASON
    )


def render_problem(problem: ProblemPage, language: str, links: Links, around: QueuePage | None = None) -> str:
    """Return the page that says what is wrong, as HTML; ``around``, where known, tells the clock."""
    return _environment(language).get_template("problem.html").render(problem=problem, page=around, links=links)


def render_login(page: LoginPage, language: str, links: Links) -> str:
    """Return the page that asks for a key, as HTML."""
    return _environment(language).get_template("login.html").render(login=page, links=links)


@cache
def _environment(language: str) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # the API alone does without

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(_filters(language))
    environment.globals.update(
        t=words(language), language=language, languages={code: LANGUAGE_NAMES[code] for code in LANGUAGES}
    )
    environment.tests["calibrated"] = _is_calibrated
    return environment


def _filters(language: str) -> dict[str, Callable[..., str | float]]:
    spoken = (formats.integer, formats.log_odds, formats.signed, formats.chance, formats.day, formats.date)
    return {
        **{write.__name__: partial(write, language=language) for write in spoken},
        "time_of_day": formats.time_of_day,
        "tied": formats.tied,
        "sigmoid": sigmoid,
        "stage": partial(stage_name, language=language),
    }


def _is_calibrated(model: ModelFacts) -> bool:
    return model.probability_status == "calibrated"
