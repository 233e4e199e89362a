"""Signing in as people do it: in a browser, without any script."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from browser import Watch, chromium, launched, page_of, served
from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import SystemClock
from leadlight.core.settings import Settings
from leadlight.serving.access.key_text import new_key
from leadlight.serving.app import create_app

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("language", "leave"), [("en", "Sign out"), ("es", "Salir")])
def test_a_person_signs_in_and_out(
    give: Callable[..., str], guarded_settings: Settings, model: TrainedModel, language: str, leave: str
) -> None:
    chromium()
    text, watch = give("rep"), Watch()
    app = create_app(guarded_settings, clock=SystemClock(), model=model, version=7)
    with served(app) as address, launched() as browser, page_of(browser, watch=watch, locale=language) as page:
        page.goto(f"{address}/leads?band=hot")
        assert page.url == f"{address}/login?next=%2Fleads%3Fband%3Dhot"
        assert page.locator("html").get_attribute("lang") == language
        page.locator("input[name=key]").fill(new_key().text)
        page.locator("main button").click()
        assert page.url == f"{address}/login"
        assert page.locator("[role=alert]").count() == 1
        page.locator("input[name=key]").fill(text)
        page.locator("main button").click()
        assert page.url == f"{address}/leads?band=hot"  # where this reader wanted to go
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name=leave).click()
        assert page.url == f"{address}/login"
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.goto(f"{address}/leads")
        assert "/login" in page.url
    assert watch.outside == []
