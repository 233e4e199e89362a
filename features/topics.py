"""Topics and their sentences, as a catalog is given them when it is drawn up.

Sentences state facts that a rep can check; none says "because", none gives advice. The little language that they
are written
in is explained in `features.wording`, which says them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from leadlight.core.catalog import Component, Topic
from leadlight.features.words import ACTIVITIES, attribute_label, noun, stage_name, tidy

__all__ = [
    "activity_topic",
    "age_topic",
    "attribute_topic",
    "colleague_activity_topic",
    "colleague_stages_topic",
    "colleagues_topic",
    "goal_topic",
    "recycling_topic",
    "stage_topic",
    "touch_topic",
    "unjudged_topic",
]

Text = Mapping[str, str]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _when(feature: str, what: str) -> dict[str, str]:
    return {"feature": feature, "is": what}


def activity_topic(name: str, component: Component, kind: str, prefix: str) -> Topic:
    """Return the topic of an activity type; ``prefix`` is what its features' names begin with."""
    called = noun(kind)
    since, count = f"{prefix}days_since", f"{prefix}count_30d"
    the_last, last = ("la última", "Última") if called.feminine else ("el último", "Último")
    label = {"en": _capital(called.en), "es": _capital(called.es)}
    if kind == "(any)":
        label = {"en": "Activity", "es": "Actividad"}
    elif kind not in ACTIVITIES:
        label = dict.fromkeys(label, tidy(kind))
    wording = (
        (_when(since, "missing"), {"en": f"No {called.en_many} so far", "es": f"Aún sin {called.es_many}"}),
        (
            _when(count, "one"),
            {
                "en": f"1 {called.en} in the last 30 days, {{{since}:ago}}",
                "es": f"1 {called.es} en los últimos 30 días, {{{since}:ago}}",
            },
        ),
        (
            _when(count, "many"),
            {
                "en": f"{{{count}:count}} {called.en_many} in the last 30 days, the latest {{{since}:ago}}",
                "es": f"{{{count}:count}} {called.es_many} en los últimos 30 días, {the_last} {{{since}:ago}}",
            },
        ),
        (_when(since, "any"), {"en": f"Last {called.en} {{{since}:ago}}", "es": f"{last} {called.es} {{{since}:ago}}"}),
    )
    return Topic(name, component, label, wording, evidence=since)


def touch_topic(name: str, which: str, *, with_channel: bool) -> Topic:
    """Return the topic of the first or the last thing that the lead did."""
    head = {
        "first": {"en": "First touch", "es": "Primer contacto"},
        "last": {"en": "Last touch", "es": "Último contacto"},
    }[which]
    kind, channel = f"{name}.type", f"{name}.channel"
    none = {"en": "No activity by the lead so far", "es": "Aún sin actividad del lead"}
    wording: list[tuple[Any, Text]] = [(_when(kind, "missing"), none)]
    if with_channel:
        both = {
            "en": f"{head['en']}: {{{kind}:level}} via {{{channel}:level}}",
            "es": f"{head['es']}: {{{kind}:level}}, canal: {{{channel}:level}}",
        }
        wording.append((_when(channel, "known"), both))
    wording.append((_when(kind, "any"), {language: f"{text}: {{{kind}:level}}" for language, text in head.items()}))
    return Topic(name, "interest", head, tuple(wording), evidence=kind)


def age_topic(name: str) -> Topic:
    """Return the topic of the time since the lead was created."""
    feature = f"{name}.days"
    wording = (
        (_when(feature, "missing"), {"en": "Creation date not known", "es": "Fecha de creación desconocida"}),
        (_when(feature, "any"), {"en": f"Created {{{feature}:ago}}", "es": f"Creado {{{feature}:ago}}"}),
    )
    return Topic(name, "cycle", {"en": "Age of the lead", "es": "Antigüedad del lead"}, wording, evidence=feature)


def stage_topic(name: str) -> Topic:
    """Return the topic of the current stage."""
    now, days = f"{name}.current", f"{name}.days"
    wording = (
        (_when(now, "missing"), {"en": "No stage recorded so far", "es": "Aún sin etapa registrada"}),
        (
            _when(now, "other"),
            {"en": f"In a rare stage for {{{days}:days}}", "es": f"En una etapa poco común desde hace {{{days}:days}}"},
        ),
        (
            _when(now, "any"),
            {
                "en": f"In stage {{{now}:level}} for {{{days}:days}}",
                "es": f"En la etapa {{{now}:level}} desde hace {{{days}:days}}",
            },
        ),
    )
    return Topic(name, "cycle", {"en": "Stage", "es": "Etapa"}, wording, evidence=now)


def recycling_topic(name: str) -> Topic:
    """Return the topic of coming back."""
    times = f"{name}.times"
    wording = (
        (_when(times, "zero"), {"en": "Never recycled so far", "es": "Nunca reciclado hasta ahora"}),
        (_when(times, "one"), {"en": "Recycled once so far", "es": "Reciclado una vez hasta ahora"}),
        (
            _when(times, "any"),
            {"en": f"Recycled {{{times}:count}} times so far", "es": f"Reciclado {{{times}:count}} veces hasta ahora"},
        ),
    )
    return Topic(name, "cycle", {"en": "Recycling", "es": "Reciclaje"}, wording, evidence=times)


