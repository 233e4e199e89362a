"""The `leadlight` command: its table of contents, and how every command fails.

Exit codes: 0 done; 1 the data or the gate says no; 2 wrong usage; 3 something that is needed is not there.
"""

from __future__ import annotations

import sys
from typing import Final

import typer

from leadlight.cli import screen
from leadlight.cli.agreement import app as agreement_commands
from leadlight.cli.demo import demo
from leadlight.cli.history import check, simulate
from leadlight.cli.models import app as models_commands
from leadlight.cli.score import score
from leadlight.cli.serve import serve
from leadlight.cli.train import train
from leadlight.core.errors import LeadlightError, Unavailable, UsageError

__all__ = ["app", "main"]

DATA_SAYS_NO: Final = 1
WRONG_USAGE: Final = 2
NOT_THERE: Final = 3

app = typer.Typer(
    name="leadlight",
    help="Ranks a company's leads by how likely each is to convert, and says why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (demo, simulate, check, train, score, serve):
    app.command()(command)
app.add_typer(models_commands, name="models")
app.add_typer(agreement_commands, name="agreement")


def main() -> None:
    """Run the command; every error of ours is one sentence and an exit code, never a traceback."""
    try:
        app()
    except LeadlightError as error:
        screen.show_error(error)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        screen.note("Stopped.")
        sys.exit(130)


def exit_code(error: LeadlightError) -> int:
    """Return the process's exit code for an error of ours."""
    if isinstance(error, UsageError):
        return WRONG_USAGE
    return NOT_THERE if isinstance(error, Unavailable) else DATA_SAYS_NO
