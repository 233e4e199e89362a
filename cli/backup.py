"""``leadlight backup`` and ``leadlight restore``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption
from leadlight.cli.store import require_database
from leadlight.core.clock import SystemClock, from_micros

if TYPE_CHECKING:
    from leadlight.serving.operate.manifest import Manifest

__all__ = ["backup", "restore"]


def backup(
    out: Annotated[Path, typer.Option("--out", help="File to write, such as leadlight.tar.", show_default=False)],
    with_secret: Annotated[
        bool,
        typer.Option(
            "--with-secret",
            help="Put in the secret (secret.key or LEADLIGHT_SECRET), without which erased ids and sessions can't be "
            "told after a restore; else keep a copy of it elsewhere, apart from backups.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write everything that the service remembers, and its champion, to one file; it may run meanwhile."""
    from leadlight.core import settings
    from leadlight.serving.operate.backup import back_up

    setting = settings.load()
    require_database(setting)
    manifest = back_up(setting, out, clock=SystemClock(), with_secret=with_secret)
    _say_rows(f"Backed up to {out}", manifest)
    if manifest.secret is not None and not with_secret:
        screen.note(
            "Not in it: the secret (secret.key or LEADLIGHT_SECRET). Without it neither erased ids nor sessions can be "
            "told: keep a copy of it."
        )
    if as_json:
        screen.emit({"out": str(out), **_facts(manifest)})


def restore(
    source: Annotated[Path, typer.Option("--from", help="A file that backup wrote.", show_default=False)],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace/--into-empty-only", help="Give up what the database and the home hold now; else refuse."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a backup into the database and the home, all of it or nothing; stop the service before.

    Leads that were erased since the backup are erased again.
    """
    from leadlight.core import settings
    from leadlight.core.clock import SystemClock, to_micros
    from leadlight.serving.ledger.erasing import erase_by_tokens
    from leadlight.serving.operate.restore import restore as put_back

    setting, now = settings.load(), to_micros(SystemClock().now())
    done = put_back(
        setting,
        source,
        replace=replace,
        reapply=lambda connection, secret, tokens: erase_by_tokens(connection, secret, tokens, now),
    )
    _say_rows(f"Restored from {source}", done.manifest)
    if done.forgotten:
        screen.note(f"{done.forgotten:,} erasures since the backup were made again: {done.erased:,} leads went.")
    if done.objected or done.revoked:
        screen.note(
            f"Taken over from the database that was replaced: {done.objected:,} objections, {done.revoked:,} keys that "
            "were revoked."
        )
    screen.note(
        "All else is as it was then, keys and webhooks too: see 'leadlight keys list' for those to revoke again or to "
        "make anew. What the CRM was told since may be told again."
    )
    if done.lacks_secret:
        screen.note(
            "The service that was backed up had a secret, which is not here: put its secret.key into this home, or set "
            "LEADLIGHT_SECRET, before the service starts, or neither erased ids nor sessions can be told."
        )
    if as_json:
        screen.emit(
            {
                "from": str(source),
                **_facts(done.manifest),
                "restored_revision": done.revision,
                "erasures_made_again": done.forgotten,
                "leads_erased_again": done.erased,
                "objections_taken_over": done.objected,
                "revocations_taken_over": done.revoked,
                "lacks_secret": done.lacks_secret,
            }
        )


def _say_rows(title: str, manifest: Manifest) -> None:
    rows = [(name, f"{count:,}") for name, count in manifest.rows.items()]
    screen.table(title, ("table", "rows"), rows)
    files = ", ".join(member.name for member in manifest.files) or "none: no model was promoted"
    screen.note(f"Files: {files}. As of {from_micros(manifest.taken_at):%Y-%m-%dT%H:%M:%SZ}, {manifest.release}.")


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {
        "release": manifest.release,
        "revision": manifest.revision,
        "taken_at": manifest.taken_at,
        "rows": manifest.rows,
        "files": [asdict(member) for member in manifest.files],
    }
