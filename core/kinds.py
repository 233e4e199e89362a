"""What a column of unknown meaning holds: numbers, categories, dates, or labels that tell rows apart."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from leadlight.core.values import is_nested, numeric_text

__all__ = ["infer_kind", "no_attribute", "odd_ones", "one_spelling", "written_for_people"]

_ENOUGH: Final = 20
"""So many values it takes to tell an identifier from a small table whose rows happen to differ."""

_IDENTIFIER_SHARE: Final = 0.98
_CODE_WORDS: Final = frozenset({"id", "code", "zip", "postcode", "postal", "plz", "key", "uuid", "guid", "sku"})
_SERIAL_WORDS: Final = frozenset({"id", "number", "no", "nr", "num", "key", "serial", "row", "index"})
_FOR_PEOPLE: Final = r"^[+-]?\s*[€$£¥]?\s*[+-]?\d{1,3}([.,' ]?\d{3})*([.,]\d+)?\s*([€$£¥%]|EUR|USD|GBP)?$"
"""Numbers with marks of thousands, a sign of currency or per cent: ``1.234,50 €``."""

_DECIMAL_COMMA: Final = r"^[+-]?\d+(,\d+)?$"
_NEARLY: Final = 0.9
_DATE: Final = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$|^\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?$"
_LEADING_ZERO: Final = r"^0\d+$"


def infer_kind(text: pa.ChunkedArray, name: str, decimal: str) -> Literal["number", "category"]:
    """Tell a number from a category: all values are numbers, and no codes (02139, ``zip``, ``store_id``)."""
    if not _all(numeric_text(text, decimal)) or set(name.split("_")) & _CODE_WORDS:
        return "category"
    return "category" if pc.any(pc.match_substring_regex(text, _LEADING_ZERO)).as_py() else "number"


def no_attribute(cells: pa.ChunkedArray, text: pa.ChunkedArray, name: str, decimal: str) -> str | None:
    """Say why a column can't be an attribute, or None.

    Parameters
    ----------
    cells : ChunkedArray
        As the file has them.
    text : ChunkedArray of strings
        The same as text, missing values taken out.
    name : str
        The column's tidy name.
    decimal : str
        The decimal mark of the file.
    """
    known = len(text) - text.null_count
    if is_nested(cells):
        return "holds lists or structures, not one value a cell"
    if not known:
        return "no value in any row"
    if pa.types.is_temporal(cells.type) or _all(pc.match_substring_regex(text, _DATE)):
        return "a date: say what it means as a stage, an activity or created_at"
    distinct = pc.count_distinct(text).as_py()
    if known >= _ENOUGH and distinct >= _IDENTIFIER_SHARE * known and _tells_rows_apart(text, name):
        return written_for_people(text, decimal) or "an identifier: nearly every row has its own value"
    if known >= _ENOUGH and distinct >= _IDENTIFIER_SHARE * known:
        return written_for_people(text, decimal)
    return None


def written_for_people(text: pa.ChunkedArray, decimal: str) -> str | None:
    """Say how to mend a column of numbers that only people can read; None where it is none."""
    if _all(numeric_text(text, decimal)) or not _all(pc.match_substring_regex(text, _FOR_PEOPLE)):
        return None
    if _all(pc.match_substring_regex(text, _DECIMAL_COMMA)):
        return 'numbers with a decimal comma: say decimal = "," in [history]'
    return "numbers with marks of thousands or units, or another decimal mark: export them plain (1234.5)"


def odd_ones(text: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray:
    """Return the few cells that keep a column from being a number: none where most are words."""
    odd = text.filter(pc.invert(numeric_text(text, decimal)))
    known = len(text) - text.null_count
    return odd if len(odd) <= (1 - _NEARLY) * known else odd.slice(0, 0)


def _tells_rows_apart(text: pa.ChunkedArray, name: str) -> bool:
    """Tell a label from a measure, given that nearly all values differ: revenues differ too."""
    if not _all(numeric_text(text)):
        return not (_all(numeric_text(text, ",")) or len(odd_ones(text, ".")) or len(odd_ones(text, ",")))
    if not _all(pc.match_substring_regex(text, r"^-?\d+$")):
        return False
    steps = np.diff(text.drop_null().cast(pa.float64()).to_numpy())
    return bool(set(name.split("_")) & _SERIAL_WORDS or (steps > 0).all() or (steps < 0).all())


def _all(mask: pa.ChunkedArray) -> bool:
    return bool(pc.all(mask).as_py())


def one_spelling(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Spell whole numbers without decimals where all values are numbers, so that 3 and 3.0 are one level."""
    if not _all(numeric_text(text)):
        return text
    return pc.replace_substring_regex(text, r"^([+-]?\d+)\.0+$", r"\1")
