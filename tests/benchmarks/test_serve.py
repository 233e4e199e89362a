"""The load generator against a server that answers as it is told; the benchmark itself, tiny; nothing left behind."""

import contextlib
import importlib
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
import uuid
from datetime import datetime
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core.clock import to_micros
from leadlight.serving.api.answer_schemas import ANSWER_EXAMPLE
from models import boosted, request_body, save_champion, trained
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
MARK = "LEADLIGHT_TEST_MARK"


def module(name):
    """Import a benchmark as it is run: from the top folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        return importlib.import_module(f"benchmarks.{name}")


callers = module("callers")
processes = module("serve.processes")


class Planted(socketserver.ThreadingTCPServer):
    """A server whose answers are planned: ``plan(number)`` gives the parts of the answer to the so-manieth request.

    Parts are sent in turn; a number is a pause in seconds, None closes the connection. One request at a time is
    planned, so that a plan that takes long holds up all.
    """

    request_queue_size = 64

    def __init__(self, plan):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.bodies, self.planning, self.ended = plan, [], threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def address(self):
        return self.server_address

    @property
    def count(self):
        return len(self.bodies)

    def next_parts(self, body):
        with self.planning:
            self.bodies.append(body)
            return self.plan(self.count)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        with contextlib.suppress(ConnectionError):
            while (body := self.next_body()) is not None:
                for part in self.server.next_parts(body):
                    if part is None:
                        return
                    if isinstance(part, bytes):
                        self.wfile.write(part)
                    else:
                        self.server.ended.wait(part)

    def next_body(self):
        length = None
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            if line.startswith(b"content-length: "):
                length = int(line.partition(b": ")[2])
        return None if length is None else self.rfile.read(length)


def answer(body=b"{}", status=200):
    return b"HTTP/1.1 %d Whatever\r\nContent-Length: %d\r\nx: y\r\n\r\n" % (status, len(body)) + body


def requests(count=7):
    return [callers.request("/v1/score", b'{"lead": %d}' % number) for number in range(count)]


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=300), st.sampled_from((0.0, 0.5, 0.9, 0.99, 1.0)))
def test_percentiles_are_values_that_were_seen_by_nearest_rank(waits, share):
    expected = np.percentile(waits, 100 * share, method="inverted_cdf") * 1e3
    assert callers.Measured(waits, 1.0).wait_ms(share) == expected


def test_a_closed_loop_counts_the_answers_of_its_seconds_and_sends_all_requests_in_turn():
    with Planted(lambda _: (0.01, answer())) as server:
        measured = callers.closed_loop(server.address, requests(), seconds=0.5, connections=2)
    assert 5 <= len(measured.waits) <= 100  # two connections, 10 ms each
    assert server.count - 2 <= len(measured.waits) <= server.count
    assert measured.per_second == len(measured.waits) / 0.5
    assert min(measured.waits) >= 0.01
    assert {bytes(body) for body in server.bodies} == {b'{"lead": %d}' % number for number in range(7)}


def test_an_open_loop_sends_what_is_due_at_an_even_pace():
    with Planted(lambda _: (answer(),)) as server:
        measured = callers.open_loop(server.address, requests(), per_second=100, seconds=0.5)
    assert len(measured.waits) == server.count == 50
    assert measured.seconds >= 0.49


def test_an_open_loop_sees_planted_delays_in_its_percentiles():
    with Planted(lambda number: (0.12 if number % 10 == 0 else 0.0, answer())) as server:
        measured = callers.open_loop(server.address, requests(), per_second=100, seconds=1.0)
    assert sum(wait >= 0.12 for wait in measured.waits) >= 10
    assert measured.wait_ms(0.95) >= 120 > measured.wait_ms(0.5)


def test_an_open_loop_counts_the_wait_of_all_that_was_due_while_the_service_stood_still():
    def stands_still_once(number):
        if number == 10:
            time.sleep(0.3)
        return (answer(),)

    with Planted(stands_still_once) as server:
        measured = callers.open_loop(server.address, requests(), per_second=100, seconds=1.0, connections=2)
    late = sorted(wait for wait in measured.waits if wait > 0.05)
    assert len(late) >= 20  # 30 were due in that time, 25 of them more than 50 ms before its end
    assert late[-1] >= 0.28


@pytest.mark.parametrize("loop", ["closed", "open"])
def test_an_answer_that_is_no_200_ends_the_run_with_its_body(loop):
    def run(address):
        if loop == "closed":
            return callers.closed_loop(address, requests(), seconds=5)
        return callers.open_loop(address, requests(), per_second=200, seconds=5)

    with (
        Planted(lambda number: (answer(b"no such lead", 422) if number == 5 else answer(),)) as server,
        pytest.raises(callers.Refused, match="422: no such lead"),
    ):
        run(server.address)


def test_answers_may_come_in_pieces():
    whole = answer(b"x" * 100_000)
    pieces = (whole[:9], 0.01, whole[9:30], 0.01, whole[30:60_000], 0.01, whole[60_000:])
    with Planted(lambda _: pieces) as server:
        assert callers.ask(server.address, requests()[0]) == callers.Answer(200, b"x" * 100_000)
        assert len(callers.open_loop(server.address, requests(), per_second=20, seconds=0.3).waits) == 6


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", None), r"middle of an answer.*half"),
        ((b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",), "does not say how long"),
    ],
)
def test_a_broken_answer_is_named(plan, says):
    with Planted(lambda _: plan) as server, pytest.raises(callers.Refused, match=says):
        callers.closed_loop(server.address, requests(), seconds=1)


def test_a_service_that_never_answers_ends_the_run():
    with Planted(lambda _: (60,)) as server, pytest.raises(callers.Stalled):
        callers.open_loop(server.address, requests(), per_second=100, seconds=1, connections=2, patience=0.2)


def alive(mark):
    """Return the processes that were started with the mark in their environment, this one aside."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(path.parent.name)
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")


