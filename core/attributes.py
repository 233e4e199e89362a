"""The attributes of leads: their names, their kinds, and which columns are kept out, with the reason."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadlight.core.history import TABLES, Attribute, KnownWhen
from leadlight.core.kinds import infer_kind, no_attribute, odd_ones, one_spelling, written_for_people
from leadlight.core.mapping import AttributeMapping, DatasetMapping
from leadlight.core.privacy import personal_reason, without_emails
from leadlight.core.sections import near_miss
from leadlight.core.shaping import Shaped, respelled
from leadlight.core.values import is_nested, numbers, numeric_text, to_series, without_missing, words

__all__ = ["Chosen", "choose", "tidy"]

_NOTHING_SAID: Final = AttributeMapping()


@dataclass
class Chosen:
    """What became of the attribute columns.

    Attributes
    ----------
    columns : dict of str to Series
        By attribute name, for ``History.leads``; columns of one value too, so that other data can be compared.
    attributes : list of Attribute
    excluded : dict of str to str
        By the file's spelling: the reason.
    changes : DataFrame
        ``attribute_changes`` of the attributes that are kept, names and values respelled.
    """

    columns: dict[str, pd.Series[Any]]
    attributes: list[Attribute]
    excluded: dict[str, str]
    changes: pd.DataFrame = field(default_factory=pd.DataFrame)


def tidy(label: str) -> str:
    """Turn a column's name into snake_case, accents off.

    Examples
    --------
    >>> tidy("Lead Source"), tidy("TotalVisits"), tidy("emp.var.rate"), tidy("País de origen")
    ('lead_source', 'total_visits', 'emp_var_rate', 'pais_de_origen')
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", label) if not unicodedata.combining(char))
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", plain)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


def choose(
    leads: Shaped, mapping: DatasetMapping, changes: pd.DataFrame, taken: Mapping[str, str], notes: list[str]
) -> Chosen:
    """Decide on every column of ``leads`` that is none of ours, and on the attributes that move.

    Parameters
    ----------
    leads : Shaped
    mapping : DatasetMapping
    changes : DataFrame
        ``attribute_changes`` as read.
    taken : mapping of str to str
        Columns that serve otherwise (outcome, order), and the reason to say.
    notes : list of str
    """
    labels = _labels(leads, mapping, taken)
    changes = _with_our_names(changes, {label: name for name, label in labels.items()})
    moving = sorted(set(changes["attribute"].dropna().unique()))
    chosen = Chosen({}, [], dict(taken))
    for name, label in labels.items():
        if name not in moving:
            _Column(name, label, _said(label, name, mapping), leads, chosen, notes).settle(leads.others[label])
    values = changes["value"].to_numpy(dtype=object) if moving else changes["value"]
    for name in moving:
        rows = (changes["attribute"] == name).to_numpy()
        label = labels.get(name, _declared_label(name, mapping))
        column = _Column(name, label, _said(label, name, mapping), leads, chosen, notes)
        values[rows] = column.settle_moving(changes.loc[rows, "value"])
    kept = changes["attribute"].isin([attribute.name for attribute in chosen.attributes])
    chosen.changes = changes.assign(value=pd.Series(values, dtype="str"))[kept].reset_index(drop=True)
    _refuse_absent(leads, mapping, moving)
    return chosen


def _said(label: str, name: str, mapping: DatasetMapping) -> AttributeMapping:
    return mapping.attributes.get(label, mapping.attributes.get(name, _NOTHING_SAID))


def _declared_label(name: str, mapping: DatasetMapping) -> str:
    """Return what the mapping calls an attribute that ``leads`` has no column for."""
    return next((label for label, said in mapping.attributes.items() if name in {said.name, tidy(label)}), name)


def _labels(leads: Shaped, mapping: DatasetMapping, taken: Mapping[str, str]) -> dict[str, str]:
    """Give each column of ``leads`` its attribute name; return name to label."""
    labels: dict[str, str] = {}
    for label in leads.others:
        if label in taken:
            continue
        said = mapping.attributes.get(label, _NOTHING_SAID)
        name = said.name or tidy(label) or label
        if said.exclude is not None:
            labels[label] = label  # what is left out needs no name of its own
        elif name in TABLES["leads"]:
            hint = f'if it is, say {name} = "{label}" in [leads.columns]; else give it a name in [leads.attributes]'
            leads.findings.say("ours_or_not", f"is called like our column {name!r}; {hint}", column=label)
        elif name in labels:
            message = f"would be called {name!r}, like {labels[name]!r}; name one in [leads.attributes]"
            leads.findings.say("same_name", message, column=label)
        else:
            labels[name] = label
    return labels


