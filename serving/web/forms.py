"""What stands in the forms that a page of ours sends; the gate has seen to it that one did."""

from __future__ import annotations

from typing import Final, get_args
from urllib.parse import parse_qsl

from fastapi import Request

from leadlight.serving.api.body import read_bytes
from leadlight.serving.api.problems import Refusal
from leadlight.serving.api.schemas import ATTRIBUTE_CHARACTERS
from leadlight.serving.pages_data import Decision
from leadlight.serving.store.ids import is_receipt_id

__all__ = ["LONGEST_REASON", "NotAForm", "read_decision"]

LONGEST_REASON: Final = ATTRIBUTE_CHARACTERS

_MOST_BYTES: Final = 65_536
_MOST_FIELDS: Final = 20
_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
_DECISIONS: Final[dict[str, Decision]] = {name: name for name in get_args(Decision)}


class NotAForm(Exception):
    """What came is not what a form of ours sends."""


async def read_decision(request: Request) -> dict[str, str]:
    """Return the fields of a decision as `leadlight.serving.ledger.ledger.Ledger.decide` takes them, less the lead.

    Raises
    ------
    NotAForm
    """
    fields = await _read_fields(request)
    decision, reason = _DECISIONS.get(fields.get("decision", "")), fields.get("reason", "").strip()
    if decision is None or len(reason) > LONGEST_REASON or not is_receipt_id(fields.get("decision_id", "")):
        raise NotAForm("no decision")
    told = {"decision": str(decision), "decision_id": fields["decision_id"]}
    if reason:
        told["reason"] = reason
    if is_receipt_id(fields.get("receipt_id", "")):
        told["receipt_id"] = fields["receipt_id"]
    return told


async def _read_fields(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise NotAForm("another media type")
    try:
        text = (await read_bytes(request, _MOST_BYTES)).decode("ascii")
        fields = dict(
            parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS, errors="strict")
        )
    except (Refusal, ValueError) as error:
        raise NotAForm("it can't be read") from error
    if any("\0" in value for value in fields.values()):
        raise NotAForm("NUL in a field")
    return fields
