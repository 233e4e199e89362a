"""What happened told from what the model did: the arithmetic, held against a slow version in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.serving.changes import Change, Corners, Said, Share, Split, statement, tell_apart, whole

_SIZES = st.floats(-5, 5, allow_nan=False).map(lambda x: round(x, 9))
_CODES = st.sampled_from("abcdef")


@st.composite
def corners(draw: st.DrawFn, *, same_model: bool = False) -> Corners:
    """Two additive models, each with groups and a base of its own, on two sets of data."""

    def said(base: float, codes: list[str]) -> Said:
        impacts = {code: draw(_SIZES) for code in codes}
        return Said(draw(st.integers(0, 100)), base + sum(impacts.values()), impacts)

    sides = [(draw(_SIZES), draw(st.lists(_CODES, unique=True))) for _ in range(2)]
    old, old_model = said(*sides[0]), said(*sides[0])
    if same_model:
        return Corners(old, old_model, old, old_model)
    return Corners(old, old_model, said(*sides[1]), said(*sides[1]))


def swapped(found: Corners) -> Corners:
    return Corners(found.new, found.new_model, found.old_model, found.old)


def slow(found: Corners) -> tuple[Fraction, Fraction, dict[str, Fraction]]:
    """Walk both orders step by step, in fractions: what each step adds goes to who changed, by groups for the data."""
    value = {
        ("old", "old"): found.old,
        ("old", "new"): found.old_model,
        ("new", "old"): found.new_model,
        ("new", "new"): found.new,
    }
    data, model, shares = Fraction(0), Fraction(0), dict.fromkeys("abcdef", Fraction(0))
    for order in permutations(("data", "model")):
        at = {"model": "old", "data": "old"}
        for step in order:
            before = value[at["model"], at["data"]]
            at[step] = "new"
            after = value[at["model"], at["data"]]
            added = Fraction(after.log_odds) - Fraction(before.log_odds)
            if step == "model":
                model += added / 2
                continue
            data += added / 2
            for code in before.impacts:
                shares[code] += (Fraction(after.impacts[code]) - Fraction(before.impacts[code])) / 2
    return data, model, shares


@given(corners())
def test_the_parts_are_those_of_the_slow_version_and_add_up(found: Corners) -> None:
    change, (data, model, shares) = tell_apart(found), slow(found)
    assert change.log_odds.data == pytest.approx(float(data), abs=1e-9)
    assert change.log_odds.model == pytest.approx(float(model), abs=1e-9)
    told = dict(change.shares)
    assert all(told.get(code, 0.0) == pytest.approx(float(share), abs=1e-9) for code, share in shares.items())
    assert change.log_odds.data + change.log_odds.model == pytest.approx(change.log_odds.change, abs=1e-9)
    assert sum(share.impact for share in change.shares) == pytest.approx(change.log_odds.data, abs=1e-9)
    for listed in (0, 1, 100):
        total = sum(share.impact for share in change.shares[:listed]) + change.rest(listed)
        assert total == pytest.approx(change.log_odds.data, abs=1e-9)


@given(corners())
def test_points_are_whole_and_add_up_exactly(found: Corners) -> None:
    change = tell_apart(found)
    assert change.old + change.points.data + change.points.model == change.new
    data = Fraction(found.old_model.score - found.old.score + found.new.score - found.new_model.score, 2)
    assert abs(change.points.data - data) <= Fraction(1, 2)


@given(corners())
def test_the_other_way_round_every_part_has_the_other_sign(found: Corners) -> None:
    one, other = tell_apart(found), tell_apart(swapped(found))
    for forth, back in ((one.log_odds, other.log_odds), (one.points, other.points)):
        assert (forth.change, forth.data, forth.model) == (-back.change, -back.data, -back.model)
    assert {share.code: share.impact for share in one.shares} == {share.code: -share.impact for share in other.shares}


@given(corners(same_model=True))
def test_one_model_on_both_sides_has_no_part_in_it(found: Corners) -> None:
    change = tell_apart(found)
    assert (change.log_odds.model, change.points.model) == (0.0, 0)
    assert (change.log_odds.data, change.points.data) == (change.log_odds.change, change.points.change)


@st.composite
def sums(draw: st.DrawFn) -> tuple[list[Fraction], int]:
    """Parts in quarters, tenths or halves, whose sum is a whole number."""
    base = draw(st.sampled_from([2, 4, 10]))
    parts = [Fraction(n, base) for n in draw(st.lists(st.integers(-300, 300), max_size=6))]
    total = draw(st.integers(-300, 300))
    return [*parts, total - sum(parts, Fraction(0))], total


@given(sums())
def test_largest_remainders_make_any_parts_whole(found: tuple[list[Fraction], int]) -> None:
    exact, total = found
    parts = [float(part) for part in exact]
    got = whole(parts, total)
    assert sum(got) == total
    assert all(abs(part - number) < 1 for part, number in zip(exact, got, strict=True))
    assert whole([-part for part in parts], -total) == [-number for number in got]


@given(st.lists(st.integers(-50, 50), max_size=5))
def test_what_is_whole_stays(parts: list[int]) -> None:
    assert whole(parts, sum(parts)) == parts


def test_most_was_cut_off_gets_the_point_then_the_larger_then_the_first() -> None:
    assert whole([1.7, 1.2, 1.1], 4) == [2, 1, 1]
    assert whole([1.5, 2.5], 4) == [1, 3]
    assert whole([1.5, 1.5], 3) == [2, 1]
    assert whole([-1.5, 2.5], 1) == [-1, 2]


def change(old: int, data: int, model: int, *shares: tuple[str, float]) -> Change:
    found = tuple(Share(*share) for share in shares)
    log_odds = sum(share.impact for share in found)
    return Change(old, old + data + model, Split(log_odds, log_odds, 0.0), Split(data + model, data, model), found)


TEXTS = {"reply": "No reply for 14 days", "bounce": "E-mail bounced", "visit": "1 visit", "tiny": "Title"}


def test_a_change_in_words() -> None:
    fell = change(72, -12, -2, ("reply", -0.8), ("visit", 0.7), ("bounce", -0.3), ("tiny", -0.1))
    assert statement(fell, TEXTS, "en", same_model=False) == (
        "72 to 58: what happened −12 (No reply for 14 days; E-mail bounced), new model −2"
    )
    assert statement(fell, TEXTS, "es", same_model=False) == (
        "De 72 a 58: lo ocurrido −12 (No reply for 14 days; E-mail bounced), modelo nuevo −2"
    )
    assert statement(change(50, 9, 0, ("visit", 0.7), ("tiny", 0.1)), TEXTS, "en", same_model=True) == (
        "50 to 59: what happened +9 (1 visit)"
    )
    assert statement(change(50, 0, 3), TEXTS, "en", same_model=False) == "50 to 53: what happened 0, new model +3"
    assert statement(change(50, 0, 0), TEXTS, "en", same_model=True) == "50 to 50: nothing changed"
    assert statement(change(50, 0, 0, ("reply", -0.01)), TEXTS, "en", same_model=True) == (
        "50 to 50: what happened 0 (No reply for 14 days)"
    )
