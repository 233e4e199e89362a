"""Settings: environment variables ``LEADLIGHT_*`` (or a ``.env`` file), all with defaults that work embedded.

Nothing is read at import; ``load()`` reads once, at the start of a command.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from leadlight.core.errors import Problem, UsageError

__all__ = ["Settings", "load"]

_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?")
_PORT: Final = re.compile(r"^[^:]+:[0-9]+$")


class Settings(BaseSettings):
    """What may be set from outside. Each field's description is its line in README."""

    model_config = SettingsConfigDict(env_prefix="LEADLIGHT_", env_file=".env", extra="ignore", frozen=True)

    home: Annotated[
        Path, Field(description="folder that holds mlruns/, leadlight.db, the champion's cache and models/")
    ] = Path(".")
    database_url: Annotated[
        str | None,
        Field(description="where all that the service remembers is kept; default SQLite leadlight.db in home"),
    ] = None
    tracking_uri: Annotated[
        str | None, Field(description="MLflow tracking; default SQLite mlruns/mlflow.db in home")
    ] = None
    max_body_bytes: Annotated[
        int, Field(ge=1024, description="largest request body that is read; larger ones answer 413")
    ] = 1_048_576
    max_batch_body_bytes: Annotated[int, Field(ge=1024, description="the same for /v1/score/batch")] = 33_554_432
    webhook_url: Annotated[
        str | None, Field(description="where changed scores are sent, http(s)://...; without it nothing is sent")
    ] = None
    webhook_secret: Annotated[
        SecretStr | None,
        Field(description="what they are signed with, whsec_...; two by a space while it changes"),
    ] = None
    webhook_step: Annotated[int, Field(ge=1, le=100, description="least change of the score that is told")] = 5
    webhook_keep_trying_hours: Annotated[
        float, Field(gt=0, le=8760, description="how long a message is tried before it is a dead letter")
    ] = 72.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="from which level on the service logs")
    ] = "info"
    log_format: Annotated[
        Literal["json", "console"], Field(description="one JSON object a line, or lines for a person")
    ] = "json"
    secret: Annotated[
        SecretStr | None, Field(description="signs sessions, 64 hex digits or more; default secret.key in home")
    ] = None
    allowed_hosts: Annotated[
        str, Field(description="names by which the service may be called, with commas; its own address always may")
    ] = ""
    requests_per_second: Annotated[
        float, Field(ge=0, le=1e9, description="how often one key may call; 0: without limit")
    ] = 1000.0
    retain_leads_days: Annotated[
        int, Field(ge=0, le=36_500, description="days after which a lead that nobody speaks of is erased; 0: never")
    ] = 0
    retain_receipts_days: Annotated[
        int, Field(ge=0, le=36_500, description="days after which a receipt keeps only what counts; 0: never")
    ] = 0

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, url: str | None) -> str | None:
        if url and not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("write it as postgresql://user@host/database or sqlite:////absolute/path.db")
        return url

    @field_validator("secret")
    @classmethod
    def _is_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None or not secret.get_secret_value():
            return None
        text = secret.get_secret_value()
        if len(text) < 64 or len(text) % 2 or not set(text) <= set("0123456789abcdefABCDEF"):
            raise ValueError("write it as at least 64 hex digits, for example from 'openssl rand -hex 32'")
        return secret

    @field_validator("allowed_hosts")
    @classmethod
    def _is_host_list(cls, hosts: str) -> str:
        wrong = [name for name in _listed(hosts) if not _HOST.fullmatch(name) or _PORT.match(name)]
        if wrong:
            raise ValueError("write plain names or addresses with commas, for example leads.example.com,10.0.0.5")
        return hosts

    @property
    def host_names(self) -> tuple[str, ...]:
        """The names in ``allowed_hosts``."""
        return tuple(name.strip("[]") for name in _listed(self.allowed_hosts))

    @property
    def home_path(self) -> Path:
        """The home as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{self.home_path / 'leadlight.db'}"

    @property
    def tracking(self) -> str:
        """MLflow tracking URI, always explicit: MLflow's own default moves with the current folder."""
        return self.tracking_uri or f"sqlite:///{self.home_path / 'mlruns' / 'mlflow.db'}"

    @property
    def artifact_root(self) -> str | None:
        """Where MLflow puts artifacts; None where a tracking server decides that itself."""
        return None if self.tracking_uri else (self.home_path / "mlruns" / "artifacts").as_uri()

    @property
    def champion_cache(self) -> Path:
        """Folder with the champion as last promoted here; the service starts from it without MLflow."""
        return self.home_path / "champion"

    @property
    def model_shelf(self) -> Path:
        """Folder with every model version that ever served here, each in a folder of its number."""
        return self.home_path / "models"


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def load(*, home: Path | None = None) -> Settings:
    """Read the settings once.

    Parameters
    ----------
    home : Path, optional
        Overrides ``LEADLIGHT_HOME``.

    Raises
    ------
    UsageError
        Naming every variable with a value that can't be used.
    """
    try:
        return Settings() if home is None else Settings(home=home)
    except ValidationError as error:
        problems = [
            Problem(
                f"LEADLIGHT_{'_'.join(str(p) for p in e['loc']).upper()}",
                "setting",
                e["msg"] if "secret" in e["loc"] else f"{e['msg']}, got {e['input']!r}",
            )
            for e in error.errors()
        ]
        raise UsageError("; ".join(str(problem) for problem in problems)) from None
