"""Showing stored scores: the strongest first, in words, and each that is shown gets its receipt."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, tuple_

from leadlight.core.errors import LeadlightError
from leadlight.serving.json_text import is_whole
from leadlight.serving.ledger.reading import read_known
from leadlight.serving.pages_data import Band
from leadlight.serving.rescoring.scoring import looks_at_accounts, score_known, unpacked
from leadlight.serving.rescoring.writing import write_scores
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.receipt_table import insert_receipts
from leadlight.serving.store.schema import SCORES
from leadlight.serving.store.sql import any_of, is_true, parts, row_dicts

__all__ = [
    "BadCursor",
    "Filters",
    "Shown",
    "find_page",
    "find_stretch",
    "give_receipts",
    "read_scores",
    "shown_before",
    "still_there",
]

Row = Mapping[str, Any]

_SCORES: Final = select(SCORES).where(any_of(SCORES.c.lead_id, "values")).order_by(SCORES.c.lead_id)
_HELD_SCORES: Final = _SCORES.with_for_update()  # but for SQLite, which has one writer at a time
_RECEIPT: Final = SCORES.update().where(SCORES.c.lead_id == bindparam("shown")).values(receipt_id=bindparam("by"))
_RANK: Final = (SCORES.c.score.desc(), SCORES.c.log_odds.desc(), SCORES.c.lead_id.desc())


class BadCursor(LeadlightError):
    """What was given is no cursor of this list."""

    code = "bad_cursor"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which part of the queue is asked for; None: whatever.

    Attributes
    ----------
    owner, stage, account : str or None
    band : {"hot", "warm", "cold"} or None
    minimum_score : int
    """

    owner: str | None = None
    stage: str | None = None
    account: str | None = None
    band: Band | None = None
    minimum_score: int = 0

    def conditions(self, scorer: Scorer) -> list[ColumnElement[bool]]:
        """Return them as conditions on `SCORES`; a band is a range of scores, which the index knows."""
        wanted = ((SCORES.c.owner_id, self.owner), (SCORES.c.stage, self.stage), (SCORES.c.account_id, self.account))
        found: list[ColumnElement[bool]] = [is_true(SCORES.c.is_open)]
        found += [column == value for column, value in wanted if value is not None]
        hot, warm = scorer.model.hot_score, scorer.model.warm_score
        low = {"hot": hot, "warm": warm}.get(str(self.band), 0)
        low = max(low, self.minimum_score)
        if low > 0:
            found.append(SCORES.c.score >= low)
        if self.band in ("warm", "cold"):
            found.append(SCORES.c.score < (hot if self.band == "warm" else warm))
        return found


def find_page(
    connection: Connection, scorer: Scorer, filters: Filters, limit: int, cursor: str | None
) -> tuple[list[Row], str | None]:
    """Return a page of the ranked queue and the cursor of the next, None at the end.

    Parameters
    ----------
    connection : Connection
    scorer : Scorer
    filters : Filters
    limit : int
    cursor : str or None
        As returned with the page before.

    Raises
    ------
    BadCursor
    """
    conditions = filters.conditions(scorer)
    if cursor is not None:
        after = tuple_(*_read_cursor(cursor))
        conditions.append(tuple_(SCORES.c.score, SCORES.c.log_odds, SCORES.c.lead_id) < after)
    asked = select(SCORES).where(and_(*conditions)).order_by(*_RANK).limit(limit + 1)
    rows: list[Row] = [*row_dicts(connection.execute(asked))]
    more = len(rows) > limit
    return rows[:limit], _write_cursor(rows[limit - 1]) if more else None


def find_stretch(
    connection: Connection, scorer: Scorer, filters: Filters, offset: int, limit: int
) -> tuple[list[Row], int]:
    """Return part of the ranked queue by its place, and how many leads pass the filters.

    Parameters
    ----------
    connection : Connection
    scorer : Scorer
    filters : Filters
    offset, limit : int
        Ranks ``offset + 1`` to ``offset + limit``.
    """
    wanted = and_(*filters.conditions(scorer))
    # the index alone finds the places; only the rows that are shown are read
    places = select(SCORES.c.lead_id).where(wanted).order_by(*_RANK).limit(limit).offset(offset)
    asked = select(SCORES).where(SCORES.c.lead_id.in_(places)).order_by(*_RANK)
    total = connection.execute(select(func.count()).select_from(SCORES).where(wanted)).scalar_one()
    return [*row_dicts(connection.execute(asked))], total


