"""What is said of a score that changed, in English and Spanish; part of `leadlight.serving.words.TEXTS`."""

from __future__ import annotations

from typing import Final

__all__ = ["CHANGE_TEXTS"]

CHANGE_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "change.statement": ("{old} to {new}: {parts}", "De {old} a {new}: {parts}"),
    "change.nothing": ("{old} to {new}: nothing changed", "De {old} a {new}: nada ha cambiado"),
    "change.data": ("what happened {points}", "lo ocurrido {points}"),
    "change.data.reasons": ("what happened {points} ({reasons})", "lo ocurrido {points} ({reasons})"),
    "change.model": ("new model {points}", "modelo nuevo {points}"),
    "change.no_longer": ("no longer: {text}", "ya no: {text}"),
    "title.not_separable": (
        "What happened and what the model did can't be told apart",
        "No se puede separar lo ocurrido de lo que hizo el modelo",
    ),
    "detail.not_separable": ("Nothing is guessed here: {why}.", "Aquí no se adivina: {why}."),
    "apart.no_model": (
        "version {version} of the model, which made receipt {receipt_id}, is not kept in the service's home",
        "la versión {version} del modelo, que hizo el recibo {receipt_id}, no se conserva en la carpeta del servicio",
    ),
    "apart.not_rebuilt": (
        "the two models look at other columns, and from what the service has been told the columns of receipt "
        "{receipt_id} don't come out as they were scored; so it is where a score's data came with the request",
        "los dos modelos miran columnas distintas, y con lo comunicado al servicio las columnas del recibo "
        "{receipt_id} no salen como se puntuaron; así ocurre cuando los datos llegaron con la petición",
    ),
    "rule.other_lead": (
        "is a receipt of another lead; name one of the same lead",
        "es un recibo de otro lead; indique uno del mismo lead",
    ),
}
