"""The `leadlight` command: its table of contents, and how every command fails.

Exit codes: 0 done; 1 the data or the gate says no; 2 wrong usage; 3 something that is needed is not there.
"""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import typer
import typer.core

from leadlight.cli import screen
from leadlight.cli.agreement import app as agreement_commands
from leadlight.cli.backtest import backtest
from leadlight.cli.backup import backup, restore
from leadlight.cli.demo import demo
from leadlight.cli.history import check, simulate
from leadlight.cli.importing import import_
from leadlight.cli.keys import app as keys_commands
from leadlight.cli.models import app as models_commands
from leadlight.cli.outbox import app as outbox_commands
from leadlight.cli.replay import replay
from leadlight.cli.retention import retention
from leadlight.cli.retrain import retrain
from leadlight.cli.score import score
from leadlight.cli.serve import serve
from leadlight.cli.train import train
from leadlight.cli.watch import watch
from leadlight.core.errors import LeadlightError, Unavailable, UsageError

__all__ = ["app", "main"]

DATA_SAYS_NO: Final = 1
WRONG_USAGE: Final = 2
NOT_THERE: Final = 3
_ORDER: Final = (
    *("demo", "simulate", "check", "agreement", "import", "train", "backtest"),
    *("models", "watch", "retrain", "score", "serve", "outbox", "keys", "retention", "backup", "restore", "replay"),
)


class _InOrderOfUse(typer.core.TyperGroup):
    """Lists the commands as a newcomer meets them; typer puts groups last."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the names in order of use."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)


app = typer.Typer(
    name="leadlight",
    cls=_InOrderOfUse,
    help="Ranks a company's leads by how likely each is to convert, and says why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(short_help="See it all on a simulated company: train, rank, serve.")(demo)
app.command(short_help="Write a simulated company's history.")(simulate)
app.command(short_help="Read your data: every problem at once, or how it is taken.")(check)
app.add_typer(agreement_commands, name="agreement", short_help="Check and show what marketing and sales agreed.")
app.command("import", short_help="Load a history into the store that the service keeps.")(import_)
app.command(short_help="Learn from a history; the best model becomes challenger.")(train)
app.command(short_help="What if you had used it: replay a history month by month.")(backtest)
app.add_typer(models_commands, name="models", short_help="List, show, promote and roll back models.")
app.command(short_help="Say how the model that serves holds up, and whether to retrain.")(watch)
app.command(short_help="Check, train, gate and promote in one go, fit for cron.")(retrain)
app.command(short_help="Score the open leads of a history to a file.")(score)
app.command(short_help="Serve the API, and the pages for reps.")(serve)
app.command(short_help="Say what is kept longer than it is to be, and erase it.")(retention)
app.command(short_help="Write everything that the service remembers to one file.")(backup)
app.command(short_help="Put a backup back: all of it or nothing.")(restore)
app.add_typer(outbox_commands, name="outbox", short_help="List webhooks, and send dead letters again.")
app.command(short_help="Show a score again from its receipt, bit for bit.")(replay)
app.add_typer(keys_commands, name="keys", short_help="Make, list and revoke the keys that callers send.")


def main() -> None:
    """Run the command; every error of ours is one sentence and an exit code, never a traceback."""
    try:
        app()
    except LeadlightError as error:
        _refuse(error)
    except SystemExit as ended:
        if ended.code == WRONG_USAGE and "--json" in sys.argv:  # said by the parser, which knows of no JSON
            screen.emit(refusal(UsageError("The command was put wrongly; standard error says how.")))
        raise
    except OSError as error:
        if error.filename is None:
            raise
        why = (error.strerror or type(error).__name__).lower()
        _refuse(Unavailable(f"{error.filename}: {why}. Name a place that is there and that you may read and write."))
    except KeyboardInterrupt:
        screen.note("Stopped.")
        sys.exit(130)


def _refuse(error: LeadlightError) -> NoReturn:
    screen.show_error(error)
    if "--json" in sys.argv:
        screen.emit(refusal(error))
    sys.exit(exit_code(error))


def refusal(error: LeadlightError) -> dict[str, object]:
    """Return an error as the JSON line that a command ends with."""
    problems = [problem.as_dict() for problem in getattr(error, "problems", ())]
    return {"ok": False, "error": error.code, "message": str(error), "problems": problems}


def exit_code(error: LeadlightError) -> int:
    """Return the process's exit code for an error of ours."""
    if isinstance(error, UsageError):
        return WRONG_USAGE
    return NOT_THERE if isinstance(error, Unavailable) else DATA_SAYS_NO
