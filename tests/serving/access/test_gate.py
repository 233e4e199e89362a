"""What the gate does with keys, odd headers, hosts, limits, and a database that is away."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from callers import Hand, bearer
from leadlight.core.clock import DAY, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.access import door as door_module
from leadlight.serving.access.caller import Caller, caller_of
from leadlight.serving.access.key_text import new_key
from leadlight.serving.store.key_table import KeyTable
from models import request_body
from waiting import wait_for

Guarded = Callable[..., TestClient]
Give = Callable[..., str]


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told: dict[str, Any] = answer.json()
    assert told["code"] == code
    return told


def key_id(text: str) -> str:
    return text.split("_")[1]


def test_without_any_key_this_machine_may_do_everything(guarded: Guarded) -> None:
    client = guarded()
    assert client.get("/metrics").status_code == 200
    assert client.post("/v1/score", json=request_body()).status_code == 200
    assert client.get("/leads").status_code == 200


def test_without_any_key_nobody_else_may(guarded: Guarded) -> None:
    """A proxy on this machine passes on where a request came from."""
    app = guarded().app
    for server, remote, status in (
        ("192.0.2.7", "192.0.2.9", 401), ("127.0.0.1", "192.0.2.9", 401), ("192.0.2.7", "127.0.0.1", 401),
        ("[::1]", "::1", 200), ("127.0.0.1", "::ffff:127.0.0.1", 200), ("[::1]", "2001:db8::1", 401),
    ):  # fmt: skip
        far = TestClient(app, base_url=f"http://{server}", client=(remote, 1))
        assert far.get("/v1/model").status_code == status, (server, remote)
        assert far.get("/healthz").status_code == 200


def test_the_first_key_closes_a_running_service(guarded: Guarded, give: Give) -> None:
    client = guarded()
    assert client.get("/v1/model").status_code == 200
    text = give("crm")
    wait_for(lambda: client.get("/v1/model").status_code == 401)
    assert client.get("/v1/model", headers=bearer(text)).status_code == 200


def test_a_new_key_opens_and_a_revoked_one_no_more_in_every_process(
    guarded: Guarded, give: Give, keys: KeyTable, hand: Hand
) -> None:
    give("admin")
    services = [guarded(), guarded()]
    text = give("analyst")
    for client in services:
        wait_for(lambda client=client: client.get("/metrics", headers=bearer(text)).status_code == 200)  # type: ignore[misc]
    keys.revoke(key_id(text), to_micros(hand.now()))
    for client in services:
        wait_for(lambda client=client: client.get("/metrics", headers=bearer(text)).status_code != 200)  # type: ignore[misc]


def test_a_service_stays_closed_when_its_last_key_is_revoked(
    guarded: Guarded, give: Give, keys: KeyTable, hand: Hand
) -> None:
    text = give("admin")
    keys.revoke(key_id(text), to_micros(hand.now()))
    assert guarded().get("/v1/model").status_code == 401


def test_a_key_ends_in_real_time_though_the_service_stands_still(guarded: Guarded, give: Give, hand: Hand) -> None:
    text = give("crm", expires_at=to_micros(hand.now()) + DAY)
    client = guarded()
    assert client.get("/v1/model", headers=bearer(text)).status_code == 200
    hand.pass_(days=1)
    problem(client.get("/v1/model", headers=bearer(text)), 401, "wrong_key")


def test_handlers_learn_who_calls(guarded: Guarded, give: Give) -> None:
    text = give("admin", owner_id="Ana Peña")
    client = guarded()
    app: Any = client.app
    seen = []

    async def look(request: Any) -> dict[str, str]:
        seen.append(caller_of(request))
        return {}

    app.add_route("/v1/look", look_with(look))
    client.get("/v1/look", headers=bearer(text))
    assert seen == [Caller(key_id(text), "admin", "Ana Peña")]


def look_with(handler: Any) -> Any:
    from starlette.responses import JSONResponse

    async def answer(request: Any) -> JSONResponse:
        return JSONResponse(await handler(request))

    return answer


def test_where_nobody_was_asked_nobody_is_named() -> None:
    app = FastAPI()
    app.add_route("/x", look_with(lambda request: caller_of(request)))
    with pytest.raises(LookupError, match="/x"):
        TestClient(app).get("/x")


def test_a_scheme_is_a_scheme_in_any_letters(guarded: Guarded, give: Give) -> None:
    text = give("crm")
    client = guarded()
    for scheme in ("Bearer ", "bearer ", "BEARER ", "Bearer   "):
        assert client.get("/v1/model", headers={"Authorization": scheme + text}).status_code == 200


def test_odd_headers_open_nothing(guarded: Guarded, give: Give) -> None:
    text = give("crm")
    other = new_key().text
    client = guarded()
    door: Any = client.app.state.door  # type: ignore[attr-defined]
    stolen = f"ll_{key_id(text)}_{other.split('_')[2]}"  # the id of a key, with another secret
    right = text.encode()
    values = [
        b"", b"Bearer", b"Bearer ", right, b"Basic " + right, b"Bearer " + right.upper(), b"Bearer " + right + b"0",
        b"Bearer " + right[:-1], b"Bearer \xff\xfe", b"Bearer " + b"x" * 100_000, b"Bearer " + right + b" " * 100_000,
        b"Bearer " + other.encode(), b"Bearer " + stolen.encode(), b"Bearer " + right + b"," + right,
        b"Bearer\t" + right, b"Bearer " + right + "é".encode(),
    ]  # fmt: skip
    odd = [[(b"authorization", value)] for value in values]
    odd.append([(b"authorization", f"Bearer {text}".encode())] * 2)
    odd.append([(b"authorization", f"Bearer {text}".encode()), (b"authorization", b"Bearer x")])
    for headers in odd:
        door.wrong_keys._seen.clear()
        answer = client.get("/v1/model", headers=headers)  # type: ignore[arg-type] # raw headers are fine
        problem(answer, 401, "wrong_key")
        assert "error=" in answer.headers["www-authenticate"]
        assert text not in answer.text


def test_secrets_are_compared_in_constant_time_known_id_or_not(
    guarded: Guarded, give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = give("crm")
    client = guarded()
    compared, compare = [], hmac.compare_digest

    def counting(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(door_module.hmac, "compare_digest", counting)
    wrong = f"ll_{key_id(text)}_{'0' * 64}"
    for tried in (text, wrong, new_key().text):
        client.get("/v1/model", headers=bearer(tried))
    assert compared == [(64, 64)] * 3


def test_refusals_speak_both_languages_and_name_who_may(guarded: Guarded, give: Give) -> None:
    text = give("rep")
    client = guarded()
    told = problem(client.post("/v1/score", headers=bearer(text)), 403, "not_allowed")
    assert "admin, analyst, crm" in told["detail"]
    spanish = client.post("/v1/score", headers={**bearer(text), "Accept-Language": "es"})
    assert "rol" in problem(spanish, 403, "not_allowed")["detail"]
    assert spanish.headers["content-language"] == "es"


def test_head_and_options_ask_for_a_key_too(guarded: Guarded, give: Give) -> None:
    text = give("crm")
    client = guarded()
    assert client.head("/v1/model").status_code == 401
    assert client.head("/v1/model").content == b""
    assert client.head("/v1/model", headers=bearer(text)).status_code == 200
    assert client.head("/metrics", headers=bearer(text)).status_code == 403
    assert client.head("/healthz").status_code == 200
    assert client.options("/v1/model").status_code == 401
    assert client.options("/v1/model", headers=bearer(text)).status_code == 405
    assert client.options("/healthz").status_code == 405
    assert client.post("/healthz").headers["allow"] == "GET"


def test_no_other_site_may_read_answers(guarded: Guarded, give: Give) -> None:
    text = give("crm")
    client = guarded()
    preflight = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    for answer in (
        client.options("/v1/score", headers=preflight),
        client.options("/healthz", headers=preflight),
        client.post("/v1/score", json=request_body(), headers={**bearer(text), "Origin": "https://evil.example"}),
        client.get("/healthz", headers={"Origin": "https://evil.example"}),
    ):
        assert [name for name in answer.headers if name.startswith("access-control")] == []
    assert client.options("/v1/score", headers=preflight).status_code == 401


def test_a_page_of_another_site_can_do_nothing_to_a_service_without_keys(guarded: Guarded) -> None:
    """Without keys nothing but the network keeps strangers out, and a browser on this machine is inside it."""
    client = guarded()
    for headers in (
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://testserver:81"}, {"Origin": "x"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://[::"},
    ):  # fmt: skip
        problem(client.post("/v1/score", json=request_body(), headers=headers), 403, "cross_site")
    for headers in ({"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}, {}):
        assert client.post("/v1/score", json=request_body(), headers=headers).status_code == 200


OURS = [
    "testserver", "testserver:8000", "TestServer", "localhost", "127.0.0.1:1", "[::1]:8000", "leads.example.com",
    "LEADS.example.com.:443",
]  # fmt: skip
NOT_OURS = [
    "evil.example", "testserver.evil.example", "evil.example:testserver", "testserver@evil.example", "", "a b",
    "127.0.0.1.nip.io", "10.0.0.1", "[::2]", "é", "x" * 10_000, "[::1", "testserver:", "testserver:80:80",
]  # fmt: skip


def test_a_host_that_is_not_ours_is_refused(guarded: Guarded) -> None:
    client = guarded(allowed_hosts="leads.example.com, other.example")
    for path in ("/v1/model", "/healthz", "/leads"):
        for host in OURS:
            assert client.get(path, headers={"Host": host}).status_code != 421, (path, host)
        for host in NOT_OURS:
            answer = client.get(path, headers=[(b"host", host.encode())])  # type: ignore[arg-type]
            problem(answer, 421, "wrong_host")


def test_two_hosts_are_no_host(guarded: Guarded) -> None:
    client = guarded()
    answer = client.get("/v1/model", headers=[(b"host", b"testserver"), (b"host", b"evil.example")])  # type: ignore[arg-type]
    problem(answer, 421, "wrong_host")


def test_from_elsewhere_only_the_address_itself_and_what_was_named_is_ours(guarded: Guarded) -> None:
    app = guarded(allowed_hosts="leads.example.com").app
    far = TestClient(app, base_url="http://192.0.2.7")
    assert far.get("/healthz").status_code == 200
    assert far.get("/healthz", headers={"Host": "leads.example.com"}).status_code == 200
    for host in ("localhost", "127.0.0.1", "192.0.2.8", "evil.example"):
        problem(far.get("/healthz", headers={"Host": host}), 421, "wrong_host")


def test_a_key_may_call_so_often_and_others_still_may(guarded: Guarded, give: Give) -> None:
    busy, other = give("crm"), give("crm")
    client = guarded(requests_per_second=0.001)
    assert client.post("/v1/score/batch", json={"items": [request_body()] * 3}, headers=bearer(busy)).status_code == 200
    answer = client.get("/v1/model", headers=bearer(busy))
    problem(answer, 429, "too_many_requests")
    assert 900 < int(answer.headers["retry-after"]) <= 1000
    assert client.get("/v1/model", headers=bearer(other)).status_code == 200
    assert client.get("/healthz", headers=bearer(busy)).status_code == 200


def test_wrong_keys_are_slowed_and_nobody_else(guarded: Guarded, give: Give) -> None:
    text = give("crm")
    client = guarded()
    seen = [client.get("/v1/model", headers=bearer(new_key().text)).status_code for _ in range(22)]
    assert seen == [401] * 20 + [429] * 2
    slowed = client.get("/v1/model", headers=bearer("x"))
    problem(slowed, 429, "too_many_wrong_keys")
    assert 1 <= int(slowed.headers["retry-after"]) <= 60
    assert client.get("/v1/model", headers=bearer(text)).status_code == 200
    assert client.get("/v1/model").status_code == 401
    far = TestClient(client.app, client=("192.0.2.1", 1))
    assert far.get("/v1/model", headers=bearer("x")).status_code == 401


def test_every_answer_bears_the_safe_headers(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    app: Any = client.app

    async def fails(_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    app.add_route("/v1/fails", fails)
    door = bearer(text)
    answers = {
        path: client.get(path, headers=headers)
        for path, headers in {
            "/healthz": {}, "/v1/model": door, "/v1/receipts/x": door, "/v1/nothing": door, "/v1/fails": door,
            "/login": {}, "/static/leadlight.css": {}, "/docs": {}, "/openapi.json": {}, "/leads": door, "/": door,
            "/v1/score": {},
        }.items()
    }  # fmt: skip
    answers["host"] = client.get("/v1/model", headers={"Host": "evil.example"})
    answers["way"] = client.get("/leads")
    for path, answer in answers.items():
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        if path.startswith("/v1"):
            assert headers["cache-control"] == "no-store", path
        for name in ("x-content-type-options", "content-security-policy", "cache-control"):
            assert len(headers.get_list(name)) <= 1, (path, name)
    assert answers["/v1/fails"].status_code == 500


def test_known_keys_stay_valid_while_the_database_is_away(guarded: Guarded, give: Give) -> None:
    text = give("crm")
    client = guarded()
    door: Any = client.app.state.door  # type: ignore[attr-defined]
    table, door.known._table = door.known._table, _Away()
    wait_for(lambda: client.get("/v1/model", headers=bearer(text)).status_code == 200 and door.known._is_failing)
    assert client.post("/v1/score", json=request_body(), headers=bearer(text)).status_code == 200
    problem(client.get("/v1/model", headers=bearer(new_key().text)), 401, "wrong_key")
    door.known._table = table
    later = give("analyst")
    wait_for(lambda: client.get("/metrics", headers=bearer(later)).status_code == 200)


class _Away:
    def all(self) -> list[Any]:
        raise OSError("away")


@pytest.mark.parametrize("kind", ["a folder", "no server"])
def test_without_the_database_from_the_start_nobody_gets_in(
    serve: Any, settings: Settings, model: Any, kind: str
) -> None:
    if kind == "a folder":
        (settings.home_path / "leadlight.db").mkdir()
        away = settings
    else:
        away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:9/none"})
    client: TestClient = serve(settings=away, model=model)
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    for headers in ({}, bearer(new_key().text)):
        answer = client.get("/v1/model", headers=headers)
        assert "keys" in problem(answer, 503, "unavailable")["detail"]
        assert answer.headers["retry-after"] == "5"
    assert client.get("/leads").status_code == 503
    assert client.post("/login", data={"key": new_key().text}).status_code == 503


def test_a_service_that_started_without_its_database_opens_when_it_comes(
    serve: Any, settings: Settings, model: Any
) -> None:
    place = settings.home_path / "leadlight.db"
    place.mkdir()
    client: TestClient = serve(model=model)
    assert client.get("/v1/model").status_code == 503
    place.rmdir()
    wait_for(lambda: client.get("/v1/model").status_code == 200)


def test_a_web_socket_opens_nothing(guarded: Guarded) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect) as refused, guarded().websocket_connect("/v1/score"):
        pass
    assert refused.value.code == 1008


def test_the_reference_tells_who_may(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    score, health = document["paths"]["/v1/score"]["post"], document["paths"]["/healthz"]["get"]
    assert score["security"] == [{"key": []}]
    assert "admin, analyst, crm" in score["description"]
    assert {"401", "403", "429"} <= score["responses"].keys()
    assert "security" not in health


@pytest.mark.parametrize("address", ["/v1/leads/a%00b", "/v1/leads?owner=a%00b", "/leads/a%00b", "/leads?owner=%00"])
def test_nul_is_refused_whatever_the_database(guarded: Guarded, address: str) -> None:
    assert guarded().get(address).status_code == 422


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded"])
def test_who_speaks_for_others_is_not_this_machine(guarded: Guarded, name: str) -> None:
    assert guarded().get("/v1/leads", headers={name: "unknown"}).status_code == 401
