"""``dataset.toml``: how a company's own export is read as a history. Reference: ``docs/dataset-toml.md``."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from leadlight.core.errors import MappingError, NothingThere, Problem
from leadlight.core.history import TABLES
from leadlight.core.sections import Section, word

__all__ = [
    "DEFAULT_MISSING",
    "EPOCHS",
    "EVENT_TABLES",
    "AttributeMapping",
    "DatasetMapping",
    "Dialect",
    "OrderMapping",
    "OutcomeMapping",
    "TableMapping",
    "load",
    "parse",
]

DEFAULT_MISSING: Final = ("NaN", "nan", "NULL", "null", "\\N", "#N/A")
"""What programs write for "nothing"; words that people write ("NA", "None", "unknown") have to be declared."""

_DIALECT_KEYS: Final = ("separator", "encoding", "decimal", "time_zone", "time_format")
_SECTION_KEYS: Final = (*_DIALECT_KEYS, "columns", "constant", "missing", "values", "where")
_POLICIES: Final[Mapping[str, tuple[str, ...]]] = {
    "unknown_leads": ("refuse", "drop"),
    "before_creation": ("refuse", "at_creation", "drop"),
    "after_end": ("refuse", "drop"),
}
EPOCHS: Final[Mapping[str, int]] = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}
"""Time formats that count from 1970-01-01 UTC, and how many microseconds each counts by."""

EVENT_TABLES: Final = ("activities", "stage_changes", "attribute_changes", "queue_log")
_TABLE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "leads": (*_SECTION_KEYS, "one_row_per", "outcome", "order", "attributes"),
    "activities": (*_SECTION_KEYS, "unknown_leads", "after_end", "doers"),
    "stage_changes": (*_SECTION_KEYS, *_POLICIES),
    "attribute_changes": (*_SECTION_KEYS, "unknown_leads", "after_end"),
    "campaign_costs": _SECTION_KEYS,
    "queue_log": (*_SECTION_KEYS, "unknown_leads", "after_end"),
}
_HISTORY_KEYS: Final = (*TABLES, *_DIALECT_KEYS, "missing", "ended_at")
_ATTRIBUTE_KEYS: Final = ("exclude", "name", "known", "kind", "missing", "label", "personal")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file spells things.

    Attributes
    ----------
    separator : str or None
        Between the cells of a CSV; None: found out from the header.
    encoding : str
        Of a CSV. A byte-order mark wins.
    decimal : str
        Decimal mark of numbers: ``"."`` or ``","``.
    time_zone : str or None
        Where clocks hung that wrote times without zone; None: such times are refused.
    time_format : str or None
        A ``strptime`` format, ``"epoch_seconds"`` or ``"epoch_milliseconds"``; None: ISO 8601.
    missing : tuple of str
        Spellings of "not known", beside the empty cell.
    """

    separator: str | None = None
    encoding: str = "utf-8"
    decimal: str = "."
    time_zone: str | None = None
    time_format: str | None = None
    missing: tuple[str, ...] = DEFAULT_MISSING


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How one table is made from one file.

    Attributes
    ----------
    file : str or None
        Name relative to the data's folder; None: found by the table's name.
    columns : mapping of str to tuple of str
        Ours to theirs; several of theirs are joined by a space.
    constant : mapping of str to str
        Our columns that hold one value which the file does not spell.
    where : mapping of str to tuple of str
        Their columns and the patterns (``*`` and ``?``) of which one must match for a row to count.
    values : mapping of str to mapping of str to str
        For a column: their spelling to ours.
    missing : mapping of str to tuple of str
        For a column: more spellings of "not known".
    one_row_per : str or None
        Their column: of the rows that share a value only the first by time counts.
    unknown_leads, before_creation, after_end : str
        What to do with rows of leads that ``leads`` does not have, stages before the lead's creation, rows after the
        end: ``"refuse"``, ``"drop"`` or (``before_creation``) ``"at_creation"``. What is done is counted in the notes.
    """

    file: str | None = None
    dialect: Dialect = Dialect()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constant: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    one_row_per: str | None = None
    unknown_leads: str = "refuse"
    before_creation: str = "refuse"
    after_end: str = "refuse"


@dataclass(frozen=True, slots=True)
class OutcomeMapping:
    """The outcome column of a flat export; without ``negative`` every other single value is "no"."""

    column: str
    positive: tuple[str, ...]
    negative: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderMapping:
    """What takes the place of time in a flat export; ``newest_first`` turns the order round."""

    by: Literal["column", "file", "none"]
    column: str | None = None
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """What the owner says about one column of ``leads``; None: not said."""

    exclude: str | None = None
    name: str | None = None
    known: Literal["creation", "moment", "exported", "after"] | None = None
    kind: Literal["number", "category"] | None = None
    missing: tuple[str, ...] = ()
    label: str | None = None
    personal: bool | None = None


@dataclass(frozen=True)
class DatasetMapping:
    """A whole ``dataset.toml``, every default filled in.

    Attributes
    ----------
    tables : mapping of str to TableMapping
        All of `leadlight.core.history.TABLES`.
    ended_at : datetime or None
        Aware; the declared end of what the history knows.
    outcome, order : OutcomeMapping, OrderMapping or None
        Flat exports only.
    attributes : mapping of str to AttributeMapping
        By the column as the file spells it.
    doers : mapping of str to {"lead", "rep", "system"}
    digest : str
        SHA-256 of what the file says (not of its spelling), hex.
    """

    tables: Mapping[str, TableMapping]
    ended_at: datetime | None = None
    outcome: OutcomeMapping | None = None
    order: OrderMapping | None = None
    attributes: Mapping[str, AttributeMapping] = field(default_factory=dict)
    doers: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""


def load(path: Path) -> DatasetMapping:
    """Read a mapping file.

    Raises
    ------
    NothingThere
        If there is no such file.
    MappingError
        Listing every problem found.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NothingThere(f"There is no mapping {path}. Write one (docs/dataset-toml.md) or name another.") from None
    except OSError as error:
        raise NothingThere(
            f"{path} can't be read: {error.strerror}. A mapping is a text file; see its rights."
        ) from None
    except UnicodeDecodeError as error:
        problem = Problem(path.name, "not_utf8", f"is not UTF-8 (byte {error.start}); save it as UTF-8")
        raise MappingError.listing(path.name, [problem]) from None
    return parse(text, name=path.name)


