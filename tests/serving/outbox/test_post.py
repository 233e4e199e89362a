"""One attempt, against receivers that behave badly."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from leadlight.core.settings import Settings
from leadlight.serving.outbox import post
from leadlight.serving.outbox.post import Poster
from leadlight.serving.outbox.receiver import Receiver as Address
from leadlight.serving.outbox.receiver import receiver_of
from outboxes import SECRET
from receivers import Receiver, Reply, receiving

HEADERS = {"webhook-id": "msg_1"}


def address(url: str) -> Address:
    found = receiver_of(Settings(_env_file=None, webhook_url=url, webhook_secret=SECRET))
    assert found is not None
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def poster(receiver: Receiver) -> Iterator[Poster]:
    made = Poster(address(receiver.url), None)
    yield made
    made.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_one(receiver: Receiver, poster: Poster, status: int) -> None:
    receiver.always(status=status, body=b"")
    assert poster.post(b"{}", HEADERS) == (status, None, None)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (300, "HTTP 300 Multiple Choices; redirects are not followed"),
        (404, "HTTP 404 Not Found"),
        (503, "HTTP 503 Service Unavailable"),
        (599, "HTTP 599"),
        (999, "HTTP 999"),
    ],
)
def test_anything_else_is_a_failure_in_our_own_words(
    receiver: Receiver, poster: Poster, status: int, words: str
) -> None:
    receiver.always(status=status, headers={"Retry-After": "7"})
    assert poster.post(b"{}", HEADERS) == (status, words, "7")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "the receiver hung up"),
        (b"SSH-2.0-nonsense\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 abc what\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", "the answer is not HTTP"),
    ],
)
def test_what_is_no_answer_is_a_failure(receiver: Receiver, poster: Poster, raw: bytes, words: str) -> None:
    receiver.always(raw=lambda file: file.write(raw))
    assert poster.post(b"{}", HEADERS) == (None, words, None)
    receiver.always()
    assert poster.post(b"{}", HEADERS).status == 200  # over a new connection


def test_a_success_whose_body_breaks_off_is_a_success(receiver: Receiver, poster: Poster) -> None:
    receiver.always(raw=lambda file: file.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
    assert poster.post(b"{}", HEADERS) == (200, None, None)
    receiver.always()
    assert poster.post(b"{}", HEADERS).status == 200


@pytest.mark.parametrize(("size", "kept"), [(65_536, True), (65_537, False), (3_000_000, False)])
def test_of_a_long_answer_only_the_beginning_is_read(receiver: Receiver, poster: Poster, size: int, kept: bool) -> None:
    receiver.always(body=b"x" * size)
    assert [poster.post(b"{}", HEADERS).status for _ in range(2)] == [200, 200]
    assert (len({one.peer for one in receiver.arrivals}) == 1) is kept


def test_an_endless_answer_is_left(receiver: Receiver, poster: Poster) -> None:
    def pour(file: Any) -> None:
        file.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100_000):
            file.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    receiver.always(raw=pour)
    assert poster.post(b"{}", HEADERS) == (200, None, None)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ten seconds here."""
    monkeypatch.setattr(post, "WHOLE_SECONDS", 1.0)


def test_a_receiver_that_says_nothing_is_left(receiver: Receiver, poster: Poster, hasty: None) -> None:
    free = threading.Event()
    receiver.always(wait=free.wait)
    assert poster.post(b"{}", HEADERS) == (None, "no answer within 1 seconds", None)
    free.set()


@pytest.mark.parametrize(
    ("begins", "came"),
    [
        (b"", (None, "no answer within 1 seconds", None)),
        (b"HTTP/1.1 200 OK\r\nX-Drip: ", (None, "no answer within 1 seconds", None)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", (200, None, None)),
        (b"HTTP/1.1 503 No\r\nContent-Length: 60000\r\n\r\n", (503, "HTTP 503 Service Unavailable", None)),
    ],
)
def test_a_receiver_that_sends_a_byte_now_and_then_is_left_too(
    receiver: Receiver, poster: Poster, hasty: None, begins: bytes, came: tuple[object, ...]
) -> None:
    ended, dripped = threading.Event(), []

    def drip(file: Any) -> None:
        file.write(begins)
        while not ended.wait(0.02):
            file.write(b"x")
            file.flush()
            dripped.append(1)

    receiver.always(raw=drip)
    assert poster.post(b"{}", HEADERS) == came
    ended.set()
    assert len(dripped) > 3


def test_a_name_that_is_not_known() -> None:
    found = Poster(address("http://no-such-host.invalid/"), None).post(b"{}", HEADERS)
    assert found == (None, "the host's name could not be resolved", None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine's own, with its key, that no authority signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Receiver]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with receiving(tls=context) as one:
        yield one


def by_tls(receiver: Receiver, host: str) -> Address:
    return address(f"https://{host}:{receiver.port}/hooks")


def test_a_message_goes_by_tls_over_one_connection(secure: Receiver, certificate: Path) -> None:
    poster = Poster(by_tls(secure, "localhost"), ssl.create_default_context(cafile=str(certificate)))
    assert [poster.post(b"x" * 200_000, HEADERS).status for _ in range(3)] == [200, 200, 200]
    assert len({one.peer for one in secure.arrivals}) == 1
    poster.close()


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_a_certificate_that_is_not_the_receivers_is_not_accepted(
    secure: Receiver, certificate: Path, host: str, trusted: bool
) -> None:
    tls = ssl.create_default_context(cafile=str(certificate) if trusted else None)
    found = Poster(by_tls(secure, host), tls).post(b"{}", HEADERS)
    assert found.status is None
    assert found.error is not None
    assert found.error.startswith("the receiver's TLS certificate is not accepted: ")
    assert secure.arrivals == []


def test_a_receiver_without_the_tls_it_should_have(receiver: Receiver) -> None:
    found = Poster(by_tls(receiver, "127.0.0.1"), ssl.create_default_context()).post(b"{}", HEADERS)
    assert (found.status, found.error) == (None, "TLS failed")
    assert receiver.arrivals == []


def test_a_connection_that_the_receiver_closed_meanwhile_is_made_anew(receiver: Receiver, poster: Poster) -> None:
    receiver.always(headers={"Connection": "close"})
    assert [poster.post(b"{}", HEADERS).status for _ in range(3)] == [200, 200, 200]
    assert len({one.peer for one in receiver.arrivals}) == 3


def test_a_large_message_arrives_whole(receiver: Receiver, poster: Poster) -> None:
    receiver.decide = lambda one: Reply(200 if one.body == b"x" * 2_000_000 else 400)
    assert poster.post(b"x" * 2_000_000, HEADERS).status == 200
