"""What the service says of what it was told, in English and Spanish; part of `leadlight.serving.words.TEXTS`."""

from __future__ import annotations

from typing import Final

__all__ = ["LEDGER_TEXTS"]

LEDGER_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "title.no_lead": ("There is no such lead", "No existe ese lead"),
    "title.no_event": ("There is no such event", "No existe ese evento"),
    "title.erased": ("This lead was erased", "Este lead fue borrado"),
    "title.erased_receipt": ("This receipt was erased", "Este recibo fue borrado"),
    "title.damaged_receipt": ("This receipt is damaged", "Este recibo está dañado"),
    "title.merged_already": ("The two are one lead already", "Los dos ya son un solo lead"),
    "title.other_decision": ("This id is another decision's", "Este id es de otra decisión"),
    "title.objected": ("The person objects to profiling", "La persona se opone al perfilado"),
    "title.key_reused": ("The Idempotency-Key was used before", "La Idempotency-Key ya se usó"),
    "title.still_running": ("The first call is not done yet", "La primera llamada aún no ha terminado"),
    "detail.no_lead": (
        "No lead has the id {lead_id}; tell it first with PUT /v1/leads/ and the id.",
        "Ningún lead tiene el id {lead_id}; comuníquelo antes con PUT /v1/leads/ y el id.",
    ),
    "detail.no_event": (
        "Nothing that counts has the id {key}; it was never told, or taken back before.",
        "Nada que cuente tiene el id {key}; nunca se comunicó, o ya se retiró.",
    ),
    "detail.erased": (
        "The lead was erased on request and can't be brought back; nothing of this call was kept.",
        "El lead fue borrado a petición y no puede recuperarse; no se guardó nada de esta llamada.",
    ),
    "detail.erased_receipt": (
        "What it said is gone with the lead; left are its id, time, model version and score.",
        "Lo que decía desapareció con el lead; quedan su id, hora, versión del modelo y puntuación.",
    ),
    "detail.damaged_receipt": (
        "What is stored of receipt {receipt_id} is not what was written. Tell who runs the service: backups hold it.",
        "Lo guardado del recibo {receipt_id} no es lo que se escribió. Avise a quien opera el servicio: hay copias.",
    ),
    "detail.merged_already": (
        "Lead {lead_id} can't be merged into itself; name the id of the other lead in into.",
        "El lead {lead_id} no puede unirse a sí mismo; indique en into el id del otro lead.",
    ),
    "detail.other_decision": (
        "A decision of this id was kept that says something else, or of another lead; use a new decision_id.",
        "Ya se guardó una decisión con este id que dice otra cosa o es de otro lead; use un decision_id nuevo.",
    ),
    "detail.objected": (
        "Lead {lead_id} is not scored: the person objected; an admin can withdraw the objection.",
        "El lead {lead_id} no se puntúa: la persona se opuso; un administrador puede retirar la oposición.",
    ),
    "detail.key_reused": (
        "It came with another body within the last 24 hours; use a new key for a new call.",
        "Llegó con otro cuerpo en las últimas 24 horas; use una clave nueva para una llamada nueva.",
    ),
    "detail.still_running": (
        "A call with this Idempotency-Key is being worked at; try again in a second for its answer.",
        "Una llamada con esta Idempotency-Key está en curso; repita en un segundo para su respuesta.",
    ),
    "detail.store_unavailable": (
        "The database does not answer, so nothing was kept; try again later.",
        "La base de datos no responde, así que no se guardó nada; inténtelo más tarde.",
    ),
    "rule.erased": (
        "is a lead that was erased; nothing of it is kept",
        "es un lead que fue borrado; no se guarda nada de él",
    ),
    "rule.bad_key": (
        "must be 1 to 200 visible ASCII characters",
        "debe tener de 1 a 200 caracteres ASCII visibles",
    ),
}
