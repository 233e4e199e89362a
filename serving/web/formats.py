"""Numbers and dates as each language writes them.

Leads' times are stored and shown in UTC; a page says so beside every time of day.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

__all__ = ["NARROW_SPACE", "chance", "date", "day", "integer", "log_odds", "signed", "tied", "time_of_day"]

NARROW_SPACE: Final = "\u202f"
"""Stands between a number and its unit and never breaks."""

_MINUS: Final = "\u2212"
_MONTHS: Final = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"),
}
_DECIMAL: Final = {"en": ".", "es": ","}
_THOUSANDS: Final = {"en": ",", "es": "."}


def integer(value: float, language: str) -> str:
    """Write a whole number with its thousands apart; Spanish does so from five digits on, here as in all texts.

    Examples
    --------
    >>> integer(12840, "en"), integer(12840, "es"), integer(1284, "es")
    ('12,840', '12.840', '1284')
    """
    size = abs(round(value))
    text = str(size) if language == "es" and size < 10_000 else f"{size:,}".replace(",", _THOUSANDS[language])
    return f"{_MINUS}{text}" if round(value) < 0 else text


def log_odds(value: float, language: str) -> str:
    """Write log-odds with two decimals.

    Examples
    --------
    >>> log_odds(-2.514, "en"), log_odds(0.5, "es"), log_odds(-0.001, "en")
    ('−2.51', '0,50', '0.00')
    """
    text = f"{abs(value):.2f}"
    sign = _MINUS if value < 0 and float(text) != 0 else ""
    return sign + text.replace(".", _DECIMAL[language])


def signed(value: float, language: str) -> str:
    """Write a share of the log-odds with its sign, two decimals.

    Examples
    --------
    >>> signed(1.118, "en"), signed(-0.18, "es"), signed(0.001, "en")
    ('+1.12', '−0,18', '0.00')
    """
    text = log_odds(value, language)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text


def chance(probability: float, language: str) -> str:
    """Write a probability as a percentage: whole from 1 to 99, one decimal outside, never 0 or 100.

    Examples
    --------
    >>> [chance(p, "en").replace(NARROW_SPACE, " ") for p in (0.3371, 0.004, 0.00001, 0.9999)]
    ['34 %', '0.4 %', '< 0.1 %', '> 99.9 %']
    """
    percent = 100 * probability
    if percent < 0.05:
        text = "< 0.1"
    elif percent > 99.95:
        text = "> 99.9"
    elif percent < 0.95 or percent > 99:
        text = f"{percent:.1f}"
    else:
        text = f"{percent:.0f}"
    return text.replace(".", _DECIMAL[language]).replace(" ", NARROW_SPACE) + f"{NARROW_SPACE}%"


def tied(sentence: str) -> str:
    """Keep numbers and their percent signs on one line.

    Examples
    --------
    >>> tied("41 % of 218") == f"41{NARROW_SPACE}% of 218"
    True
    """
    return sentence.replace(" %", f"{NARROW_SPACE}%")


def day(instant: datetime, language: str) -> str:
    """Write the day of an instant in UTC.

    Examples
    --------
    >>> moment = datetime(2026, 9, 3, 7, 5, tzinfo=UTC)
    >>> day(moment, "en"), day(moment, "es")
    ('3 Sep 2026', '3 sept 2026')
    """
    utc = instant.astimezone(UTC)
    return f"{utc.day} {_MONTHS[language][utc.month - 1]} {utc.year}"


def time_of_day(instant: datetime) -> str:
    """Write the time of day of an instant in UTC: ``"07:05"``."""
    return f"{instant.astimezone(UTC):%H:%M}"


def date(instant: datetime, language: str) -> str:
    """Write an instant to the minute, with its zone: ``"3 Sep 2026, 07:05 UTC"``."""
    return f"{day(instant, language)}, {time_of_day(instant)} UTC"
