"""A few accounts that hold nearly all leads are always drawn again: no certainty may come of that."""

import numpy as np
import pandas as pd
import pytest

from histories import history
from leadlight.agreement.terms import parse
from leadlight.core.history import FlatOutcome
from leadlight.training.bootstrap import Accounts
from leadlight.training.chances.reliability import reliability
from leadlight.training.moments import FEWEST_ACCOUNTS, Moments, effective, few_accounts, owners
from leadlight.training.run import train


def leads(accounts):
    ids = pd.Series([f"L{i:04d}" for i in range(len(accounts))], dtype="str")
    return pd.DataFrame({"lead_id": ids, "account_id": pd.Series(accounts, dtype="str")})


@pytest.mark.parametrize(
    ("accounts", "too_few"),
    [
        (["A"] * 300, True),
        ([f"A{i % 4}" for i in range(300)], True),
        ([f"A{i % 30}" for i in range(300)], False),
        (["A"] * 200 + [None] * 100, True),
        (["A"] * 80 + [None] * 220, False),
        ([None] * 300, False),
    ],
    ids=["one", "four", "thirty", "two thirds in one", "a quarter in one", "none named"],
)
def test_leads_stand_for_themselves_where_accounts_are_too_few(accounts, too_few):
    table = leads(accounts)
    assert few_accounts(table) == too_few
    codes, names = owners(table)
    by_itself = len(set(codes)) == len(table)
    assert by_itself == (too_few or not table["account_id"].notna().any())
    assert len(names) == len(set(codes))


def test_the_effective_number_is_that_of_groups_of_one_size():
    assert effective(np.full(7, 3)) == pytest.approx(7)
    assert effective(np.array([1000, 1])) < 1.01
    assert effective(np.array([])) == 0.0


def exported(n, accounts, seed, rate):
    rng = np.random.default_rng(seed)
    won = pd.Series(rng.random(n) < rate)
    rows = [
        {"lead_id": f"L{i:04d}", "account_id": accounts[i], "size": float(rng.normal()), "source": "abcd"[i % 4]}
        for i in range(n)
    ]
    return history(rows, outcome=FlatOutcome(won, "column", pd.Series(np.arange(n)), "won"))


def test_one_account_for_all_is_as_good_as_none():
    """With one account all draws were the same, and 16 of 60 random outcomes ended in "signal"."""
    one, none = (train(exported(500, accounts, 0, 0.2), parse("")).report for accounts in (["A"] * 500, [None] * 500))
    for mine, theirs in zip(one.candidates, none.candidates, strict=True):
        assert mine.ranking == theirs.ranking
        assert mine.ranking["auc"].high - mine.ranking["auc"].low > 0.05
    assert one.verdict == none.verdict


def test_it_is_said_that_accounts_are_too_few():
    words = train(exported(300, ["A"] * 300, 0, 0.3), parse("")).report.words
    assert any("A few accounts hold nearly all leads" in said for said in words)


def asked(owner, converted):
    n = len(converted)
    when, none = np.arange(n), np.zeros(n, bool)
    return Moments(np.arange(n), when, when, converted, ~none, none, owner)


def test_a_segment_whose_conversions_lie_in_one_account_is_not_judged():
    n = 2_000
    university = np.arange(n) < 300
    owner = np.where(university, n, np.arange(n))
    converted = np.where(university, np.arange(n) % 2 == 0, np.arange(n) % 10 == 0)
    test = asked(owner, converted)
    accounts = Accounts.draw(owner, 0)
    segments = {"in one account": university | (np.arange(n) > 1_995), "the rest": ~university}
    found = reliability(np.full(n, -2.0), test, accounts, bands={}, segments=segments)
    small = {group.name: group for group in found.too_small}
    assert small["in one account"].conversions >= 50
    assert small["in one account"].accounts < FEWEST_ACCOUNTS
    assert "too few accounts to judge" in small["in one account"].text
    assert [group.name for group in found.segments] == ["the rest"]
