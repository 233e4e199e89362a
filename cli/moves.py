"""Prints what changes for the open leads from one model to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from leadlight.cli import screen

if TYPE_CHECKING:
    from leadlight.training.compare.moves import Comparison, Move

__all__ = ["print_comparison"]

_REASONS: Final = 3
_DIFFERENCES: Final = 8


def print_comparison(found: Comparison, before: int, after: int) -> None:
    """Print a comparison of two versions: how many leads move, the ones that move most and why, what was made anew."""
    _counts(found)
    _bands(found, before, after)
    _furthest(found)
    for subject, said in found.made_differently.items():
        _difference(subject, said)
    screen.note("Scores are percentiles among the leads that were open on each model's training day: a move that")
    screen.note("nearly all leads share is that of the reference, and leaves their places in the queue as they were.")


def _counts(found: Comparison) -> None:
    rows = [(step, f"{n:,}", screen.percent(n / max(found.leads, 1))) for step, n in found.moved_by.items()]
    screen.table(f"{found.leads:,} open leads by how far their score moves", ("points", "leads", "share"), rows)
    correlation = None if found.rank_correlation != found.rank_correlation else found.rank_correlation
    screen.note(
        f"Rank correlation of the two orders: {screen.number(correlation)}. "
        f"The lead in the middle moves by {found.median_move:+g} points."
    )


def _bands(found: Comparison, before: int, after: int) -> None:
    rows = [(band, *(f"{n:,}" for n in to.values())) for band, to in found.bands.items()]
    heads = tuple(f"{band} in {after}" for band in found.bands)
    screen.table(f"Bands: rows by version {before}, columns by version {after}", ("", *heads), rows)


def _furthest(found: Comparison) -> None:
    head = ("lead", "score", "place", "band")
    rows = [(move.lead_id, _pair(move.score), _pair(move.place), _pair(move.band)) for move in found.furthest]
    screen.table(f"The {len(rows)} leads whose score moves most", head, rows, numbers_from=9)
    why = [line for move in found.furthest for line in _why(move)]
    screen.table("Why they move, in log-odds", ("lead", "log-odds", "why"), why, numbers_from=9)


def _pair(before_and_after: tuple[object, object]) -> str:
    return " > ".join(map(str, before_and_after))


def _why(move: Move) -> list[tuple[str, str, str]]:
    """Return the parts of a move, a line each, below their sum."""
    parts = [(why.log_odds, why.text) for why in move.why[:_REASONS]]
    smaller = move.why[_REASONS:]
    if smaller:
        parts.append((sum(why.log_odds for why in smaller), f"{len(smaller)} smaller reasons together"))
    parts += [(move.base, "where every lead starts"), (move.calibration, "calibration")]
    total = move.log_odds[1] - move.log_odds[0]
    return [(move.lead_id, f"{total:+.2f}", "all together"), *(("", f"{part:+.2f}", text) for part, text in parts)]


def _difference(subject: str, said: tuple[str, ...]) -> None:
    screen.note(f"{subject.capitalize()}: {'; '.join(said[:_DIFFERENCES]) or 'the same'}")
    if len(said) > _DIFFERENCES:
        screen.note(f"  and {len(said) - _DIFFERENCES} more (--json lists all)")