def _write_cursor(row: Row) -> str:
    text = json.dumps([row["score"], row["log_odds"], row["lead_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[int, float, str]:
    try:
        padded = text.encode() + b"=" * (-len(text) % 4)
        score, log_odds, lead_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not (isinstance(score, int) and 0 <= score <= 100 and isinstance(log_odds, float)):
            raise ValueError(text)
        if not isinstance(lead_id, str) or not is_whole(lead_id):
            raise ValueError(text)
    except (ValueError, TypeError) as error:
        raise BadCursor("no cursor of this list") from error
    return score, log_odds, lead_id


def read_scores(connection: Connection, lead_ids: Sequence[str]) -> dict[str, Row]:
    """Return the last scores of leads, by id."""
    found: dict[str, Row] = {}
    for part in parts(lead_ids):
        found.update({row["lead_id"]: row for row in row_dicts(connection.execute(_SCORES, {"values": part}))})
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """A score as it is shown.

    Attributes
    ----------
    row : mapping
        Of `SCORES`.
    answer : Answer
    receipt_id : str
    """

    row: Row
    answer: Answer
    receipt_id: str


def give_receipts(
    connection: Connection,
    scorer: Scorer,
    rows: Sequence[Row],
    ids: ReceiptIds,
    now: int,
    *,
    language: str,
    reasons: int | None,
) -> list[Shown]:
    """Put scores in words and write the receipts of those that were not shown before.

    What another model scored is scored anew first, so that everything on a page is by one model. Who was erased, or
    objected, or went to another owner since the rows were read is left out.

    Parameters
    ----------
    connection : Connection
        Within a transaction that may write.
    scorer : Scorer
    rows : sequence of mapping
        Of `SCORES`.
    ids : ReceiptIds
    now : int
        Microseconds.
    language : {"en", "es"}
    reasons : int or None
    """
    current = _held(connection, [row["lead_id"] for row in rows])
    stale = [lead_id for lead_id, row in current.items() if row["model_version"] != scorer.version]
    if stale:
        _score_anew(connection, scorer, stale, now)
        current = _held(connection, list(current))
    kept = _with_same_owner(rows, current)
    answers = _in_words(scorer, kept, language, reasons)
    new = {row["lead_id"]: ids.next() for row in kept if row["receipt_id"] is None}
    slips = [scorer.slip(answer, new[answer.lead_id], now) for answer in answers if answer.lead_id in new]
    insert_receipts(connection, slips)
    if slips:
        connection.execute(_RECEIPT, [{"shown": slip.lead_id, "by": slip.receipt_id} for slip in slips])
    return [
        Shown(row, answer, row["receipt_id"] or new[row["lead_id"]]) for row, answer in zip(kept, answers, strict=True)
    ]


def still_there(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Return scores as they are now; who was erased, or objected, or went to another owner since is left out."""
    return _with_same_owner(rows, read_scores(connection, [row["lead_id"] for row in rows]))


def _with_same_owner(rows: Sequence[Row], current: Mapping[str, Row]) -> list[Row]:
    there = [(row, current[row["lead_id"]]) for row in rows if row["lead_id"] in current]
    return [now for before, now in there if now["owner_id"] == before["owner_id"]]


def shown_before(scorer: Scorer, rows: Sequence[Row], *, language: str, reasons: int | None) -> list[Shown] | None:
    """Put scores in words if all of them were shown before and need nothing written, as most do; else return None.

    Parameters
    ----------
    scorer : Scorer
    rows : sequence of mapping
        Of `SCORES`, all of one state of the database.
    language : {"en", "es"}
    reasons : int or None
    """
    if any(row["receipt_id"] is None or row["model_version"] != scorer.version for row in rows):
        return None
    answers = _in_words(scorer, rows, language, reasons)
    return [Shown(row, answer, row["receipt_id"]) for row, answer in zip(rows, answers, strict=True)]


def _in_words(scorer: Scorer, rows: Sequence[Row], language: str, reasons: int | None) -> list[Answer]:
    asked = [(unpacked(row["features"]), row["lead_id"], row["as_of"]) for row in rows]
    return scorer.explain_each(asked, language=language, reasons=reasons)


def _score_anew(connection: Connection, scorer: Scorer, lead_ids: Sequence[str], now: int) -> None:
    """Score leads whose rows are held; who objects or is gone has none."""
    as_of = now + 1
    known = read_known(connection, lead_ids, as_of, colleagues=looks_at_accounts(scorer))
    write_scores(connection, scorer, score_known(scorer, known, as_of))


def _held(connection: Connection, lead_ids: Sequence[str]) -> dict[str, Row]:
    """Return the present scores, held until the end of the transaction."""
    found: dict[str, Row] = {}
    for part in parts(sorted(lead_ids)):
        found.update({row["lead_id"]: row for row in row_dicts(connection.execute(_HELD_SCORES, {"values": part}))})
    return found
