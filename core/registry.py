"""The registry of models: the only module that talks to MLflow.

MLflow is imported when a registry is opened, not when this module is: it takes seconds, and the service does
without it. Both of MLflow's addresses are always given, because its defaults move with the current folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leadlight.core import artifact, wheel
from leadlight.core.clock import Clock, SystemClock
from leadlight.core.errors import LeadlightError, ModelContractError, NoChampion, RegistryUnavailable, UsageError
from leadlight.core.records import Records, Registered, Used
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models.model import ModelInfo

__all__ = ["CHALLENGER", "CHAMPION", "MODEL_NAME", "Registered", "Registry", "cached_champion", "cached_version"]

MODEL_NAME: Final = "leadlight"
EXPERIMENT: Final = "leadlight"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"

_MOST_WORDS: Final = 40
"""Of what MLflow says of an error: enough to tell, without its stack."""


class Registry:
    """Logs, registers, promotes and loads models.

    Parameters
    ----------
    settings : Settings
        ``tracking`` and ``champion_cache`` are used.
    clock : Clock, optional
        Says when something was promoted or decided.

    Raises
    ------
    RegistryUnavailable
        If the tracking server or database does not answer.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        if settings.artifact_root is not None:
            (settings.home_path / "mlruns" / "artifacts").mkdir(parents=True, exist_ok=True)
        with _answering(settings.tracking), _one_at_a_time(settings):
            _quieten()
            import mlflow

            mlflow.set_tracking_uri(settings.tracking)
            mlflow.set_registry_uri(settings.tracking)
            self._client = mlflow.MlflowClient(settings.tracking, settings.tracking)
            self._experiment = self._experiment_id()
        alone = partial(_one_at_a_time, settings)
        self._records = Records(self._client, MODEL_NAME, clock or SystemClock(), alone)

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=self._settings.artifact_root))

    def log(
        self,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        texts: Mapping[str, str],
        tags: Mapping[str, str],
        model: artifact.TrainedModel | None,
        input_example: pd.DataFrame | None = None,
    ) -> tuple[str, int | None]:
        """Log one training run and, where there is a model, register it as challenger.

        Parameters
        ----------
        params, metrics, tags : mapping
            As MLflow keeps them.
        texts : mapping of file name to text
            Report, plots (SVG), agreement.
        model : TrainedModel or None
            None where the run found no signal: the run is kept, nothing is registered.
        input_example : DataFrame, optional
            A few rows of catalog columns; also gives the signature.

        Returns
        -------
        run_id : str
        version : int or None
        """
        import mlflow

        with _answering(self._settings.tracking), mlflow.start_run(experiment_id=self._experiment) as run:
            mlflow.log_params(dict(params))
            mlflow.log_metrics(dict(metrics))
            mlflow.set_tags(dict(tags))
            for name, text in texts.items():
                mlflow.log_text(text, name)
            version = None if model is None or input_example is None else self._register(model, input_example)
        return str(run.info.run_id), version

    def _register(self, model: artifact.TrainedModel, example: pd.DataFrame) -> int:
        import mlflow
        from mlflow.models import infer_signature

        with tempfile.TemporaryDirectory() as scratch:
            data, whl = Path(scratch) / "model", wheel.pack(Path(scratch))
            artifact.save(model, data)
            signature = infer_signature(example, artifact.PyfuncModel(model).predict(example))
            logged = mlflow.pyfunc.log_model(
                name="model",
                loader_module="leadlight.core.artifact",
                data_path=str(data),
                code_paths=[str(whl)],  # a wheel is no importable code: it only travels with the model
                pip_requirements=[f"code/{whl.name}", *wheel.requirements()],
                signature=signature,
                input_example=example,
            )
        return self._as_challenger(logged, model.kind)

    def _as_challenger(self, logged: ModelInfo, kind: str) -> int:
        """Register by the client: MLflow's fluent call prints to the terminal."""
        if not self._client.search_registered_models(f"name = '{MODEL_NAME}'"):
            self._client.create_registered_model(MODEL_NAME)
        made = self._client.create_model_version(
            MODEL_NAME, logged.model_uri, logged.run_id, tags={"kind": kind}, model_id=logged.model_id
        )
        self._client.set_registered_model_alias(MODEL_NAME, CHALLENGER, made.version)
        return int(made.version)

    def versions(self) -> tuple[Registered, ...]:
        """Return all versions, newest first."""
        with _answering(self._settings.tracking):
            found = self._client.search_model_versions(f"name = '{MODEL_NAME}'")
            aliases = self._aliases()
            return tuple(
                self._registered(v, aliases) for v in sorted(found, key=lambda v: int(v.version), reverse=True)
            )

    def _registered(self, version: ModelVersion, aliases: Mapping[str, int]) -> Registered:
        run = self._client.get_run(str(version.run_id))
        number = int(version.version)
        own = tuple(alias for alias, named in sorted(aliases.items()) if named == number)
        auc, tags = run.data.metrics.get("test.auc"), version.tags
        kind, gate, forced = str(tags.get("kind", "")), tags.get("gate"), tags.get("promoted.forced")
        return Registered(number, kind, own, str(version.run_id), auc, gate, forced)

    def _aliases(self) -> dict[str, int]:
        from mlflow.exceptions import MlflowException

        try:
            model = self._client.get_registered_model(MODEL_NAME)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise
        return {str(alias): int(version) for alias, version in model.aliases.items()}

    def resolve(self, name: str) -> int:
        """Return the version that a number or an alias names.

        Raises
        ------
        UsageError
            If there is no such version; the message lists what there is.
        """
        with _answering(self._settings.tracking):
            aliases = self._aliases()
            versions = {int(v.version) for v in self._client.search_model_versions(f"name = '{MODEL_NAME}'")}
        number = aliases.get(name) or (int(name) if name.isdecimal() else None)
        if number is not None and number in versions:
            return number
        have = ", ".join([*sorted(aliases), *map(str, sorted(versions))]) or "none yet: run 'leadlight train' first"
        raise UsageError(f"There is no model version {name!r}. There are: {have}.")

    def load(self, name: str) -> tuple[artifact.TrainedModel, int]:
        """Return a version's model, by number or alias."""
        version = self.resolve(name)
        with tempfile.TemporaryDirectory() as scratch:
            return artifact.load(self._download(version, Path(scratch))), version

    def _download(self, version: int, scratch: Path) -> Path:
        import mlflow

        with _answering(self._settings.tracking):
            uri = self._client.get_model_version_download_uri(MODEL_NAME, str(version))
            folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(scratch)))
        return _data_folder(folder)

    def report(self, name: str) -> dict[str, Any]:
        """Return the training report of a version, by number or alias."""
        import mlflow

        version = self.resolve(name)
        with _answering(self._settings.tracking):
            run_id = self._records.run_of(version)
            text = mlflow.artifacts.load_text(f"runs:/{run_id}/report.json")
        found: dict[str, Any] = json.loads(text)
        return found

    def texts(self, name: str, folder: str) -> dict[str, str]:
        """Return the texts that a version's run keeps in a folder, by path; empty where there is no such folder."""
        version = self.resolve(name)
        with _answering(self._settings.tracking), tempfile.TemporaryDirectory() as scratch:
            run_id = self._records.run_of(version)
            if not self._client.list_artifacts(run_id, folder):
                return {}
            root = Path(self._client.download_artifacts(run_id, folder, scratch))
            return {f"{folder}/{path.name}": path.read_text(encoding="utf-8") for path in sorted(root.iterdir())}

    def attach(self, name: str, file: str, text: str) -> None:
        """Keep a text with a version's run, in place of an earlier one of that name."""
        version = self.resolve(name)
        with _answering(self._settings.tracking):
            self._client.log_text(self._records.run_of(version), text, file)

    def aliases(self, name: str) -> tuple[str, ...]:
        """Return the aliases of a version, by number or alias."""
        version = self.resolve(name)
        with _answering(self._settings.tracking):
            return tuple(sorted(alias for alias, number in self._aliases().items() if number == version))

    def champion(self) -> int | None:
        """Return the version that is champion; None where there is none."""
        with _answering(self._settings.tracking):
            return self._aliases().get(CHAMPION)

    def promote(self, name: str, *, forced: str | None = None, by: str | None = None) -> int:
        """Make a version the champion: cache it for the service, then move the alias.

        The cache is replaced in one rename, so that a service that starts meanwhile finds a whole model. The
        champion before is remembered for `rollback`. Of what is champion already only the cache is made anew.

        Parameters
        ----------
        name : str
            A number or an alias.
        forced : str, optional
            Why, where the gate did not let it pass; kept in MLflow for good.
        by : str, optional
            Who.
        """
        version = self.resolve(name)
        with _answering(self._settings.tracking):
            before = self._aliases().get(CHAMPION)
            self._cache(version)
            if before != version:
                # Remembered first: a process that dies in between has lost no champion.
                self._records.remember([*self._records.champions_before(), *([] if before is None else [before])])
                self._client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(version))
                self._records.promoted(version, "promoted", before=before, forced=forced, by=by)
        return version

    def rollback(self, *, by: str | None = None) -> tuple[int, int]:
        """Make the champion before the present one champion again; return (now, before).

        Champions are remembered one below the other: two rollbacks go two back.

        Raises
        ------
        UsageError
            If there was none.
        """
        with _answering(self._settings.tracking):
            present = self._aliases().get(CHAMPION)
            if present is None:
                raise NoChampion.at(self._settings.tracking)
            earlier = self._records.champions_before()
            while earlier and earlier[-1] == present:  # left by a process that died before it moved the alias
                earlier.pop()
            if not earlier:
                raise UsageError(f"Version {present} is the first champion: there is none to go back to.")
            version = earlier.pop()
            self._cache(version)
            self._client.set_registered_model_alias(MODEL_NAME, CHAMPION, str(version))
            self._records.remember(earlier)
            self._records.promoted(version, "rolled back to", before=present, forced=None, by=by)
        return version, present

    def record_decision(self, version: int, decision: Mapping[str, Any], *, page: str | None = None) -> None:
        """Keep what the gate decided of a version: the last word as tags, every decision in ``gate.json``.

        Parameters
        ----------
        version : int
        decision : mapping
            JSON-ready: ``word``, ``reasons``, ``champion_version``, ``used_until`` (microseconds), ``used_data``; the
            rest is kept as it is.
        page : str, optional
            The same for people, in Markdown.
        """
        with _answering(self._settings.tracking):
            self._records.decided(version, decision, page)

    def decisions(self, name: str) -> list[dict[str, Any]]:
        """Return all decisions on a version, by number or alias; the latest last."""
        version = self.resolve(name)
        with _answering(self._settings.tracking):
            return self._records.decisions(version)

    def promotions(self, name: str) -> list[dict[str, Any]]:
        """Return every time a version became champion, by number or alias; the latest last."""
        version = self.resolve(name)
        with _answering(self._settings.tracking):
            return self._records.promotions(version)

    def used_by_decisions(self) -> Used:
        """Return what the gate has looked at so far, on any version."""
        with _answering(self._settings.tracking):
            return self._records.used()

    def cache_champion(self) -> int:
        """Refresh the service's cache from the champion alias; return the version."""
        with _answering(self._settings.tracking):
            champion = self._aliases().get(CHAMPION)
        if champion is None:
            raise NoChampion.at(self._settings.tracking)
        self._cache(champion)
        return champion

    def _cache(self, version: int) -> None:
        cache = self._settings.champion_cache
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent, prefix=".champion-") as scratch:
            fresh = Path(scratch) / "fresh"
            shutil.copytree(self._download(version, Path(scratch) / "download"), fresh)
            artifact.load(fresh)  # a model that can't be read must not replace one that can
            Shelf(self._settings).keep(fresh, version)  # before it serves: its receipts must outlive this registry
            (fresh / "version.json").write_text(json.dumps({"name": MODEL_NAME, "version": version}) + "\n")
            if cache.exists():
                self._keep_former(cache)
                cache.rename(Path(scratch) / "old")
            fresh.rename(cache)

    def _keep_former(self, cache: Path) -> None:
        """Keep what served so far, where it was promoted by a release that did not; a broken one is only replaced."""
        with suppress(ModelContractError, OSError, KeyError, ValueError):
            Shelf(self._settings).keep(cache, int(json.loads((cache / "version.json").read_text())["version"]))


