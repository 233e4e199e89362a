"""From figures to signs: what counts as evidence, from which size on, and how it is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from leadlight.training.audit import age, purity, words
from leadlight.training.audit.findings import Sign, Weight
from leadlight.training.audit.purity import Purity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadlight.training.audit.columns import Column
    from leadlight.training.audit.ground import Ground

__all__ = ["filled_together", "of_column"]

PURE: Final = 5.0
RATHER_PURE: Final = 3.0
"""Honest fields reach these too, hence only beside a sign of another kind; the smaller one only beside words."""

YOUTH_AREA: Final = 0.45
FALL: Final = 0.15
FALL_OF_STRETCHES: Final = 0.3
_Z: Final = 5.0
_ODDS: Final = 2.0
_VALUE_BY_AGE: Final = 0.08
_APART: Final = 0.2
_APART_Z: Final = 4.0
_FEW: Final = 10
_TOGETHER: Final = 0.95
_WITHIN: Final = 0.98
_A_THIRD: Final = 1 / 3


def of_column(column: Column, ground: Ground, *, outcomes: bool) -> tuple[Sign, ...]:
    """Return all signs of one undated field but those that rest on other fields.

    Parameters
    ----------
    outcomes : bool
        False where too few outcomes may be looked at: then only words and ages speak.
    """
    pointing = tuple(_words(column))
    found = [*pointing]
    if outcomes:
        found += [_purity(pure) for pure in purity.purest(column, ground) if pure.ratio >= RATHER_PURE]
        found += _running(column, ground)
    found += _fill(column, ground, outcomes=outcomes)
    if pointing:
        found += _value(column, ground)
    return tuple(found)


def _words(column: Column) -> Iterator[Sign]:
    for one in words.pointing(column, _FEW):
        what = ", ".join(repr(word) if one.where != "values" else word for word in one.found)
        if one.where == "values":
            text = f"values such as {what} can only be given once it is over"
        elif one.only_judged:
            text = f"its {one.where} ({what}) says that somebody judged or computed it, but not when"
        else:
            text = f"its {one.where} ({what}) points at the sale or at what comes after it"
        yield Sign(
            "text",
            "hint" if one.only_judged else "sign",
            text,
            {"where": one.where, "words": list(one.found), "judged": one.only_judged},
        )


def _purity(pure: Purity) -> Sign:
    weight: Weight = "alone" if pure.settles else "sign" if pure.ratio >= PURE else "hint"
    return Sign("purity", weight, _said(pure), {f: getattr(pure, f) for f in Purity.__dataclass_fields__})


def _said(pure: Purity) -> str:
    who = {"filled": "where it is filled", "empty": "where it is empty"}.get(pure.shape, f"with {pure.group!r}")
    bound = f"at least {pure.low:.1%}" if pure.converts else f"at most {pure.high:.1%}"
    odds = "the odds of all" if pure.converts else "less than the odds of all"
    return f"{who} {pure.conversions:,} of {pure.leads:,} leads converted ({bound}): {pure.ratio:,.0f} times {odds}"


def _fill(column: Column, ground: Ground, *, outcomes: bool) -> Iterator[Sign]:
    """Yield the sign of a field that is emptier among young leads.

    As a sign it needs that filled and empty leads of one age fare differently: where a form lost a question they don't.
    """
    found = age.fill_by_age(column, ground)
    if found is None or found.fall < FALL:
        return
    fifths = age.fifths(column.filled, ground.youth)
    emptier = found.youth_area <= YOUTH_AREA and found.z <= -_Z
    differs = outcomes and max(found.odds_ratio, 1 / found.odds_ratio) >= _ODDS
    if not (emptier or found.fall >= FALL_OF_STRETCHES):
        return
    shares = ", ".join(f"{share:.0%}" for share in fifths)
    how = "young leads are emptier" if emptier else "it is filled for stretches of leads"
    goes = f"; of one age, filled ones have {found.odds_ratio:.1f} times the odds of empty ones" if outcomes else ""
    figures = {
        "by_age": list(fifths),
        "youth_area": found.youth_area,
        "z": found.z,
        "fall": found.fall,
        "odds_ratio": found.odds_ratio,
    }
    text = f"{how}: filled {shares} from the oldest to the youngest fifth{goes}"
    yield Sign("fill_age", "sign" if emptier and differs else "hint", text, figures)


def _value(column: Column, ground: Ground) -> Iterator[Sign]:
    strength = age.value_by_age(column, ground)
    if strength is not None and strength >= _VALUE_BY_AGE:
        text = f"its values go with the row's age (Cramer's V {strength:.2f} over fifths)"
        yield Sign("value_age", "hint", text, {"cramers_v": strength})


def _running(column: Column, ground: Ground) -> Iterator[Sign]:
    """Yield the sign of a total that runs on until the export for one outcome and hardly for the other.

    Hardly: a third as much at most. Where a market moves and a field comes to matter more meanwhile, both outcomes
    grow, though not alike.
    """
    found = age.running_total(column, ground)
    if found is None:
        return
    least, most = sorted((found.growth, found.growth_converted))
    if most - least < _APART or most < _APART or least > most * _A_THIRD or abs(found.z) < _APART_Z:
        return
    text = (
        f"like a total that runs on until the export: from the youngest to the oldest leads its rank grows by "
        f"{found.growth:.0%} where they did not convert, by {found.growth_converted:.0%} where they did "
        f"(z {abs(found.z):.1f})"
    )
    figures = {"growth": found.growth, "growth_converted": found.growth_converted, "z": found.z}
    yield Sign("running_total", "sign", text, figures)


def filled_together(column: Column, suspects: list[Column]) -> Sign | None:
    """Return the sign of a field that is filled with one under quarantine, or only where that one is.

    The same means that both their filled and their empty leads are. Only-where counts where the suspect is filled for a
    third of the leads at most: all else is within something common.
    """
    mine = column.filled
    if mine.all() or not mine.any():
        return None
    for other in suspects:
        if other is column or other.filled.all():
            continue
        within = (mine & other.filled).sum() >= _WITHIN * mine.sum() and other.filled.mean() <= _A_THIRD
        if within or _overlap(mine, other.filled) >= _TOGETHER <= _overlap(~mine, ~other.filled):
            both = int((mine & other.filled).sum())
            how = "filled only where another is:" if within else "filled for the same leads as"
            share = both / int(mine.sum())
            text = f"{how} {other.label!r}, which is under quarantine ({both:,} leads, {share:.0%} of its own)"
            return Sign("filled_together", "sign", text, {"with": other.name, "leads": both, "share": share})
    return None


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the share of the leads in either that are in both (Jaccard)."""
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 0.0
