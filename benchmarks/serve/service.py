"""The service itself: ``python -m benchmarks.serve.service HOME AS_OF durable|off``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.serve.hosting import serve

from leadlight.core.clock import FixedClock, from_micros
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.run import settle
from leadlight.serving.store.keeper import KeepsNothing


def main() -> None:
    home, as_of, receipts = sys.argv[1:]
    store = None if receipts == "durable" else KeepsNothing()
    serve(create_app(Settings(home=Path(home)), clock=FixedClock(from_micros(int(as_of))), store=store, loaded=settle))


if __name__ == "__main__":
    main()
