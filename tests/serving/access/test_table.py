"""The table is the truth: every route stands in it, every role meets it, and the page shows it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from callers import TODAY, bearer
from leadlight.cli.keys import Role
from leadlight.core.clock import DAY, to_micros
from leadlight.serving.access.addresses import Addresses, flat
from leadlight.serving.access.table import ADMIN, ROLES, RULES, as_markdown

DOCS = Path(__file__).parents[3] / "docs"
_PARAMETER = re.compile(r"{\w+}")


def calls_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route there is."""
    for path, route in flat(app.router.routes):
        for method in sorted((getattr(route, "methods", None) or {"GET"}) - {"HEAD"}):
            yield method, path


def test_every_route_stands_in_the_table(client: TestClient) -> None:
    missing = [call for call in calls_of(client.app) if call not in RULES]  # type: ignore[arg-type] # it is a FastAPI
    assert missing == []


def test_the_page_shows_the_table() -> None:
    assert as_markdown() in (DOCS / "access.md").read_text()


def test_the_command_line_knows_the_same_roles() -> None:
    assert [role.value for role in Role] == list(ROLES)


def test_every_role_meets_every_route_as_the_table_says(
    guarded: Callable[..., TestClient], give: Callable[..., str]
) -> None:
    texts = {role: give(role) for role in ROLES}
    past = to_micros(TODAY) - DAY
    nobodies = {
        "revoked": bearer(give(ADMIN, revoked_at=past)),
        "expired": bearer(give(ADMIN, expires_at=past)),
        "wrong": bearer(texts[ADMIN][:-1] + ("0" if texts[ADMIN][-1] != "0" else "1")),
        "none": {},
    }
    client = guarded()
    door = client.app.state.door  # type: ignore[attr-defined] # it is a FastAPI
    walked = 0
    for method, path in calls_of(client.app):  # type: ignore[arg-type]
        rule, address = RULES[method, path], _PARAMETER.sub("nobody", path)
        address += "/mark.svg" if path == "/static" else ""
        for role, text in texts.items():
            headers = {**bearer(text), "Sec-Fetch-Site": "same-origin"}  # as a page of ours
            status = client.request(method, address, headers=headers).status_code
            may = rule.is_open or role in rule.roles
            assert (status == 403) is not may, (method, path, role, status)
            assert status != 401 or path == "/login", (method, path, role)  # which has no use for a header
            walked += 1
        for who, headers in nobodies.items():
            door.wrong_keys._seen.clear()
            answer = client.request(method, address, headers=headers)
            if rule.is_open:
                assert answer.status_code != 403, (method, path, who)
                assert answer.status_code != 401 or path == "/login", (method, path, who)
            elif rule.is_page and who == "none":
                assert (answer.status_code, answer.headers["location"][:12]) == (303, "/login?next="), (path, who)
            else:
                assert answer.status_code == 401, (method, path, who)
                assert answer.headers["www-authenticate"].startswith("Bearer"), (method, path, who)
            walked += 1
    assert walked >= 8 * 15


def test_what_is_not_in_the_table_only_an_admin_may(
    guarded: Callable[..., TestClient], give: Callable[..., str]
) -> None:
    texts = {role: give(role) for role in ROLES}
    client = guarded()
    app: Any = client.app
    client.get("/v1/model", headers=bearer(texts["crm"]))  # the gate has looked at the routes by then
    app.add_api_route("/v1/forgotten", lambda: {"secret": 1}, methods=["GET"])
    app.add_api_route("/v1/score", lambda: {"secret": 1}, methods=["PUT"])  # a known path by another method
    for method, path in (("GET", "/v1/forgotten"), ("PUT", "/v1/score")):
        assert client.request(method, path).status_code == 401
        for role, text in texts.items():
            answer = client.request(method, path, headers=bearer(text))
            assert answer.status_code == (200 if role == ADMIN else 403), (path, role)
        assert client.head("/v1/forgotten", headers=bearer(texts["crm"])).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404), ("POST", "/v1/score/", 404), ("GET", "/V1/model", 404), ("GET", "//v1/model", 404),
        ("GET", "/v1/score", 405), ("PATCH", "/v1/model", 405), ("GET", "/v1/model%2f", 404),
        ("GET", "/v1/%6dodel", 200),
    ],
)  # fmt: skip
def test_who_has_a_key_learns_what_is_not_there(
    guarded: Callable[..., TestClient], give: Callable[..., str], method: str, path: str, status: int
) -> None:
    text = give("crm")
    client = guarded()
    assert client.request(method, path, headers=bearer(text)).status_code == status
    assert client.request(method, path).status_code == 401


PATHS = [
    "/", "/leads", "/leads/", "/leads/a/b", "/leads//", "/v1/score", "/v1/score/batch", "/v1/score/", "//v1/score",
    "/v1/receipts/x", "/v1/receipts/x/y", "/v1/receipts/", "/static/mark.svg", "/login", "/healthz", "/readyz",
    "/openapi.json", "/docs", "/metrics", "/v1/score\n", "/v1/receipts/\n", "/leads/\n", "/logout", "/v1/model",
    "/nothing",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_gate_finds_the_route_that_answers(client: TestClient, method: str) -> None:
    """Were another route to answer than the one that was asked about, the table would guard the wrong door."""
    app: Any = client.app
    addresses = Addresses(app.router.routes)

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(_: Any) -> None:
        pass

    for path in PATHS:
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"x")], "http_version": "1.1", "scheme": "http", "server": ("x", 80),
            "client": ("x", 1), "root_path": "",
        }  # fmt: skip
        messages = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
        asyncio.run(app(scope, receive, send))
        route = scope.get("route")
        answered = None if route is None else re.sub(r":\w+}", "}", route.path)
        found = addresses.find(method, path)
        if found.rule is None and found.is_open:
            assert answered is None, path  # the gate itself says which methods there are
        elif found.path in ("/static", "/openapi.json"):
            assert answered in (None, found.path)  # FastAPI does not always say that what is no call of ours answered
        else:
            assert found.path == answered, path


def test_what_can_not_be_guarded_is_refused() -> None:
    inner = FastAPI()
    app = FastAPI()
    app.include_router(inner.router, prefix="/deep")
    with pytest.raises(TypeError, match="prefix"):
        Addresses(app.router.routes)
