from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core.errors import UsageError
from leadlight.core.settings import Settings
from leadlight.serving.outbox.receiver import receiver_of
from leadlight.serving.outbox.signing import read_secrets, sign, verify

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
NOW = 1_800_000_000


def by_hand(secret: str, message_id: str, seconds: str, body: bytes) -> str:
    """Work the signature out from the standard's text alone, without the module under test."""
    key = base64.b64decode(secret[len("whsec_") :])
    outer, inner = bytes(b ^ 0x5C for b in key.ljust(64, b"\0")), bytes(b ^ 0x36 for b in key.ljust(64, b"\0"))
    content = f"{message_id}.{seconds}.".encode() + body
    digest = hashlib.sha256(outer + hashlib.sha256(inner + content).digest()).digest()
    assert digest == hmac.new(key, content, "sha256").digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(signature: str, seconds: int = NOW) -> dict[str, str]:
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(seconds), "Webhook-Signature": signature}


@given(st.binary(max_size=200), st.integers(0, 2**33), st.text("abcABC019_", min_size=1))
def test_signatures_are_the_standards(body: bytes, seconds: int, message_id: str) -> None:
    assert sign(read_secrets(SECRET), message_id, seconds, body) == by_hand(SECRET, message_id, str(seconds), body)


def test_while_a_secret_changes_both_are_signed_with_and_either_is_believed() -> None:
    signed = sign(read_secrets(f"{SECRET}  {OTHER}"), "msg_1", NOW, b"{}")
    assert signed == f"{by_hand(SECRET, 'msg_1', str(NOW), b'{}')} {by_hand(OTHER, 'msg_1', str(NOW), b'{}')}"
    assert verify(SECRET, headers(signed), b"{}", NOW * 1_000_000)
    assert verify(OTHER, headers(signed), b"{}", NOW * 1_000_000)
    assert verify(f"{OTHER} {SECRET}", headers(by_hand(SECRET, "msg_1", str(NOW), b"{}")), b"{}", NOW * 1_000_000)


@pytest.mark.parametrize(
    "changed",
    [
        {"Webhook-Id": "msg_2"},
        {"Webhook-Timestamp": str(NOW + 1)},
        {"Webhook-Timestamp": "soon"},
        {"Webhook-Timestamp": "9" * 5000},
        {"Webhook-Timestamp": ""},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "v1,ñ"},
        {"Webhook-Signature": by_hand(OTHER, "msg_1", str(NOW), b"{}")},
        {"Webhook-Signature": by_hand(SECRET, "msg_1", str(NOW), b"{}").replace("v1,", "v2,")},
        {"Webhook-Signature": by_hand(SECRET, "msg_1", str(NOW), b"{}").removeprefix("v1,")},
    ],
)
def test_whatever_was_changed_is_not_believed(changed: dict[str, str]) -> None:
    right = headers(by_hand(SECRET, "msg_1", str(NOW), b"{}"))
    assert verify(SECRET, right, b"{}", NOW * 1_000_000)
    assert not verify(SECRET, {**right, **changed}, b"{}", NOW * 1_000_000)
    assert not verify(SECRET, {}, b"{}", NOW * 1_000_000)


@pytest.mark.parametrize(("seconds", "fresh"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_what_is_too_old_or_of_the_future_is_not_believed(seconds: int, fresh: bool) -> None:
    signed = headers(by_hand(SECRET, "msg_1", str(NOW), b"{}"))
    assert verify(SECRET, signed, b"{}", (NOW + seconds) * 1_000_000) is fresh


@pytest.mark.parametrize(
    "text", ["", "   ", "whsec_", "secret", "whsec_????", "whsec_c2hvcnQ=", "whsec_" + "A" * 400, SECRET + " other"]
)
def test_a_secret_that_can_not_be_used_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="openssl rand") as caught:
        read_secrets(text, "LEADLIGHT_WEBHOOK_SECRET")
    assert not any(part in str(caught.value) for part in ("????", "c2hvcnQ", "AAAA", SECRET))


def settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)


def test_without_a_receiver_there_is_none() -> None:
    assert receiver_of(settings()) is None
    assert receiver_of(settings(webhook_url="", webhook_secret="")) is None


@pytest.mark.parametrize("given", [{"webhook_url": "https://crm.example/x"}, {"webhook_secret": SECRET}])
def test_one_without_the_other_is_a_mistake(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"LEADLIGHT_WEBHOOK_URL.*LEADLIGHT_WEBHOOK_SECRET|SECRET.*URL"):
        receiver_of(settings(**given))


@pytest.mark.parametrize(
    "url",
    [
        "crm.example/x", "ftp://crm.example/x", "http://", "https:///x", "http://h:99999/", "http://h:x/", "http://h:0/",
        "http://[::1/", "http://h/a b", "http://h/ñ", "http://h/\r\nx", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_an_address_that_can_not_be_used_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"LEADLIGHT_WEBHOOK_URL.*https://crm\.example\.com"):
        receiver_of(settings(webhook_url=url, webhook_secret=SECRET))


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="user or a password") as caught:
        receiver_of(settings(webhook_url="https://u:hunter2@crm.example/", webhook_secret=SECRET))
    assert "hunter2" not in str(caught.value)


def test_an_address_is_taken_apart() -> None:
    found = receiver_of(settings(webhook_url="HTTPS://CRM.example:8443/hooks/a%20b?k=1#part", webhook_secret=SECRET))
    assert found is not None
    assert (found.secure, found.host, found.port, found.target) == (True, "crm.example", 8443, "/hooks/a%20b?k=1")
    assert "crm" not in repr(found)
    plain = receiver_of(settings(webhook_url="http://[::1]", webhook_secret=SECRET))
    assert plain is not None
    assert (plain.secure, plain.host, plain.port, plain.target) == (False, "::1", None, "/")


def test_the_secret_is_shown_by_no_setting() -> None:
    assert SECRET not in repr(settings(webhook_url="https://crm.example/x", webhook_secret=SECRET))
