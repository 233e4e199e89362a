"""A population that moved shows in the metrics, one that did not stays below what chance does, and few say nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from leadlight.core import artifact
from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import DAY, FixedClock, from_micros
from leadlight.core.stability import Spread, chance_limit, stability_index
from leadlight.serving.drift import leads
from leadlight.serving.drift.leads import AskedLeads, StoredLeads
from leadlight.serving.drift.metrics import ENOUGH, DriftMetrics
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import SCORES
from leadlight.training.spreads import spreads_of

NOW = 1_764_000_000_000_000
_SOURCES = ("webinar", "referral", "ads")


def matrix_of(model: TrainedModel, rng: np.random.Generator, leads: int, *, moved: bool = False) -> NDArray[np.float64]:
    """Return leads' columns; where they moved, nobody says how large the company is and all come by one source."""
    features = model.catalog.features
    matrix = rng.gamma(1.0, 10.0, (leads, len(features)))
    for column, feature in enumerate(features):
        if feature.kind == "category":
            matrix[:, column] = rng.integers(0, 2 + len(feature.levels), leads)
        elif "attribute" in feature.params:
            matrix[rng.random(leads) < 0.2, column] = np.nan
    if moved:
        matrix[:, model.catalog.position["source"]] = 2
        matrix[rng.random(leads) < 0.9, model.catalog.position["employees"]] = np.nan
    return matrix


@pytest.fixture(scope="module")
def taught(model: TrainedModel) -> TrainedModel:
    """A model that keeps how its 1,000 reference leads spread."""
    matrix = matrix_of(model, np.random.default_rng(1), 1_000)
    scored = model.score(matrix)
    spreads = spreads_of(model.catalog, matrix, scored.contributions)
    return replace(model, reference=np.sort(scored.log_odds), spreads=spreads)


def told(metrics: DriftMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in metrics.collect()
    }


class _Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> Any:
        return from_micros(self.at)


Fill = Callable[[TrainedModel, NDArray[np.float64]], DriftMetrics]


@pytest.fixture(params=["asked", "stored"])
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Fill:
    """Return what fills either population with rows, and tells."""

    def made(model: TrainedModel, matrix: NDArray[np.float64]) -> DriftMetrics:
        scorer = Scorer(model, 7)
        asked = AskedLeads()
        database = Database(f"sqlite:///{tmp_path / 'leadlight.db'}")
        stored = StoredLeads(database, lambda: scorer)
        if request.param == "asked":
            asked.add(scorer, scorer.explain_each([(row, f"L-{i}", NOW) for i, row in enumerate(matrix)]), NOW)
        else:
            store(database, model, matrix)
            stored.look()
        database.close()
        return DriftMetrics(asked, stored, FixedClock(from_micros(NOW)))

    return made


def store(database: Database, model: TrainedModel, matrix: NDArray[np.float64], **more: Any) -> None:
    scored = model.score(matrix)
    rows = [
        {
            "lead_id": f"L-{i}",
            "as_of": NOW,
            "is_open": True,
            "log_odds": log_odds,
            "score": score,
            "band": "cold",
            "model_version": 7,
            "features": row.astype("<f8").tobytes(),
            **more,
        }
        for i, (row, log_odds, score) in enumerate(
            zip(matrix, scored.log_odds.tolist(), scored.score.tolist(), strict=True)
        )
    ]
    with database.writing() as connection:
        connection.execute(insert(SCORES), rows)


def test_leads_that_did_not_move_stay_below_what_chance_does(fill: Fill, taught: TrainedModel) -> None:
    found = told(fill(taught, matrix_of(taught, np.random.default_rng(2), 1_000)))
    index, limit = found["leadlight_drift_index"], found["leadlight_drift_chance_limit"]
    assert len(index) == len(taught.spreads) + 1
    assert sum(index[key] > limit[key] for key in index) <= 1  # one of a hundred, each
    assert max(index.values()) < 0.1
    assert max(map(abs, found["leadlight_drift_not_known_change"].values())) < 0.06
    assert list(found["leadlight_drift_leads"].values()) == [1_000]


def test_leads_that_moved_are_told_by_column(fill: Fill, taught: TrainedModel) -> None:
    found = told(fill(taught, matrix_of(taught, np.random.default_rng(2), 1_000, moved=True)))
    index, limit = found["leadlight_drift_index"], found["leadlight_drift_chance_limit"]
    moved = {column for _, column in index if index[_, column] > 0.25}
    assert {"source", "employees"} <= moved
    assert all(index[key] > limit[key] for key in index if key[1] in ("source", "employees"))
    assert [
        0.6 < change < 0.8
        for (_, column), change in found["leadlight_drift_not_known_change"].items()
        if column == "employees"
    ] == [True]
    others = [value for (_, column), value in index.items() if column not in ("source", "employees", "score")]
    assert max(others) < 0.1


