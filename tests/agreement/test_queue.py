"""What may be agreed on the queue."""

import pytest

from leadlight.agreement.queue import Queue
from leadlight.agreement.terms import parse
from leadlight.core.errors import AgreementError


def test_a_queue_is_read_and_is_part_of_what_was_signed():
    agreement = parse("[queue]\nfloor = 0.05\nwindow_days = 3\nholidays = [2026-12-25, 2026-01-01]\n")
    assert agreement.queue == Queue(0.05, 3, ("2026-01-01", "2026-12-25"))
    assert agreement.version != parse("[queue]\nfloor = 0.06\nwindow_days = 3").version


def test_what_is_left_out_has_a_default_and_without_the_section_nothing_is_explored():
    assert parse("[queue]\nfloor = 0.1").queue == Queue(0.1, 5, ())
    assert parse("").queue is None


def test_all_that_can_t_be_followed_is_named_at_once():
    with pytest.raises(AgreementError) as caught:
        parse('[queue]\nfloor = 0.001\nwindow_days = 2.5\nholidays = ["2026-12-25"]\nexplore = true\n')
    assert {(p.where, p.rule) for p in caught.value.problems} == {
        ("[queue] floor", "out_of_range"),
        ("[queue] window_days", "out_of_range"),
        ("[queue] holidays", "not_a_list"),
        ("[queue]", "unknown_key"),
    }


@pytest.mark.parametrize("said", ["floor = true", "floor = 0.9", 'floor = "often"', "window_days = 0", "holidays = 3"])
def test_odd_values_are_refused(said):
    with pytest.raises(AgreementError):
        parse(f"[queue]\n{said}")
