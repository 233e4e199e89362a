"""People: signing in and out, what a cookie opens, and what forms must carry."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse

from callers import Hand, bearer
from leadlight.core.clock import DAY, to_micros
from leadlight.serving.access.caller import caller_of, csrf_token
from leadlight.serving.access.key_text import new_key
from leadlight.serving.access.pages import same_site
from leadlight.serving.access.sessions import COOKIE, Sessions
from leadlight.serving.store.key_table import KeyTable
from models import request_body
from waiting import wait_for

Guarded = Callable[..., TestClient]
Give = Callable[..., str]


def sign_in(client: TestClient, text: str, **fields: str) -> Any:
    return client.post("/login", data={"key": text, **fields})


def token_of(client: TestClient) -> str:
    """Return what a form of ours would carry, by an address that only a test has."""
    app: Any = client.app

    async def answer(request: Request) -> JSONResponse:
        return JSONResponse({"csrf": csrf_token(request), "role": caller_of(request).role})

    if not any(getattr(route, "path", None) == "/v1/token" for route in app.router.routes):
        app.add_route("/v1/token", answer, methods=["GET"])
    told: str = client.get("/v1/token").json()["csrf"]
    return told


def test_a_key_becomes_a_session(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    way = client.get("/leads?band=hot&lang=es")
    assert (way.status_code, way.headers["location"]) == (303, "/login?next=%2Fleads%3Fband%3Dhot%26lang%3Des")
    page = client.get(way.headers["location"])
    assert page.status_code == 200
    assert 'value="/leads?band=hot&amp;lang=es"' in page.text
    assert 'type="password"' in page.text
    assert "<script" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    done = sign_in(client, text, next="/leads?band=hot&lang=es")
    assert (done.status_code, done.headers["location"]) == (303, "/leads?band=hot&lang=es")
    cookie = SimpleCookie(done.headers["set-cookie"])[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert cookie["max-age"] == str(12 * 60 * 60)
    assert not cookie["secure"]
    assert text.split("_")[2] not in done.headers["set-cookie"]
    assert client.get("/leads").status_code == 200
    assert client.get("/v1/model").status_code == 200


def test_the_cookie_is_secure_where_the_way_is(guarded: Guarded, give: Give) -> None:
    text = give("rep")
    app = guarded().app
    safe = TestClient(app, base_url="https://testserver", follow_redirects=False)
    assert SimpleCookie(sign_in(safe, text).headers["set-cookie"])[COOKIE]["secure"]


@pytest.mark.parametrize(("language", "words"), [("en", "not known here"), ("es", "no se conoce aquí")])
def test_a_wrong_key_is_said_on_the_page(guarded: Guarded, give: Give, language: str, words: str) -> None:
    give("admin")
    client = guarded()
    for wrong in ("", "x", new_key().text, "é" * 100, "x" * 5_000):
        answer = client.post("/login", data={"key": wrong, "next": "/leads/L-1"}, headers={"Accept-Language": language})
        assert answer.status_code == 401
        assert words in answer.text
        assert "set-cookie" not in answer.headers
        assert 'value="/leads/L-1"' in answer.text
        if wrong:
            assert f'value="{wrong}"' not in answer.text


def test_signing_in_is_slowed_after_wrong_keys_but_not_for_a_right_one(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    assert [sign_in(client, "x").status_code for _ in range(21)] == [401] * 20 + [429]
    assert sign_in(client, text).status_code == 303


def test_odd_forms_open_nothing(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    door: Any = client.app.state.door  # type: ignore[attr-defined]
    for content, headers, status in (
        (f"key={text}&key={text}", form, 401),
        (f"key={text}", {"Content-Type": "text/plain"}, 401),
        (f"key={text}", {}, 401),
        ("key=" + "x" * 100_000, form, 413),
        ("a=1&" * 1_500, form, 401),
        ("key=%ff%00", form, 401),
        (f'{{"key": "{text}"}}', {"Content-Type": "application/json"}, 401),
        (f"key={text}", {**form, "Origin": "https://evil.example"}, 403),
        (f"key={text}", {**form, "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        door.wrong_keys._seen.clear()
        answer = client.post("/login", content=content, headers=headers)
        assert answer.status_code == status, content[:60]
        assert "set-cookie" not in answer.headers
        assert "<html" in answer.text


def test_a_session_ends_after_twelve_hours(guarded: Guarded, give: Give, hand: Hand) -> None:
    text = give("admin")
    client = guarded()
    sign_in(client, text)
    hand.pass_(hours=11, minutes=59, seconds=59)
    assert client.get("/v1/model").status_code == 200
    hand.pass_(seconds=1)
    assert client.get("/v1/model").status_code == 401
    assert client.get("/leads").status_code == 303


def test_a_session_ends_with_its_key(guarded: Guarded, give: Give, keys: KeyTable, hand: Hand) -> None:
    give("admin")
    soon, revoked = give("admin", expires_at=to_micros(hand.now()) + DAY // 24), give("admin")
    client = guarded()
    other = TestClient(client.app, follow_redirects=False)
    sign_in(client, soon)
    sign_in(other, revoked)
    assert client.get("/v1/model").status_code == other.get("/v1/model").status_code == 200
    hand.pass_(hours=1)
    assert client.get("/v1/model").status_code == 401
    assert other.get("/v1/model").status_code == 200
    keys.revoke(revoked.split("_")[1], to_micros(hand.now()))
    wait_for(lambda: other.get("/v1/model").status_code == 401)


def test_a_session_may_what_its_key_may(guarded: Guarded, give: Give) -> None:
    crm, rep = give("crm"), give("rep", owner_id="Ana")
    client = guarded()
    sign_in(client, crm)
    answer = client.get("/leads")
    assert answer.status_code == 403
    assert "Your key does not open this page" in answer.text
    assert "Sign out" in answer.text or "logout" not in answer.text
    sign_in(client, rep)
    assert client.get("/leads").status_code == 200
    assert client.get("/metrics").status_code == 403


def test_tampered_and_odd_cookies_open_nothing(guarded: Guarded, give: Give) -> None:
    text, other = give("crm"), give("admin")
    client = guarded()
    sign_in(client, text)
    good = client.cookies[COOKIE]
    client.cookies.clear()
    key_id, end, signature = good.split(".")
    foreign = Sessions(bytes(32)).token(key_id, to_micros(Hand().now()))
    door: Any = client.app.state.door  # type: ignore[attr-defined]
    gone = door.sessions.token("0" * 12, to_micros(Hand().now()))  # ours, of a key that is not there
    odd = [
        "", "x", "..", good[:-1], good + "0", f"{other.split('_')[1]}.{end}.{signature}",
        f"{key_id}.{int(end) + 1}.{signature}", f"{key_id}.{end}.{'0' * 64}", f"{key_id}.{end}.{signature.upper()}",
        f"{key_id}.0{end}.{signature}", foreign, gone,
        f'"{good}"', "x" * 100_000, f"{key_id}.{end}", f"{good}.{good}", door.sessions.csrf(good), text,
    ]  # fmt: skip
    for value in odd:
        answer = client.get("/v1/model", headers={"Cookie": f"{COOKIE}={value}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "no_key"), value[:100]
    for header in (
        b"",
        b";;;",
        b"=",
        b"\xff=\xff",
        COOKIE.encode(),
        b"a" * 100_000,
        f"{COOKIE}".encode() + b"=\xff\xfe",
    ):
        assert client.get("/v1/model", headers=[(b"cookie", header)]).status_code == 401  # type: ignore[arg-type]
    for header in (f"a=b; {COOKIE}={good}", f"{COOKIE}={good};", f"  {COOKIE}={good}  ;x"):
        assert client.get("/v1/model", headers={"Cookie": header}).status_code == 200
    wrong = client.get("/v1/model", headers={"Cookie": f"{COOKIE}={good}", **bearer("x")})
    assert wrong.status_code == 401  # a key that was sent counts, whatever else was


def test_what_a_session_changes_needs_its_token(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    sign_in(client, text)
    token = token_of(client)
    client.cookies, stolen = TestClient(client.app).cookies, client.cookies
    sign_in(client, text)
    mine = client.cookies[COOKIE]
    assert mine == stolen[COOKIE]  # one key, one moment: one session
    assert len(token) == 64
    for headers in (
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": token[:-1]},
        {"X-CSRF-Token": "é"},
    ):
        answer = client.post("/v1/score", json=request_body(), headers={k: v.encode() for k, v in headers.items()})  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (403, "no_csrf_token")
    assert client.post("/v1/score", json=request_body(), headers={"X-CSRF-Token": token}).status_code == 200
    foreign = {"X-CSRF-Token": token, "Origin": "https://evil.example"}
    assert client.post("/v1/score", json=request_body(), headers=foreign).json()["code"] == "cross_site"
    assert client.post("/v1/score", json=request_body(), headers=bearer(text)).status_code == 200
    assert client.get("/v1/model").status_code == 200


def test_a_form_carries_the_token_and_reaches_its_handler_whole(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    app: Any = client.app

    async def take(request: Request) -> JSONResponse:
        return JSONResponse({"body": (await request.body()).decode()})

    app.add_route("/v1/form", take, methods=["POST"])
    sign_in(client, text)
    token = token_of(client)
    answer = client.post("/v1/form", data={"reason": "ñ & =", "csrf": token})
    assert answer.json() == {"body": f"reason=%C3%B1+%26+%3D&csrf={token}"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content, status in (
        (f"csrf={token}&csrf={token}", 403), ("reason=x", 403), ("", 403), ("csrf=", 403), (f"csrf={token}x", 403),
        (f"csrf={token}&reason=" + "x" * 70_000, 413), ("&".join(["a=1"] * 2_000 + [f"csrf={token}"]), 403),
    ):  # fmt: skip
        assert client.post("/v1/form", content=content, headers=form).status_code == status, content[:50]
    assert client.post("/v1/form", content=f"csrf={token}", headers={"Content-Type": "text/plain"}).status_code == 403


def test_another_sessions_token_is_none(guarded: Guarded, give: Give, hand: Hand) -> None:
    text = give("admin")
    client = guarded()
    sign_in(client, text)
    earlier = token_of(client)
    hand.pass_(seconds=1)
    sign_in(client, text)
    assert client.post("/v1/score", json=request_body(), headers={"X-CSRF-Token": earlier}).status_code == 403


def test_signing_out_takes_our_own_form(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    sign_in(client, text)
    page = client.get("/leads").text
    assert f'name="csrf" value="{token_of(client)}"' in page
    assert client.post("/logout").status_code == 403
    assert client.post("/logout", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/v1/model").status_code == 200
    done = client.post("/logout", data={"csrf": token_of(client)})
    assert (done.status_code, done.headers["location"]) == (303, "/login")
    assert COOKIE not in client.cookies
    assert client.get("/v1/model").status_code == 401
    assert client.post("/logout").status_code == 303  # whose session is over may forget it anyway


def test_without_any_key_nobody_needs_to_sign_in(guarded: Guarded) -> None:
    page = guarded().get("/login")
    assert "no key yet" in page.text
    assert "<form" not in page.text.partition("<main")[2]


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "///evil.example", "evil", "",
        "/\t/evil.example", "/\n/evil.example", " //evil.example", "javascript:alert(1)", "/leads\r\nSet-Cookie: a=b",
        "/login", "/login?next=/leads", "/logout", "/" + "x" * 3_000, "http:evil.example", "/\x00", "/ /evil",
        "/\u2028",
    ],
)  # fmt: skip
def test_nobody_is_led_to_another_site(address: str) -> None:
    assert same_site(address) == "/leads"


@pytest.mark.parametrize(
    ("address", "led"),
    [
        ("/", "/"), ("/leads/a%2Fb?lang=es", "/leads/a%2Fb?lang=es"), ("/leads/ñ", "/leads/%C3%B1"),
        ("/leads?owner=Ana+Pe%C3%B1a&min=3", "/leads?owner=Ana+Pe%C3%B1a&min=3"),
        ("/leads/@evil.example", "/leads/@evil.example"),
        ("/leads/'\"<b>", "/leads/'%22%3Cb%3E"),
    ],
)  # fmt: skip
def test_a_path_of_ours_is_followed(address: str, led: str) -> None:
    assert same_site(address) == led


def test_signing_in_leads_to_no_other_site(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    client = guarded()
    for wanted in ("//evil.example", "https://evil.example/leads", "/\\evil.example"):
        assert sign_in(client, text, next=wanted).headers["location"] == "/leads"
        assert 'name="next" value="/leads"' in client.get("/login", params={"next": wanted}).text


def test_below_a_path_everything_stays_below_it(guarded: Guarded, give: Give) -> None:
    text = give("admin")
    below = TestClient(guarded().app, root_path="/ranking", follow_redirects=False)
    assert below.get("/leads").headers["location"].startswith("/ranking/login?next=")
    done = sign_in(below, text)
    assert done.headers["location"] == "/ranking/leads"
    assert SimpleCookie(done.headers["set-cookie"])[COOKIE]["path"] == "/ranking"
    assert 'action="/ranking/login"' in below.get("/login").text
