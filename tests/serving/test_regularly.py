"""What can't be looked at is said by its name, once, and looked at again."""

from __future__ import annotations

import asyncio

import pytest

from leadlight.serving.regularly import regularly


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), ValueError("ann@example.com")])
def test_a_look_that_fails_is_named_once_until_it_does_well(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "leadlight.serving")
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks in {2, 3, 4}:
            raise error

    async def run() -> None:
        async with regularly(("the champion's cache", 0.001, look)):
            while looks < 6:
                await asyncio.sleep(0.001)

    asyncio.run(run())
    said = [(one.levelname, one.getMessage()) for one in caplog.records if one.name == "leadlight.serving"]
    (level, first), last = said
    assert level in {"WARNING", "ERROR"}
    assert first.startswith("the champion's cache can't be read")
    assert "ann@" not in first
    assert last == ("INFO", "the champion's cache can be read again")
