"""The leak audit: its figures against slow oracles, its rules one by one, and what it may not depend on."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import roc_auc_score

from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.history import Attribute
from leadlight.core.mapping import parse as parse_mapping
from leadlight.features.catalog import draw_up
from leadlight.training.audit.apply import without_leaks
from leadlight.training.audit.area import area, difference
from leadlight.training.audit.auditor import audit
from leadlight.training.audit.columns import column_of
from leadlight.training.audit.findings import Sign
from leadlight.training.audit.ground import Ground
from leadlight.training.audit.purity import purest
from leadlight.training.audit.verdict import advice, weigh
from leadlight.training.audit.words import parse as parse_words
from leadlight.training.audit.words import pointing, word_list
from leadlight.training.bootstrap import Interval
from planted import HONEST, LEAKS, company, export

GOAL = parse('[conversion]\nstage = "customer"\nwithin_days = 30\n')
SOME = ("fit", "employees", "weekday", "lead_quality", "onboarded", "mails_while_open", "order_code")


@pytest.fixture(scope="module")
def flat():
    return export(company(n=1500, base_rate=0.3, seed=4), {name: {**HONEST, **LEAKS}[name] for name in SOME})


@pytest.fixture(scope="module")
def found(flat):
    return audit(flat, GOAL)


# Figures against oracles


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 9)), min_size=4, max_size=60))
def test_the_area_is_that_of_counting_pairs(rows):
    score, won, owner = (np.array(column) for column in zip(*rows, strict=True))
    found = area(score.astype(float), won.astype(bool), owner)
    if won.all() or not won.any():
        assert math.isnan(found.value)
        return
    assert found.value == pytest.approx(roc_auc_score(won, score))
    assert found.low <= found.value <= found.high


def test_the_interval_is_as_wide_as_that_of_resampling_accounts():
    rng = np.random.default_rng(3)
    owner = np.repeat(np.arange(150), 4)  # leads of one account are alike: intervals of single leads are too narrow
    won = np.repeat(rng.random(150) < 0.4, 4)
    score, other = (won * part + np.repeat(rng.normal(size=150), 4) for part in (1.0, 0.4))
    draws = []
    for _ in range(300):
        taken = (rng.integers(0, 150, 150)[:, None] * 4 + np.arange(4)).ravel()
        draws.append((roc_auc_score(won[taken], score[taken]), roc_auc_score(won[taken], other[taken])))
    spread = np.std(draws, axis=0)
    one = area(score, won, owner)
    assert (one.high - one.low) / 3.92 == pytest.approx(spread[0], rel=0.2)
    gap = difference(score, other, won, owner)
    assert gap.value == pytest.approx(one.value - area(other, won, owner).value)
    assert (gap.high - gap.low) / 3.92 == pytest.approx(np.std(np.diff(draws, axis=1)), rel=0.25)


def ground_of(won, owner=None):
    n = len(won)
    never = np.full(n, np.iinfo(np.int64).min)
    owner = np.arange(n) if owner is None else owner
    return Ground(np.asarray(won), np.ones(n, bool), owner, np.zeros(n, np.int64), None, never, never)


def test_purity_is_the_clopper_pearson_bound_of_the_odds_ratio():
    won = np.r_[np.ones(30, bool), np.zeros(70, bool)]
    values = pd.Series(["pure"] * 18 + ["mixed"] * 82, dtype="str")
    best = purest(column_of("x", "x", "x", values), ground_of(won))[0]
    low = beta.ppf(0.01, 18, 1)
    assert (best.group, best.leads, best.conversions, best.converts) == ("pure", 18, 18, True)
    assert best.ratio == pytest.approx(low / (1 - low) / (30 / 70))


def test_purity_needs_ten_leads_and_accounts_not_rows():
    won = np.r_[np.ones(9, bool), np.zeros(91, bool)]
    nine = pd.Series(["pure"] * 9 + ["other"] * 91, dtype="str")
    assert all(p.group != "pure" for p in purest(column_of("x", "x", "x", nine), ground_of(won)))
    won = np.r_[np.ones(30, bool), np.zeros(70, bool)]
    values = pd.Series(["pure"] * 30 + ["other"] * 70, dtype="str")
    one_account = np.r_[np.zeros(30, np.int64), np.arange(1, 71)]
    assert all(p.group != "pure" for p in purest(column_of("x", "x", "x", values), ground_of(won, one_account)))


def test_a_group_that_settles_it_is_not_hidden_by_a_purer_end_of_the_number():
    """Amounts paid are 0 for most; the largest ones are purer still, but hold too few conversions to settle it."""
    rng = np.random.default_rng(0)
    won = np.arange(20_000) < 2_000
    paid = np.where(won, rng.integers(1, 1000, 20_000) * (rng.random(20_000) < 0.2), 0).astype(float)
    paid[rng.choice(np.flatnonzero(~won), 9, replace=False)] = 1.0
    best = purest(column_of("paid", "paid", "paid", pd.Series(paid)), ground_of(won))[0]
    assert (best.shape, best.settles) == ("unusual", True)


# The rules, one by one


def sign(kind, weight="sign"):
    return Sign(kind, weight, "")


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        ([sign("clock", "proof")], "proved"),
        ([sign("purity", "alone")], "suspected"),
        ([sign("purity"), sign("purity")], "asked"),  # twice the same kind is one piece of evidence
        ([sign("text"), sign("text")], "clean"),
        ([sign("purity"), sign("text")], "suspected"),
        ([sign("purity", "hint"), sign("text")], "suspected"),
        ([sign("purity", "hint"), sign("fill_age")], "asked"),
        ([sign("purity"), sign("fill_age")], "suspected"),
        ([sign("purity"), sign("fill_age", "hint")], "asked"),
        ([sign("text"), sign("fill_age", "hint")], "suspected"),
        ([sign("text", "hint"), sign("fill_age", "hint")], "suspected"),
        ([sign("text", "hint"), sign("purity")], "asked"),  # a credit score may well be good
        ([sign("text", "hint"), sign("value_age", "hint")], "clean"),
        ([sign("purity"), sign("running_total")], "suspected"),
        ([], "clean"),
    ],
)
def test_two_signs_of_different_kinds_make_a_suspect(signs, verdict):
    assert weigh(signs, Interval(0.57, 0.55, 0.59)) == verdict


def test_what_is_strong_is_asked_about_and_what_says_nothing_is_left_alone():
    assert weigh([], Interval(0.7, 0.68, 0.72)) == "asked"
    assert weigh([], Interval(0.58, 0.5, 0.66)) == "clean"
    assert weigh([sign("text"), sign("value_age", "hint")], Interval(0.5, 0.45, 0.55)) == "clean"
    assert weigh([sign("text"), sign("value_age", "hint")], None) == "clean"


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("Last Notable Activity", True), ("leadQuality", True), ("Motivo de pérdida", True), ("Vertragslaufzeit", True),
        ("reden_verlies", True), ("data_fechamento", True), ("date de clôture", True), ("esito", True),
        ("duration", True),
        ("call_duration", True), ("product_related_duration", False), ("blast radius", False), ("PageValues", False),
        ("previous deals", False), ("Outcome of the last campaign", False), ("marital status", False),
        ("source", False), ("Razón social", False), ("Firma", False),
        ("closeness", False), ("Lead Origin", False), ("wonderful", False),
    ],
)  # fmt: skip
def test_whole_words_of_many_languages_point_at_the_sale(name, points):
    column = column_of("x", name, name, pd.Series(["a", "b"] * 20, dtype="str"))
    assert any(not one.only_judged for one in pointing(column, 10)) == points


def test_values_point_too_and_the_list_can_be_another():
    column = column_of("x1", "x1", "x1", pd.Series(["Closed by Ann", "open"] * 20 + ["won"] * 3, dtype="str"))
    (one,) = pointing(column, 10)
    assert (one.where, one.found) == ("values", ("'Closed by Ann'",))
    own = parse_words({"anywhere": {"en": ["x1"]}})
    assert [p.where for p in pointing(column, 10, own)] == ["name"]
    assert all(section for section in vars(word_list()).values())


def test_advice_is_a_line_that_the_mapping_reads_back():
    attribute = Attribute("heard", "category", "exported", 'How "you" heard', column="How did you\\hear")
    line = advice(attribute, "after")
    said = parse_mapping(f"[leads.attributes]\n{line}\n").attributes["How did you\\hear"]
    assert (said.known, said.name, said.label) == ("after", "heard", 'How "you" heard')


# What comes of them on a flat export


def test_verdicts_evidence_and_stakes(found):
    verdicts = {one.name: one.verdict for one in found.fields}
    assert verdicts["onboarded"] == verdicts["order_code"] == verdicts["mails_while_open"] == "suspected"
    assert verdicts["fit"] == "asked"
    assert verdicts["weekday"] == "clean"
    kinds = {s.kind for s in found.of("mails_while_open").signs if s.weight == "sign"}
    assert kinds == {"purity", "running_total"}
    onboarded, fit = found.of("onboarded"), found.of("fit")
    assert onboarded.model_with.value > onboarded.model_without.value + 0.1
    assert fit.at_stake.low > 0
    assert fit.question.endswith("?")
    assert found.of("weekday").question is None
    assert found.of("weekday").model_with is None  # no model for what says nothing
    assert found.of("lead_quality").caught_by_name_only
    assert not onboarded.caught_by_name_only
    assert set(found.left_out) == {"onboarded", "order_code", "mails_while_open", "lead_quality"}


def test_it_is_json_and_every_quarantine_has_its_reason(found):
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["left_out"] == dict(found.left_out)
    assert [one["name"] for one in told["fields"]] == [one.name for one in found.fields]
    assert all(reason.startswith("suspected leak: ") for reason in told["left_out"].values())


def test_the_order_of_rows_changes_nothing(flat, found):
    order = np.random.default_rng(0).permutation(len(flat.leads))
    leads = flat.leads.iloc[order].reset_index(drop=True)
    parts = (flat.outcome.converted, flat.outcome.order)
    converted, rank = (part.iloc[order].reset_index(drop=True) for part in parts)
    shuffled = replace(flat, leads=leads, outcome=replace(flat.outcome, converted=converted, order=rank))
    assert audit(shuffled, GOAL).to_dict() == found.to_dict()
    side = np.arange(len(order)) % 3 > 0
    one, other = audit(flat, GOAL, lead_rows=side), audit(shuffled, GOAL, lead_rows=side[order])
    assert one.to_dict() == other.to_dict()


def test_outcomes_outside_the_given_rows_are_never_looked_at(flat):
    side = np.arange(len(flat.leads)) % 2 == 0
    lied = flat.outcome.converted.where(side, ~flat.outcome.converted)
    one = audit(flat, GOAL, lead_rows=side)
    other = audit(replace(flat, outcome=replace(flat.outcome, converted=lied)), GOAL, lead_rows=side)
    assert one.to_dict() == other.to_dict()
    assert one.leads == side.sum()


def test_what_the_mapping_answers_is_kept_and_not_asked(flat, found):
    answered = tuple(replace(a, known="moment") if a.name in ("fit", "lead_quality") else a for a in flat.attributes)
    again = audit(replace(flat, attributes=answered), GOAL)
    assert again.of("fit").verdict == "clean"
    assert again.of("lead_quality").verdict == "suspected"  # the evidence is shown all the same
    assert "lead_quality" not in again.left_out
    assert {"fit", "lead_quality"}.isdisjoint(one.name for one in again.questions)
    assert set(again.left_out) == set(found.left_out) - {"lead_quality"}
    exported = tuple(replace(a, known="exported") for a in flat.attributes)
    assert audit(replace(flat, attributes=exported), GOAL).left_out == found.left_out


def test_without_leaks_the_catalog_never_sees_them(flat, found):
    kept = without_leaks(flat, found)
    assert set(found.left_out) <= set(kept.excluded)
    assert all(name not in kept.leads for name in found.left_out)
    columns = draw_up(kept, rules=(), goal_stage="customer").columns
    assert {"fit", "employees", "weekday"} <= set(columns)
    assert set(found.left_out).isdisjoint(columns)
    assert "onboarded" in flat.leads  # the history that came in stays as it was
    assert without_leaks(kept, audit(kept, GOAL)) is kept


def test_too_few_outcomes_are_said_with_their_count(flat):
    few = np.zeros(len(flat.leads), bool)
    few[np.flatnonzero(flat.outcome.converted.to_numpy())[:7]] = True
    few[np.flatnonzero(~flat.outcome.converted.to_numpy())[:500]] = True
    found = audit(flat, GOAL, lead_rows=few)
    assert "7 of 507 leads converted" in found.too_few
    assert all(one.auc_alone is None for one in found.fields)
    assert found.left_out == {}


# Dated histories


def dated(n=60, *, filled="after", recorded=None, known="dated", **more):
    """Return leads of which every other converts on day 10; each of these has a term, filled before or after."""
    day = lambda i, extra: micros(pd.Timestamp("2025-01-01") + pd.Timedelta(days=i / 10 + extra))  # noqa: E731
    when = {"after": 12, "before": 2}[filled]
    won = range(0, n, 2)
    return history(
        leads=[{"lead_id": f"l{i:03d}", "created_at": day(i, 0)} for i in range(n)],
        stage_changes=[{"lead_id": f"l{i:03d}", "occurred_at": day(i, 10), "stage": "customer"} for i in won],
        attribute_changes=[
            {
                "lead_id": f"l{i:03d}", "occurred_at": day(i, when), "attribute": "term", "value": "year",
                "recorded_at": None if recorded is None else day(i, recorded),
            }
            for i in won
        ],
        attributes=[Attribute("term", "category", known, "Term")],
        ended_at="2025-06-01",
        **more,
    )  # fmt: skip


def test_what_is_filled_after_the_conversion_is_proved_by_clocks():
    term = audit(dated(), GOAL).of("term")
    assert (term.verdict, term.table) == ("proved", "attribute_changes")
    assert "100% (88% to 100%) of the 30 leads" in term.signs[0].text


def test_what_is_dated_before_but_recorded_after_is_proved_too_and_named():
    term = audit(dated(filled="before", recorded=12), GOAL).of("term")
    assert term.verdict == "proved"
    assert "100% dated before and recorded after" in term.signs[0].text


def test_what_was_known_before_is_no_leak_and_what_the_mapping_answers_is_kept():
    assert audit(dated(filled="before"), GOAL).of("term").verdict == "clean"
    told = dated()
    told = replace(told, attributes=(replace(told.attributes[0], answered="moment"),))
    assert audit(told, GOAL).left_out == {}
    assert audit(told, GOAL).of("term").verdict == "proved"


def test_nothing_recorded_on_the_day_or_later_is_looked_at():
    whole = dated()
    cut = micros("2025-01-14")
    early = audit(whole, GOAL, as_of=cut)
    kept = [whole.stage_changes["recorded_at"] < pd.Timestamp("2025-01-14", tz="UTC")]
    changes = whole.attribute_changes[whole.attribute_changes["recorded_at"] < pd.Timestamp("2025-01-14", tz="UTC")]
    past = replace(whole, stage_changes=whole.stage_changes[kept[0]], attribute_changes=changes)
    assert early.to_dict() == audit(past, GOAL, as_of=cut).to_dict()
    assert early.conversions < audit(whole, GOAL).conversions


def test_activities_that_come_only_afterwards_are_named_and_harmless():
    day = lambda i, extra: micros(pd.Timestamp("2025-01-01") + pd.Timedelta(days=i / 10 + extra))  # noqa: E731
    acts = [
        {"lead_id": f"l{i:03d}", "occurred_at": day(i, when), "type": kind}
        for i in range(0, 60, 2)
        for kind, when in (("visit", 1), ("kick_off", 11))
    ]
    found = audit(dated(activities=acts), GOAL)
    assert [s.kind for s in found.of("kick_off").signs] == ["harmless"]
    assert found.of("kick_off").verdict == "clean"
    assert found.of("visit").signs == ()
    assert "kick_off" not in found.left_out


def test_an_undated_attribute_filled_only_for_converted_leads_is_suspected():
    rows = [
        {"lead_id": f"l{i:04d}", "created_at": "2025-01-01", "size": i % 7, "seller": "s1" if i % 5 == 0 else None,
         "account_id": f"a{i}" if i % 5 == 0 else None}
        for i in range(1000)
    ]  # fmt: skip
    won = [{"lead_id": f"l{i:04d}", "occurred_at": "2025-01-09", "stage": "customer"} for i in range(0, 1000, 5)]
    found = audit(history(rows, stage_changes=won, known={"size": "exported", "seller": "exported"}), GOAL)
    assert found.of("seller").verdict == "suspected"
    assert found.of("size").verdict == "clean"
    assert found.of("account_id").verdict == "asked"  # no attribute: it can't be left out, but is asked about
    assert set(found.left_out) == {"seller"}


def test_a_history_without_leads_or_attributes_has_an_empty_audit():
    assert audit(history([]), GOAL).fields == ()
    assert "0 of 0" in audit(history([]), GOAL).too_few
