"""Takes a simulated history into a store at its end: ``python -m benchmarks.load.importing HISTORY HOME URL NOW``.

`leadlight import` does the same at the machine's time, from which the service's clock here is far.
"""

from __future__ import annotations

import sys
from pathlib import Path

from leadlight.core.clock import from_micros
from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.core.source import read_history
from leadlight.serving.ledger.importing import import_history
from leadlight.serving.store.database import Database


def main() -> None:
    folder, home, url, now = sys.argv[1:]
    settings = Settings(home=Path(home), database_url=url)
    history = read_history(Path(folder), now=from_micros(int(now)))
    database = Database(url)
    import_history(database, secret_of(settings), history, now=int(now), progress=lambda *_: None)
    database.close()


if __name__ == "__main__":
    main()
