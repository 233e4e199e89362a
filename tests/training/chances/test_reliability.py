import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.training.bootstrap import Accounts
from leadlight.training.chances.reliability import ENOUGH_TO_JUDGE, TOGETHER, bands_by_queue, reliability
from leadlight.training.chances.shares import in_words
from leadlight.training.measure import Weeks
from leadlight.training.metrics import bins_of
from leadlight.training.moments import Moments
from leadlight.training.report import plain


def logit(p):
    return np.log(p / (1 - p))


def world(n=6000, each=1, seed=0, times=None):
    """Chances, moments that come true with `times` their odds, and accounts."""
    rng = np.random.default_rng(seed)
    p = np.repeat(np.clip(rng.beta(1, 6, n), 0.005, 0.9), each)
    odds = p / (1 - p) * (1.0 if times is None else np.repeat(times, each))
    lead = np.repeat(np.arange(n), each)
    no = np.zeros(len(p), bool)
    won = np.repeat(rng.random(n), each) < odds / (1 + odds)
    moments = Moments(lead, lead, lead, won, ~no, no, lead // 2)
    return p, moments, Accounts.draw(moments.owner, 0, 200)


def halves(n, each=1):
    first = np.repeat(np.arange(n) % 2 == 0, each)
    return {"source = web": first, "source = fair": ~first}


def test_chances_that_are_kept_are_not_called_off():
    p, moments, accounts = world()
    found = reliability(logit(p), moments, accounts, bands={}, segments=halves(6000))
    assert found.overall.ratio.low < 1 < found.overall.ratio.high
    assert not any(group.off for group in (found.overall, *found.segments))
    inside = [b.observed.low <= b.promised <= b.observed.high for b in found.bins]
    assert sum(inside) >= 9


def test_a_segment_whose_chances_are_half_of_what_comes_is_found_and_only_it():
    doubled = np.where(np.arange(6000) % 2 == 0, 2.5, 1.0)
    p, moments, accounts = world(times=doubled)
    found = reliability(logit(p), moments, accounts, bands={}, segments=halves(6000))
    assert {group.name: group.off for group in found.segments} == {"source = web": True, "source = fair": False}
    assert found.segments[0].ratio.value > 1.5
    assert any("source = web" in said and "off by more than a quarter" in said for said in found.words)


def test_among_many_honest_segments_hardly_ever_one_is_called_off():
    alarms = 0
    for seed in range(15):
        p, moments, accounts = world(n=4000, seed=seed)
        number = np.random.default_rng(seed).integers(0, 8, 4000)
        found = reliability(logit(p), moments, accounts, bands={}, segments={str(k): number == k for k in range(8)})
        assert len(found.segments) >= 6
        alarms += any(group.off for group in found.segments)
    assert alarms <= 1


def test_at_the_very_edge_of_the_tolerance_one_in_twenty_is_called_off():
    off = 0
    for seed in range(60):
        p, moments, accounts = world(n=1500, seed=seed)
        off += reliability(logit(p / 1.25), moments, accounts, bands={}, segments={}).overall.off
    assert 1 <= off <= 8


def test_what_is_too_small_is_listed_and_judged_together():
    p, moments, accounts = world(n=4000)
    number = np.minimum(np.arange(4000) % 100, 12)
    segments = {f"s{k}": number == k for k in range(13)}
    found = reliability(logit(p), moments, accounts, bands={}, segments=segments)
    assert [group.name for group in found.segments] == ["s12", TOGETHER]
    assert [group.name for group in found.too_small] == [f"s{k}" for k in range(12)]
    assert all(group.conversions < ENOUGH_TO_JUDGE and not group.judged for group in found.too_small)
    assert found.segments[1].moments == int((number < 12).sum())
    assert "s0, s1, s2" in found.words[-1]


def test_bins_hold_equal_numbers_by_the_chances_alone():
    p, moments, accounts = world()
    found = reliability(logit(p), moments, accounts, bands={}, segments={})
    assert [b.moments for b in found.bins] == [600] * 10
    assert [b.moments for b in found.bins] == np.bincount(bins_of(p)).tolist()
    assert all(a.highest < b.lowest for a, b in zip(found.bins, found.bins[1:], strict=False))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1, 3]))
