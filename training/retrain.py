"""Retraining as one job: heal, look, train, gate, promote; what a killed run left behind is finished by the next.

The champion is whole at every instant: a version is registered complete before it is judged, judged before it is
promoted, and promoted by moving one alias. A note in the home says which version is on its way, so that the next run
neither judges it twice (its moments are used up) nor promotes again what somebody rolled back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from leadlight.core.clock import from_micros
from leadlight.core.errors import LeadlightError, ModelContractError
from leadlight.core.registry import Registry, cached_champion
from leadlight.core.wheel import release
from leadlight.training.gate.registry import judge_version, promote, standing
from leadlight.training.register import register
from leadlight.training.run import train
from leadlight.training.search import Budget
from leadlight.training.watch.look import last_moment, watch

if TYPE_CHECKING:
    import pandas as pd

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.core.settings import Settings

__all__ = ["LOCK", "Outcome", "Task", "Word", "run"]

LOCK: Final = "retrain.lock"
_ON_ITS_WAY: Final = "retrain.json"

Word = Literal[
    "promoted",
    "nothing_new",
    "not_needed",
    "already_running",
    "no_signal",
    "cannot_tell",
    "refused",
    "not_yet",
    "moved",
]
_DECIDED: Final[Mapping[str, str]] = {
    "pass": "the gate let it pass; promote it with 'leadlight models promote'",
    "refuse": "the gate refused it",
    "not_yet": "the gate could not judge it yet",
}
_OF_GATE: Final[Mapping[str, Word]] = {"refuse": "refused", "not_yet": "not_yet"}


@dataclass(frozen=True)
class Task:
    """What is to be done.

    Attributes
    ----------
    history : History
    agreement : Agreement
    as_of : Timestamp or None
        Training day; default the history's end.
    seed : int
    tune : float or None
        Seconds to look for better settings.
    only_if_needed : bool
        Whether to stop where watching says "not yet".
    force : bool
        Whether to train although nothing is new.
    """

    history: History
    agreement: Agreement
    as_of: pd.Timestamp | None
    seed: int = 0
    tune: float | None = None
    only_if_needed: bool = False
    force: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes
    ----------
    word : Word
    text : str
        In one sentence.
    version : int or None
        The version that this is about.
    champion : int or None
        What serves now.
    reasons : tuple of str
        The gate's, or those of watching.
    """

    word: Word
    text: str
    version: int | None
    champion: int | None = None
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {"outcome": self.word, **{name: value for name, value in asdict(self).items() if name != "word"}}


Log = Callable[[str], None]


def run(task: Task, settings: Settings, log: Log) -> Outcome:
    """Retrain, as far as there is something to do.

    Parameters
    ----------
    task : Task
    settings : Settings
    log : callable
        Called with one line a step.

    Raises
    ------
    LeadlightError
        If the data, the agreement, the registry or the home is not as it should be; the champion stays as it is.
    """
    job = _Job(task, settings, Registry(settings), log)
    job.heal()
    if task.only_if_needed and (outcome := job.not_needed()) is not None:
        return job.end(outcome)
    version = None if task.force else job.known_version()
    if version is not None and not job.unfinished(version):
        return job.end(job.nothing_new(version))
    if version is None:
        version, outcome = job.train()
        if outcome is not None:
            return job.end(outcome)
    else:
        log(f"version {version} was trained on this data and never judged: going on with it")
    assert version is not None
    return job.end(job.promote(version))


