"""The models that made receipts: the one that serves, and those that served before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final

from leadlight.core import artifact
from leadlight.core.errors import ModelContractError
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from leadlight.serving.champion import Champion
from leadlight.serving.replay import replay_with
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.receipts import Receipt

__all__ = ["PastModels"]

_READY: Final = 4
"""Past models that are held ready."""

_log = logging.getLogger("leadlight.serving")


class PastModels:
    """Finds the model that made a receipt. It may read files, so it belongs into a thread.

    Parameters
    ----------
    settings : Settings
    champion : Champion
    """

    def __init__(self, settings: Settings, champion: Champion) -> None:
        self._shelf = Shelf(settings)
        self._champion = champion
        self._ready: dict[Path, Scorer] = {}
        self._lock = Lock()

    def of(self, receipt: Receipt) -> Scorer | None:
        """Return the model that gives a receipt's numbers again, but for last digits; None where it is not here."""
        return next((scorer for scorer in self._named(receipt.model_version) if _made(scorer, receipt)), None)

    def _named(self, version: int) -> Iterator[Scorer]:
        if self._champion.is_ready and self._champion.scorer.version == version:
            yield self._champion.scorer
        for folder in reversed(self._shelf.folders(version)):
            scorer = self._loaded(folder, version)
            if scorer is not None:
                yield scorer

    def _loaded(self, folder: Path, version: int) -> Scorer | None:
        with self._lock:
            found = self._ready.pop(folder, None)
            try:
                found = found or Scorer(artifact.load(folder), version)
            except ModelContractError as error:  # of another release
                _log.warning("model version %s can't be read: %s", version, error)
                return None
            self._ready[folder] = found  # last used, last to go
            while len(self._ready) > _READY:
                del self._ready[next(iter(self._ready))]
            return found


def _made(scorer: Scorer, receipt: Receipt) -> bool:
    try:
        return replay_with(receipt, scorer).is_rounding
    except ModelContractError:  # another model of the same number
        return False
