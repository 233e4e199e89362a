import hmac
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from leadlight.core import settings
from leadlight.core.errors import UsageError
from leadlight.core.secret import SECRET_FILE, keyed, known_secret, secret_of
from leadlight.core.settings import Settings

_MAKE = """
import sys
from pathlib import Path
from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
settings = Settings(home=Path(sys.argv[1]), _env_file=None)
sys.stdin.readline()
print(secret_of(settings).hex())
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEADLIGHT_SECRET", raising=False)
    return Settings(home=tmp_path / "home", _env_file=None)


def test_it_is_made_once_and_only_its_owner_may_read_it(here):
    made = secret_of(here)
    path = here.home_path / SECRET_FILE
    assert len(made) == 32
    assert secret_of(here) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in here.home_path.iterdir()] == [SECRET_FILE]  # nothing half written is left


def test_two_homes_have_two_secrets(here, tmp_path):
    assert secret_of(here) != secret_of(Settings(home=tmp_path / "other", _env_file=None))


def test_processes_that_start_at_once_agree(here):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKE, str(here.home_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    for process in started:  # all have imported what they need once they read; then they run at once
        process.stdin.write("\n")
        process.stdin.flush()
    found = {process.communicate(timeout=60)[0].strip() for process in started}
    assert found == {secret_of(here).hex()}


def test_threads_that_start_at_once_agree(here):
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: secret_of(here), range(64)))) == 1


def test_the_setting_comes_before_the_file(here, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_SECRET", "ab" * 40)
    found = settings.load(home=here.home_path)
    assert secret_of(found) == bytes([0xAB] * 40)
    assert not (here.home_path / SECRET_FILE).exists()
    assert "abab" not in repr(found)


def test_a_secret_that_is_only_asked_after_is_not_made(here, monkeypatch):
    assert known_secret(here) is None
    assert not here.home_path.exists()
    made = secret_of(here)
    assert known_secret(here) == made
    monkeypatch.setenv("LEADLIGHT_SECRET", "ab" * 40)
    assert known_secret(settings.load(home=here.home_path)) == bytes([0xAB] * 40)


def test_an_empty_setting_counts_as_none(here, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_SECRET", "")
    assert len(secret_of(settings.load(home=here.home_path))) == 32


@pytest.mark.parametrize("text", ["short", "0" * 63, "0" * 65, "g" * 64, "é" * 64, " " + "0" * 63])
def test_a_setting_that_is_no_secret_is_refused_without_being_repeated(here, monkeypatch, text):
    monkeypatch.setenv("LEADLIGHT_SECRET", text)
    with pytest.raises(UsageError, match=r"LEADLIGHT_SECRET.*64 hex digits") as caught:
        settings.load()
    assert text not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"00" * 31, b"not hex" * 20])
def test_a_file_that_holds_no_secret_is_refused_by_name(here, content):
    here.home_path.mkdir()
    (here.home_path / SECRET_FILE).write_bytes(content)
    with pytest.raises(UsageError, match=r"secret\.key"):
        secret_of(here)


def test_a_digest_is_of_the_secret_the_purpose_and_the_text():
    secret = bytes(range(32))
    assert keyed(secret, "session", "a") == hmac.new(secret, b"session\0a", "sha256").hexdigest()
    digests = {
        keyed(one, purpose, text)
        for one in (secret, bytes(32))
        for purpose in ("session", "sessiona", "")
        for text in ("a", "", "aa")
    }
    assert len(digests) == 18
    with pytest.raises(ValueError, match="NUL"):
        keyed(secret, "a\0b", "c")


def test_any_text_can_be_keyed():
    assert len(keyed(bytes(32), "p", "\ud800 é \0")) == 64