def _with_our_names(changes: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    text = pa.chunked_array([pa.array(changes["attribute"], pa.large_string())])
    ours = {spelled: names.get(spelled, tidy(spelled)) for spelled in text.unique().drop_null().to_pylist()}
    return changes.assign(attribute=to_series(respelled(text, ours)))


def _refuse_absent(leads: Shaped, mapping: DatasetMapping, moving: list[str]) -> None:
    there = (*leads.others, *leads.spelled.values())
    for label, said in mapping.attributes.items():
        if label not in there and (said.name or tidy(label)) not in moving:
            message = f"[leads.attributes] names it, but there is no such column; {near_miss(label, there)}"
            leads.findings.say("missing_column", message, column=label)


@dataclass(frozen=True)
class _Column:
    """One column on its way to becoming an attribute, or not."""

    name: str
    label: str
    said: AttributeMapping
    leads: Shaped
    chosen: Chosen
    notes: list[str]

    def settle(self, cells: pa.ChunkedArray) -> None:
        """Decide on a column of ``leads``."""
        text = None if is_nested(cells) else words(self._without_missing(cells))
        reason = self._kept_out(text)
        if reason is None and (self.said.kind is None or text is None or text.null_count == len(text)):
            reason = no_attribute(cells, cells if text is None else text, self.name, self._decimal(cells))
        if reason is not None or text is None:
            self.chosen.excluded[self.label] = str(reason)
            return
        kind = self.said.kind or self._kind(cells, text)
        self.chosen.columns[self.name] = self._numbers(cells) if kind == "number" else self._words(text)
        if pc.count_distinct(text, mode="all").as_py() <= 1:
            self.chosen.excluded[self.label] = "one value only"
            return
        known = "exported" if self.said.known is None or self.said.known == "after" else self.said.known
        self._keep(kind, known)

    def settle_moving(self, values: pd.Series[str]) -> pd.Series[str]:
        """Decide on an attribute of ``attribute_changes`` and return its values respelled; they stay text."""
        text = words(self._without_missing(pa.chunked_array([pa.array(values, pa.large_string())])))
        reason = self._kept_out(text)
        if reason is not None:
            self.chosen.excluded[self.label] = reason
            return values
        kind = self.said.kind or infer_kind(text, self.name, ".")
        if kind == "number" and not pc.all(numeric_text(text)).as_py():
            message = 'attribute_changes holds values that are no numbers; mend them, or say kind = "category"'
            self.leads.findings.say("not_a_number", message, column=self.label)
        rows = len(self.leads)  # the value in leads is as exported, and must not be used
        nothing = np.full(rows, np.nan) if kind == "number" else pa.nulls(rows, pa.large_string())
        self.chosen.columns[self.name] = (
            pd.Series(nothing) if kind == "number" else to_series(pa.chunked_array([nothing]))
        )
        self._keep(kind, "dated")
        return self._words(text) if kind == "category" else to_series(text)

    def _keep(self, kind: Literal["number", "category"], known: KnownWhen) -> None:
        said = self.said.known
        answered = said if said == "creation" or said == "moment" else None
        self.chosen.attributes.append(Attribute(self.name, kind, known, self._called(), self.label, answered))

    def _called(self) -> str:
        return self.said.label or self.label

    def _kept_out(self, text: pa.ChunkedArray | None) -> str | None:
        if self.said.exclude or self.said.known == "after":
            return self.said.exclude or "known only after the outcome"
        if self.said.personal is False or text is None:
            return None
        return "personal data: the mapping says so" if self.said.personal else personal_reason(self.name, text)

    def _without_missing(self, cells: pa.ChunkedArray) -> pa.ChunkedArray:
        table = self.leads.said
        spelled = (*table.dialect.missing, *table.missing.get(self.label, ()), *self.said.missing)
        return without_missing(cells, spelled)

    def _decimal(self, cells: pa.ChunkedArray) -> str:
        return self.leads.said.dialect.decimal if pa.types.is_large_string(cells.type) else "."

    def _kind(self, cells: pa.ChunkedArray, text: pa.ChunkedArray) -> Any:
        if pa.types.is_boolean(cells.type):
            return "category"
        if pa.types.is_floating(cells.type):  # infinity has no digits, and is refused with the numbers
            text = text.filter(pc.is_finite(cells))
        kind = infer_kind(text, self.name, self._decimal(cells))
        if kind == "category" and (why := self._almost_numbers(text, self._decimal(cells))):
            self.notes.append(f"{self.label!r} is taken as a category: {why}")
        return kind

    def _almost_numbers(self, text: pa.ChunkedArray, decimal: str) -> str | None:
        if how := written_for_people(text, decimal):
            return how
        if not len(odd := odd_ones(text, decimal)):
            return None
        example = "an e-mail address" if "@" in odd[0].as_py() else repr(odd[0].as_py()[:40])
        how = 'declare them as missing, or say kind = "category"'
        return f"{len(odd):,} cells such as {example} keep it from being a number; {how}"

    def _numbers(self, cells: pa.ChunkedArray) -> pd.Series[float]:
        table = self.leads.said
        more = (*table.missing.get(self.label, ()), *self.said.missing)
        return numbers(cells, table.dialect, self.leads.findings, self.label, more)

    def _words(self, text: pa.ChunkedArray) -> pd.Series[str]:
        spellings = self.leads.said.values
        text = one_spelling(respelled(text, spellings.get(self.label, spellings.get(self.name, {}))))
        text, emails = (text, 0) if self.said.personal is False else without_emails(text)
        if emails:
            self.notes.append(f"{self.label!r}: {emails} cells hold an e-mail address and are taken as not known")
        return to_series(text)
