"""A stop ends in time whatever hangs."""

from __future__ import annotations

import threading

import pytest

from leadlight.serving.operate.stopping import stop_together


def test_parts_stop_at_the_same_time_and_one_that_hangs_is_left(caplog: pytest.LogCaptureFixture) -> None:
    go_on, stopped = threading.Event(), threading.Event()
    meet = threading.Barrier(2)

    def hang() -> None:
        meet.wait(60)
        go_on.wait(60)

    def stop() -> None:
        meet.wait(60)  # it would not come back, were the parts stopped one after the other
        stopped.set()

    stop_together({"sender": hang, "rescorer": stop}, seconds=0.5)
    assert stopped.wait(60)
    assert "the sender did not stop within" in caplog.text
    go_on.set()


def test_parts_that_stop_are_waited_for() -> None:
    done: list[int] = []
    stop_together({"one": lambda: done.append(1), "two": lambda: done.append(2)}, seconds=60)
    assert sorted(done) == [1, 2]
