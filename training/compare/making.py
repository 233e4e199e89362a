"""What differs between two models before they have scored anything: recipe, features, data, agreement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from leadlight.training.recipe import Recipe

if TYPE_CHECKING:
    from leadlight.core.artifact import TrainedModel

__all__ = ["made_differently"]

_TERMS: Final = ("stage", "within_days", "leads_per_week", "grades")


def made_differently(before: TrainedModel, after: TrainedModel) -> dict[str, tuple[str, ...]]:
    """Return what differs, in words, by ``recipe``, ``features``, ``data`` and ``agreement``; () for the same."""
    both = before, after
    return {
        "recipe": tuple(_recipe(*both)),
        "features": tuple(_features(*both)),
        "data": tuple(_data(*both)),
        "agreement": tuple(_agreement(*both)),
    }


def _recipe(before: TrainedModel, after: TrainedModel) -> Iterator[str]:
    one, two = Recipe.of(before), Recipe.of(after)
    if one.kind != two.kind:
        yield f"kind: {one.kind} before, {two.kind} after"
    yield from _changed(one.params, two.params)
    if one.seed != two.seed:
        yield f"seed: {one.seed} before, {two.seed} after"
    if before.probability_status != after.probability_status:
        yield f"chances: {before.probability_status} before, {after.probability_status} after"


def _features(before: TrainedModel, after: TrainedModel) -> Iterator[str]:
    one, two = (set(model.catalog.columns) for model in (before, after))
    yield from (f"no longer looked at: {name}" for name in before.catalog.columns if name not in two)
    yield from (f"newly looked at: {name}" for name in after.catalog.columns if name not in one)
    levels = {f.name: f.levels for f in before.catalog.features}
    for feature in after.catalog.features:
        lost = [level for level in levels.get(feature.name, ()) if level not in feature.levels]
        new = [level for level in feature.levels if level not in levels.get(feature.name, feature.levels)]
        if lost or new:
            said = [f"{word} {', '.join(names)}" for word, names in (("without", lost), ("with", new)) if names]
            yield f"{feature.name}: now {' and '.join(said)}"


def _data(before: TrainedModel, after: TrainedModel) -> Iterator[str]:
    one, two = (model.facts.get("data", {}) for model in (before, after))
    if one.get("fingerprint") != two.get("fingerprint"):
        yield "other files, or the same with other rows"
    if one.get("as_of") != two.get("as_of"):
        yield f"training day: {_day(one)} before, {_day(two)} after"
    yield from _changed(one.get("rows", {}), two.get("rows", {}))


def _agreement(before: TrainedModel, after: TrainedModel) -> Iterator[str]:
    one, two = before.agreement, after.agreement
    if one.get("version") != two.get("version"):
        yield f"version: {str(one.get('version'))[:8]} before, {str(two.get('version'))[:8]} after"
    yield from _changed(*({name: terms.get(name) for name in _TERMS} for terms in (one, two)))
    yield from _changed(before.points, after.points)


def _changed(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[str]:
    """Say each entry that is not the same in both."""
    for name in dict.fromkeys([*one, *two]):
        if one.get(name) != two.get(name):
            yield f"{name}: {_value(one.get(name))} before, {_value(two.get(name))} after"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _day(data: Mapping[str, Any]) -> str:
    return str(data.get("as_of") or "none")[:10]
