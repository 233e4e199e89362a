"""How long features take: a large history read into a timeline, a million moments built, and one lead alone.

    python -m benchmarks.features [--json] [--activities 10000000] [--moments 1000000]

The history is generated straight into arrays (a tenth of it is recorded late); generating it is not measured, but its
memory counts. Figures hold for the machine as it was: other work on it makes them larger, never smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadlight.core.catalog import Condition, Rule
from leadlight.core.clock import DAY
from leadlight.core.history import Attribute, History
from leadlight.features.build import build
from leadlight.features.catalog import draw_up
from leadlight.features.online import timeline_of
from leadlight.features.timeline import Moments, Timeline
from leadlight.features.warm import warm

START = 19_000 * DAY
SPAN = 730
TYPES = (
    "web_visit",
    "email_open",
    "email_click",
    "form_fill",
    "content_download",
    "demo_request",
    "call",
    "email_sent",
)
STAGES = ("new", "engaged", "mql", "sal", "sql", "opportunity", "customer", "recycled")
RULES = (
    Rule("demo", Condition("activity", "demo_request", within_days=30.0), 25.0),
    Rule("visits", Condition("activity", "web_visit", within_days=14.0, at_least=3.0), 10.0),
    Rule("large", Condition("attribute", "employees", at_least=200.0), 10.0),
)


def words(rng: np.random.Generator, choices: tuple[str, ...], n: int) -> pa.Array:
    codes = pa.array(rng.integers(0, len(choices), n).astype(np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array(choices)).cast(pa.large_string())


def ids(prefix: str, codes: np.ndarray[Any, Any], n: int) -> pa.Array:
    names = pa.array([f"{prefix}-{i:07d}" for i in range(n)], pa.large_string())
    return names.take(pa.array(codes))


def table(columns: dict[str, Any]) -> pd.DataFrame:
    return pa.table({k: v if isinstance(v, pa.Array) else pa.array(v) for k, v in columns.items()}).to_pandas()


def times(micros: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(micros, pa.timestamp("us", "UTC"))


def events(rng: np.random.Generator, n: int, n_leads: int) -> dict[str, Any]:
    lead = rng.integers(0, n_leads, n)
    occurred = START + rng.integers(0, SPAN * DAY, n)
    late = np.where(rng.random(n) < 0.1, rng.integers(0, 5 * DAY, n), 0)
    return {"lead_id": ids("L", lead, n_leads), "occurred_at": times(occurred), "recorded_at": times(occurred + late)}


def large_history(n_activities: int, n_leads: int, seed: int = 1) -> History:
    rng = np.random.default_rng(seed)
    created = times(START + rng.integers(0, SPAN * DAY, n_leads))
    n_accounts = max(1, n_leads // 4)
    leads = table(
        {
            "lead_id": ids("L", np.arange(n_leads), n_leads),
            "created_at": created,
            "recorded_at": created,
            "account_id": ids("A", rng.integers(0, n_accounts, n_leads), n_accounts),
            "source": words(rng, tuple(f"source {i}" for i in range(12)), n_leads),
            "industry": words(rng, tuple(f"industry {i}" for i in range(25)), n_leads),
            "country": words(rng, tuple(f"country {i}" for i in range(40)), n_leads),
            "employees": rng.integers(1, 5000, n_leads).astype(float),
        }
    )
    acts = table(
        {
            **events(rng, n_activities, n_leads),
            "type": words(rng, TYPES, n_activities),
            "channel": words(rng, ("email", "web", "event", "phone"), n_activities),
            "value": np.full(n_activities, np.nan),
        }
    )
    n_stages = 3 * n_leads
    steps = table({**events(rng, n_stages, n_leads), "stage": words(rng, STAGES, n_stages)})
    nothing = pa.array([], pa.large_string())
    changes = table({"lead_id": nothing, "occurred_at": times(np.zeros(0, int)), "recorded_at": times(np.zeros(0, int)),
                     "attribute": nothing, "value": nothing})  # fmt: skip
    attributes = (
        *(Attribute(name, "category", "creation", name) for name in ("source", "industry", "country")),
        Attribute("employees", "number", "creation", "employees"),
    )
    end = pd.Timestamp(START + SPAN * DAY, unit="us", tz="UTC")
    return History(leads, acts, steps, changes, changes, attributes, end, "0" * 64)


def measure_many(n_activities: int, n_moments: int) -> dict[str, float]:
    n_leads = max(10, n_activities // 50)
    history = large_history(n_activities, n_leads)
    rng = np.random.default_rng(2)
    moments = Moments(rng.integers(0, n_leads, n_moments), START + rng.integers(0, SPAN * DAY, n_moments))
    began = time.perf_counter()
    catalog = draw_up(history, rules=RULES, goal_stage="sql")
    drawn = time.perf_counter()
    timeline = Timeline.from_history(history, catalog.vocabulary)
    sorted_ = time.perf_counter()
    matrix = build(catalog, timeline, moments)
    built = time.perf_counter()
    return {
        "activities": n_activities,
        "moments": n_moments,
        "leads": n_leads,
        "features": matrix.shape[1],
        "draw_up_s": drawn - began,
        "from_history_s": sorted_ - drawn,
        "build_s": built - sorted_,
        "total_s": built - drawn,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def measure_one(rounds: int = 2000) -> dict[str, float]:
    history = large_history(50_000, 1000)
    catalog = draw_up(history, rules=RULES, goal_stage="sql")
    now = START + SPAN * DAY

    def acts(n: int, **more: str) -> list[dict[str, Any]]:
        return [
            {"type": TYPES[i % len(TYPES)], "occurred_at": now - (i + 1) * DAY, "recorded_at": now - (i + 1) * DAY,
             "channel": "web", "value": None, **more}
            for i in range(n)
        ]  # fmt: skip

    lead = {
        "lead_id": "L",
        "created_at": now - 90 * DAY,
        "account_id": "A",
        "attributes": {"source": "source 1", "employees": 250.0},
    }
    steps = [{"stage": "new", "occurred_at": now - 90 * DAY, "recorded_at": now - 90 * DAY}]
    account = {
        "leads": [{"lead_id": "M", "created_at": now - 50 * DAY}],
        "activities": acts(20, lead_id="M"),
        "stage_changes": [],
    }
    own, moments = acts(30), Moments(np.array([0]), np.array([now]))
    result = {}
    for name, colleagues in (("without_account", None), ("with_account", account)):
        encode, compute = [], []
        for _ in range(rounds):
            began = time.perf_counter()
            timeline = timeline_of(catalog.vocabulary, lead, own, steps, [], colleagues)
            encoded = time.perf_counter()
            build(catalog, timeline, moments)
            encode.append(encoded - began)
            compute.append(time.perf_counter() - encoded)
        result[f"{name}_timeline_of_p50_us"] = statistics.median(encode) * 1e6
        result[f"{name}_build_p50_us"] = statistics.median(compute) * 1e6
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--activities", type=int, default=10_000_000)
    parser.add_argument("--moments", type=int, default=1_000_000)
    asked = parser.parse_args()
    warm()
    one = measure_one()
    tenth = measure_many(asked.activities // 10, asked.moments // 10)
    whole = measure_many(asked.activities, asked.moments)
    result = {
        "cores": os.cpu_count(),
        "one": one,
        "tenth": tenth,
        "whole": whole,
        "times_for_ten_times": whole["total_s"] / tenth["total_s"],
    }
    if asked.json:
        print(json.dumps(result))
        return
    for part, figures in (("one lead", one), ("a tenth", tenth), ("whole", whole)):
        print(part, *(f"  {name:36s} {value:14,.2f}" for name, value in figures.items()), sep="\n")
    print(f"ten times the work took {result['times_for_ten_times']:.2f} times as long, on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
