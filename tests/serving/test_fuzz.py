"""Every call of the OpenAPI document, with what fits it and what does not: no 5xx, and no undeclared answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import FixedClock
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from waiting import wait_for


@pytest.fixture(scope="module")
def document(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a service that runs, with a lead in its store."""
    home = tmp_path_factory.mktemp("home")
    app = create_app(
        Settings(home=home, _env_file=None),
        clock=FixedClock(datetime(2026, 11, 23, 9, tzinfo=UTC)),
        model=model,
        version=7,
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started and app.state.desk.champion.is_ready)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
    server.should_exit = True
    thread.join()


_ITEM_BY_ITEM = ("/v1/score/batch", "/v1/activities", "/v1/stage-changes")
"""Calls that answer 200 and name the items that they refuse."""


def _operations() -> list[str]:
    app = create_app(Settings(_env_file=None), clock=FixedClock(datetime(2026, 11, 23, 9, tzinfo=UTC)))
    return [f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods]


@pytest.mark.parametrize("operation", _operations())
def test_no_call_fails_or_answers_what_it_did_not_declare(document: Any, operation: str) -> None:
    method, path = operation.split()
    # a body that fits its schema may still be refused: a time before its lead's creation, the same lead twice
    meant = [CHECKS.get_one("positive_data_acceptance"), CHECKS.get_one("ignored_auth")]  # there is no key here
    if path in _ITEM_BY_ITEM:
        meant.append(CHECKS.get_one("negative_data_rejection"))

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(data=st.data())
    def walk(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        try:
            case = data.draw(document[path][method].as_strategy(generation_mode=mode))
        except Unsatisfiable:
            return  # a call without parameters has nothing that could be wrong
        case.call_and_validate(excluded_checks=meant, timeout=30)

    walk()
