"""What the audit catches and what it lets go, on exports whose truth is known; docs/leak-audit.md has the table.

Named as people name things; then with rows, columns, names and words shuffled, which shows what rests on names; then
without an order, which shows what rests on a row's age.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from datasets import meaningless
from leadlight.agreement.terms import parse
from leadlight.training.audit.auditor import audit
from planted import HONEST, LEAKS, UNDECIDABLE, company, export

COMPANIES = ((2000, 0.05, 1), (3000, 0.2, 2), (1500, 0.4, 3))
FIELDS = {**HONEST, **LEAKS, **UNDECIDABLE}
CAUGHT = ("proved", "suspected")

BY_NAME = {"last_activity", "lead_quality", "remark"}
BY_AGE = {"mails_while_open", "step"}
TOO_FEW_TO_TELL = {"gift_sent"}  # thirty of thirty: pure, but such groups exist among honest leads too
AT_THE_DOOR = {"invoice_number"}  # where every number differs it is an identifier, and never comes in


def verdicts(how):
    """Return each field's verdicts over the companies."""
    found = {name: Counter() for name in FIELDS}
    for n, base_rate, seed in COMPANIES:
        history, names = export(company(n, base_rate, seed), FIELDS, ordered=how != "no order"), {}
        if how == "meaningless":
            history, names = meaningless(history, seed)
        for one in audit(history, parse("")).fields:
            found[names.get(one.name, one.name)][one.verdict] += 1
    return found


@pytest.fixture(scope="module")
def confusion():
    return {how: verdicts(how) for how in ("named", "meaningless", "no order")}


def caught(fields):
    """Return the fields that were quarantined wherever they came in."""
    return {name for name, seen in fields.items() if seen and set(seen) <= set(CAUGHT)}


@pytest.mark.parametrize("how", ["named", "meaningless", "no order"])
def test_no_honest_field_is_quarantined(confusion, how):
    assert [name for name in HONEST if set(confusion[how][name]) & set(CAUGHT)] == []


def test_every_leak_is_quarantined_but_those_that_nothing_gives_away(confusion):
    assert set(LEAKS) - caught(confusion["named"]) - AT_THE_DOOR == TOO_FEW_TO_TELL


def test_what_rests_on_names_alone(confusion):
    assert caught(confusion["named"]) - caught(confusion["meaningless"]) == BY_NAME


def test_what_rests_on_ages_alone(confusion):
    assert caught(confusion["named"]) - caught(confusion["no order"]) == BY_AGE


def test_a_leak_that_is_not_quarantined_is_asked_about(confusion):
    for how in confusion:
        for name in {*LEAKS, *UNDECIDABLE} - caught(confusion[how]):
            assert set(confusion[how][name]) <= {"asked", *CAUGHT}, (how, name)


def test_it_says_itself_which_were_caught_by_name_only():
    found = audit(export(company(*COMPANIES[1]), FIELDS), parse(""))
    assert {one.name for one in found.fields if one.caught_by_name_only} == BY_NAME


def test_a_strong_honest_number_is_not_a_leak_however_much_data_there_is():
    """An area of .9 has a far end that is pure beyond a hundred times the base odds."""
    c = company(n=20_000, base_rate=0.05, seed=5)
    honest = {"score9": lambda c: c.numbers(1.8 * c.won + c.rng.normal(size=c.n))}
    (one,) = audit(export(c, honest), parse("")).fields
    assert one.auc_alone.low > 0.88
    assert one.verdict == "asked"


def test_a_market_that_moves_while_a_field_comes_to_matter_more_is_no_running_total():
    c = company(n=8000, base_rate=0.3, seed=7)
    need = c.rng.normal(size=c.n)
    chance = 1 / (1 + np.exp(1.0 - np.where(c.came > 0.5, 1.6, 0.4) * need))
    moved = replace(c, need=need, won=c.rng.random(c.n) < chance)
    fields = {"larger_long_ago": lambda c: c.numbers(np.exp(c.need - 2 * c.came)), "need": lambda c: c.numbers(c.need)}
    assert audit(export(moved, fields), parse("")).left_out == {}


@pytest.mark.parametrize("seed", range(8))
def test_in_a_small_export_chance_quarantines_nothing(seed):
    history = export(company(n=200, base_rate=0.3, seed=seed), HONEST)
    assert audit(history, parse("")).left_out == {}