def goal_topic(name: str, goal: str) -> Topic:
    """Return the topic of having been at the goal in an earlier cycle."""
    reached = f"{name}.reached"
    en, es = stage_name(goal, "en"), stage_name(goal, "es")
    wording = (
        (
            _when(reached, "zero"),
            {"en": f"Has not reached stage {en} so far", "es": f"Aún no ha llegado a la etapa {es}"},
        ),
        (_when(reached, "any"), {"en": f"Had reached stage {en} before", "es": f"Ya había llegado a la etapa {es}"}),
    )
    return Topic(name, "cycle", {"en": f"Reached {en} before", "es": f"Llegó antes a {es}"}, wording, evidence=reached)


_NO_ACCOUNT: Final = {"en": "Account not known", "es": "Cuenta desconocida"}


def colleagues_topic(name: str) -> Topic:
    """Return the topic of how many leads the account has."""
    count = f"{name}.count"
    wording = (
        (_when(count, "missing"), _NO_ACCOUNT),
        (
            _when(count, "zero"),
            {"en": "No other leads at the same company", "es": "Ningún otro lead de la misma empresa"},
        ),
        (_when(count, "one"), {"en": "1 other lead at the same company", "es": "1 lead más de la misma empresa"}),
        (
            _when(count, "any"),
            {
                "en": f"{{{count}:count}} other leads at the same company",
                "es": f"{{{count}:count}} leads más de la misma empresa",
            },
        ),
    )
    return Topic(name, "fit", {"en": "Colleagues", "es": "Compañeros de empresa"}, wording, evidence=count)


def colleague_activity_topic(name: str) -> Topic:
    """Return the topic of what colleagues did lately."""
    count, since = f"{name}.count_30d", f"{name}.days_since"
    wording = (
        (_when(count, "missing"), _NO_ACCOUNT),
        (
            _when(since, "missing"),
            {
                "en": "No activity of colleagues in the last 90 days",
                "es": "Sin actividad de compañeros en los últimos 90 días",
            },
        ),
        (
            _when(count, "one"),
            {
                "en": f"1 activity of colleagues in the last 30 days, {{{since}:ago}}",
                "es": f"1 actividad de compañeros en los últimos 30 días, {{{since}:ago}}",
            },
        ),
        (
            _when(count, "many"),
            {
                "en": f"{{{count}:count}} activities of colleagues in the last 30 days, the latest {{{since}:ago}}",
                "es": f"{{{count}:count}} actividades de compañeros en los últimos 30 días, la última {{{since}:ago}}",
            },
        ),
        (
            _when(since, "any"),
            {
                "en": f"Last activity of a colleague {{{since}:ago}}",
                "es": f"Última actividad de un compañero {{{since}:ago}}",
            },
        ),
    )
    label = {"en": "Activity of colleagues", "es": "Actividad de compañeros"}
    return Topic(name, "interest", label, wording, evidence=count)


def colleague_stages_topic(name: str, goal: str) -> Topic:
    """Return the topic of how far colleagues have come."""
    count = f"{name}.goal"
    en, es = stage_name(goal, "en"), stage_name(goal, "es")
    wording = (
        (_when(count, "missing"), _NO_ACCOUNT),
        (
            _when(count, "zero"),
            {
                "en": f"No colleague has reached stage {en} so far",
                "es": f"Ningún compañero ha llegado aún a la etapa {es}",
            },
        ),
        (
            _when(count, "one"),
            {"en": f"1 colleague has reached stage {en}", "es": f"1 compañero ha llegado a la etapa {es}"},
        ),
        (
            _when(count, "any"),
            {
                "en": f"{{{count}:count}} colleagues have reached stage {en}",
                "es": f"{{{count}:count}} compañeros han llegado a la etapa {es}",
            },
        ),
    )
    label = {"en": "Colleagues’ stages", "es": "Etapas de compañeros"}
    return Topic(name, "cycle", label, wording, evidence=count)


def attribute_topic(name: str, attribute: str, label: str, kind: str) -> Topic:
    """Return the topic of an attribute; a label that the owner chose is used in both languages."""
    en, es = attribute_label(attribute, label)
    shown = "level" if kind == "category" else "number"
    wording: list[tuple[Any, Text]] = [
        (_when(name, "missing"), {"en": f"{en} not known", "es": f"{es}: dato desconocido"})
    ]
    if kind == "category":
        rare = {"en": f"{en}: one of the less common values", "es": f"{es}: uno de los valores menos comunes"}
        wording.append((_when(name, "other"), rare))
    wording.append((_when(name, "any"), {"en": f"{en}: {{{name}:{shown}}}", "es": f"{es}: {{{name}:{shown}}}"}))
    return Topic(name, "fit", {"en": en, "es": es}, tuple(wording), evidence=name)


def unjudged_topic(name: str, component: Component, label: str) -> Topic:
    """Return the topic of a hand-picked rule that this history can't judge."""
    tidied = tidy(label)
    said = {"en": f"{tidied}: not in the data", "es": f"{tidied}: no está en los datos"}
    return Topic(name, component, {"en": tidied, "es": tidied}, (([], said),))
