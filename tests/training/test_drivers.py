"""What moves scores, against the reasons that serving words for the same leads."""

import numpy as np
import pytest

import models
from leadlight.serving.reasons import Explainer
from leadlight.training.drivers import SHOWN, drivers


def leads_of(model, n=60, seed=3):
    rng = np.random.default_rng(seed)
    columns = []
    for feature in model.catalog.features:
        if feature.kind == "category":
            columns.append(rng.integers(0, 2 + len(feature.levels), n).astype(float))
        else:
            columns.append(np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 40, n).astype(float)))
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module", params=["additive", "boosted"])
def asked(request):
    model = models.trained() if request.param == "additive" else models.boosted()
    return model, leads_of(model)


def spoken(model, matrix):
    """All reasons of all leads as answers give them, strongest first."""
    explainer, (_, contributions) = Explainer(model), model.score_each(matrix)
    shares = explainer.shares(contributions)
    return [
        explainer.reasons(row.tolist(), own.tolist(), share, as_of=0, limit=None, language="en")
        for row, own, share in zip(matrix, contributions, shares, strict=True)
    ]


def test_strength_is_the_mean_size_of_a_reason_as_answers_give_it(asked):
    model, matrix = asked
    found = drivers(model, matrix)
    sizes = {}
    for reasons in spoken(model, matrix):
        for reason in reasons:
            sizes[reason.code] = sizes.get(reason.code, 0.0) + abs(reason.impact) / len(matrix)
    assert {d.group: d.strength for d in found.groups} == pytest.approx(sizes)
    assert sum(d.share for d in found.groups) == pytest.approx(1.0)
    assert [d.strength for d in found.groups] == sorted((d.strength for d in found.groups), reverse=True)
    assert found.leads == len(matrix)


def test_contradictions_are_those_that_pages_call_given_the_rest(asked):
    model, matrix = asked
    shown = [reason for reasons in spoken(model, matrix) for reason in reasons[:SHOWN]]
    found = drivers(model, matrix)
    assert found.reasons == sum(reason.finding.enough for reason in shown)
    assert found.contradicted == sum(reason.finding.contradicts for reason in shown)
    assert 0 < found.contradicted < found.reasons


def test_examples_are_real_reasons_on_the_right_side(asked):
    model, matrix = asked
    real = {(r.code, round(r.impact, 9)) for reasons in spoken(model, matrix) for r in reasons}
    for driver in drivers(model, matrix).groups:
        for example, way in ((driver.raises, 1), (driver.lowers, -1)):
            if example is not None:
                assert (driver.group, round(example.impact, 9)) in real
                assert example.impact * way > 0
                assert example.text
        assert (driver.raises is None) == (driver.high <= 0)
        assert (driver.lowers is None) == (driver.low >= 0)


def test_no_lead_at_all_moves_nothing():
    model = models.trained()
    found = drivers(model, np.empty((0, len(model.catalog.features))))
    assert (found.leads, found.groups, found.reasons) == (0, (), 0)