def test_scores_that_moved_are_told_of(fill: Fill, taught: TrainedModel) -> None:
    matrix = matrix_of(taught, np.random.default_rng(2), 1_000)
    strongest = taught.spreads[0].feature
    matrix[:, taught.catalog.position[strongest]] = 1_000.0 if taught.spreads[0].edges else 2.0
    found = told(fill(taught, matrix))
    index, limit = found["leadlight_drift_index"], found["leadlight_drift_chance_limit"]
    assert [index[key] > max(0.1, limit[key]) for key in index if key[1] == "score"] == [True]


def test_few_leads_say_nothing_but_how_few_they_are(fill: Fill, taught: TrainedModel) -> None:
    found = told(fill(taught, matrix_of(taught, np.random.default_rng(2), ENOUGH - 1)))
    assert found["leadlight_drift_index"] == {}
    assert list(found["leadlight_drift_leads"].values()) == [ENOUGH - 1]


def test_a_model_that_kept_no_spreads_is_compared_by_score_alone(fill: Fill, taught: TrainedModel) -> None:
    found = told(fill(replace(taught, spreads=()), matrix_of(taught, np.random.default_rng(2), 500)))
    assert [column for _, column in found["leadlight_drift_index"]] == ["score"]


def test_the_index_is_the_one_of_the_definition(fill: Fill, taught: TrainedModel) -> None:
    matrix = matrix_of(taught, np.random.default_rng(2), 500, moved=True)
    index = told(fill(taught, matrix))["leadlight_drift_index"]
    place = taught.catalog.position["source"]
    (spread,) = [one for one in taught.spreads if one.feature == "source"]
    was = [(count + 0.5) / (sum(spread.leads) + 0.5 * len(spread.leads)) for count in spread.leads]
    counts = [sum(matrix[:, place] == code) for code in range(len(spread.leads))]
    now = [(count + 0.5) / (500 + 0.5 * len(counts)) for count in counts]
    expected = sum((b - a) * np.log(b / a) for a, b in zip(was, now, strict=True))
    assert [value for (_, column), value in index.items() if column == "source"] == [pytest.approx(expected)]


def test_no_more_than_one_in_a_hundred_is_beyond_the_limit_by_chance() -> None:
    rng = np.random.default_rng(5)
    shares = np.full(10, 0.1)
    then, now = rng.multinomial(800, shares, 4_000), rng.multinomial(300, shares, 4_000)
    beyond = [index > chance_limit(*pair) for index, *pair in zip(stability_index(then, now), then, now, strict=True)]
    assert 0.005 < np.mean(beyond) < 0.016


def test_a_lead_counts_once_and_for_a_day(taught: TrainedModel) -> None:
    scorer, asked, clock = Scorer(taught, 7), AskedLeads(most=100), _Clock()
    rows = matrix_of(taught, np.random.default_rng(2), 20)
    answers = scorer.explain_each([(row, f"L-{i}", NOW) for i, row in enumerate(rows)])
    for _ in range(3):
        asked.add(scorer, answers, NOW)
    asked.add(scorer, scorer.explain_each([(rows[0], "of old", NOW - 2 * DAY)]), NOW)
    found = asked.leads(NOW)
    assert found is not None
    assert len(found.scores) == 20
    clock.at += DAY
    assert len(getattr(asked.leads(clock.at), "scores")) == 0  # noqa: B009 - it is there
    asked.add(Scorer(taught, 8), answers[:1], NOW)
    again = asked.leads(NOW)
    assert again is not None
    assert (again.scorer.version, len(again.scores)) == (8, 1)


def test_of_many_leads_a_fair_sample_is_kept(taught: TrainedModel) -> None:
    """Also of busy ones: those that are asked about all the time take no more room."""
    scorer, asked = Scorer(taught, 7), AskedLeads(most=200)
    rows = matrix_of(taught, np.random.default_rng(2), 2_000)
    answers = scorer.explain_each([(row, f"L-{i}", NOW) for i, row in enumerate(rows)])
    for start in range(0, 2_000, 100):
        asked.add(scorer, answers[start : start + 100], NOW)
        asked.add(scorer, answers[:100], NOW)
    found = asked.leads(NOW)
    assert found is not None
    assert 50 < len(found.scores) <= 200
    busy = {row.tobytes() for row in rows[:100]}
    share = np.mean([row.tobytes() in busy for row in found.matrix])
    assert share < 0.2  # a twentieth are


