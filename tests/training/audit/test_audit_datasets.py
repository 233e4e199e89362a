"""The audit of the public data sets, as someone would map them who trusts every column.

The verdicts are those of docs/leak-audit.md. The word list and the limits were written while looking at X Education,
bank marketing and online shoppers, about ten times each; the planted companies (test_audit_planted.py) then changed
how running totals are told and when a number's far end counts.
"""

import pytest

from datasets import NOW, mapping, meaningless, olist_joined, trusting_history
from leadlight.agreement.terms import parse
from leadlight.core.source import read_history
from leadlight.training.audit.auditor import audit
from leadlight.training.simulate import simulate, write

SALES = {"tags", "lead_quality", "lead_profile", "last_activity", "last_notable_activity"}
SCORES = {f"asymmetrique_{part}_{kind}" for part in ("activity", "profile") for kind in ("index", "score")}
DEALS = {
    "business_segment", "lead_type", "lead_behaviour_profile", "has_company", "has_gtin", "average_stock",
    "business_type", "declared_product_catalog_size", "declared_monthly_revenue", "sdr_id",
}  # fmt: skip


def agreement(name):
    return parse((mapping(name).parent / "agreement.toml").read_text())


def by_verdict(found, *verdicts):
    return {one.name for one in found.fields if one.verdict in verdicts}


def test_x_education_quarantines_what_sales_wrote(tmp_path):
    found = audit(trusting_history("xeducation", tmp_path, answered=False), agreement("xeducation"))
    assert set(found.left_out) == SALES | SCORES
    by_name = {one.name for one in found.fields if one.caught_by_name_only}
    assert by_name == (SALES | SCORES) - {"lead_profile"}
    assert "total_time_spent_on_website" in by_verdict(found, "asked")
    assert found.of("tags").at_stake.low > 0.05
    assert "occupation" not in found.left_out


def test_x_education_without_names_keeps_and_asks(tmp_path):
    history, names = meaningless(trusting_history("xeducation", tmp_path, answered=False))
    found = audit(history, agreement("xeducation"))
    assert {names[name] for name in found.left_out} == {"lead_profile"}
    assert SALES - {"lead_profile"} <= {names[name] for name in by_verdict(found, "asked")}


def test_bank_marketing_quarantines_the_duration_of_the_call_and_no_market_figure(tmp_path):
    found = audit(trusting_history("bank_marketing", tmp_path, answered=False), agreement("bank_marketing"))
    assert set(found.left_out) == {"duration"}
    assert found.of("duration").auc_alone.value == pytest.approx(0.816, abs=0.01)
    assert not found.of("duration").caught_by_name_only


def test_online_shoppers_asks_about_page_values(tmp_path):
    found = audit(trusting_history("online_shoppers", tmp_path, answered=False), agreement("online_shoppers"))
    assert found.left_out == {}
    assert found.of("page_values").verdict == "asked"
    assert found.of("page_values").at_stake.low > 0.1
    assert found.order is None


def test_olist_with_the_deals_joined_in_quarantines_every_column_of_the_deals():
    terms = parse('[conversion]\nstage = "customer"\nwithin_days = 30\n')
    history = olist_joined()
    assert set(audit(history, terms).left_out) == DEALS
    history, names = meaningless(history)
    assert {names[name] for name in audit(history, terms).left_out} == DEALS


@pytest.mark.parametrize("name", ["olist_funnel", "bpic2012_loan_leads"])
def test_what_was_known_at_intake_stays(tmp_path, name):
    found = audit(trusting_history(name, tmp_path, answered=False), agreement(name))
    assert found.left_out == {}
    assert by_verdict(found, "proved", "suspected") == set()


@pytest.mark.parametrize(
    ("world", "seed"),
    [
        ("plain", 0),
        ("null", 1),
        *(
            pytest.param(world, seed, marks=pytest.mark.proof)
            for world in ("plain", "linear", "shifted", "null", "honest-points")
            for seed in range(5)
        ),
    ],
)
def test_the_simulated_company_s_planted_leak_is_proved_and_nothing_else_is_quarantined(tmp_path, world, seed):
    company = simulate(leads=700, seed=seed, world=world)
    write(company, tmp_path)
    found = audit(read_history(tmp_path, now=NOW), parse(company.agreement_toml))
    assert set(found.left_out) == {"contract_term"}
    assert found.of("contract_term").verdict == "proved"
