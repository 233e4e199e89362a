"""Charts of a training run, as SVG text made here: no JavaScript, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.bootstrap import ranked
from leadlight.training.card import chances_charts
from leadlight.training.card.texts import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.chances.base_rate import BaseRate
    from leadlight.training.chances.reliability import Reliability

__all__ = ["draw"]

_SIZE: Final = 320
_ROOM: Final = {"left": 30, "right": 45, "top": 8, "bottom": 8}
"""Around a chart, pixels: who shows it may have wider letters than those that it was measured with."""

_POINTS: Final = 200
_DASHES: Final = [[1, 0], [6, 3], [2, 2]]
_CAUGHT: Final = "conversions caught"
_COLOURS: Final = {"scorecard": "#9a6a00", "logistic": "#0b6e99", "lightgbm": "#7a3e9d"}


def draw(
    log_odds: Mapping[str, NDArray[np.float64]], converted: NDArray[np.bool_], chances: Reliability, level: BaseRate
) -> dict[str, str]:
    """Draw ROC and gains curves of all candidates, and what became of the chosen one's chances.

    Parameters
    ----------
    log_odds : mapping of candidate to ndarray of shape (n_moments,)
        Calibrated.
    converted : ndarray of shape (n_moments,)
        Both outcomes occur.
    chances : Reliability
        Of the chosen candidate.
    level : BaseRate
        Over time.

    Returns
    -------
    dict of file name to SVG text
    """
    return {
        "plots/reliability.svg": _svg(chances_charts.reliability_chart(chances)),
        "plots/segments.svg": _svg(chances_charts.groups_chart(chances)),
        "plots/base_rate.svg": _svg(chances_charts.base_rate_chart(level)),
        "plots/roc.svg": _svg(_sized(_curves(log_odds, converted, _roc, "leads that did not convert", "conversions"))),
        "plots/gains.svg": _svg(_sized(_curves(log_odds, converted, _gains, "open leads, best first", _CAUGHT))),
    }


def _curves(
    log_odds: Mapping[str, NDArray[np.float64]], converted: NDArray[np.bool_], curve: Any, x: str, y: str
) -> Any:
    import altair as alt

    rows = []
    for kind, scores in log_odds.items():
        across, up = curve(scores, converted)
        keep = np.unique(np.linspace(0, len(across) - 1, _POINTS).astype(int))
        rows += [{"x": float(across[i]), "y": float(up[i]), "candidate": KINDS.get(kind, kind)} for i in keep]
    names = [KINDS.get(kind, kind) for kind in log_odds]
    colours = alt.Scale(domain=names, range=[_COLOURS.get(kind, "#555") for kind in log_odds])
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line()
        .encode(
            x=alt.X("x:Q", title=x, axis=alt.Axis(format="%")),
            y=alt.Y("y:Q", title=y, axis=alt.Axis(format="%")),
            color=alt.Color("candidate:N", scale=colours, legend=alt.Legend(orient="bottom-right")),
            strokeDash=alt.StrokeDash("candidate:N", scale=alt.Scale(domain=names, range=_DASHES)),
        )
    )


def _roc(scores: NDArray[np.float64], converted: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    won, lost = _by_step(scores, converted)
    return np.r_[0.0, np.cumsum(lost) / lost.sum()], np.r_[0.0, np.cumsum(won) / won.sum()]


def _gains(
    scores: NDArray[np.float64], converted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    won, lost = _by_step(scores, converted)
    return np.r_[0.0, np.cumsum(won + lost) / len(scores)], np.r_[0.0, np.cumsum(won) / won.sum()]


def _by_step(scores: NDArray[np.float64], converted: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return conversions and the rest at each distinct score, best first."""
    _, place = np.unique(-ranked(scores), return_inverse=True)
    won = np.bincount(place, converted)
    return won, np.bincount(place) - won


def _sized(chart: Any) -> Any:
    return chart.properties(width=_SIZE, height=_SIZE)


def _svg(chart: Any) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.properties(padding=_ROOM).to_dict()))
