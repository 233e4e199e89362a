"""The OpenAPI document: all shapes are put in, for handlers read the requests themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from leadlight.serving.access.describe import describe_access
from leadlight.serving.api import answer_schemas, change_routes, intake_schemas, lead_schemas, outbox_routes, schemas

__all__ = ["describing"]

_SHAPES: Final = (
    *schemas.REQUESTS,
    *intake_schemas.INTAKE_REQUESTS,
    *answer_schemas.ANSWERS,
    *intake_schemas.INTAKE_ANSWERS,
    *lead_schemas.LEAD_ANSWERS,
    *outbox_routes.ANSWERS,
    *change_routes.CHANGE_ANSWERS,
)
"""All that is sent and answered; the other shapes are within these."""


def describing(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Put all schemas into the document that FastAPI makes: handlers read the requests themselves."""
    make = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = make()
            _, definitions = models_json_schema(
                [(shape, "validation") for shape in _SHAPES],
                ref_template="#/components/schemas/{model}",
                schema_generator=_AsWritten,
            )
            made["components"] = {"schemas": definitions["$defs"]}
            describe_access(made)
            _forget_own_refusals(made)
        return app.openapi_schema or make()

    return document


class _AsWritten(GenerateJsonSchema):
    """Keeps keys in the order in which they were written, for people read them."""

    def sort(self, value: Any, parent_key: str | None = None) -> Any:  # noqa: ARG002 - pydantic passes it
        """Return the schema as it is."""
        return value


def _forget_own_refusals(document: dict[str, Any]) -> None:
    """Take out FastAPI's description of its own 422, which this app never sends."""
    for methods in document["paths"].values():
        for operation in methods.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
