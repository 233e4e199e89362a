"""Renders a model card: the report of a training run, its charts and what the gate made of it, as one HTML page.

Nothing is fetched: the style and the charts are inside, there is no script. Everything that came from data is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leadlight.core.artifact import CONFIDENCE_WIDTHS
from leadlight.core.errors import ModelContractError
from leadlight.training.card import texts
from leadlight.training.drivers import SHOWN

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Standing", "render"]

_PARTS: Final = (
    *("agreement", "candidates", "choice", "constant", "data", "deployed", "final"),
    *("hindsight", "moments", "probability", "split", "verdict", "words"),
)
"""Parts of a report without which there is no card."""

_LATER: Final[Mapping[str, Any]] = {"audit": None, "closer": None, "drivers": None, "monotone": {}, "searched": {}}
"""Parts that earlier releases did not report: what they would tell is left out then."""

_TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Standing:
    """What became of a version after its training.

    Attributes
    ----------
    version : int or None
        In the registry; None of a run that registered nothing.
    aliases : tuple of str
        ``champion``, ``challenger``, or none.
    decisions, promotions : sequence of mapping
        As the registry keeps them, the latest last.
    """

    version: int | None = None
    aliases: tuple[str, ...] = ()
    decisions: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    promotions: Sequence[Mapping[str, Any]] = field(default=(), repr=False)


def render(report: Mapping[str, Any], charts: Mapping[str, str], standing: Standing) -> str:
    """Render the card of a version.

    Parameters
    ----------
    report : mapping
        As `leadlight.training.report.Report.to_dict` gives it. What an earlier release did not report is left out.
    charts : mapping of file name to SVG text
        As `leadlight.training.card.charts.draw` gives them.
    standing : Standing

    Raises
    ------
    ModelContractError
        If the report is not that of a training run.
    """
    if missing := [part for part in _PARTS if part not in report]:
        raise ModelContractError(
            f"Version {standing.version or '(none)'} has no report of a training run, so it has no card: "
            f"{', '.join(missing)} missing in its report.json. Train it anew."
        )
    known = {**_LATER, **report}
    page = _environment().get_template("card.html.jinja")
    return page.render(
        r=known,
        standing=standing,
        kind=texts.kind_of(known),
        chosen=texts.chosen_of(known),
        charts={Path(name).stem: _as_address(svg) for name, svg in charts.items()},
        style=(_TEMPLATES / "card.css").read_text(encoding="utf-8"),
        confidence_widths=CONFIDENCE_WIDTHS,
        reasons_looked_at=SHOWN,
    )


def _as_address(svg: str) -> str:
    """Return a chart as the address of an image: ids inside two charts can't clash then, and a script can't run."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= texts.FILTERS
    environment.globals |= texts.WORDS
    return environment