def test_the_store_s_closed_leads_and_other_models_scores_do_not_count(
    url: str, database: Database, taught: TrainedModel
) -> None:
    scorer, seconds = Scorer(taught, 7), [0.0]
    store(database, taught, matrix_of(taught, np.random.default_rng(2), 30))
    with database.writing() as connection:
        connection.execute(update(SCORES).where(SCORES.c.lead_id.in_(["L-0", "L-1"])).values(is_open=False))
        connection.execute(update(SCORES).where(SCORES.c.lead_id == "L-2").values(model_version=6))
    stored = StoredLeads(database, lambda: scorer, seconds=lambda: seconds[0], most=1_000)
    stored.look()
    assert stored.leads is not None
    assert stored.leads.matrix.shape == (27, len(taught.catalog.features))
    with database.writing() as connection:
        connection.execute(update(SCORES).values(is_open=True))
    stored.look()
    assert len(stored.leads.scores) == 27  # it is not looked at all the time
    seconds[0] += 901.0
    stored.look()
    assert len(stored.leads.scores) == 29
    with database.writing() as connection:  # in a small sample one of another model would be a large share
        connection.execute(update(SCORES).values(model_version=7))
    few = StoredLeads(database, lambda: scorer, most=10)
    few.look()
    assert few.leads is not None
    assert 1 <= len(few.leads.scores) <= 10


def test_each_lead_is_read_once_however_many_are_read_at_once(
    database: Database, taught: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leads, "_AT_ONCE", 7)
    scorer = Scorer(taught, 7)
    matrix = matrix_of(taught, np.random.default_rng(2), 30)
    store(database, taught, matrix)
    stored = StoredLeads(database, lambda: scorer)
    stored.look()
    assert stored.leads is not None
    assert sorted(row.tobytes() for row in stored.leads.matrix) == sorted(row.tobytes() for row in matrix)


def test_leads_that_a_new_model_scored_first_stand_for_no_others(
    url: str, database: Database, taught: TrainedModel
) -> None:
    """They are the oldest: a promotion would look like a change of the leads."""
    scorer, seconds = Scorer(taught, 8), [0.0]
    store(database, taught, matrix_of(taught, np.random.default_rng(2), 1_000))
    stored = StoredLeads(database, lambda: scorer, seconds=lambda: seconds[0])
    metrics = DriftMetrics(AskedLeads(), stored, FixedClock(from_micros(NOW)), seconds=lambda: seconds[0])
    for first, told_of in ((300, {}), (950, {("stored",): 950.0})):
        with database.writing() as connection:
            early = SCORES.c.lead_id.in_([f"L-{number}" for number in range(first)])
            connection.execute(update(SCORES).where(early).values(model_version=8))
        stored.look()
        assert told(metrics)["leadlight_drift_leads"] == told_of
        seconds[0] += 61.0


def test_requests_are_told_of_and_pages_are_not(serve: Callable[..., TestClient], taught: TrainedModel) -> None:
    client = serve(model=taught, version=7)
    bodies = [
        {"lead": {"lead_id": f"L-{i}", "created_at": "2026-11-01T00:00:00Z", "attributes": {"source": "ads"}}}
        for i in range(ENOUGH)
    ]
    assert client.post("/v1/score/batch", json={"items": bodies[1:]}).status_code == 200
    assert client.post("/v1/score", json=bodies[0]).status_code == 200
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    (leads,) = families["leadlight_drift_leads"].samples
    assert (leads.labels, leads.value) == ({"leads": "asked"}, ENOUGH)
    columns = {sample.labels["column"] for sample in families["leadlight_drift_index"].samples}
    assert columns == {"score", *(spread.feature for spread in taught.spreads)}
    assert not any("L-" in str(sample.labels) for family in families.values() for sample in family.samples)


def test_a_saved_model_keeps_its_spreads_and_an_older_one_has_none(taught: TrainedModel, tmp_path: Path) -> None:
    artifact.save(taught, tmp_path)
    assert artifact.load(tmp_path).spreads == taught.spreads
    text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace('"spreads"', '"not_yet_known"'))
    assert artifact.load(tmp_path).spreads == ()


def test_the_inputs_that_move_scores_most_come_first_and_are_few(taught: TrainedModel) -> None:
    names = [spread.feature for spread in taught.spreads]
    assert len(names) == len(set(names)) <= 24
    assert set(names) <= {topic.evidence for topic in taught.catalog.topics.values()}
    assert all(sum(spread.leads) == 1_000 for spread in taught.spreads)
    assert Spread("x", (), (1, 2)).leads == (1, 2)
