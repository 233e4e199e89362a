"""``leadlight outbox``: the webhooks that wait, arrived or were given up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption
from leadlight.cli.store import require_database
from leadlight.core.errors import NothingThere, Unavailable, UsageError

if TYPE_CHECKING:
    from leadlight.serving.outbox.outbox import Outbox

__all__ = ["app"]

app = typer.Typer(help="List webhooks, and send dead letters again.", no_args_is_help=True)

_STATES = ("waiting", "delivered", "dead")


@contextmanager
def _outbox() -> Iterator[Outbox]:
    """Open the outbox of the settings' database; the service that sends may run or not."""
    from sqlalchemy.exc import SQLAlchemyError

    from leadlight.core import settings
    from leadlight.core.clock import SystemClock
    from leadlight.serving.outbox.outbox import Outbox
    from leadlight.serving.store.database import Database

    setting = settings.load()
    require_database(setting)
    database = Database(setting.database)
    try:
        yield Outbox(setting, database, SystemClock())
    except SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        raise Unavailable(
            f"The database does not answer ({cause}); look at LEADLIGHT_DATABASE_URL, or try again later."
        ) from None
    finally:
        database.close()


@app.command("list")
def list_messages(
    state: Annotated[str | None, typer.Option("--state", help="Only these: waiting, delivered or dead.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List webhooks, newest first; delivered ones are kept for 7 days."""
    if state is not None and state not in _STATES:
        raise UsageError(f"--state {state}: it must be one of {', '.join(_STATES)}.")
    with _outbox() as outbox:
        found = outbox.messages(state, limit, None)
    rows = [
        (one.message_id, one.lead_id, one.state, _time(one.created_at), str(one.attempts), one.last_error or "-")
        for one in found
    ]
    screen.table("Webhooks", ("id", "lead", "state", "made (UTC)", "attempts", "last error"), rows, numbers_from=9)
    if as_json:
        from leadlight.serving.outbox.payload import as_dict

        screen.emit({"messages": [as_dict(one) for one in found]})


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


@app.command("retry")
def retry(
    message_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="As listed, msg_...")] = None,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every dead letter.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a webhook due at once, with all its attempts before it; the running service sends it."""
    if (message_id is None) is not all_dead:
        raise UsageError("Give the id of one webhook, or --all-dead.")
    with _outbox() as outbox:
        if message_id is None:
            count = outbox.retry_dead()
        else:
            count = 1
            _retry_one(outbox, message_id)
        sends = outbox.sends
    screen.note(f"{count} webhook{'' if count == 1 else 's'} due now.")
    if count and not sends:
        screen.note("Note: LEADLIGHT_WEBHOOK_URL is not set here; the service sends only where it is set for it.")
    if as_json:
        screen.emit({"due": count})


def _retry_one(outbox: Outbox, message_id: str) -> None:
    state = outbox.retry(message_id)
    if state is None:
        raise NothingThere(f"No webhook has the id {message_id}; 'leadlight outbox list' shows them.")
    if state == "delivered":
        raise UsageError(f"{message_id} was delivered already; only what waits or is dead can be sent again.")
