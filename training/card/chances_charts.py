"""Charts of what became of the chances promised, in greys and shapes: print and every eye can read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from leadlight.training.chances.base_rate import BaseRate
    from leadlight.training.chances.reliability import Group, Reliability

__all__ = ["base_rate_chart", "groups_chart", "reliability_chart"]

_INK: Final = "#222"
_PALE: Final = "#8a8a8a"
_SIZE: Final = 340
_ROW: Final = 22
_MOST_ROWS: Final = 40
_TICKS: Final = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_RATIOS: Final = (0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0)


def reliability_chart(found: Reliability) -> Any:
    """Draw what was promised against what converted, with intervals; on the dashed line both are the same.

    Both axes are stretched towards 0 (square root), where most leads are.
    """
    rows = [
        {"promised": b.promised, "came": b.observed.value, "low": b.observed.low, "high": b.observed.high}
        for b in found.bins
    ]
    top = min(1.0, 1.1 * max([0.05, *(row[name] for row in rows for name in ("promised", "high"))]))
    x = _share_axis("promised", "chance promised", top)
    y, came = (_share_axis(end, "share that converted, with 95 % interval", top) for end in ("low", "came"))
    same = [{"promised": share, "low": share} for share in (0.0, top)]  # straight: both axes are stretched alike
    dashes = _chart(same).mark_line(color=_PALE, strokeDash=[4, 4]).encode(x=x, y=y)
    label = _chart([{"promised": top, "low": top}]).mark_text(
        text="as promised", align="right", baseline="bottom", dx=-30, dy=20, color=_PALE
    )
    bars = _chart(rows).mark_rule(color=_INK).encode(x=x, y=y, y2="high:Q")
    dots = _chart(rows).mark_point(color=_INK, filled=True, opacity=1.0, size=45).encode(x=x, y=came)
    return (dashes + label.encode(x=x, y=y) + bars + dots).properties(width=_SIZE, height=_SIZE)


def base_rate_chart(found: BaseRate) -> Any:
    """Draw the share that converted by stretch of time, with intervals, and the share in what taught."""
    import altair as alt

    rows = [{"block": b.name, "rate": b.rate.value, "low": b.rate.low, "high": b.rate.high} for b in found.blocks]
    top = 1.05 * max([0.01, *(block.rate.high for block in found.blocks)])
    every, width = max(1, -(-len(rows) // 12)), max(_SIZE, 14 * len(rows))
    shown = [block.name for block in found.blocks[::every]]
    x = alt.X("block:N", sort=None, title=None, axis=alt.Axis(values=shown, labelAngle=-45))
    y = alt.Y(
        "low:Q",
        title="share that converted, with 95 % interval",
        scale=alt.Scale(domain=[0, top], nice=True),
        axis=alt.Axis(format=".2~p", tickCount=5),
    )
    bars = _chart(rows).mark_rule(color=_INK).encode(x=x, y=y, y2="high:Q")
    dots = _chart(rows).mark_point(color=_INK, filled=True, opacity=1.0, size=45).encode(x=x, y="rate:Q")
    chart = bars + dots
    if found.taught is not None:
        level = [{"rate": found.taught.value}]
        line = _chart(level).mark_rule(color=_PALE, strokeDash=[4, 4]).encode(y="rate:Q")
        label = _chart(level).mark_text(text="in what taught", align="left", dx=5, color=_PALE)
        chart = line + chart + label.encode(y="rate:Q", x=alt.value(width))
    return chart.properties(width=width, height=240)


def groups_chart(found: Reliability) -> Any:
    """Draw observed / expected of all, of the bands and of the segments that can be judged; the grey field is fine."""
    import altair as alt

    groups = [found.overall, *found.bands, *found.segments]
    drawn = [group for group in groups if group.judged or group is found.overall][:_MOST_ROWS]
    rows = [_row(group) for group in drawn if np.isfinite(group.ratio).all() and group.ratio.low > 0]
    ends = [0.7, 1.45, *(row[name] for row in rows for name in ("low", "high"))]
    scale = alt.Scale(type="log", domain=[min(ends) / 1.05, max(ends) * 1.35], nice=False)
    axis = alt.Axis(values=list(_RATIOS), format=".2~f", grid=False)
    x = alt.X("low:Q", title="converted for each one promised, with 95 % interval", scale=scale, axis=axis)
    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=320, grid=False, ticks=False, domain=False))
    field = _chart([{"low": 0.8, "high": 1.25}]).mark_rect(color="#e4e4e4").encode(x=x, x2="high:Q")
    one = _chart([{"low": 1.0}]).mark_rule(color=_PALE, strokeDash=[4, 4]).encode(x=x)
    bars = _chart(rows).mark_rule(color=_INK).encode(x=x, x2="high:Q", y=y)
    shape = alt.Shape("off:N", scale=alt.Scale(domain=["no", "yes"], range=["circle", "diamond"]), legend=None)
    fill = alt.Fill("off:N", scale=alt.Scale(domain=["no", "yes"], range=["white", _INK]), legend=None)
    dots = _chart(rows).mark_point(color=_INK, size=70, opacity=1.0, strokeWidth=1.5)
    label = (
        _chart(rows)
        .mark_text(align="left", dx=8, color=_INK)
        .encode(x=alt.X("high:Q", scale=scale, axis=axis), y=y, text="says:N")
    )
    marks = field + one + bars + dots.encode(x=alt.X("ratio:Q"), y=y, shape=shape, fill=fill) + label
    return marks.properties(width=_SIZE, height=_ROW * max(len(rows), 1))


def _row(group: Group) -> dict[str, Any]:
    says = f"{group.ratio.value:.2f}" + (" off" if group.off else "")
    return {
        "name": "all together" if group.name == "all" else group.name,
        "ratio": group.ratio.value,
        "low": group.ratio.low,
        "high": group.ratio.high,
        "off": "yes" if group.off else "no",
        "says": says,
    }


def _share_axis(field: str, title: str, top: float) -> Any:
    import altair as alt

    ticks = [tick for tick in _TICKS if tick <= top]
    scale = alt.Scale(type="sqrt", domain=[0, top], nice=False)
    made = alt.X if field == "promised" else alt.Y
    return made(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(values=ticks, format=".2~p"))


def _chart(rows: Sequence[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=list(rows)))
