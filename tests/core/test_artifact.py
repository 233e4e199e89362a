import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core import artifact
from leadlight.core.catalog import Catalog, Feature, Topic, Vocabulary
from leadlight.core.contributions import Additive, Boosted, Term
from leadlight.core.errors import ModelContractError

FEATURES = (
    Feature(
        "source", "attribute", 1, {"attribute": "source"}, "category", "fit", "source", "source", levels=("a", "b")
    ),
    Feature("visits", "activity_count", 1, {"days": 30}, "number", "interest", "visits", "visits", monotone=1),
    Feature("age", "age_days", 1, {}, "number", "cycle", "age", "age"),
)
TOPIC = Topic("source", "fit", {"en": "Source", "es": "Origen"}, (({"feature": "source", "is": "any"}, {"en": "x"}),))
CATALOG = Catalog(FEATURES, {"source": TOPIC}, Vocabulary(("visit",), levels={"source": ("a", "b")}), True, "sql")
ADDITIVE = Additive(
    -1.5,
    (
        Term(0, 0.1, table=(0.0, 0.1, 0.5, -0.5)),
        Term(1, 0.2, transform="log1p", weight=0.7, center=1.0, scale=2.0, missing=-0.2),
        Term(2, -0.1, weight=-0.4, center=10.0, scale=20.0),
    ),
)
EVIDENCE = artifact.Evidence("age", (7.0, 30.0), (artifact.Cell(5, 1), artifact.Cell(9, 2), artifact.Cell(3, 0)))


def model(ranker=ADDITIVE, reference=None):
    return artifact.TrainedModel(
        kind="logistic",
        catalog=CATALOG,
        ranker=ranker,
        calibration=artifact.Calibration(0.3, 0.8, np.array([[0.2, 0.7], [0.4, 0.9], [0.3, 0.8]])),
        reference=np.linspace(-4, 4, 101) if reference is None else reference,
        evidence={"age": EVIDENCE},
        baseline=artifact.Cell(17, 3),
        horizon_days=90.0,
        probability_status="calibrated",
        points={"visits": 2.0},
        agreement={"version": "v", "grades": {"A": 75, "B": 50, "C": 25}},
        hot_score=90,
        warm_score=60,
        facts={"moments": 3},
    )


def boosted():
    import lightgbm

    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.integers(0, 4, 500), rng.poisson(3, 500), rng.uniform(0, 100, 500)]).astype(float)
    matrix[rng.random(500) < 0.2, 1] = np.nan
    target = rng.random(500) < 1 / (1 + np.exp(2 - 0.5 * np.nan_to_num(matrix[:, 1])))
    data = lightgbm.Dataset(matrix, target, categorical_feature=[0], free_raw_data=False)
    params = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 10}
    return Boosted(lightgbm.train(params, data, 20).model_to_string(), (0, 1, 2))


rows = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(st.just(np.nan), st.floats(0, 1e6)),
        st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)),
    ),
    min_size=1,
    max_size=8,
)


@given(rows)
def test_base_and_contributions_are_the_log_odds(drawn):
    scored = model().score(np.array(drawn, dtype=float))
    total = scored.base_log_odds + scored.contributions.sum(axis=1)
    np.testing.assert_allclose(total, scored.log_odds, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        scored.probability, [1 / (1 + math.exp(min(-x, 700))) for x in scored.log_odds], rtol=1e-9, atol=1e-300
    )


@pytest.mark.parametrize("ranker", [ADDITIVE, boosted()], ids=["additive", "boosted"])
def test_one_row_alone_scores_the_same_bits_as_in_a_crowd(ranker):
    rng = np.random.default_rng(1)
    matrix = np.column_stack([rng.integers(0, 4, 40), rng.poisson(3, 40), rng.uniform(0, 100, 40)]).astype(float)
    crowd = model(ranker).score(matrix)
    for i in range(len(matrix)):
        alone = model(ranker).score(matrix[i : i + 1])
        assert alone.log_odds[0] == crowd.log_odds[i]
        assert alone.contributions[0].tobytes() == crowd.contributions[i].tobytes()


@pytest.mark.parametrize("ranker", [ADDITIVE, boosted()], ids=["additive", "boosted"])
def test_each_moment_is_what_all_together_are_alone_or_not(ranker):
    rng = np.random.default_rng(2)
    matrix = np.column_stack([rng.integers(0, 4, 40), rng.poisson(3, 40), rng.uniform(0, 100, 40)]).astype(float)
    matrix[::7, 1] = np.nan
    trained = model(ranker)
    crowd, ones = trained.score(matrix), trained.score_each(matrix)
    assert ones[1].tobytes() == crowd.contributions.tobytes()
    for i, one in enumerate(ones[0]):
        assert (one.score, one.probability, one.log_odds) == (crowd.score[i], crowd.probability[i], crowd.log_odds[i])
        assert one.base_log_odds == crowd.base_log_odds
        (alone,), contributions = trained.score_each(matrix[i : i + 1])
        assert alone == one
        assert contributions.tobytes() == crowd.contributions[i].tobytes()
    assert trained.score_each(matrix[:0])[0] == []


@given(st.lists(st.floats(-50, 50), max_size=20), st.floats(-50, 50), st.booleans())
def test_one_percentile_is_that_of_many(reference, log_odds, is_tie):
    reference = sorted([*reference, log_odds] if is_tie else reference)
    trained = replace(model(), reference=np.array(reference))
    assert trained._percentile_of_one(log_odds) == trained.percentile(np.array([log_odds]))[0]


