import pytest

from leadlight.core import settings
from leadlight.core.errors import UsageError


@pytest.fixture(autouse=True)
def _no_settings_of_this_shell(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "DATABASE_URL", "TRACKING_URI", "MAX_BODY_BYTES", "MAX_BATCH_BODY_BYTES", "SECRET"):
        monkeypatch.delenv(f"LEADLIGHT_{name}", raising=False)


def test_the_defaults_lie_in_the_current_folder(tmp_path):
    setting = settings.load()
    assert setting.home_path == tmp_path
    assert setting.database == f"sqlite:///{tmp_path / 'leadlight.db'}"


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/base", "leadlight.db"])
def test_a_database_that_can_not_be_used_is_named_with_its_variable(monkeypatch, url):
    monkeypatch.setenv("LEADLIGHT_DATABASE_URL", url)
    with pytest.raises(UsageError, match=r"LEADLIGHT_DATABASE_URL.*postgresql://"):
        settings.load()


@pytest.mark.parametrize("url", ["sqlite:////a/b.db", "postgresql://u@h/b", "postgresql+psycopg://u@h/b"])
def test_a_database_that_can(monkeypatch, url):
    monkeypatch.setenv("LEADLIGHT_DATABASE_URL", url)
    assert settings.load().database == url


def test_every_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("LEADLIGHT_MAX_BODY_BYTES", "abc")
    monkeypatch.setenv("LEADLIGHT_MAX_BATCH_BODY_BYTES", "1")
    with pytest.raises(UsageError) as caught:
        settings.load()
    assert "LEADLIGHT_MAX_BODY_BYTES" in str(caught.value)
    assert "LEADLIGHT_MAX_BATCH_BODY_BYTES" in str(caught.value)
