import numpy as np
import pytest

from leadlight.core.clock import DAY
from leadlight.training.chances.base_rate import base_rate
from leadlight.training.moments import Moments

START = 19_723 * DAY  # 2024-01-01


def moments(when, converted, lead=None):
    when, n = np.asarray(when, np.int64), len(when)
    lead = np.arange(n) if lead is None else lead
    no = np.zeros(n, bool)
    return Moments(lead, when, when, np.asarray(converted, bool), ~no, no, lead)


def flat(rates, each=1000, seed=0):
    chance = np.repeat(rates, each)
    return moments(np.arange(len(chance)), np.random.default_rng(seed).random(len(chance)) < chance)


def test_a_base_rate_that_climbs_is_named_with_its_ends_and_what_it_means():
    asked = flat([0.05] * 7 + [0.2, 0.3, 0.4])
    taught = np.arange(len(asked)) < 7000
    found = base_rate(asked, flat=True, learn=taught, test=~taught)
    assert found.moved
    assert len(found.blocks) == 10
    assert found.blocks[0].rate.value == pytest.approx(asked.converted[:1000].mean())
    assert found.words[0].startswith("The base rate moves: from 0.0")
    assert "tenth 10" in found.words[0]
    assert found.taught.value == pytest.approx(0.05, abs=0.01)
    assert f"{found.measured.value / found.taught.value:.1f} times as many" in found.words[1]
    assert "ranks only" in found.words[1]


def test_one_that_stands_still_is_not_called_moving():
    calm = [base_rate(flat([0.1] * 10, each=300, seed=seed), flat=True) for seed in range(60)]
    assert sum(found.moved for found in calm) <= 3
    assert "stands still" in calm[0].words[0]


def test_a_dip_within_the_range_of_carrying_over_gives_no_warning():
    asked = flat([0.1] * 9 + [0.11])
    taught = np.arange(len(asked)) < 7000
    assert "near enough" in base_rate(asked, flat=True, learn=taught, test=~taught).words[1]


def test_the_same_leads_asked_every_week_are_no_more_evidence_than_they_are_leads():
    rng = np.random.default_rng(2)
    weeks, leads = 30, 200
    keen = rng.random(leads) < 0.3  # some always convert: the share in each month hangs on who is there
    lead = np.tile(np.arange(leads), weeks)
    when = START + np.repeat(np.arange(weeks), leads) * 7 * DAY
    found = base_rate(moments(when, keen[lead], lead), flat=False)
    width = found.blocks[1].rate.high - found.blocks[1].rate.low
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / leads), rel=0.15)
    assert found.blocks[1].leads == leads
    assert not found.moved


@pytest.mark.parametrize(("months", "first", "last"), [(8, "2024-01", "2024-08"), (60, "2024 Q1", "2028 Q4")])
def test_stretches_of_time_are_months_or_of_long_histories_quarters(months, first, last):
    when = START + np.arange(months * 30) * DAY
    blocks = base_rate(moments(when, np.arange(len(when)) % 4 == 0), flat=False).blocks
    assert (blocks[0].name, blocks[-1].name) == (first, last)
    assert sum(block.moments for block in blocks) == len(when)


def test_without_an_order_it_says_so():
    found = base_rate(moments([0] * 50, np.arange(50) % 5 == 0), flat=True)
    assert len(found.blocks) == 1
    assert not found.moved
    assert "no order" in found.words[0]


def test_nobody_converting_is_a_base_rate_too():
    found = base_rate(
        moments(np.arange(100), np.zeros(100)), flat=True, learn=np.arange(100) < 50, test=np.arange(100) >= 50
    )
    assert not found.moved
    assert found.blocks[0].rate.low == 0
    assert found.blocks[0].rate.high > 0.1
