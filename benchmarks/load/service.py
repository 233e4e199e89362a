"""The service on one database: ``python -m benchmarks.load.service HOME DATABASE_URL BEHIND [off]``.

Its clock is so many microseconds behind the machine's: then leads are as open as they were when the simulated history
ended. With ``off`` no receipt is kept.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.serve.hosting import serve

from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.run import settle
from leadlight.serving.store.keeper import KeepsNothing


class Behind:
    """A clock that is behind the machine's."""

    def __init__(self, behind: timedelta) -> None:
        self._behind = behind

    def now(self) -> datetime:
        """Return the machine's time less that, in UTC."""
        return datetime.now(UTC) - self._behind


def main() -> None:
    home, url, behind, *off = sys.argv[1:]
    settings = Settings(home=Path(home), database_url=url, requests_per_second=0)
    store = KeepsNothing() if off else None
    clock = Behind(timedelta(microseconds=int(behind)))
    serve(create_app(settings, clock=clock, store=store, loaded=settle))


if __name__ == "__main__":
    main()
