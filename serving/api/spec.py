"""How a call stands in the OpenAPI document: its body, and how it may be refused."""

from __future__ import annotations

from typing import Any, Final

from leadlight.serving.api.problems import MEDIA_TYPE

__all__ = ["body_spec", "erased_receipt", "not_ready", "refusals"]

_PROBLEMS: Final = {
    404: "Nothing there",
    408: "The body did not arrive in time",
    409: "It contradicts what is there: the person objects, the leads are one already, the call is being worked at",
    410: "It was erased",
    413: "The body is too large",
    415: "The body is not plain JSON",
    422: "The request can't be answered as it stands; every problem is listed",
    500: "What is stored of it is damaged",
    503: "What answering takes is not there: no model is ready, or the database does not answer",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the answers that say no, by status."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in statuses}


def erased_receipt() -> dict[int | str, dict[str, Any]]:
    """Return the answer for a receipt of which little is left."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ErasedReceiptProblem"}}}
    return {410: {"description": "The receipt was erased; what is left of it is named", "content": content}}


def not_ready() -> dict[int | str, dict[str, Any]]:
    """Return the answer of a service that can't score."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/NotReadyProblem"}}}
    return {503: {"description": "No model is ready; the state of each neighbour is named", "content": content}}


def body_spec(schema: str) -> dict[str, Any]:
    """Return a JSON body by the name of its schema."""
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"requestBody": {"required": True, "content": {"application/json": reference}}}
