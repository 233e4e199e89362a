"""One object used again and again, from several threads, after pickling and after a fork."""

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from forests import forest, scale
from leadlight.treeshap import TreeShap

NAMES = ("categorical", "many_leaves", "stumps", "thousand_features", "no_information", "continued")
COUNTS = (1, 3, 8, 40, 600)


def answers(kernel: TreeShap, rows: np.ndarray, **options) -> tuple[np.ndarray, np.ndarray]:
    found = kernel.explain(rows, **options)
    return found.raw, found.shares


def assert_bits(found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def rows_of(name: str, n: int) -> np.ndarray:
    rows = forest(name).rows
    return np.resize(rows, (n, rows.shape[1]))


def test_any_sequence_of_calls_and_models_gives_what_fresh_objects_give(kernel):
    """Scratch that one call leaves behind must not show in the next, whatever kind of call or model that is."""
    jobs = [(name, n, dtype) for name in NAMES for n in COUNTS for dtype in (np.float64, np.float32)]
    expected = {job: answers(TreeShap(forest(job[0]).text), rows_of(job[0], job[1]), dtype=job[2]) for job in jobs}
    order = np.random.default_rng(0).permutation(np.tile(np.arange(len(jobs)), 4))
    for name, n, dtype in (jobs[i] for i in order):
        assert_bits(answers(kernel(name), rows_of(name, n), dtype=dtype), expected[name, n, dtype])


def test_strange_rows_leave_nothing_behind(kernel):
    ordinary = rows_of("continued", 20)
    expected = answers(kernel("continued"), ordinary)
    for odd in (np.inf, -np.inf, np.nan):
        for n in (1, 20):
            kernel("continued").explain(np.full((n, 10), odd))
            assert_bits(answers(kernel("continued"), ordinary), expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shared", [True, False])
def test_several_python_threads(kernel, shared, threads):
    """On one object or on one each, with one worker or more below each of them."""
    jobs = [(name, n) for name in ("categorical", "continued") for n in COUNTS]
    expected = {(name, n): answers(kernel(name), rows_of(name, n)) for name, n in jobs}
    start = threading.Barrier(4)

    def work(seed: int) -> None:
        own = {name: kernel(name) if shared else TreeShap(forest(name).text) for name in ("categorical", "continued")}
        start.wait(30)
        for i in np.random.default_rng(seed).permutation(np.tile(np.arange(len(jobs)), 12)):
            name, n = jobs[i]
            assert_bits(answers(own[name], rows_of(name, n), threads=threads), expected[name, n])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, seed) for seed in range(4)]:
            done.result(120)


def test_the_first_call_may_come_from_many_threads_at_once():
    one = forest("categorical")
    fresh = TreeShap(one.text)
    start = threading.Barrier(4)

    def work(n: int) -> np.ndarray:
        start.wait(30)
        return fresh.explain(one.rows[:n], threads=2).shares

    with ThreadPoolExecutor(4) as pool:
        found = [job.result(60) for job in [pool.submit(work, n) for n in (1, 50, 2, 60)]]
    for shares in found:
        np.testing.assert_allclose(shares, one.shares[: len(shares)], rtol=0, atol=1e-12 * scale(one.raw))


def test_objects_leave_no_threads_behind():
    one = forest("categorical")
    TreeShap(one.text).explain(rows_of("categorical", 600), threads=2)
    before = threading.active_count()
    for _ in range(10):
        TreeShap(one.text).explain(rows_of("categorical", 600), threads=2)
    assert threading.active_count() <= before


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_answers_the_same(again):
    one = forest("continued")
    options = {"groups": [0, 1, 2, 3, 4, 0, 1, 2, 3, 4], "columns": [*range(1, 10), 0]}
    original = TreeShap(one.text, **options)
    unused = again(original)
    expected = [answers(original, one.rows[:n], threads=2) for n in (2, 100)]
    for made in (unused, again(original), again(again(original))):
        assert (made.base, made.n_outputs) == (original.base, original.n_outputs)
        for n, before in zip((2, 100), expected, strict=True):
            assert_bits(answers(made, one.rows[:n]), before)


def test_a_pickle_holds_no_scratch():
    used = TreeShap(forest("continued").text)
    small = len(pickle.dumps(used))
    used.explain(rows_of("continued", 2000), threads=2)
    assert len(pickle.dumps(used)) == small


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
def test_a_fork_goes_on(kernel):
    """Threads of the parent don't live in the child, so a pool that was made before must not be waited for."""
    one = forest("continued")
    rows = rows_of("continued", 600)
    expected = [answers(kernel("continued"), some, threads=2) for some in (rows[:1], rows)]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for some, before in zip((rows[:1], rows), expected, strict=True):
                for threads in (1, 2):
                    assert_bits(answers(kernel("continued"), some, threads=threads), before)
                    assert_bits(answers(TreeShap(one.text), some, threads=threads), before)
            code = 0
        finally:
            os._exit(code)
    assert exit_code(child) == 0
    assert_bits(answers(kernel("continued"), rows, threads=2), expected[1])


def exit_code(child: int) -> int:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("the child hangs")


def test_importing_is_light():
    heavy = ("lightgbm", "pandas", "shap", "sklearn", "mlflow")  # numba brings scipy along
    code = f"import leadlight.treeshap, sys; print([m for m in {heavy!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
