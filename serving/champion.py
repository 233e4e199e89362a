"""The model that serves: loaded beside the running service, so that it can say what it is waiting for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from leadlight.core.artifact import TrainedModel, encode_values
from leadlight.core.errors import LeadlightError, NoChampion, Unavailable
from leadlight.features.warm import warm
from leadlight.serving.scorer import Scorer

__all__ = ["Champion", "Starting"]

_log = logging.getLogger("leadlight.serving")


class Starting(Unavailable):
    """The model is being loaded and the features compiled; it takes seconds on a new machine."""

    code = "starting"


class Champion:
    """Holds the scorer once it is ready, and until then the reason why not.

    Parameters
    ----------
    find : callable
        Returns the model and its version, or raises; `leadlight.core.registry.cached_champion` with settings.
    keep : callable, optional
        Takes the version once it serves, so that its receipts can be shown again later; a failure is only logged.
    """

    def __init__(
        self, find: Callable[[], tuple[TrainedModel, int]], keep: Callable[[int], object] | None = None
    ) -> None:
        self._find = find
        self._keep = keep
        self._lock = Lock()
        self._scorer: Scorer | None = None
        self._unfit: int | None = None
        self._trouble: Exception = Starting("the model is being loaded")

    def load(self) -> None:
        """Load the model and run it once, so that no request waits for compilers or libraries; never raises."""
        with self._lock:
            if self._scorer is not None:
                return
            try:
                self._scorer = self._ready()
            except LeadlightError as error:
                self._trouble = error
                return
            except Exception as error:  # whatever a broken model raises, the service stays up and says so
                _log.exception("the champion could not be loaded")
                self._trouble = error
                return
            self._keep_for_later(self._scorer.version)

    def _keep_for_later(self, version: int) -> None:
        try:
            if self._keep is not None:
                self._keep(version)
        except Exception as error:
            _log.warning("model version %s is not kept: its receipts replay only from MLflow: %s", version, error)

    def _ready(self) -> Scorer:
        model, version = self._find()
        scorer = Scorer(model, version)
        warm()
        scorer.explain(encode_values(model.catalog, {}), "", 0)
        return scorer

    def refresh(self, version: int | None) -> None:
        """Take up the version that was promoted meanwhile; the one before serves until the new one is ready.

        Parameters
        ----------
        version : int or None
            The champion as last promoted here; None: nothing is known of any.
        """
        if version is None or version in (self._version, self._unfit):
            return
        with self._lock:
            if version == self._version:
                return
            try:
                self._scorer = self._ready()
            except Exception:  # a model that can't be loaded must not replace one that serves
                _log.exception("version %d could not be loaded; the version before goes on", version)
                self._unfit = version
                return
            self._keep_for_later(self._scorer.version)

    @property
    def _version(self) -> int | None:
        return None if self._scorer is None else self._scorer.version

    def look_again(self) -> None:
        """Load if there was no champion before: one may have been promoted since."""
        if isinstance(self._trouble, NoChampion):
            self.load()

    @property
    def is_ready(self) -> bool:
        """Whether there is a scorer."""
        return self._scorer is not None

    @property
    def scorer(self) -> Scorer:
        """The scorer.

        Raises
        ------
        Exception
            What stands in the way, if it is not ready.
        """
        if self._scorer is None:
            raise self._trouble
        return self._scorer
