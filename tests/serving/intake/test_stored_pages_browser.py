"""The store's pages as people meet them: in Debian's Chromium, without JavaScript."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser
from sqlalchemy import select

from browser import Watch, chromium, launched, page_of, served
from crm import activity, rows, settle, tell
from leadlight.serving.store.schema import DECISIONS

pytestmark = pytest.mark.browser

WIDTHS = (360, 390, 768, 1280)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium()
    with launched() as running:
        yield running


@pytest.fixture
def told(crm: TestClient) -> TestClient:
    """A store of a few leads; L-1 has done something."""
    for number in range(1, 6):
        created = {"created_at": "2026-11-01T00:00:00Z", "account_id": "A-1", "owner_id": f"O-{number % 2}"}
        crm.put(f"/v1/leads/L-{number}", json={**created, "attributes": {"source": "webinar", "employees": 100}})
    tell(crm, activity("L-1", campaign="autumn", channel="email"), activity("L-1", type="demo_request"))
    settle(crm)
    return crm


def test_a_rep_decides_without_scripts_and_sees_what_came_of_it(browser: Browser, told: TestClient) -> None:
    watch = Watch()
    with served(told.app, runs=True) as url, page_of(browser, watch=watch, locale="es") as page:  # type: ignore[arg-type]
        page.goto(url + "/leads")
        assert page.locator("table.queue tbody tr").count() == 5
        page.get_by_role("link", name="L-1", exact=True).click()
        page.get_by_label("Motivo (opcional)").fill("sin presupuesto hasta la primavera")
        page.keyboard.press("Enter")  # decides nothing: which of the four it would be nobody can know
        assert rows(told, select(DECISIONS)) == []
        page.get_by_role("button", name="Reciclar").click()
        page.wait_for_url("**/leads/L-1")
        assert page.get_by_text("Reciclado: sin presupuesto hasta la primavera").is_visible()
        assert page.locator("html").get_attribute("lang") == "es"
    assert watch.outside == []
    assert watch.complaints == []
    [kept] = rows(told, select(DECISIONS))
    assert (kept.decision, kept.reason) == ("recycle", "sin presupuesto hasta la primavera")


def test_nothing_runs_out_of_the_side_and_everything_can_be_looked_at(browser: Browser, told: TestClient) -> None:
    """With LEADLIGHT_TEST_PICTURES the pictures are kept in that folder."""
    told.delete("/v1/leads/L-5")
    told.put("/v1/leads/L-4/objection")
    told.post("/v1/leads/L-2/decisions", json={"decision": "reject", "reason": "W" * 300})
    settle(told)
    folder = os.environ.get("LEADLIGHT_TEST_PICTURES")
    with served(told.app, runs=True) as url, page_of(browser) as page:  # type: ignore[arg-type]
        for name in ("leads", "leads/L-1", "leads/L-1?lang=es", "leads/L-2", "leads/L-4", "leads/L-5?lang=es"):
            page.goto(f"{url}/{name}")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                if folder:
                    safe = name.replace("/", "_").replace("?", "_")
                    page.screenshot(path=str(Path(folder) / f"{safe}_{width}.png"), full_page=True)
