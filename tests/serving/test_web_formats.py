import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.serving.web import formats
from leadlight.serving.web.formats import NARROW_SPACE

numbers = st.floats(-1e6, 1e6)


@given(numbers, st.sampled_from(["en", "es"]))
def test_a_signed_share_reads_back_to_two_decimals(value, language):
    text = formats.signed(value, language)
    read = float(text.replace("\u2212", "-").replace(",", "."))
    assert read == pytest.approx(value, abs=0.005 + 1e-9)
    assert text[0] in "+\u2212" or not text.strip("0.,")


@given(st.floats(0, 1), st.sampled_from(["en", "es"]))
def test_a_chance_is_never_nothing_and_never_certain(probability, language):
    text = formats.chance(probability, language).replace(NARROW_SPACE, "")
    assert text not in ("0%", "100%", "0.0%", "0,0%", "100.0%", "100,0%")
    read = float(re.sub(r"[<>%]", "", text).replace(",", "."))
    assert read == pytest.approx(100 * probability, abs=0.55 if 0.95 <= 100 * probability <= 99 else 0.11)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_chance_never_reads_lower(a, b):
    def read(p):
        return float(re.sub(r"[<>%]", "", formats.chance(p, "en").replace(NARROW_SPACE, "")))

    low, high = sorted((a, b))
    assert read(low) <= read(high)


def test_a_date_is_given_in_utc_whatever_its_zone():
    madrid = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert formats.date(madrid, "en") == "31 Dec 2025, 23:30 UTC"
    assert formats.date(madrid, "es") == "31 dic 2025, 23:30 UTC"


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_month_has_its_own_name(language):
    assert len({formats.day(datetime(2026, month, 1, tzinfo=UTC), language) for month in range(1, 13)}) == 12
