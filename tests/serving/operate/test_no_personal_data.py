"""Nothing that callers send stands in what the service writes, but for its store: through every door that it has."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from leadlight.core.artifact import TrainedModel
from models import save_champion
from waiting import wait_for

MARKER = "zebra.quagga"
"""In everything that is sent; only letters and a dot, so that no way of writing it down changes it."""

STORES = ("leadlight.db", "receipts.spool.jsonl")

_SERVE = """
import asyncio, logging, socket, sys, threading, warnings
from pathlib import Path
from fastapi import FastAPI, Request
from leadlight.core.clock import SystemClock
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.operate.logs import configure
from leadlight.serving.operate.server import serve_on

settings = Settings(home=Path(sys.argv[1]), log_level="debug", log_format=sys.argv[2], _env_file=None)
app = create_app(settings, clock=SystemClock())


async def fail(request: Request, lead_id: str) -> None:
    try:
        float(lead_id)
    except ValueError as error:
        raise RuntimeError("for " + lead_id) from error


async def fail_in_a_group(lead_id: str) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail(None, lead_id))


async def fail_apart(lead_id: str) -> None:
    asyncio.get_running_loop().create_task(fail(None, lead_id))
    threading.Thread(target=int, args=(lead_id,)).start()


async def fail_in_a_statement(lead_id: str) -> None:
    from sqlalchemy import insert
    from leadlight.serving.store.schema import META
    with app.state.desk.keeper._database._database.writing() as connection:
        for _ in range(2):
            connection.execute(insert(META).values(name=lead_id, value=lead_id))


async def say(request: Request, lead_id: str) -> None:
    log = logging.getLogger("leadlight.serving.test")
    log.warning("it broke: %s", ValueError(lead_id))
    log.warning("fields", extra={"lead_id": lead_id, "body": await request.body(), "attributes": {"a": lead_id}})
    logging.getLogger("sqlalchemy.engine").info(lead_id)
    logging.getLogger("uvicorn.error").debug(lead_id)


for number, failing in enumerate((fail, fail_in_a_group, fail_apart, fail_in_a_statement, say)):
    app.add_api_route(f"/test/{number}/{{lead_id}}", failing, methods=["POST"])
listener = socket.create_server(("127.0.0.1", 0))
configure(settings.log_level, settings.log_format)
print(listener.getsockname()[1], flush=True)
serve_on(listener, app)
"""


class Service:
    """A real process, and everything that it wrote."""

    def __init__(self, home: Path, form: str) -> None:
        self.home = home
        self.written = home.parent / "written.txt"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LEADLIGHT_")}
        with self.written.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(home), form], stdout=out, stderr=out, cwd=home, env=environment
            )
        wait_for(lambda: self.first_line() != "" or self.process.poll() is not None)
        self.port = int(self.first_line())
        wait_for(lambda: self.call("GET", "/readyz")[0] == 200)

    def first_line(self) -> str:
        text, end, _ = self.written.read_text().partition("\n")
        return text if end else ""

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (ConnectionError, http.client.HTTPException):  # an over-long body may be answered before it was sent
            return 0, b""
        finally:
            connection.close()

    def end(self) -> None:
        self.process.terminate()
        assert self.process.wait(60) == 0

    def leaks(self) -> list[str]:
        others = [p for p in self.home.rglob("*") if p.is_file() and not p.name.startswith(STORES)]
        return [
            f"{path.name}: {line[:300]!r}"
            for path in (self.written, *others)
            for line in path.read_bytes().splitlines()
            if MARKER.encode() in line.lower()
        ]


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_holds_what_was_sent(form: str, model: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    save_champion(model, tmp_path / "home")
    service = Service(tmp_path / "home", form)
    try:
        document = json.loads(service.call("GET", "/openapi.json")[1])
        statuses = knock_everywhere(service, document)
        break_database(service.home)
        statuses |= knock_everywhere(service, document)
        assert service.call("GET", "/healthz")[0] == 200
    finally:
        service.end()
    assert {("/v1/score", 200), ("/v1/score", 422), ("/v1/score", 413), ("/v1/receipts/{receipt_id}", 404)} <= statuses
    assert {(f"/test/{number}/{{lead_id}}", 500) for number in (0, 1, 3)} <= statuses
    assert service.leaks() == []
    written = service.written.read_text().splitlines()[1:]
    assert sum("/test/0/{lead_id}" in line for line in written) > 0
    if form == "json":
        lines = [json.loads(line) for line in written]
        assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)
        failed = [line for line in lines if line.get("route") == "/test/0/{lead_id}"]
        assert all(line["request_id"] and line["status"] in (405, 500) for line in failed)
        assert any("RuntimeError" in line.get("exception", "") for line in lines)


def break_database(home: Path) -> None:
    for path in home.glob("leadlight.db*"):
        path.write_bytes(b"no database at all " * 4_000)


def knock_everywhere(service: Service, document: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Send the marker in every part of every request that the document describes, and to addresses that it does not.

    Returns the patterns that were asked, with each status that they answered.
    """
    statuses = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for address, body, headers in requests(document, path, operation):
                statuses.add((path, service.call(method.upper(), address, body, **headers)[0]))
            service.call("HEAD" if method == "get" else "TRACE", filled(path, MARKER))
    for path in (f"/leads/{MARKER}", f"/leads?owner={MARKER}", f"/{MARKER}", f"/static/{MARKER}", f"/v1/{MARKER}"):
        for method in ("GET", "POST", "DELETE", "QUAGGA"):
            service.call(method, path)
    return statuses