def parse(text: str, *, name: str = "dataset.toml") -> DatasetMapping:
    r"""Read a mapping; an empty text maps a folder that already has our columns.

    Raises
    ------
    MappingError
        Listing every problem found.

    Examples
    --------
    >>> parse('[history]\nleads = "Leads.csv.gz"').tables["leads"].file
    'Leads.csv.gz'
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError.listing(name, [Problem(name, "not_toml", f"can't be read as TOML: {error}")]) from None
    problems: list[Problem] = []
    top = Section(data, "", problems, ("history", *TABLES))
    history = top.section("history", _HISTORY_KEYS)
    base = _dialect(history, Dialect(missing=history.words("missing", DEFAULT_MISSING)))
    sections = {table: top.section(table, _TABLE_KEYS[table]) for table in TABLES}
    tables = {table: _table(section, table, history.text(table), base) for table, section in sections.items()}
    leads = sections["leads"]
    mapping = DatasetMapping(
        tables=tables,
        ended_at=_ended_at(history, base),
        outcome=_outcome(leads),
        order=_order(leads),
        attributes=_attributes(leads),
        doers=_doers(sections["activities"]),
        digest=hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest(),
    )
    if problems:
        raise MappingError.listing(name, problems)
    return mapping


def _dialect(section: Section, base: Dialect) -> Dialect:
    dialect = replace(
        base,
        separator=section.text("separator", base.separator),
        encoding=section.text("encoding", base.encoding) or base.encoding,
        decimal=section.text("decimal", base.decimal) or base.decimal,
        time_zone=section.text("time_zone", base.time_zone),
        time_format=section.text("time_format", base.time_format),
    )
    given = section.content  # what comes from [history] was checked there
    if "separator" in given and not _is_separator(dialect.separator or ","):
        message = f"separator must be one sign that no word holds, such as ; , | or a tab, got {dialect.separator!r}"
        section.complain("separator", message)
    if "decimal" in given and dialect.decimal not in {".", ","}:
        section.complain("decimal", f"decimal must be '.' or ',', got {dialect.decimal!r}")
    if "time_zone" in given and dialect.time_zone and not _is_zone(dialect.time_zone):
        section.complain("time_zone", f"no time zone is called {dialect.time_zone!r}; write 'Europe/Madrid' or 'UTC'")
    if "time_format" in given and dialect.time_format and not _is_format(dialect.time_format):
        message = (
            f"{dialect.time_format!r} is no format; write it like '%d/%m/%Y %H:%M' (%Y year, %m month, %d day, "
            "%H hour, %M minute, %S second, %I and %p for AM/PM, %z zone), or epoch_seconds, or epoch_milliseconds"
        )
        section.complain("time_format", message)
    if "encoding" in given and not _is_encoding(dialect.encoding):
        message = f"no encoding is called {dialect.encoding!r}; usual: utf-8, cp1252, latin-1, utf-16"
        section.complain("encoding", message)
    return dialect


def _is_separator(sign: str) -> bool:
    return len(sign) == 1 and sign.isascii() and not sign.isalnum() and sign not in '"\n\r\0'


def _is_format(format_: str) -> bool:
    if format_ in EPOCHS:
        return True
    try:
        pd.to_datetime(pd.Series(["x"], dtype="str"), format=format_, errors="coerce")
    except (ValueError, re.error):  # re.error: a directive twice
        return False
    return "%" in format_  # "mixed" and "ISO8601" mean something to pandas alone


def _is_encoding(name: str) -> bool:
    try:
        "".encode(name)
    except LookupError:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: the name of a folder of zones
        return False
    return True


def _table(section: Section, table: str, file: str | None, base: Dialect) -> TableMapping:
    columns = section.section("columns", None if table == "leads" else TABLES[table])
    constant = section.section("constant", TABLES[table])
    values = section.section("values", None)
    for ours in columns.content.keys() & constant.content.keys():
        section.complain("said_twice", f"{ours!r} is both in columns and in constant; keep one")
    if table == "leads" and (foreign := [name for name in columns.content if name not in TABLES["leads"]]):
        message = f"{foreign} are none of {', '.join(TABLES['leads'])}; attributes are named in [leads.attributes]"
        columns.complain("unknown_key", message)
    return TableMapping(
        file=file,
        dialect=_dialect(section, base),
        columns=columns.all_words(),
        constant={key: word(value) for key, value in constant.content.items()},
        where=section.section("where", None).all_words(),
        values={column: _spellings(values.section(column, None)) for column in values.content},
        missing=section.section("missing", None).all_words(),
        one_row_per=section.text("one_row_per") if table == "leads" else None,
        **{policy: section.choice(policy, choices, "refuse") for policy, choices in _POLICIES.items()},
    )


def _spellings(section: Section) -> dict[str, str]:
    return {word(theirs): word(ours) for theirs, ours in section.content.items()}


def _ended_at(history: Section, base: Dialect) -> datetime | None:
    value = history.content.get("ended_at")
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            history.complain("not_a_time", f"ended_at can't be read as a time: {value!r}; write 2024-12-31T23:59:59Z")
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        history.complain("not_a_time", f"ended_at must be a time like 2024-12-31T23:59:59Z, got {value!r}")
        return None
    if value.tzinfo is None and base.time_zone and _is_zone(base.time_zone):
        value = value.replace(tzinfo=ZoneInfo(base.time_zone))
    if value.tzinfo is None:
        history.complain("no_zone", f"ended_at = {value.isoformat()} has no zone; add a Z for UTC, or declare it")
        return None
    return value


def _outcome(leads: Section) -> OutcomeMapping | None:
    section = leads.section("outcome", ("column", "positive", "negative"))
    if not section.present:
        return None
    column, positive, negative = section.text("column"), section.words("positive"), section.words("negative")
    if column is None or not positive:
        section.complain("incomplete", 'needs column = "..." and positive = [...]: the values that mean a conversion')
        return None
    if both := sorted(set(positive) & set(negative)):
        section.complain("said_twice", f"{both} can't be both positive and negative")
    return OutcomeMapping(column, positive, negative)


def _order(leads: Section) -> OrderMapping | None:
    section = leads.section("order", ("by", "column", "newest_first"))
    if not section.present:
        return None
    column = section.text("column")
    by = section.choice("by", ("column", "file", "none"), "column" if column else None)
    if by is None or (by == "column") != (column is not None):
        section.complain(
            "incomplete", 'needs column = "...", or by = "file" (its rows are in order of time), or "none"'
        )
        return None
    return OrderMapping(by, column, bool(section.flag("newest_first")))


def _attributes(leads: Section) -> dict[str, AttributeMapping]:
    section = leads.section("attributes", None)
    return {column: _attribute(section.section(column, _ATTRIBUTE_KEYS)) for column in section.content}


def _attribute(section: Section) -> AttributeMapping:
    name = section.text("name")
    if name is not None and (name in TABLES["leads"] or not name.isidentifier()):
        section.complain("name", f"{name!r} can't be an attribute's name: use letters, digits and _, and none of ours")
    return AttributeMapping(
        exclude=section.text("exclude"),
        name=name,
        known=section.choice("known", ("creation", "moment", "exported", "after")),
        kind=section.choice("kind", ("number", "category")),
        missing=section.words("missing"),
        label=section.text("label"),
        personal=section.flag("personal"),
    )


def _doers(activities: Section) -> dict[str, str]:
    section = activities.section("doers", None)
    return {type_: section.choice(type_, ("lead", "rep", "system"), "lead") for type_ in section.content}
