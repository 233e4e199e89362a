"""``leadlight serve``: the API and the pages."""

from __future__ import annotations

import gc
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import MappingOption, read_history
from leadlight.cli.train import as_timestamp
from leadlight.core.errors import UsageError

__all__ = ["serve", "tell"]

_OLD_DAYS: Final = 7


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    data: Annotated[
        Path | None, typer.Option("--data", help="A history whose open leads the pages list, instead of the store's.")
    ] = None,
    mapping: MappingOption = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Let the clock stand at this time, as the demo's.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="Processes that share the address; not with --data.")
    ] = 1,
) -> None:
    """Serve the API and the pages for reps: of the store's leads, or with --data of a history's."""
    if workers > 1 and data is not None:
        raise UsageError(
            "--workers and --data don't go together: each process would read and score the whole history. "
            "Leave one of them away."
        )
    if data is None:
        gc.disable()  # all that is loaded now stays; the service turns it on again once it is ready
    from leadlight.core import settings
    from leadlight.core.clock import FixedClock, SystemClock
    from leadlight.serving.run import serve as run_service

    stands_at = as_timestamp(as_of)
    clock = SystemClock() if stands_at is None else FixedClock(stands_at.to_pydatetime())
    setting = settings.load()
    screen.note(f"Home: {setting.home_path}")
    history = None if data is None else read_history(data, mapping, learning=False)
    if history is not None and history.ended_at is not None:
        _say_if_old(history.ended_at.to_pydatetime(), clock.now())
    run_service(setting, clock=clock, host=host, port=port, history=history, tell=tell, workers=workers)


def _say_if_old(ended_at: datetime, now: datetime) -> None:
    """Warn where the history ended long before the clock: every lead would look as if it had gone quiet."""
    days = (now - ended_at).days
    if days > _OLD_DAYS:
        screen.note(
            f"Note: this history ends {days:,} days before the service's time, so leads look quiet; "
            f"to see them as they were then, add --as-of {ended_at:%Y-%m-%dT%H:%M:%SZ}"
        )


def tell(url: str) -> None:
    """Say where the service listens."""
    screen.note(f"Serving {url} (the queue at {url}/leads, the API at {url}/docs). Ctrl-C ends it.")
