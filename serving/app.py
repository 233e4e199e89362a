"""The composition root: settings in, application out. Importing this module builds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import Clock
from leadlight.core.registry import cached_champion
from leadlight.core.settings import Settings
from leadlight.serving.api import (
    answer_schemas,
    intake,
    intake_schemas,
    lead_routes,
    lead_schemas,
    problems,
    routes,
    schemas,
)
from leadlight.serving.champion import Champion
from leadlight.serving.desk import Desk
from leadlight.serving.head import HeadAsGet
from leadlight.serving.late_pages import LatePages
from leadlight.serving.ledger.memory import Memory
from leadlight.serving.metrics import Measured, Metrics
from leadlight.serving.rescoring.rescorer import Rescorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.keeper import Keeper, ReceiptKeeper
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.spool import Spool
from leadlight.serving.stored_pages import StoredPages
from leadlight.serving.web.routes import mount

if TYPE_CHECKING:
    from leadlight.core.history import History

__all__ = ["create_app"]

_SHAPES: Final = (
    *schemas.REQUESTS,
    *intake_schemas.INTAKE_REQUESTS,
    *answer_schemas.ANSWERS,
    *intake_schemas.INTAKE_ANSWERS,
    *lead_schemas.LEAD_ANSWERS,
)
"""All that stands in the OpenAPI document; the other shapes are within these."""

SPOOL_FILE: Final = "receipts.spool.jsonl"
"""In the home: receipts that wait for the database."""


def create_app(
    settings: Settings,
    *,
    clock: Clock,
    model: TrainedModel | None = None,
    version: int | None = None,
    store: Keeper | None = None,
    history: History | None = None,
    loaded: Callable[[], object] | None = None,
) -> FastAPI:
    """Build the service.

    Nothing is opened before the app starts; then it answers at once, and the model is loaded beside it: until that is
    done ``/readyz`` and scoring answer 503 with the reason.

    Parameters
    ----------
    settings : Settings
    clock : Clock
        Says what "now" is: the default ``as_of`` and the limit of any.
    model, version : TrainedModel, int, optional
        Serve this one instead of the champion cached in the home.
    store : Keeper, optional
        Instead of the settings' database and the spool in the home. With
        `leadlight.serving.store.keeper.KeepsNothing`, for measuring alone, no receipt is made.
    history : History, optional
        Whose open leads the pages list; without one they list the store's.
    loaded : callable, optional
        Called once the model is loaded, or can't be, in the thread that does it; the pages are prepared afterwards.
    """
    database = Database(settings.database)
    keeper = store or ReceiptKeeper(ReceiptTable(database), Spool(settings.home_path / SPOOL_FILE))
    champion = Champion(_finder(settings, model, version))
    rescorer = Rescorer(database, champion, clock)
    memory = Memory(settings, database, rescorer.wake)
    desk = Desk(settings, clock, champion, keeper, ReceiptIds(clock), Metrics(champion), memory)
    late = None if history is None else LatePages(desk, history)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(keeper.open)
        loading = asyncio.create_task(asyncio.to_thread(_load, desk, late, loaded))
        rescorer.start()
        yield
        await loading
        await asyncio.to_thread(rescorer.stop)
        await asyncio.to_thread(desk.close)

    app = FastAPI(
        title="Leadlight API",
        summary="Ranks leads by how likely each is to convert, and says why.",
        version=metadata.version("leadlight"),
        docs_url=None,
        redoc_url=None,
        lifespan=running,
    )
    app.state.desk = desk
    app.state.pages = late or StoredPages(desk)
    routes.install(app.router)
    lead_routes.install(app.router)
    intake.install(app.router)
    mount(app)
    app.add_middleware(Measured, metrics=desk.metrics)
    app.add_middleware(HeadAsGet)
    problems.install(app)
    app.openapi = _describing(app)  # type: ignore[method-assign] # FastAPI's own way to extend the document
    return app


def _finder(
    settings: Settings, model: TrainedModel | None, version: int | None
) -> Callable[[], tuple[TrainedModel, int]]:
    if model is None:
        return lambda: cached_champion(settings)
    return lambda: (model, 0 if version is None else version)


def _load(desk: Desk, pages: LatePages | None, loaded: Callable[[], object] | None) -> None:
    desk.champion.load()
    if loaded is not None:
        loaded()
    if pages is not None:
        pages.prepare()


def _describing(app: FastAPI) -> Callable[[], dict[str, Any]]:
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
