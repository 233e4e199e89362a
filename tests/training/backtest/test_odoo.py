"""Odoo's lead scoring against a slow oracle that follows the description, and against published figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from datasets import dataset, mapping
from leadlight.core.source import read_history
from leadlight.training.backtest.odoo import Field, fit

CLOCK = "2026-11-23"


def slow_percent(leads, closed, won, fields, tags=(), counted=()):
    """Score one lead after another by tables of (field, value): won and lost, 0.1 added as a row is made."""
    rows = {}
    for lead, is_won in zip(closed, won, strict=True):
        values = [(name, lead.get(name)) for name in fields] + [(name, tag) for name in tags for tag in lead[name]]
        for name, value in values:
            if value is None and name not in counted:
                continue
            row = rows.setdefault((name, value), [0.1, 0.1])
            row[0 if is_won else 1] += 1
    rows = {key: row for key, row in rows.items() if key[0] not in tags or sum(row) >= 50}
    first = [0.1 + sum(won), 0.1 + len(won) - sum(won)]
    return [_slow_one(lead, rows, first, fields, tags) for lead in leads]


def _slow_one(lead, rows, first, fields, tags):
    for_won, for_lost = first[0] / sum(first), first[1] / sum(first)
    for name in (*fields, *tags):
        total = [sum(row[side] for (field, _), row in rows.items() if field == name) for side in (0, 1)]
        for value in lead[name] if name in tags else [lead.get(name)]:
            if (name, value) in rows and min(total) > 0:
                for_won *= rows[name, value][0] / total[0]
                for_lost *= rows[name, value][1] / total[1]
    return min(max(round(100 * for_won / (for_won + for_lost), 2), 0.01), 99.99)


def field(name, leads, *, tags=False, unset_counts=False):
    """Turn one field of all leads into codes."""
    lists = [lead[name] if tags else [lead.get(name)] for lead in leads]
    words = sorted({word for own in lists for word in own if word is not None})
    wide = max([1, *map(len, lists)])
    codes = [[words.index(w) + 1 if w is not None else 0 for w in own] + [0] * (wide - len(own)) for own in lists]
    return Field(name, np.array(codes), len(words), unset_counts, tags)


LEAD = st.fixed_dictionaries(
    {
        "source": st.sampled_from([None, "web", "fair", "phone"]),
        "country": st.sampled_from([None, "es", "fr"]),
        "tags": st.lists(st.sampled_from(["a", "b", "c"]), max_size=3, unique=True),
    }
)


@given(st.lists(st.tuples(LEAD, st.booleans()), min_size=1, max_size=30), st.lists(LEAD, min_size=1, max_size=5))
def test_the_same_as_the_slow_oracle(closed, open_leads):
    known, won = [lead for lead, _ in closed], np.array([outcome for _, outcome in closed])
    repeated, outcomes = known * 8, np.tile(won, 8)  # so that some tags have 50 leads and some have not
    leads = repeated + open_leads
    fields = [field("source", leads, unset_counts=True), field("country", leads), field("tags", leads, tags=True)]
    model = fit(fields, np.arange(len(repeated)), outcomes)
    ours = model.percent(fields, np.arange(len(repeated), len(leads)))
    slow = slow_percent(open_leads, repeated, outcomes, ["source", "country"], ["tags"], counted=("source",))
    assert ours == pytest.approx(slow, abs=0.0101)  # the last digit may be rounded the other way


def test_hand_worked_smoothing_is_once_a_row_and_the_sum_runs_over_rows_with_values():
    leads = [{"source": "web"}] * 3 + [{"source": "fair"}, {"source": None}, {"source": "unheard of"}]
    won = np.array([True, True, False, False, True])
    source = field("source", leads)
    percent = fit([source], np.arange(5), won).percent([source], np.arange(6))
    prior = 3.1 / 2.1
    web, fair = (2.1 / 2.2) / (1.1 / 2.2), (0.1 / 2.2) / (1.1 / 2.2)  # rows: web 2.1 and 1.1, fair 0.1 and 1.1
    odds = np.array([prior * web] * 3 + [prior * fair, prior, prior])  # unset and unheard of: no factor
    assert percent == pytest.approx(np.round(100 * odds / (1 + odds), 2))


def test_unset_counts_only_where_it_is_asked_for():
    leads = [{"phone": None}] * 3 + [{"phone": "ok"}]
    won = np.array([True, True, False, False])
    skipped, counted = (field("phone", leads, unset_counts=flag) for flag in (False, True))
    assert fit([skipped], np.arange(4), won).percent([skipped], np.array([0])) == pytest.approx(50.0)
    odds = (2.1 / 2.2) / (1.1 / 2.2)
    found = fit([counted], np.arange(4), won).percent([counted], np.array([0]))
    assert found == pytest.approx(100 * odds / (1 + odds), abs=0.005)


@pytest.mark.parametrize(("leads", "told"), [(49, False), (50, True)])
def test_a_tag_needs_fifty_leads(leads, told):
    rows = [{"tags": ["vip"]}] * leads + [{"tags": ["big"]}] * 60
    won = np.arange(len(rows)) < leads
    tags = field("tags", rows, tags=True)
    model = fit([tags], np.arange(len(rows)), won)
    odds = (leads + 0.1) / 60.1
    if told:
        odds *= ((leads + 0.1) / (leads + 0.2)) / (0.1 / 60.2)
    assert model.percent([tags], np.array([0])) == pytest.approx(100 * odds / (1 + odds), abs=0.005)


def test_chances_stay_within_one_hundredth_and_are_fifty_where_nobody_was_closed():
    leads = [{"source": "web"}] * 40_000
    source = field("source", leads)
    sure = fit([source], np.arange(40_000), np.ones(40_000, bool))
    assert sure.percent([source], np.array([0])).tolist() == [99.99]
    nobody = fit([source], np.arange(0), np.zeros(0, bool))
    assert nobody.percent([source], np.array([0])).tolist() == [50.0]
    assert nobody.log_odds([source], np.array([0])).tolist() == [0.0]


A = ("source", "country")
B = (
    *A, "lead_origin", "do_not_email", "do_not_call", "specialization", "heard_from", "occupation",
    "what_matters_most", "city",
)  # fmt: skip


@pytest.mark.parametrize(
    ("names", "unset_counts", "published"),
    [(A, False, (0.635, 0.212, 0.610)), (B, False, (0.658, 0.199, 0.586)), (B, True, (0.821, 0.167, 0.503))],
    ids=["A: what stock Odoo sees", "B: with eight fields more", "B with unset as a value"],
)
def test_x_education_as_measured_on_the_real_odoo(names, unset_counts, published):
    history = read_history(dataset("xeducation"), mapping=mapping("xeducation"), now=pd.Timestamp(CLOCK, tz="UTC"))
    order = history.outcome.order.to_numpy()
    learn = order < round(0.7 * len(order))
    converted = history.outcome.converted.to_numpy()
    fields = []
    for name in names:
        codes, levels = pd.factorize(history.leads[name])
        fields.append(Field(name, codes[:, None] + 1, len(levels), unset_counts))
    p = fit(fields, np.flatnonzero(learn), converted[learn]).percent(fields, np.flatnonzero(~learn)) / 100
    later = converted[~learn]
    assert len(later) == 2772
    found = roc_auc_score(later, p), brier_score_loss(later, p), log_loss(later, p)
    assert found == pytest.approx(published, abs=0.01)