@given(st.floats(-1e6, 1e6), st.integers(0, 30))
def test_one_interval_is_as_wide_as_among_many(raw, n_draws):
    rng = np.random.default_rng(n_draws)
    calibration = artifact.Calibration(0.0, 1.0, rng.normal(0.5, 0.2, (n_draws, 2)))
    low, high = calibration.interval(np.array([raw]))[0]
    assert calibration.width(raw) == high - low or n_draws == 0


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5), st.floats(-9, 9), st.floats(-9, 9)
)
def test_points_of_one_are_those_of_many(rows, a, b):
    trained = replace(model(), points={"visits": a, "age": b})
    matrix = np.array([[0.0, *row] for row in rows])
    assert [trained.scorecard_points_of_one(row) for row in matrix.tolist()] == trained.scorecard_points(
        matrix
    ).tolist()


@pytest.mark.filterwarnings("ignore:LightGBM binary classifier")  # shap's note on its own change of shape
def test_boosted_contributions_are_those_of_shap():
    import shap

    ranker = boosted()
    matrix = np.array([[0.0, 3.0, 50.0], [3.0, np.nan, 1.0], [1.0, 9.0, 99.0]])
    base, shares, _ = ranker.contributions(matrix)
    explainer = shap.TreeExplainer(ranker.booster)
    np.testing.assert_allclose(shares, explainer(matrix).values, atol=1e-10)
    np.testing.assert_allclose(base + shares.sum(axis=1), ranker.booster.predict(matrix, raw_score=True), atol=1e-10)


@pytest.mark.parametrize("ranker", [ADDITIVE, boosted()], ids=["additive", "boosted"])
def test_a_saved_model_comes_back_whole_and_its_bytes_repeat(tmp_path, ranker):
    artifact.save(model(ranker), tmp_path / "a")
    back = artifact.load(tmp_path / "a")
    artifact.save(back, tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names)
    assert back.catalog == CATALOG
    assert back.evidence == {"age": EVIDENCE}


@pytest.mark.parametrize("broken", ["model.json", "reference.npy"])
def test_a_model_that_is_not_whole_is_refused(tmp_path, broken):
    artifact.save(model(), tmp_path)
    (tmp_path / broken).write_bytes(b"{")
    with pytest.raises(ModelContractError, match="not whole"):
        artifact.load(tmp_path)


def test_another_format_is_refused_by_name(tmp_path):
    artifact.save(model(), tmp_path)
    data = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(data | {"format": 99}))
    with pytest.raises(ModelContractError, match="format 99"):
        artifact.load(tmp_path)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=50), st.floats(-6, 6))
def test_percentile_is_the_mid_rank_of_the_reference(reference, value):
    reference = np.sort(np.round(reference, 3))
    value = round(value, 3)
    below, equal = (reference < value).sum(), (reference == value).sum()
    expected = np.floor(100 * (below + equal / 2) / len(reference) + 0.5)
    assert model(reference=reference).percentile(np.array([value]))[0] == expected


def test_a_higher_log_odds_never_scores_lower():
    scores = model().percentile(np.linspace(-6, 6, 500))
    assert (np.diff(scores) >= 0).all()
    assert (scores[0], scores[-1]) == (0, 100)


@given(rows)
def test_decoded_values_encode_to_the_same_row(drawn):
    row = np.array(drawn[0], dtype=float)
    values = json.loads(json.dumps(artifact.decode(CATALOG, row)))
    np.testing.assert_array_equal(artifact.encode_values(CATALOG, values), row)


def test_a_frame_encodes_like_its_values():
    frame = pd.DataFrame({"source": ["a", "b", "zzz", None], "visits": [1.0, np.nan, 3, 4], "age": [1.0, 2, 3, 4]})
    expected = [[2, 1, 1], [3, np.nan, 2], [1, 3, 3], [0, 4, 4]]
    np.testing.assert_array_equal(artifact.encode_frame(CATALOG, frame), expected)


def test_a_frame_without_a_column_is_refused_by_name():
    with pytest.raises(ModelContractError, match="visits"):
        artifact.encode_frame(CATALOG, pd.DataFrame({"source": ["a"], "age": [1.0]}))


@pytest.mark.parametrize(("value", "cell"), [(-1.0, 0), (6.9, 0), (7.0, 1), (29.9, 1), (30.0, 2), (1e9, 2)])
def test_evidence_cells_hold_their_lower_edge(value, cell):
    assert EVIDENCE.cell(value) == EVIDENCE.cells[cell]


def test_evidence_of_what_was_never_seen_is_empty():
    words = replace(EVIDENCE, edges=(), cells=(artifact.Cell(1, 0), artifact.Cell(2, 1)))
    assert words.cell(1.0) == artifact.Cell(2, 1)
    assert words.cell(7.0) == artifact.Cell(0, 0)
    assert EVIDENCE.cell(float("nan")) == artifact.Cell(0, 0)


def test_a_number_without_edges_has_one_cell_for_all_values():
    whole = artifact.Evidence("age", (), (artifact.Cell(50, 5),))
    assert whole.cell(0.0) == whole.cell(17.0) == artifact.Cell(50, 5)


def test_confidence_is_the_width_of_the_interval():
    scored = model().score(np.array([[2.0, 1.0, 10.0]]))
    widths = {0.2: "high", 0.6: "medium", 2.0: "low", float("nan"): "low"}
    for width, word in widths.items():
        assert replace(scored, interval=np.array([[0.0, width]])).each()[0].confidence == word


def test_the_catalog_survives_json():
    assert Catalog.from_dict(json.loads(json.dumps(CATALOG.to_dict()))) == CATALOG
    assert CATALOG.fingerprint == Catalog.from_dict(json.loads(json.dumps(CATALOG.to_dict()))).fingerprint
