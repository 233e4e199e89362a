"""The tracking server is stopped hard under load: nobody who scores notices, and promoting says what is wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from leadlight.core.artifact import TrainedModel
from leadlight.core.registry import Registry
from leadlight.core.settings import Settings
from tracking import tracking_server
from under_load import LEADLIGHT, Load, environment, serving
from waiting import wait_for

pytestmark = pytest.mark.proof


def test_the_tracking_server_is_stopped_under_load(tmp_path: Path, model: TrainedModel) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with tracking_server(tmp_path / "tracking") as tracking:
        registry = Registry(Settings(home=home, tracking_uri=tracking.url, _env_file=None))
        example = pd.DataFrame({one.name: [one.levels[0] if one.levels else 1.0] for one in model.catalog.features})
        for _ in range(2):  # the same model twice: whichever serves, the bits are the same
            registry.log(params={}, metrics={}, texts={}, tags={}, model=model, input_example=example)
        registry.promote("1")

        with serving(home, tracking_uri=tracking.url) as service:
            load = Load([service.port])
            with load.at_work():
                load.wait_for_more()
                tracking.kill()
                load.wait_for_more(50)
                refused = subprocess.run(
                    [LEADLIGHT, "models", "promote", "2", "--force", "a rehearsal"],
                    capture_output=True,
                    text=True,
                    timeout=300,
                    check=False,
                    env=environment(home, tracking_uri=tracking.url),
                )
                assert refused.returncode == 3, refused.stderr
                assert "LEADLIGHT_TRACKING_URI" in refused.stderr
                assert "Traceback" not in refused.stderr
                with serving(home, written="second.txt", tracking_uri=tracking.url) as second:
                    assert second.ask("GET", "/v1/model").body["version"] == 1
                assert service.ask("GET", "/v1/model").body["version"] == 1
                tracking.start()
                registry.promote("2")  # the command also writes a card, from a report that only a training has
                wait_for(lambda: service.ask("GET", "/v1/model").body["version"] == 2)
                load.wait_for_more()
    assert load.broken == []
    assert {one.status for one in load.scores} == {200}
    assert len({one.body["log_odds"] for one in load.scores}) == 1
    assert set(load.statuses()) <= {200, 404}
    slowest = max(one.seconds for one in load.scores)
    print(f"{len(load.scores)} scores, slowest {slowest:.2f} s, {dict(load.statuses())} other calls")  # noqa: T201
