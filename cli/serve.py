"""``leadlight serve``: the API and the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import MappingOption, read_history

__all__ = ["serve", "tell"]


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    data: Annotated[Path | None, typer.Option("--data", help="A history whose open leads the pages list.")] = None,
    mapping: MappingOption = None,
) -> None:
    """Serve the API, and with --data the pages for reps."""
    from leadlight.core import settings
    from leadlight.core.clock import SystemClock
    from leadlight.serving.run import serve as run_service

    setting = settings.load()
    screen.note(f"Home: {setting.home_path}")
    history = None if data is None else read_history(data, mapping, learning=False)
    run_service(setting, clock=SystemClock(), host=host, port=port, history=history, tell=tell)


def tell(url: str) -> None:
    """Say where the service listens."""
    screen.note(f"Serving {url} (the queue at {url}/leads, the API at {url}/docs). Ctrl-C ends it.")