def test_what_the_sentences_say_is_what_the_data_say(seed, each):
    p, moments, accounts = world(n=300, each=each, seed=seed)
    found = reliability(logit(p), moments, accounts, bands={"hot": p > 0.2}, segments=halves(300, each))
    for number, b in zip(np.unique(bins_of(p)), found.bins, strict=True):
        inside = bins_of(p) == number
        said = re.findall(r"\d[\d.,]*\d|\d", b.text)
        told = [p[inside].mean(), moments.converted[inside].mean(), b.observed.low, b.observed.high]
        assert said[:4] == [in_words(share) for share in told]
        leads = len(np.unique(moments.lead[inside]))
        assert said[4:] == ([str(leads)] if each == 1 else [str(inside.sum()), str(leads)])
    for group in (found.overall, *found.bands, *found.segments, *found.too_small):
        assert f"{in_words(group.promised)} was promised, {in_words(group.observed)} converted" in group.text
        assert ("too small to judge" in group.text) == (group.conversions < ENOUGH_TO_JUDGE)


def test_where_nobody_converted_the_interval_still_has_a_width():
    p, moments, accounts = world(n=500, times=np.full(500, 1e-9))
    found = reliability(logit(p), moments, accounts, bands={}, segments=halves(500))
    assert {b.interval_by for b in found.bins} == {"Wilson"}
    assert all(b.observed.low == 0 and 0.02 < b.observed.high < 0.2 for b in found.bins)
    assert found.segments == ()
    assert "too small to judge" in found.overall.text


def test_moments_of_one_lead_are_not_many_witnesses():
    p, moments, accounts = world(n=600, each=1)
    once = reliability(logit(p), moments, accounts, bands={}, segments={}).overall.ratio
    p, moments, accounts = world(n=600, each=10)
    again = reliability(logit(p), moments, accounts, bands={}, segments={}).overall.ratio
    np.testing.assert_allclose(again, once, rtol=1e-9)


def test_the_order_of_moments_changes_nothing():
    p, moments, _ = world(n=800, each=2)
    shuffled = np.random.default_rng(5).permutation(len(p))
    both = []
    for rows in (np.arange(len(p)), shuffled):
        mine = moments.take(rows)
        segments = {name: mask[rows] for name, mask in halves(800, 2).items()}
        both.append(reliability(logit(p[rows]), mine, Accounts.draw(mine.owner, 0, 200), bands={}, segments=segments))
    assert both[0].words == both[1].words
    np.testing.assert_allclose([b.observed for b in both[0].bins], [b.observed for b in both[1].bins])


def test_it_can_be_written_as_json():
    p, moments, accounts = world(n=300)
    found = reliability(logit(p), moments, accounts, bands={"hot": p > 0.5}, segments=halves(300))
    assert json.loads(json.dumps(plain(found), allow_nan=False))["overall"]["name"] == "all"


def test_hot_is_what_a_week_has_room_for_warm_three_times_as_many():
    rng = np.random.default_rng(0)
    cut = np.repeat([0, 1], [100, 50])
    found = bands_by_queue(rng.normal(size=150), Weeks(cut, np.array([10.0, 5.0])))
    counts = {name: np.bincount(cut[mask], minlength=2).tolist() for name, mask in found.items()}
    assert counts == {"hot": [10, 5], "warm": [30, 15], "cold": [60, 30]}


def test_whoever_ties_with_the_last_hot_one_is_hot():
    found = bands_by_queue(np.r_[3.0, np.ones(7), np.zeros(12)], Weeks(np.zeros(20, np.int64), np.array([2.0])))
    assert {name: int(mask.sum()) for name, mask in found.items()} == {"hot": 8, "cold": 12}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.floats(0.1, 50))
def test_bands_share_out_every_moment(scores, room):
    log_odds = np.array(scores, float)
    found = bands_by_queue(log_odds, Weeks(np.zeros(len(scores), np.int64), np.array([room])))
    assert np.sum(list(found.values()), axis=0).tolist() == [1] * len(scores)
    assert log_odds[found["hot"]].min() >= max([log_odds[m].max() for n, m in found.items() if n != "hot"], default=-1)


@pytest.mark.parametrize("off", [0.5, 2.0])
def test_too_much_and_too_little_are_both_off(off):
    p, moments, accounts = world(times=np.full(6000, off))
    assert reliability(logit(p), moments, accounts, bands={}, segments={}).overall.off
