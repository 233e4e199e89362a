"""Shows a leak audit: the table of fields, then the questions with the lines that answer them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from leadlight.cli import screen

if TYPE_CHECKING:
    from leadlight.training.audit.findings import Audit, FieldAudit

__all__ = ["show_audit", "summary"]

_SAYS: Final = ("proof", "alone", "sign", "hint")
_HEAD: Final = ("field", "verdict", "evidence", "AUC alone", "with / without", "at stake")
_KINDS: Final[Mapping[str, str]] = {
    "clock": "clocks",
    "purity": "pure values",
    "fill_age": "filling by age",
    "value_age": "values by age",
    "running_total": "running total",
    "text": "words",
    "filled_together": "filled with another",
    "harmless": "",
}


def show_audit(audit: Audit) -> None:
    """Print what an audit found, on standard output."""
    told = [found for found in audit.fields if found.verdict != "clean"]
    if told:
        screen.table(_title(audit), _HEAD, [_row(found) for found in told], numbers_from=3)
        signs = [(found.label, sign) for found in told for sign in found.signs if sign.weight in _SAYS]
        evidence = _once([(label, f"- {sign.text}") for label, sign in signs])
        screen.table("Evidence", ("field", "sign"), evidence, numbers_from=2)
    else:
        screen.note(f"{_title(audit)}: no field looks as if it knew the outcome.")
    for said in _remarks(audit):
        screen.note(said)
    _show_questions(audit.questions)


def _remarks(audit: Audit) -> Iterator[str]:
    """Yield what else there is to say: clean fields, too few outcomes, what is harmless only at a moment."""
    clean = [found.label for found in audit.fields if found.verdict == "clean" and found.table != "activities"]
    if clean:
        yield f"Clean: {', '.join(clean)}."
    for said in (*([audit.too_few] if audit.too_few else []), *audit.notes):
        yield f"Note: {said}"
    for found in audit.fields:
        yield from (f"Note: {found.label}: {sign.text}." for sign in found.signs if sign.kind == "harmless")


def _once(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Name each field on its first row only."""
    return [(name if i == 0 or rows[i - 1][0] != name else "", said) for i, (name, said) in enumerate(rows)]


def summary(audit: Audit) -> str:
    """Say in one sentence which fields leak and what to do."""
    names = ", ".join(found.label for found in audit.leaks)
    return (
        f"{len(audit.leaks)} field(s) know the outcome before it happened, or look as if they did: {names}. Training "
        "leaves them out; [leads.attributes] in dataset.toml can settle it."
    )


def _title(audit: Audit) -> str:
    order = f"ordered by {audit.order}" if audit.order else "no order"
    return f"Leak audit ({audit.outcome}: {audit.conversions:,} of {audit.leads:,} leads converted, {order})"


def _row(found: FieldAudit) -> tuple[str, ...]:
    verdict: str = found.verdict
    if found.answered is not None:
        verdict += f"; kept, as known = {found.answered!r}"
    elif found.caught_by_name_only:
        verdict += ", by name only"
    kinds = dict.fromkeys(_KINDS[sign.kind] for sign in found.signs if sign.weight in _SAYS)
    alone, stake = found.auc_alone, found.at_stake
    area = "-" if alone is None else f"{alone.value:.3f} ({alone.low:.3f} to {alone.high:.3f})"
    both, gain = "-", "-"
    if found.model_with and found.model_without and stake:
        both = f"{found.model_with.value:.3f} / {found.model_without.value:.3f}"
        gain = f"{stake.value:+.3f} ({stake.low:+.3f} to {stake.high:+.3f})"
    return found.label, verdict, ", ".join(kinds) or "predicts well", area, both, gain


def _show_questions(asked: Sequence[FieldAudit]) -> None:
    if not asked:
        return
    head = ('line of [leads.attributes] for "no, only afterwards"; for "yes" write "moment" instead of "after"',)
    screen.table(
        "Questions: is it known, as this export has it, while it is still open whether the lead will convert?",
        head,
        [(found.advice,) for found in asked],
    )
    screen.note("Where a column has a line in dataset.toml already, its known = ... goes there.")