def cached_version(settings: Settings) -> int | None:
    """Return the version of the champion as last promoted here; None where there is none, or it is just replaced."""
    try:
        return int(json.loads((settings.champion_cache / "version.json").read_text())["version"])
    except FileNotFoundError:
        return None


def cached_champion(settings: Settings) -> tuple[artifact.TrainedModel, int]:
    """Return the champion as last promoted here, without MLflow.

    Raises
    ------
    NoChampion
        If none was promoted.
    """
    try:
        version = json.loads((settings.champion_cache / "version.json").read_text())["version"]
    except FileNotFoundError:
        raise NoChampion.at(str(settings.home_path)) from None
    return artifact.load(settings.champion_cache), int(version)


def _data_folder(model: Path) -> Path:
    """Find our folder inside MLflow's: its MLmodel file names it."""
    for candidate in sorted(model.rglob("model.json")):
        return candidate.parent
    raise ModelContractError(f"{model.name} holds no Leadlight model: model.json is missing in it.")


def _quieten() -> None:
    """Keep MLflow's and Alembic's progress lines off the terminal; errors still show."""
    import logging

    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # MLflow's own defaults retry for minutes; a server that is down should be named within seconds.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Let one process at a time open the embedded database: MLflow makes and migrates it without a lock of its own."""
    if settings.artifact_root is None:
        yield
        return
    with (settings.home_path / "mlruns" / ".opening").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


@contextmanager
def _answering(tracking: str) -> Iterator[None]:
    """Turn what MLflow, its database or the network raises into one sentence; bugs stay bugs."""
    try:
        yield
    except LeadlightError:
        raise
    except Exception as error:
        if not isinstance(error, _neighbour_errors()):
            raise
        said = " ".join(str(error).split()[:_MOST_WORDS]).rstrip(".:") or type(error).__name__
        raise RegistryUnavailable(
            f"MLflow at {tracking} did not do what was asked: {said}. Check LEADLIGHT_TRACKING_URI, that the server is "
            "up, and that its artifacts are still where it put them."
        ) from error


def _neighbour_errors() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError  # what requests raises is an OSError
