"""Settings: environment variables ``LEADLIGHT_*`` (or a ``.env`` file), all with defaults that work embedded.

Nothing is read at import; ``load()`` reads once, at the start of a command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from leadlight.core.errors import Problem, UsageError

__all__ = ["Settings", "load"]


class Settings(BaseSettings):
    """What may be set from outside. Each field's description is its line in README."""

    model_config = SettingsConfigDict(env_prefix="LEADLIGHT_", env_file=".env", extra="ignore", frozen=True)

    home: Annotated[
        Path, Field(description="folder that holds mlruns/, leadlight.db, the champion's cache and models/")
    ] = Path(".")
    database_url: Annotated[
        str | None, Field(description="where receipts are kept; default SQLite leadlight.db in home")
    ] = None
    tracking_uri: Annotated[
        str | None, Field(description="MLflow tracking; default SQLite mlruns/mlflow.db in home")
    ] = None
    max_body_bytes: Annotated[
        int, Field(ge=1024, description="largest request body that is read; larger ones answer 413")
    ] = 1_048_576
    max_batch_body_bytes: Annotated[int, Field(ge=1024, description="the same for /v1/score/batch")] = 33_554_432

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, url: str | None) -> str | None:
        if url and not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("write it as postgresql://user@host/database or sqlite:////absolute/path.db")
        return url

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
                f"{e['msg']}, got {e['input']!r}",
            )
            for e in error.errors()
        ]
        raise UsageError("; ".join(str(problem) for problem in problems)) from None