@dataclass(frozen=True)
class _Job:
    """One run."""

    task: Task
    settings: Settings
    registry: Registry
    log: Log

    def heal(self) -> None:
        """Give the service its copy of the champion again, where a killed promotion left another one or none."""
        champion = self.registry.champion()
        if champion is None:
            return
        try:
            version = cached_champion(self.settings)[1]
        except (LeadlightError, ValueError, KeyError, OSError):
            version = None
        if version != champion:
            self.registry.cache_champion()
            self.log(f"champion: version {champion}; the copy that a service starts from was made anew")
        else:
            self.log(f"champion: version {champion}")

    def not_needed(self) -> Outcome | None:
        """Return why there is nothing to do, where watching says so."""
        champion = self.registry.champion()
        if champion is None:
            return None
        try:
            model = cached_champion(self.settings)[0]
            found = watch(self.task.history, self.task.agreement, model, as_of=self.task.as_of)
        except ModelContractError as error:
            self.log(f"watch: can't be answered, so it is taken as needed: {error}")
            return None
        for said in found.look_at:
            self.log(f"watch: look at: {said}")
        for said in found.because:
            self.log(f"watch: {found.advice.replace('_', ' ')}: {said}")
        if found.advice == "retrain_now":
            return None
        return Outcome("not_needed", "nothing done: watching says not yet", None, champion, found.because)

    def known_version(self) -> int | None:
        """Return the version on its way, the newest, or the champion: whichever was trained on just this."""
        newest = [registered.version for registered in self.registry.versions()]
        looked_at = dict.fromkeys([self._on_its_way(), *newest[:1], self.registry.champion()])
        there = [version for version in looked_at if version in newest]
        return next((version for version in there if self._same(self.registry.report(str(version)))), None)

    def _same(self, report: Mapping[str, Any]) -> bool:
        """Whether a version's report tells of the same data, day, agreement, seed and release."""
        task, data = self.task, report.get("data", {})
        day = last_moment(task.history, task.as_of)
        asked = {
            "fingerprint": task.history.fingerprint,
            "as_of": None if day is None else from_micros(day).isoformat(),
            "agreement": task.agreement.version,
            "seed": task.seed,
            "release": release(),
            "asked": {"points_only": False, "seconds": task.tune, "trials": None},
        }
        told = {
            "fingerprint": data.get("fingerprint"),
            "as_of": data.get("as_of"),
            "agreement": report.get("agreement", {}).get("version"),
            "seed": report.get("seed"),
            "release": report.get("release"),
            "asked": report.get("asked"),
        }
        return asked == told

    def unfinished(self, version: int) -> bool:
        """Whether a version was trained but never judged, or judged by a run that was killed before it could act."""
        if self.registry.champion() == version:
            return False
        return self._on_its_way() == version or not self.registry.decisions(str(version))

    def nothing_new(self, version: int) -> Outcome:
        champion = self.registry.champion()
        decided = self.registry.decisions(str(version))
        told = "it serves" if champion == version else _DECIDED.get(decided[-1]["word"], "it was decided on")
        text = f"nothing new since version {version} ({told}): the same data, agreement and release"
        return Outcome("nothing_new", text, version, champion)

    def train(self) -> tuple[int | None, Outcome | None]:
        """Train and register; return the version, or why there is none."""
        task = self.task
        trained = train(
            task.history,
            task.agreement,
            as_of=task.as_of,
            seed=task.seed,
            budget=None if task.tune is None else Budget(seconds=task.tune),
            progress=lambda step: self.log(f"train: {step}"),
            notice=lambda said: self.log(f"audit: {said}"),
        )
        report = trained.report.to_dict()
        self.log(f"verdict: {report['verdict']['text']}")
        _, version = register(self.registry, trained)
        if version is not None:
            self.log(f"register: version {version} ({trained.model.kind if trained.model else ''}), the challenger")
            return version, None
        word: Word = "no_signal" if trained.verdict == "no_signal" else "cannot_tell"
        return None, Outcome(word, f"nothing registered: {report['verdict']['text']}", None, self.registry.champion())

    def promote(self, version: int) -> Outcome:
        """Hold a version against the champion and, if it passes, make it the champion."""
        self._note(version)
        champion = self.registry.champion()
        decided = standing(self.registry.decisions(str(version)), champion)
        if decided is None or decided["word"] == "not_yet":
            day = last_moment(self.task.history, self.task.as_of)
            found = judge_version(
                self.registry, version, self.task.history, self.task.agreement, seed=self.task.seed, as_of=day
            )
            decided = found.to_dict()
        for reason in decided["reasons"]:
            self.log(f"gate: {decided['word'].replace('_', ' ')}: {reason}")
        outcome = self._act(version, decided)
        self._note(None)
        return outcome

    def _act(self, version: int, decided: Mapping[str, Any]) -> Outcome:
        against, reasons = decided["champion_version"], tuple(decided["reasons"])
        present = self.registry.champion()
        if decided["word"] != "pass":
            stays = "no model serves" if present is None else f"version {present} goes on serving"
            said = "refused" if decided["word"] == "refuse" else "not judged yet"
            word = _OF_GATE[decided["word"]]
            return Outcome(word, f"version {version} is {said}: {stays}", version, present, reasons)
        if present == version:
            return Outcome("promoted", f"version {version} is the champion already", version, version, reasons)
        if present != against:
            text = (
                f"version {version} is not promoted: it passed against version {against}, but version {present} was "
                "promoted meanwhile, on another host or by hand. Judge it anew with 'leadlight models promote "
                f"{version} --data DIR'"
            )
            return Outcome("moved", text, version, present, reasons)
        promote(self.registry, version, by="leadlight retrain")
        instead = "" if against is None else f" instead of version {against}"
        return Outcome("promoted", f"version {version} is the champion now{instead}", version, version, reasons)

    def end(self, outcome: Outcome) -> Outcome:
        """Log the last line."""
        self.log(f"done: {outcome.text}")
        return outcome

    def _note(self, version: int | None) -> None:
        """Remember which version is on its way; in one rename, so that a killed run leaves a whole note or none."""
        path = self.settings.home_path / _ON_ITS_WAY
        if version is None:
            path.unlink(missing_ok=True)
            return
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"version": version}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def _on_its_way(self) -> int | None:
        try:
            return int(json.loads((self.settings.home_path / _ON_ITS_WAY).read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