def filled(path: str, value: str) -> str:
    return "/".join(value if part.startswith("{") else part for part in path.split("/"))


def requests(
    document: Mapping[str, Any], path: str, operation: Mapping[str, Any]
) -> Iterator[tuple[str, bytes | None, dict[str, str]]]:
    named = {p["name"]: MARKER for p in operation.get("parameters", ()) if p["in"] == "header"}
    headers = {
        **named,
        "Authorization": f"Bearer {MARKER}",
        "Cookie": f"session={MARKER}",
        "User_Agent": MARKER,
        "X_Request_Id": f"{MARKER} is not plain",
        "Idempotency_Key": MARKER,
        f"X_{MARKER}": MARKER,
    }
    asked = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
    query = "?" + "&".join(f"{name}={MARKER}" for name in [*asked, MARKER])
    address = filled(path, MARKER)
    yield address, None, {}
    yield address + query, None, headers
    yield filled(path, MARKER * 500), None, headers
    yield filled(path, f"%00{MARKER}"), None, headers
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for body in bodies(document, schema):
            yield address, body, {"Content_Type": "application/json"}
            yield address + query, body, {"Content_Type": "application/json", **headers}
        yield address, MARKER.encode(), {"Content_Type": MARKER}
        yield address, MARKER.encode(), {"Content_Encoding": MARKER}


def bodies(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[bytes]:
    whole = instance(document, schema)
    yield json.dumps(whole).encode()
    for name in whole if isinstance(whole, dict) else ():
        for wrong in (MARKER, [MARKER], {MARKER: MARKER}, None, MARKER * 30_000):
            yield json.dumps({**whole, name: wrong}).encode()
    yield json.dumps({**whole, MARKER: MARKER} if isinstance(whole, dict) else [MARKER]).encode()
    yield json.dumps(MARKER).encode()
    for broken in ('{"%s"', '{"%s": 1, "%s": 2}', '"%s', '["%s", NaN]', '["%s", 1e999]', '["%s\\u0000"]', '"%s"\x00'):
        yield broken.replace("%s", MARKER).encode()
    yield MARKER.encode() + b"\xff\xfe"
    yield json.dumps([MARKER] * 150_000).encode()


def instance(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Return a value of a schema, with the marker wherever a text may stand."""
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return instance(document, found)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return instance(document, next(one for one in schema[choice] if one.get("type") != "null"))
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind == "object":
        more = schema.get("additionalProperties")
        whole = {name: instance(document, one) for name, one in schema.get("properties", {}).items()}
        return {**whole, **({MARKER: instance(document, more)} if isinstance(more, dict) else {})}
    if kind == "array":
        return [instance(document, schema.get("items", {}))]
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return "2026-01-01T00:00:00Z" if schema.get("format") == "date-time" else MARKER
