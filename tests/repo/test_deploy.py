"""What can be checked of the deploy folder without an engine for containers."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from leadlight.core.settings import Settings
from leadlight.serving.access.hosts import Hosts
from leadlight.serving.operate.stopping import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = (DEPLOY / "leadlight.service").read_text()
STEPS = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_every_path_that_the_image_copies_is_there():
    copied = [line.split()[1:-1] for line in STEPS.splitlines() if line.startswith("COPY") and "--from" not in line]
    sources = [source for sources in copied for source in sources]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    rooms = {
        folder.split("/")[0]
        for folder in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"].values()
    }
    assert rooms <= set(sources)


def test_the_image_is_pinned_runs_as_nobody_special_and_says_how_it_is():
    images = [*re.findall(r"^FROM (\S+)", STEPS, re.MULTILINE), *(one["image"] for one in SERVICES.values())]
    assert all(re.search(r":\d", image) for image in images), images
    assert f"leadlight:{VERSION}" in images
    last = STEPS.rpartition("\nFROM")[2]
    assert re.search(r"^USER (?!root)", last, re.MULTILINE)
    assert "/healthz" in last
    assert STEPS.count("--require-hashes") == 2


def test_the_builder_comes_from_the_lock_with_hashes():
    script = re.search(r"awk '([^']+)'", STEPS)
    pinned = subprocess.run(
        ["awk", script[1], ROOT / "requirements-dev.lock"], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split("==")[0] for line in pinned.splitlines() if not line.startswith(" ")] == ["setuptools"]
    assert "--hash=sha256:" in pinned


def test_only_this_machine_is_published():
    ports = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert len(ports) >= 2
    assert all(str(port).startswith("127.0.0.1:") for port in ports)
    assert "ports" not in SERVICES["database"]


def test_the_published_address_may_be_called_and_the_first_key_is_made_before_it_serves(tmp_path):
    """Behind a published port the service is called by a name that is not the address the call arrives at."""
    environment = SERVICES["api"]["environment"]
    hosts = re.fullmatch(r"\$\{LEADLIGHT_ALLOWED_HOSTS:-(.+)\}", environment["LEADLIGHT_ALLOWED_HOSTS"])[1]
    settings = Settings(home=tmp_path, allowed_hosts=hosts, _env_file=None)
    for host in (b"localhost:8000", b"127.0.0.1:8000"):
        assert Hosts(settings.host_names).allow(host, "172.18.0.4")
        assert not Hosts(()).allow(host, "172.18.0.4")
    said = (DEPLOY / "compose.yaml").read_text(), (ROOT / "docs" / "operating.md").read_text()
    assert all("run --rm api leadlight keys create --role admin" in text for text in said)


def test_whoever_stops_it_waits_until_it_has_ended():
    assert int(re.search(r"TimeoutStopSec=(\d+)", UNIT)[1]) > PATIENCE_SECONDS
    assert int(SERVICES["api"]["stop_grace_period"].rstrip("s")) > PATIENCE_SECONDS


@pytest.mark.parametrize(
    "line", ["User=leadlight", "ProtectSystem=strict", "NoNewPrivileges=yes", "Restart=on-failure", "KillMode=mixed"]
)
def test_the_unit_is_hardened(line):
    assert f"\n{line}\n" in UNIT


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_unit(tmp_path):
    here = tmp_path / "leadlight.service"
    here.write_text(UNIT.replace("/opt/leadlight/bin/leadlight", sys.executable))  # it must be there
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "leadlight" in line]
    assert said == []


@pytest.mark.parametrize("command", re.findall(r"leadlight serve [^\n]*|leadlight\W+serve[^\]\n]*", UNIT + STEPS))
def test_each_command_line_is_one_that_the_command_knows(command):
    options = re.findall(r"--[a-z-]+", command)
    done = subprocess.run(
        [Path(sys.executable).with_name("leadlight"), "serve", "--help"], capture_output=True, text=True, check=True
    )
    assert [option for option in options if option not in done.stdout] == []
