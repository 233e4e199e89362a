"""What each feature means, said once more in slow, obvious pandas: the compiled loops are held to this."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from leadlight.core.catalog import Catalog, Feature
from leadlight.core.history import History

NAN = float("nan")
NO_TABLE = pd.Timedelta(0)


def rows_known(table: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What had happened and was recorded before the moment, in the order of time, ties by content."""
    return table[(table["occurred_at"] < as_of) & (table["recorded_at"] < as_of)]


class Oracle:
    """All features of one lead at one moment."""

    def __init__(self, catalog: Catalog, history: History, lead_id: str, as_of: pd.Timestamp) -> None:
        self.catalog, self.as_of = catalog, as_of
        self.vocabulary = catalog.vocabulary
        self.history = history
        self.lead = history.leads[history.leads["lead_id"] == lead_id].iloc[0]
        self.activities = self._sorted_activities(rows_known(history.activities, as_of))
        self.mine = self.activities[self.activities["lead_id"] == lead_id]
        doers = self.vocabulary.doers
        self.own = self.mine[np.array([doers.get(k, "lead") == "lead" for k in self.mine["type"]], dtype=bool)]
        self.stages = self._stage_walk(lead_id)
        self.members = self._members(lead_id)
        self.theirs = self.activities[self.activities["lead_id"].isin(self.members)]

    def values(self) -> list[float]:
        return [float(self.value(feature)) for feature in self.catalog.features]

    def value(self, feature: Feature) -> float:
        if feature.primitive.startswith("account_") and pd.isna(self.lead["account_id"]):
            return NAN
        result: float = getattr(self, feature.primitive)(**feature.params, **self._extra(feature))
        return result

    def _extra(self, feature: Feature) -> dict[str, Any]:
        return {"levels": feature.levels} if feature.kind == "category" else {}

    def _sorted_activities(self, table: pd.DataFrame) -> pd.DataFrame:
        types, channels = self.vocabulary.activity_types, self.vocabulary.channels
        place = [types.index(t) if t in types else len(types) for t in table["type"]]
        names = ["" if pd.isna(c) else c for c in table["channel"]]
        via = [0 if not c else channels.index(c) + 2 if c in channels else 1 for c in names]
        known = table[["occurred_at", "recorded_at"]].max(axis=1)
        keys = ["occurred_at", "known", "place", "via", "value"]
        return table.assign(place=place, via=via, known=known).sort_values(keys, kind="stable")

    def _stage_walk(self, lead_id: str) -> pd.DataFrame:
        """The lead's known stage changes without repetitions; ``changed`` is the time of the last change of all."""
        table = rows_known(self.history.stage_changes, self.as_of)
        table = table[table["lead_id"] == lead_id]
        stages = self.vocabulary.stages
        place = [stages.index(s) if s in stages else len(stages) for s in table["stage"]]
        known = table[["occurred_at", "recorded_at"]].max(axis=1)
        table = table.assign(place=place, known=known).sort_values(["occurred_at", "known", "place"], kind="stable")
        self.changed = None if table.empty else table["occurred_at"].iloc[-1]
        return table[table["place"] != table["place"].shift()]

    def _members(self, lead_id: str) -> list[str]:
        """Colleagues that were known at the moment."""
        leads = self.history.leads
        leads = leads[(leads["created_at"] < self.as_of) & (leads["recorded_at"] < self.as_of)]
        same = leads[(leads["account_id"] == self.lead["account_id"]).fillna(False) & (leads["lead_id"] != lead_id)]
        return same["lead_id"].tolist()

    def _days(self, then: pd.Timestamp | None) -> float:
        return NAN if then is None or pd.isna(then) else (self.as_of - then) / pd.Timedelta(days=1)

    def _within(self, table: pd.DataFrame, days: float | None) -> pd.DataFrame:
        return table if days is None else table[table["occurred_at"] >= self.as_of - pd.Timedelta(days=days)]

    def _of_type(self, kind: str) -> pd.DataFrame:
        if kind == "(any)":
            return self.own
        if kind == "(other)":
            return self.mine[~self.mine["type"].isin(self.vocabulary.activity_types)]
        return self.mine[self.mine["type"] == kind]

    def activity_count(self, type: str, days: float) -> float:
        return len(self._within(self._of_type(type), days))

    def activity_days_since(self, type: str) -> float:
        return self._days(self._of_type(type)["occurred_at"].max())

    def activity_days_since_first(self, type: str) -> float:
        return self._days(self._of_type(type)["occurred_at"].min())

    def activity_decay(self, type: str, half_life_days: float) -> float:
        age = (self.as_of - self._of_type(type)["occurred_at"]) / pd.Timedelta(days=half_life_days)
        return float((0.5**age).sum())

    def activity_value_sum(self, type: str, days: float) -> float:
        return float(self._within(self._of_type(type), days)["value"].sum())

    def activity_variety(self, days: float) -> float:
        return self._within(self.own, days)["place"].nunique()

    def activity_velocity(self, recent_days: float, days: float) -> float:
        recent = len(self._within(self.own, recent_days))
        return recent - (len(self._within(self.own, days)) - recent) / 3

    def activity_active_days(self, days: float) -> float:
        return self._within(self.own, days)["occurred_at"].dt.floor("D").nunique()

    def _touch(self, which: int, column: str, levels: tuple[str, ...]) -> float:
        if self.own.empty:
            return 0
        word = self.own[column].iloc[which]
        return 0 if pd.isna(word) else levels.index(word) + 2 if word in levels else 1

    def activity_first_type(self, levels: tuple[str, ...]) -> float:
        return self._touch(0, "type", levels)

    def activity_first_channel(self, levels: tuple[str, ...]) -> float:
        return self._touch(0, "channel", levels)

    def activity_last_type(self, levels: tuple[str, ...]) -> float:
        return self._touch(-1, "type", levels)

    def activity_last_channel(self, levels: tuple[str, ...]) -> float:
        return self._touch(-1, "channel", levels)

    def card_activity(self, type: str, days: float | None, at_least: float | None, at_most: float | None) -> float:
        count = len(self._within(self._of_type(type), days))
        return (at_least is None or count >= at_least) and (at_most is None or count <= at_most)

    def stage_current(self, levels: tuple[str, ...]) -> float:
        if self.stages.empty:
            return 0
        stage = self.stages["stage"].iloc[-1]
        return levels.index(stage) + 2 if stage in levels else 1

    def stage_days_in(self) -> float:
        return self._days(None if self.stages.empty else self.stages["occurred_at"].iloc[-1])

    def stage_days_since_change(self) -> float:
        return self._days(self.changed)

    def lead_age_days(self) -> float:
        return self._days(self.lead["created_at"]) if self.lead["created_at"] < self.as_of else NAN

    def stage_times_entered(self, stages: list[str]) -> float:
        return int(self.stages["stage"].isin(stages).sum())

    def stage_cycle_number(self, stages: list[str]) -> float:
        away = self.stages["stage"].isin(stages).tolist()
        return 1 + sum(before and not now for before, now in pairwise(away))

    def stage_variety(self) -> float:
        return self.stages["place"].nunique()

    def stage_reached(self, stages: list[str]) -> float:
        return self.stages["stage"].isin(stages).any()

    def card_stage(self, stages: list[str]) -> float:
        return not self.stages.empty and self.stages["stage"].iloc[-1] in stages

    def account_colleagues(self) -> float:
        return len(self.members)

    def account_activity_count(self, days: float) -> float:
        return len(self._within(self.theirs, days))

    def account_days_since_activity(self, days: float) -> float:
        return self._days(self._within(self.theirs, days)["occurred_at"].max())

    def account_active_colleagues(self, days: float) -> float:
        return self._within(self.theirs, days)["lead_id"].nunique()

    def account_colleagues_reached(self, stages: list[str]) -> float:
        known = rows_known(self.history.stage_changes, self.as_of)
        there = known[known["lead_id"].isin(self.members) & known["stage"].isin(stages)]
        return there["lead_id"].nunique()

    def _attribute(self, name: str) -> Any:
        """The value at the moment, None where not known: the known change that happened last, else the lead's own."""
        spec = next(a for a in self.history.attributes if a.name == name)
        value = None if spec.known == "dated" else self.lead[name]
        known = rows_known(self.history.attribute_changes, self.as_of)
        known = known[(known["lead_id"] == self.lead["lead_id"]) & (known["attribute"] == name)]
        if not known.empty:
            value = self._last_change(name, spec.kind, known)
        if spec.kind == "number":
            number = pd.to_numeric(value, errors="coerce")
            return None if pd.isna(number) else float(number)
        return None if pd.isna(value) else value

    def _last_change(self, name: str, kind: str, known: pd.DataFrame) -> Any:
        latest = known[known["occurred_at"] == known["occurred_at"].max()]
        latest = latest[latest["recorded_at"] == latest["recorded_at"].max()]
        if kind == "number":  # of the same instant: the largest, and not known after all numbers
            numbers = pd.to_numeric(latest["value"], errors="coerce")
            return numbers.max(skipna=False)
        levels = self.vocabulary.levels[name]
        return max(latest["value"], key=lambda v: 0 if pd.isna(v) else levels.index(v) + 2 if v in levels else 1)

    def attribute_number(self, attribute: str) -> float:
        value = self._attribute(attribute)
        return NAN if value is None else value

    def attribute_category(self, attribute: str, levels: tuple[str, ...]) -> float:
        value = self._attribute(attribute)
        return 0 if value is None else levels.index(value) + 2 if value in levels else 1

    def card_attribute_number(self, any_of: list[str], **asked: Any) -> float:
        return self._meets(any_of=[float(w) for w in any_of if w.replace(".", "").isdigit()], **asked)

    def card_attribute_category(self, **asked: Any) -> float:
        return self._meets(**asked)

    def _meets(
        self, attribute: str, at_least: float | None, at_most: float | None, any_of: list[Any], known: bool | None
    ) -> float:
        value = self._attribute(attribute)
        if value is None:
            return known is False
        return (
            known is not False
            and (at_least is None or value >= at_least)
            and (at_most is None or value <= at_most)
            and (not any_of or value in any_of)
        )

    def card_never(self) -> float:
        return 0


def oracle(catalog: Catalog, history: History, lead_id: str, as_of: int) -> np.ndarray[Any, Any]:
    """Return one row of features; times in microseconds."""
    return np.array(Oracle(catalog, history, lead_id, pd.Timestamp(as_of, unit="us", tz="UTC")).values())
