"""The composition root: settings in, application out. Importing this module builds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import Clock, SystemClock
from leadlight.core.registry import cached_champion, cached_version
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from leadlight.serving.access import pages as access_pages
from leadlight.serving.access.door import Door
from leadlight.serving.access.gate import Gate
from leadlight.serving.access.headers import SafeHeaders
from leadlight.serving.api import change_routes, intake, lead_routes, outbox_routes, problems, routes
from leadlight.serving.api.document import describing
from leadlight.serving.champion import Champion
from leadlight.serving.desk import Desk
from leadlight.serving.drift.leads import StoredLeads
from leadlight.serving.drift.metrics import DriftMetrics
from leadlight.serving.head import HeadAsGet
from leadlight.serving.late_pages import LatePages
from leadlight.serving.ledger.memory import Memory
from leadlight.serving.metrics import Measured, Metrics
from leadlight.serving.operate.checks import champion_check, database_check, outbox_check, spool_check
from leadlight.serving.operate.neighbours import Neighbours
from leadlight.serving.operate.request_log import RequestLog
from leadlight.serving.operate.stopping import stop_together
from leadlight.serving.outbox.outbox import Outbox
from leadlight.serving.regularly import Look, regularly
from leadlight.serving.rescoring.rescorer import Rescorer
from leadlight.serving.rescoring.writing import Teller
from leadlight.serving.retention.retention import Retention
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.keeper import Keeper, ReceiptKeeper
from leadlight.serving.store.key_table import KeyTable
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.spool import SPOOL_FILE, Spool
from leadlight.serving.stored_pages import StoredPages
from leadlight.serving.threads import bound_threads
from leadlight.serving.web.routes import mount

if TYPE_CHECKING:
    from leadlight.core.history import History

__all__ = ["create_app"]

_BARRED_SECONDS: Final = 1.0
_CATCH_UP_SECONDS: Final = 1.0
_DRIFT_SECONDS: Final = 15.0
_CHAMPION_SECONDS: Final = 2.0
"""How often a service looks whether another version was promoted."""


def create_app(
    settings: Settings,
    *,
    clock: Clock,
    model: TrainedModel | None = None,
    version: int | None = None,
    store: Keeper | None = None,
    history: History | None = None,
    loaded: Callable[[], object] | None = None,
    wall: Clock | None = None,
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

    Raises
    ------
    UsageError
        If webhooks are set up in a way that can't be followed.
    """
    database = Database(settings.database)
    champion = Champion(_finder(settings, model, version), None if model else partial(_keep_model, settings))
    ids = ReceiptIds(clock)
    metrics = Metrics(champion)
    outbox = Outbox(settings, database, clock, metrics)
    teller = Teller(settings.webhook_step, ids) if outbox.sends else None
    rescorer = Rescorer(database, champion, clock, teller=teller, told=outbox.notify)
    metrics.register(rescorer.metrics)
    memory = Memory(settings, database, rescorer.wake)
    receipts = ReceiptTable(database, memory.barred)
    keeper = store or ReceiptKeeper(receipts, Spool(settings.home_path / SPOOL_FILE))
    desk = Desk(settings, clock, champion, keeper, ids, metrics, memory)
    door = Door(settings, KeyTable(database), wall or SystemClock())
    retention = _retention(settings, database, clock, wall or SystemClock(), champion, rescorer)
    if retention.is_on:
        metrics.register(retention.metrics, retention.metrics.counts)
    late = None if history is None else LatePages(desk, history)
    neighbours = _neighbours(desk, database, keeps=store is None, sends=outbox.sends, cached=model is None)
    stored = StoredLeads(database, lambda: champion.scorer if champion.is_ready else None)
    metrics.register(DriftMetrics(metrics.asked, stored, clock))
    looks: list[Look] = [
        ("who may not be scored", _BARRED_SECONDS, desk.memory.barred.refresh),
        ("the spool of receipts", _CATCH_UP_SECONDS, keeper.catch_up),
        ("how stored leads are spread", _DRIFT_SECONDS, stored.look),
    ]
    if model is None:
        looks.append(("the champion's cache", _CHAMPION_SECONDS, lambda: champion.refresh(cached_version(settings))))

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        bound_threads()
        await asyncio.to_thread(keeper.open)
        await asyncio.to_thread(door.open)
        for part in (neighbours, rescorer, outbox, retention):  # the first refuses where the app runs already
            part.start()
        loading = asyncio.create_task(asyncio.to_thread(_load, desk, late, loaded))
        async with regularly(*looks):
            yield
        await loading
        stops = {"rescorer": rescorer.stop, "outbox": outbox.stop, "looks at neighbours": neighbours.stop}
        stops["retention"] = retention.stop
        await asyncio.to_thread(stop_together, stops)
        await asyncio.to_thread(door.close)
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
    app.state.door = door
    app.state.neighbours = neighbours
    app.state.outbox = outbox
    for routes_ in (routes, change_routes, lead_routes, intake, outbox_routes):
        routes_.install(app.router)
    mount(app)
    access_pages.mount(app)
    app.add_middleware(Gate, door=door)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Measured, metrics=desk.metrics)
    app.add_middleware(HeadAsGet)
    problems.install(app)
    _log_outermost(app)
    app.openapi = describing(app)  # type: ignore[method-assign] # FastAPI's own way to extend the document
    return app


def _log_outermost(app: FastAPI) -> None:
    """Put the log around all else: what FastAPI adds itself answers failures outside of any middleware."""
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: RequestLog(build())  # type: ignore[method-assign] # no other place is outside


def _finder(
    settings: Settings, model: TrainedModel | None, version: int | None
) -> Callable[[], tuple[TrainedModel, int]]:
    if model is None:
        return lambda: cached_champion(settings)
    return lambda: (model, 0 if version is None else version)


def _keep_model(settings: Settings, version: int) -> None:
    Shelf(settings).keep(settings.champion_cache, version)


def _load(desk: Desk, pages: LatePages | None, loaded: Callable[[], object] | None) -> None:
    desk.champion.load()
    if loaded is not None:
        loaded()
    if pages is not None:
        pages.prepare()


def _retention(
    settings: Settings, database: Database, clock: Clock, wall: Clock, champion: Champion, rescorer: Rescorer
) -> Retention:
    """Return what erases when its time is over; who goes may have taught the model that serves."""

    def version() -> int:
        return champion.scorer.version if champion.is_ready else cached_version(settings) or 0

    return Retention(settings, database, clock, wall=wall, version=version, changed=rescorer.wake)


def _neighbours(desk: Desk, database: Database, *, keeps: bool, sends: bool, cached: bool) -> Neighbours:
    """Return what the service leans on, as ``/readyz`` names it."""
    found = Neighbours(desk.clock)
    if keeps:
        found.add("database", database_check(database))
        found.add("receipt_spool", spool_check(desk.settings.home_path / SPOOL_FILE))
    if sends:
        found.add("outbox", outbox_check(database, desk.clock))
    if cached:
        found.add("champion", champion_check(desk.champion, desk.settings.champion_cache))
    return found
