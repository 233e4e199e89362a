"""Debian's Chromium driven by Playwright, and a server to look at."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str:
    """Path of the browser; without one the test is skipped, or fails where CI=true says that nothing may be."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is not None:
        return found
    reason = "no Chromium on this machine; 'make browser' installs Debian's (as root)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def launched() -> Iterator[Browser]:
    """A running browser."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(app: FastAPI, *, runs: bool = False) -> Iterator[str]:
    """The app on a free port of 127.0.0.1, started unless it runs already; yields its address without a last slash."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="warning", ws="none", lifespan="off" if runs else "on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@dataclass
class Watch:
    """What a page did besides showing itself."""

    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def on(self, page: Page) -> None:
        page.on("request", lambda request: self._requested(request.url))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _requested(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "about") and urlsplit(url).hostname != "127.0.0.1":
            self.outside.append(url)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


@contextmanager
def page_of(browser: Browser, width: int = 1280, watch: Watch | None = None, **options: object) -> Iterator[Page]:
    """A page without JavaScript, as wide as asked, unless ``options`` of the browser context say otherwise."""
    settings = {"java_script_enabled": False, "viewport": {"width": width, "height": 900}, **options}
    context: BrowserContext = browser.new_context(**settings)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        if watch is not None:
            watch.on(page)
        yield page
    finally:
        context.close()
