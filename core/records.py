"""What the registry keeps of a version beside the model: the gate's decisions, and every time it became champion.

The latest word stands as tags on the version and on its run, where MLflow's pages show it; the whole list is an
artifact of the run, which only grows. Works on the client that `leadlight.core.registry` hands it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from leadlight.core.clock import Clock

__all__ = ["Records", "Registered", "Used"]

_PREVIOUS: Final = "leadlight.previous_champions"
"""Tag of the registered model: the champions before the present one as a JSON list, the latest last."""

_REMEMBERED: Final = 200
"""How many champions back a rollback can go."""

_DECISIONS: Final = "gate.json"
_PROMOTIONS: Final = "promotions.json"

_LONGEST_TAG: Final = 4_000
"""A run's tag holds twice as much; whole texts are in the artifacts."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One version in the registry.

    Attributes
    ----------
    version : int
    kind : str
        ``scorecard``, ``logistic`` or ``lightgbm``.
    aliases : tuple of str
    run_id : str
        MLflow run with parameters, metrics and plots.
    auc : float or None
        On the test part, of the recipe.
    gate : str or None
        The word of its last decision: ``pass``, ``refuse`` or ``not_yet``.
    forced : str or None
        Why it was promoted against the gate.
    """

    version: int
    kind: str
    aliases: tuple[str, ...]
    run_id: str
    auc: float | None
    gate: str | None = None
    forced: str | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What earlier decisions of the gate looked at, on any version.

    Attributes
    ----------
    until : int or None
        The last moment, microseconds.
    data : frozenset of str
        Fingerprints of the flat exports.
    """

    until: int | None = None
    data: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Records:
    """Reads and writes the records of one registered model.

    Attributes
    ----------
    client : MlflowClient
    model : str
        The registered model's name.
    clock : Clock
    alone : callable
        Gives a context in which no other process of this home writes.
    """

    client: MlflowClient
    model: str
    clock: Clock
    alone: Callable[[], AbstractContextManager[None]]

    def champions_before(self) -> list[int]:
        """Return the champions before the present one, the latest last."""
        tags = self.client.get_registered_model(self.model).tags
        return [int(version) for version in json.loads(tags.get(_PREVIOUS, "[]"))]

    def remember(self, champions: Sequence[int]) -> None:
        """Keep the champions before the present one."""
        self.client.set_registered_model_tag(self.model, _PREVIOUS, json.dumps(list(champions[-_REMEMBERED:])))

    def promoted(self, version: int, how: str, *, before: int | None, forced: str | None, by: str | None) -> None:
        """Keep who made a version champion, when and why."""
        told = {"how": how, "at": self._now(), "by": by, "before": before, "forced": forced}
        self._append(version, _PROMOTIONS, told)
        self._tag(version, {f"promoted.{name}": told[name] for name in ("how", "at", "by", "forced")})

    def decided(self, version: int, decision: Mapping[str, Any], page: str | None) -> None:
        """Keep a decision of the gate; see `leadlight.core.registry.Registry.record_decision`."""
        told = {**decision, "recorded_at": self._now()}
        self._append(version, _DECISIONS, told)
        if page is not None:
            self.client.log_text(self.run_of(version), page, "gate.md")
        against = decision["champion_version"]
        tags = {
            "gate": decision["word"],
            "gate.reasons": " ".join(decision["reasons"]),
            "gate.against": "no champion" if against is None else against,
            "gate.at": told["recorded_at"],
        }
        self._tag(version, tags | self._used_tags(version, decision))

    def decisions(self, version: int) -> list[dict[str, Any]]:
        """Return all decisions on a version, the latest last."""
        return self._kept(self.run_of(version), _DECISIONS)

    def promotions(self, version: int) -> list[dict[str, Any]]:
        """Return every time a version became champion, the latest last."""
        return self._kept(self.run_of(version), _PROMOTIONS)

    def used(self) -> Used:
        """Return what the gate has looked at so far."""
        found = [version.tags for version in self.client.search_model_versions(f"name = '{self.model}'")]
        until = [int(tags["gate.used_until"]) for tags in found if "gate.used_until" in tags]
        data = (tags.get("gate.used_data", "").split() for tags in found)
        return Used(max(until, default=None), frozenset(one for some in data for one in some))

    def _used_tags(self, version: int, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Return what has been looked at for a version so far, this decision included."""
        tags = self.client.get_model_version(self.model, str(version)).tags
        until = [int(u) for u in (tags.get("gate.used_until"), decision["used_until"]) if u is not None]
        data = {*tags.get("gate.used_data", "").split(), *filter(None, [decision["used_data"]])}
        return {"gate.used_until": max(until, default=None), "gate.used_data": " ".join(sorted(data)) or None}

    def run_of(self, version: int) -> str:
        """Return the id of a version's run."""
        return str(self.client.get_model_version(self.model, str(version)).run_id)

    def _tag(self, version: int, tags: Mapping[str, Any]) -> None:
        run_id = self.run_of(version)
        for name, value in tags.items():
            if value is None:
                continue
            text = str(value)
            short = text if len(text) <= _LONGEST_TAG else text[: _LONGEST_TAG - 4] + " ..."
            self.client.set_model_version_tag(self.model, str(version), name, short)
            self.client.set_tag(run_id, name, short)

    def _append(self, version: int, file: str, told: Mapping[str, Any]) -> None:
        run_id = self.run_of(version)
        with self.alone():
            whole = [*self._kept(run_id, file), dict(told)]
            self.client.log_text(run_id, json.dumps(whole, ensure_ascii=False, indent=1), file)

    def _kept(self, run_id: str, file: str) -> list[dict[str, Any]]:
        if not any(found.path == file for found in self.client.list_artifacts(run_id)):
            return []
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(self.client.download_artifacts(run_id, file, scratch))
            kept: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return kept

    def _now(self) -> str:
        return self.clock.now().isoformat(timespec="seconds")