@needs_proc
def test_a_child_ends_with_its_own_children_even_when_they_would_rather_not(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "_GRACE", 0.2)
    mark = uuid.uuid4().hex

    def stopped_in_the_middle():
        stubborn = ["bash", "-c", "trap '' TERM; sleep 300 & echo started; wait"]
        with processes.running(stubborn, log=tmp_path / "log", environment={MARK: mark}, reads=True) as child:
            assert child.first_line() == "started"
            assert len(alive(mark)) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_in_the_middle()
    wait_for(lambda: not alive(mark), 5)


def test_a_child_that_ends_early_is_named_with_what_it_said(tmp_path):
    with (
        processes.running(["bash", "-c", "echo no luck >&2; exit 3"], log=tmp_path / "log") as child,
        pytest.raises(processes.Broken, match=r"(?s)ended with 3.*no luck"),
    ):
        child.wait_until(lambda: False, 10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as `benchmarks.serve.prepare` leaves it, made of small models."""
    made = tmp_path_factory.mktemp("served")
    save_champion(boosted(), made / "lightgbm")
    save_champion(trained(), made / "additive")
    act = {"type": "web_visit", "occurred_at": "2026-11-01T10:00:00Z", "channel": "web"}
    bodies = [request_body(activities=[{**act, "value": float(i)} for i in range(20)]) for _ in range(5)]
    (made / "requests.jsonl").write_text("".join(json.dumps(body) + "\n" for body in bodies))
    (made / "answer.json").write_text(json.dumps(ANSWER_EXAMPLE))
    as_of = to_micros(datetime.fromisoformat("2026-11-23T09:00:00+00:00"))
    sizes = {"trees": 20, "leaves": 15, "inputs": 9, "columns": 9, "reasons": 1, "request_bytes": 1, "answer_bytes": 1}
    (made / "facts.json").write_text(json.dumps({"as_of": as_of, **sizes}))
    return made


def command(folder, *options):
    return [sys.executable, "-m", "benchmarks.serve", "--folder", str(folder), *options]


@needs_proc
def test_a_tiny_run_tells_all_and_leaves_nothing_behind(folder):
    mark = uuid.uuid4().hex
    options = ("--json", "--only", "bare,leadlight,durable", "--seconds", "0.3", "--rounds", "1")
    done = subprocess.run(
        command(folder, *options), cwd=ROOT, env={**os.environ, MARK: mark}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert not alive(mark)
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found["services"]) == ["leadlight", "durable", "bare"]
    rates = found["requests_per_second"]
    assert found["throughput_ratio_vs_bare"] == pytest.approx(rates["leadlight"] / rates["bare"], abs=0.01)
    assert found["throughput_ratio_durable_vs_off"] == pytest.approx(rates["durable"] / rates["leadlight"], abs=0.01)
    assert 0 < found["p50_ms_at_half_load"] <= found["p99_ms_at_half_load"]
    share, each = (found["services"]["bare"][key] for key in ("processor_share", "requests_per_processor_second"))
    assert 0 < share < 1.5
    assert each == pytest.approx(rates["bare"] / share, rel=0.01)
    assert found["processor_ratio_vs_bare"] > 0
    assert found["client_ceiling"] > max(rates.values())
    assert "throughput_ratio_vs_mlflow" not in found
    assert all(one["asked_at_half_load"] > 10 for one in found["services"].values())


@needs_proc
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_leaves_nothing_behind(folder, number, code):
    mark = uuid.uuid4().hex
    with subprocess.Popen(
        command(folder, "--only", "bare", "--seconds", "60"), cwd=ROOT, env={**os.environ, MARK: mark},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    ) as run:  # fmt: skip
        for line in run.stderr:
            if "round 1" in line:
                break
        assert len(alive(mark)) >= 3
        run.send_signal(number)
        assert run.wait(30) == code
        wait_for(lambda: not alive(mark), 5)


def test_unknown_services_are_named(folder):
    done = subprocess.run(command(folder, "--only", "leadlight,flask"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no flask" in done.stderr


@pytest.mark.proof
@needs_proc
def test_all_services_are_measured_and_the_folder_goes(tmp_path):
    mark = uuid.uuid4().hex
    options = ("--json", "--leads", "500", "--requests", "20", "--seconds", "0.5", "--rounds", "1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serve", *options], cwd=ROOT, capture_output=True, text=True, timeout=600,
        env={**os.environ, MARK: mark, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    assert not alive(mark)
    assert not list(tmp_path.glob("leadlight-benchmark-*"))
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found["services"]) == ["leadlight", "durable", "additive", "bare", "mlflow", "tutorial"]
    ratios = ("vs_bare", "vs_mlflow", "vs_tutorial", "durable_vs_off", "additive_vs_bare")
    assert all(found[f"throughput_ratio_{name}"] > 0 for name in ratios)


@pytest.mark.proof
def test_peers_are_sent_the_same_leads_as_the_service_and_serve_the_same_trees(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "benchmarks.serve.prepare", str(tmp_path), "--leads", "500", "--requests", "20"],
        cwd=ROOT, check=True, timeout=600,
    )  # fmt: skip
    lines = [(tmp_path / name).read_text().splitlines() for name in ("requests.jsonl", "tutorial.jsonl")]
    answered = json.loads((tmp_path / "answer.json").read_text())
    same = [i for i, line in enumerate(lines[0]) if json.loads(line)["lead"]["lead_id"] == answered["lead_id"]]
    assert len(lines[0]) == len({json.loads(line)["lead"]["lead_id"] for line in lines[0]}) == 20
    assert all(len(json.loads(line)["activities"]) == 20 for line in lines[0])
    assert answered["ignored"]["later_activities"] == answered["ignored"]["duplicates"] == 0
    features = json.loads(lines[1][same[0]])["features"]
    booster = lightgbm.Booster(model_file=tmp_path / "booster.txt")
    row = np.array([[np.nan if value is None else value for value in features.values()]])
    raw = float(booster.predict(row, raw_score=True)[0])
    calibration = json.loads((tmp_path / "lightgbm" / "champion" / "model.json").read_text())["calibration"]
    assert answered["log_odds"] == pytest.approx(calibration["intercept"] + calibration["slope"] * raw, abs=1e-9)
