import re

import numpy as np
import pytest

from leadlight.core.clock import DAY
from leadlight.training.bootstrap import Accounts
from leadlight.training.card.charts import draw
from leadlight.training.chances.base_rate import base_rate
from leadlight.training.chances.reliability import reliability
from leadlight.training.moments import Moments


def world(n=1500, rate=0.2, seed=0):
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(np.log(rate / (1 - rate)), 1, n)
    lead, no = np.arange(n), np.zeros(n, bool)
    won = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    return log_odds, Moments(lead, 19_723 * DAY + lead * DAY // 4, lead, won, ~no, no, lead)


def charts(log_odds, moments, segments):
    accounts = Accounts.draw(moments.owner, 0, 100)
    found = reliability(log_odds, moments, accounts, bands={}, segments=segments)
    early = np.arange(len(moments)) < len(moments) // 2
    level = base_rate(moments, flat=True, learn=early, test=~early)
    return draw({"logistic": log_odds}, moments.converted, found, level)


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_every_group_is_labelled_with_its_ratio_and_those_that_are_off_say_so():
    log_odds, moments = world()
    low = log_odds - np.where(np.arange(1500) % 2, 1.5, 0.0)
    odd = np.arange(1500) % 2 == 1
    said = texts(charts(low, moments, {"source = web": odd, "source = fair": ~odd})["plots/segments.svg"])
    assert {
        "all together",
        "source = web",
        "source = fair",
        "converted for each one promised, with 95 % interval",
    } <= set(said)
    assert sum("off" in text for text in said) == 2


def test_both_axes_of_the_reliability_chart_and_the_line_are_named():
    said = texts(charts(*world(), {})["plots/reliability.svg"])
    assert {"chance promised", "share that converted, with 95 % interval", "as promised"} <= set(said)


def test_stretches_of_time_and_the_level_that_taught_are_named():
    said = texts(charts(*world(), {})["plots/base_rate.svg"])
    assert {"tenth 1", "tenth 10", "in what taught"} <= set(said)


@pytest.mark.parametrize("case", ["one", "alike"])
def test_thin_data_can_be_drawn(case):
    log_odds, moments = world(n=60)
    if case == "one":
        moments.converted[:] = False
        moments.converted[3] = True
    if case == "alike":
        log_odds = np.full(60, -1.0)
    found = charts(log_odds, moments, {"source = web": np.arange(60) < 10})
    assert set(found) == {f"plots/{name}.svg" for name in ("reliability", "roc", "gains", "segments", "base_rate")}
    assert not any("NaN" in svg for svg in found.values())
