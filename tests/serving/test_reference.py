from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from leadlight.serving.api import problems


class _Tags(HTMLParser):
    """Collects ids and links, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name == "href":
                self.links.append(str(value))
            if name == "src" or tag in ("script", "link", "img", "iframe"):
                self.loads.append(f"{tag} {value}")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(client: TestClient) -> str:
    answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.text


@pytest.fixture(scope="module")
def tags(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_it_loads_nothing_and_points_nowhere_outside(tags: _Tags, page: str) -> None:
    assert tags.loads == []
    assert all(link.startswith("#") or link == "openapi.json" for link in tags.links)
    assert "url(" not in page
    assert "@import" not in page


def test_every_link_has_its_place(tags: _Tags) -> None:
    assert len(set(tags.ids)) == len(tags.ids)
    assert {link[1:] for link in tags.links if link.startswith("#")} <= set(tags.ids)
    assert {f"problem-{kind}" for kind in problems.STATUS} <= set(tags.ids)


def test_every_call_and_every_key_is_there(client: TestClient, page: str) -> None:
    document = client.get("/openapi.json").json()
    for path in document["paths"]:
        assert path in page
    for schema in document["components"]["schemas"].values():
        for key in schema.get("properties", {}):
            assert f"<code>{key}" in page


def test_the_document_is_whole(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert {
        "/v1/score", "/v1/score/batch", "/v1/receipts/{receipt_id}", "/v1/model", "/healthz", "/readyz", "/metrics",
        "/v1/leads/{lead_id}", "/v1/activities", "/v1/stage-changes", "/v1/leads/{lead_id}/decisions",
        "/v1/outbox", "/v1/outbox/{message_id}/retry",
    } <= set(document["paths"])  # fmt: skip
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references == references & set(document["components"]["schemas"])
    assert "HTTPValidationError" not in json.dumps(document)
    sent = document["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert document["components"]["schemas"][sent.rpartition("/")[2]]["examples"]
    for status in ("413", "415", "422", "503"):
        assert "application/problem+json" in document["paths"]["/v1/score"]["post"]["responses"][status]["content"]


def test_the_documents_own_example_is_answered(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["ScoreRequest"]
    assert client.post("/v1/score", json=schema["examples"][0]).status_code == 200
