"""Take the pictures of the README from the real pages.

A demo's company and champion are served on a free port of this machine and photographed with Debian's Chromium; so is
the champion's model card.
Without ``--home`` a demo is made for it first, in a folder that is thrown away.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
WIDTH = 1280
CARD_WIDTH = 1000
LARGEST = 250_000
"""Bytes: a README that is slow to open is not read."""

sys.path.insert(0, str(ROOT / "tests" / "support"))


@contextmanager
def demo_home(given: Path | None) -> Iterator[Path]:
    """The home that was given, or that of a fresh demo."""
    if given is not None:
        yield given
        return
    with TemporaryDirectory() as folder:
        command = Path(sys.executable).with_name("leadlight")
        subprocess.run([command, "demo", "--no-serve", "--dir", folder], check=True)
        yield Path(folder)


def demo_app(home: Path) -> FastAPI:
    """The service of a demo: its champion, its leads, its clock at the end of the history."""
    from leadlight.cli.inputs import read_history
    from leadlight.core import settings
    from leadlight.core.clock import FixedClock
    from leadlight.serving.app import create_app

    setting = settings.load(home=home)
    history = read_history(setting.home_path / "history", None)
    if history.ended_at is None:
        raise SystemExit(f"{home} holds a history without dates; use the home of a 'leadlight demo'.")
    return create_app(setting, clock=FixedClock(history.ended_at.to_pydatetime()), history=history)


def take(app: FastAPI, lead: str | None, folder: Path) -> list[Path]:
    """Photograph the queue, and one lead down to the end of its reasons."""
    from browser import launched, page_of, served

    folder.mkdir(parents=True, exist_ok=True)
    with served(app) as address, launched() as browser, page_of(browser, WIDTH) as page:
        page.goto(f"{address}/leads?lang=en")
        page.wait_for_selector("table.queue", timeout=120_000)
        queue = folder / "queue.png"
        picture(page, queue)
        chosen = lead or re.sub(r"\s", "", page.locator("table.queue th.lead a").first.inner_text())
        page.goto(f"{address}/leads/{chosen}?lang=en")
        reasons = page.locator("section.reasons").bounding_box()
        assert reasons is not None
        page.set_viewport_size({"width": WIDTH, "height": round(reasons["y"] + reasons["height"] + 24)})
        picture(page, folder / "lead.png")
        return [queue, folder / "lead.png"]


def take_card(home: Path, folder: Path) -> Path:
    """Photograph the top of the champion's model card."""
    from browser import launched, page_of
    from leadlight.core import settings
    from leadlight.core.registry import Registry
    from leadlight.training.card.logged import card_of

    registry = Registry(settings.load(home=home))
    version = registry.champion()
    assert version is not None
    with TemporaryDirectory() as scratch, launched() as browser, page_of(browser, CARD_WIDTH) as page:
        card = Path(scratch) / "card.html"
        card.write_text(card_of(registry, version), encoding="utf-8")
        page.goto(card.as_uri())
        chances = page.locator("#chances").bounding_box()
        assert chances is not None
        page.set_viewport_size({"width": CARD_WIDTH, "height": round(chances["y"])})
        picture(page, folder / "card.png")
    return folder / "card.png"


def picture(page: Page, path: Path) -> None:
    """Photograph what the page shows, in 256 colours: these pages need no more, and the file is a third as large."""
    page.screenshot(path=path)
    with Image.open(path) as taken:
        small = taken.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="home of a 'leadlight demo'; default: a new one")
    parser.add_argument("--lead", help="which lead; default: the first of the queue")
    parser.add_argument("--out", type=Path, default=PICTURES)
    given = parser.parse_args()
    with demo_home(given.home) as home:
        taken = [*take(demo_app(home), given.lead, given.out), take_card(home, given.out)]
    for path in taken:
        size = path.stat().st_size
        print(f"{path}: {size / 1000:.0f} kB")
        if size > LARGEST:
            raise SystemExit(f"{path} is over {LARGEST / 1000:.0f} kB")


if __name__ == "__main__":
    main()
