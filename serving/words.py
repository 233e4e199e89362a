"""Every text that the service itself says, in English and Spanish.

What a feature means is worded in `leadlight.features.wording`; here are the sentences around it: directions,
components, refusals, and those of `leadlight.serving.evidence_words`. Both languages are complete: `say` has no
fallback, and a test holds each text of one language against the other.
"""

from __future__ import annotations

from typing import Final

from leadlight.serving.change_words import CHANGE_TEXTS
from leadlight.serving.evidence_words import EVIDENCE_TEXTS
from leadlight.serving.ledger.words import LEDGER_TEXTS

__all__ = ["TEXTS", "language_of", "number", "percent", "say"]

TEXTS: Final[dict[str, tuple[str, str]]] = {
    **EVIDENCE_TEXTS,
    **LEDGER_TEXTS,
    **CHANGE_TEXTS,
    # components
    "component.fit": ("Fit", "Encaje"),
    "component.interest": ("Interest", "Interés"),
    "component.cycle": ("Cycle", "Ciclo"),
    "question.fit": ("Do they suit the offer?", "¿Encajan con la oferta?"),
    "question.interest": ("What do they do?", "¿Qué hacen?"),
    "question.cycle": ("Where do they stand in buying?", "¿En qué punto de la compra están?"),
    # directions
    "direction.raises": ("raises the score", "sube la puntuación"),
    "direction.lowers": ("lowers the score", "baja la puntuación"),
    "direction.raises.given_rest": ("raises here, given the rest", "sube aquí, dado lo demás"),
    "direction.lowers.given_rest": ("lowers here, given the rest", "baja aquí, dado lo demás"),
    # bars
    "bar.other": ("{count} smaller reasons together", "{count} motivos menores juntos"),
    "base": ("Where every lead starts", "Punto de partida de todo lead"),
    "why.nothing": ("Nothing sets this lead apart", "Nada distingue a este lead"),
    "value.other": ("one of the less common values", "uno de los valores menos comunes"),
    "missing.account": ("The company’s other leads", "Los demás leads de la empresa"),
    # the timeline
    "timeline.created": ("Lead created", "Lead creado"),
    "timeline.stage": ("Stage: {stage}", "Etapa: {stage}"),
    "timeline.value": ("value {value}", "valor {value}"),
    "timeline.amount": ("amount {value}", "importe {value}"),
    # the model
    "kind.scorecard": ("hand-picked points", "puntos elegidos a mano"),
    "kind.logistic": ("logistic regression", "regresión logística"),
    "kind.lightgbm": ("boosted trees", "árboles potenciados"),
    "status.calibrated": (
        "The chance is calibrated: it was checked against what became of later leads.",
        "La probabilidad está calibrada: se comprobó con lo que fue de leads posteriores.",
    ),
    "status.rank_only": (
        "The order can be trusted, the chance can't yet: no chance is shown.",
        "El orden es fiable, la probabilidad todavía no: no se muestra ninguna.",
    ),
    "status.points_only": (
        "Only the hand-picked points speak here: there is no data yet to learn from.",
        "Aquí solo hablan los puntos elegidos a mano: aún no hay datos de los que aprender.",
    ),
    # refusals: titles
    "title.request_refused": ("The request can't be answered as it stands", "La petición no puede responderse así"),
    "title.not_json": ("The body can't be read as JSON", "El cuerpo no puede leerse como JSON"),
    "title.too_large": ("The body is too large", "El cuerpo es demasiado grande"),
    "title.wrong_media_type": ("The body must be JSON", "El cuerpo debe ser JSON"),
    "title.wrong_encoding": ("The body must not be compressed", "El cuerpo no debe ir comprimido"),
    "title.too_slow": ("The body did not arrive in time", "El cuerpo no llegó a tiempo"),
    "title.no_key": ("This call needs a key", "Esta llamada necesita una clave"),
    "title.wrong_key": ("This key opens nothing", "Esta clave no abre nada"),
    "title.not_allowed": ("This key may not make this call", "Esta clave no puede hacer esta llamada"),
    "title.no_csrf_token": ("The session's token is missing", "Falta el token de la sesión"),
    "title.cross_site": ("Another site sent this request", "Esta petición la envió otro sitio"),
    "title.wrong_host": ("The service is not called by this name", "El servicio no se llama por ese nombre"),
    "title.too_many_requests": ("Too many requests", "Demasiadas peticiones"),
    "title.too_many_wrong_keys": ("Too many wrong keys", "Demasiadas claves erróneas"),
    "title.not_found": ("There is nothing at this address", "No hay nada en esta dirección"),
    "title.no_receipt": ("There is no such receipt", "No existe ese recibo"),
    "title.no_message": ("There is no such webhook", "No existe ese webhook"),
    "title.message_delivered": ("The webhook was delivered already", "El webhook ya se entregó"),
    "title.method_not_allowed": (
        "This address does not answer that method",
        "Esta dirección no responde a ese método",
    ),
    "title.unavailable": ("The service can't answer now", "El servicio no puede responder ahora"),
    "title.no_champion": ("No model serves yet", "Todavía no hay ningún modelo en servicio"),
    "title.internal": ("Something went wrong on our side", "Algo falló en nuestro lado"),
    "title.http": ("The request was refused", "La petición fue rechazada"),
    # refusals: details
    "detail.problems": (
        "{count} problems were found; each is listed with its field and how to mend it.",
        "Se encontraron {count} problemas; cada uno figura con su campo y su remedio.",
    ),
    "detail.problem": (
        "One problem was found; it is listed with its field and how to mend it.",
        "Se encontró un problema; figura con su campo y su remedio.",
    ),
    "detail.too_large": (
        "At most {limit} bytes are read here; send less, or several requests.",
        "Aquí se leen como máximo {limit} bytes; envíe menos, o varias peticiones.",
    ),
    "detail.wrong_media_type": (
        "Send the header Content-Type: application/json; {found} was sent.",
        "Envíe la cabecera Content-Type: application/json; se envió {found}.",
    ),
    "detail.wrong_encoding": (
        "Send the body as it is, without the header Content-Encoding; {found} was sent.",
        "Envíe el cuerpo tal cual, sin la cabecera Content-Encoding; se envió {found}.",
    ),
    "detail.too_slow": (
        "The whole body must arrive within {seconds} seconds; send it again, or in smaller parts.",
        "El cuerpo entero debe llegar en {seconds} segundos; envíelo de nuevo, o en partes menores.",
    ),
    "detail.receipts_unavailable": (
        "The database of receipts does not answer; try again later.",
        "La base de datos de recibos no responde; inténtelo de nuevo más tarde.",
    ),
    "detail.no_key": (
        "Send the header Authorization: Bearer KEY; an admin makes one with 'leadlight keys create'.",
        "Envíe la cabecera Authorization: Bearer CLAVE; un administrador la crea con 'leadlight keys create'.",
    ),
    "detail.wrong_key": (
        "It is not known here, was revoked or has expired, or it was not sent as one header Authorization: Bearer KEY.",
        "No se conoce aquí, se revocó o caducó, o no se envió como una sola cabecera Authorization: Bearer CLAVE.",
    ),
    "detail.not_allowed": (
        "Its role is {role}; {method} {path} is open to {roles}.",
        "Su rol es {role}; {method} {path} está abierto a {roles}.",
    ),
    "detail.no_csrf_token": (
        "A session changes something only with its token, as the field csrf of a form or the header X-CSRF-Token; open "
        "the page anew and send it again.",
        "Una sesión solo cambia algo con su token, como campo csrf de un formulario o cabecera X-CSRF-Token; abra de "
        "nuevo la página y repita el envío.",
    ),
    "detail.cross_site": (
        "A page of {origin} sent it, and this is {host}. Programs send a key, and no Origin.",
        "La envió una página de {origin}, y esto es {host}. Los programas envían una clave, y ningún Origin.",
    ),
    "detail.wrong_host": (
        "The header Host says {host}. Call the service by its address, or add the name to LEADLIGHT_ALLOWED_HOSTS.",
        "La cabecera Host dice {host}. Llame por su dirección, o añada el nombre a LEADLIGHT_ALLOWED_HOSTS.",
    ),
    "detail.too_many_requests": (
        "This key may make {limit} requests a second; try again in {seconds} s, or send batches.",
        "Esta clave puede hacer {limit} peticiones por segundo; repita en {seconds} s, o envíe lotes.",
    ),
    "detail.too_many_wrong_keys": (
        "More than {limit} wrong keys came from this address within a minute; try again in {seconds} s.",
        "Llegaron más de {limit} claves erróneas de esta dirección en un minuto; repita en {seconds} s.",
    ),
    "detail.keys_unavailable": (
        "The database of keys does not answer, so nobody can be let in; try again in a few seconds.",
        "La base de datos de claves no responde, así que no se puede dejar entrar a nadie; repita en unos segundos.",
    ),
    "detail.not_found": (
        "Nothing answers at {path}; /docs lists every address.",
        "Nada responde en {path}; /docs enumera todas las direcciones.",
    ),
    "detail.no_receipt": (
        "No receipt has the id {receipt_id}; ids come with every answer as receipt_id.",
        "Ningún recibo tiene el id {receipt_id}; cada respuesta trae el suyo en receipt_id.",
    ),
    "detail.no_message": (
        "No webhook has the id {message_id}; GET /v1/outbox lists them. Delivered ones are kept for 7 days.",
        "Ningún webhook tiene el id {message_id}; GET /v1/outbox los enumera. Los entregados se guardan 7 días.",
    ),
    "detail.message_delivered": (
        "The receiver took {message_id}, so it is not sent again; what it then did with it stands in its own log.",
        "El receptor aceptó {message_id} y no se envía otra vez; lo que hizo con él figura en su propio registro.",
    ),
    "detail.outbox_unavailable": (
        "The database of webhooks does not answer; try again later.",
        "La base de datos de webhooks no responde; inténtelo de nuevo más tarde.",
    ),
    "detail.method_not_allowed": (
        "{path} answers to {allowed}, not to {method}.",
        "{path} responde a {allowed}, no a {method}.",
    ),
    "detail.starting": (
        "The model is being loaded and the features compiled; try again in a few seconds.",
        "Se está cargando el modelo y compilando las variables; inténtelo de nuevo en unos segundos.",
    ),
    "detail.no_champion": (
        "No model has been promoted. Train one with 'leadlight train --data DIR', then promote it with "
        "'leadlight models promote challenger'.",
        "No se ha promovido ningún modelo. Entrene uno con 'leadlight train --data DIR' y promuévalo con "
        "'leadlight models promote challenger'.",
    ),
    "detail.model_contract": (
        "The promoted model and this release do not fit together: retrain, or serve the release that trained it. {why}",
        "El modelo promovido y esta versión no encajan: reentrene, o sirva la versión que lo entrenó. {why}",
    ),
    "detail.load_failed": (
        "The promoted model could not be loaded; the service's log says why. Promote it again.",
        "No se pudo cargar el modelo promovido; el registro del servicio dice por qué. Promuévalo de nuevo.",
    ),
    "detail.internal": (
        "The error was written to the service's log under {error_id}; nothing was kept of the request.",
        "El error quedó en el registro del servicio como {error_id}; no se guardó nada de la petición.",
    ),
    # refusals: one field each
    "rule.empty_body": ("the body is empty; send a JSON object", "el cuerpo está vacío; envíe un objeto JSON"),
    "rule.not_utf8": (
        "byte {byte} is not valid UTF-8; encode the body as UTF-8",
        "el byte {byte} no es UTF-8 válido; codifique el cuerpo en UTF-8",
    ),
    "rule.not_json": (
        "is not JSON at line {line}, column {column}; check quotes, commas and brackets there",
        "no es JSON en la línea {line}, columna {column}; revise ahí comillas, comas y corchetes",
    ),
    "rule.nested_too_deep": (
        "is nested hundreds of levels deep; nothing that is read here needs more than 5",
        "está anidado a cientos de niveles; nada de lo que aquí se lee necesita más de 5",
    ),
    "rule.too_many_values": (
        "holds more than {limit} lists and objects; send several requests",
        "contiene más de {limit} listas y objetos; envíe varias peticiones",
    ),
    "rule.not_a_number": (
        "{found} is no JSON number; leave out what is not known, or send null",
        "{found} no es un número JSON; omita lo que no se conoce, o envíe null",
    ),
    "rule.number_too_large": (
        "a number is too large to be held; send at most about 1e308",
        "un número es demasiado grande; envíe como máximo alrededor de 1e308",
    ),
    "rule.duplicate_key": (
        "the key {key} is given twice in one object; which one counts can't be guessed",
        "la clave {key} aparece dos veces en un objeto; no se puede adivinar cuál cuenta",
    ),
    "rule.bad_character": (
        "a text holds half a character (a lone surrogate) or NUL; send whole Unicode characters",
        "un texto contiene medio carácter (un sustituto suelto) o NUL; envíe caracteres Unicode enteros",
    ),
    "rule.missing": ("is missing; it is required", "falta; es obligatorio"),
    "rule.unknown_key": (
        "there is no such key here; known: {known}{hint}",
        "no existe esa clave aquí; hay: {known}{hint}",
    ),
    "rule.unknown_key.hint": (
        ". What describes a lead goes under lead.attributes",
        ". Lo que describe a un lead va en lead.attributes",
    ),
    "rule.not_an_object": ("must be a JSON object: {{ ... }}", "debe ser un objeto JSON: {{ ... }}"),
    "rule.not_a_list": ("must be a JSON list: [ ... ]", "debe ser una lista JSON: [ ... ]"),
    "rule.not_text": ("must be text, in quotes", "debe ser un texto, entre comillas"),
    "rule.too_short": ("must not be empty", "no debe estar vacío"),
    "rule.too_long": ("is longer than {limit} characters; shorten it", "supera los {limit} caracteres; acórtelo"),
    "rule.too_many": (
        "has more than {limit} entries; send the most recent {limit}, older ones weigh least",
        "tiene más de {limit} entradas; envíe las {limit} más recientes, las antiguas pesan menos",
    ),
    "rule.too_many_attributes": (
        "has more than {limit} attributes; send those that GET /v1/model lists",
        "tiene más de {limit} atributos; envíe los que enumera GET /v1/model",
    ),
    "rule.too_many_items": (
        "has more than {limit} items; send several batches",
        "tiene más de {limit} elementos; envíe varios lotes",
    ),
    "rule.not_number": ("must be a number, without quotes", "debe ser un número, sin comillas"),
    "rule.out_of_range": (
        "lies beyond ±1e15; check its unit, or send null where it is not known",
        "está más allá de ±1e15; revise su unidad, o envíe null si no se conoce",
    ),
    "rule.not_a_time": (
        "must be a valid date and time as text in ISO 8601, for example 2026-11-23T08:00:00Z; seconds end at 59",
        "debe ser una fecha y hora válidas como texto ISO 8601, por ejemplo 2026-11-23T08:00:00Z; "
        "los segundos acaban en 59",
    ),
    "rule.too_early": (
        "lies before 1970, where programs put dates that nobody gave; send the true date, or leave it out",
        "es anterior a 1970, donde los programas ponen fechas que nadie dio; envíe la fecha real, u omítala",
    ),
    "rule.ahead": (
        "lies more than 5 minutes ahead of the service's clock ({now}); check the sender's clock and zone",
        "va más de 5 minutos por delante del reloj del servicio ({now}); revise el reloj y la zona de quien envía",
    ),
    "rule.no_time_zone": (
        "has no time zone; add Z for UTC, or an offset such as +01:00",
        "no tiene zona horaria; añada Z para UTC, o un desfase como +01:00",
    ),
    "rule.not_a_value": (
        "must be text, a number, true, false or null",
        "debe ser texto, un número, true, false o null",
    ),
    "rule.number_expected": (
        "is a number in the model's history; send a number without quotes, or null where it is not known",
        "es un número en la historia del modelo; envíe un número sin comillas, o null si no se conoce",
    ),
    "rule.invalid": ("can't be used as it stands", "no puede usarse así"),
    "rule.not_valid_parameter": (
        "must be a whole number from {low} to {high}",
        "debe ser un número entero de {low} a {high}",
    ),
    "rule.not_one_of": ("must be one of {known}", "debe ser uno de {known}"),
    "rule.not_a_cursor": (
        "is no next_cursor of an earlier answer; leave it out for the first page",
        "no es el next_cursor de una respuesta anterior; omítalo para la primera página",
    ),
    "rule.as_of_ahead": (
        "is more than 5 minutes ahead of the service's clock ({now}); the future can't be scored",
        "va más de 5 minutos por delante del reloj del servicio ({now}); el futuro no puede puntuarse",
    ),
    "rule.as_of_before_creation": (
        "is before lead.created_at: there was no lead to score yet",
        "es anterior a lead.created_at: aún no había lead que puntuar",
    ),
    "rule.as_of_before_recorded": (
        "is before lead.recorded_at: the lead was not known yet; send a later as_of",
        "es anterior a lead.recorded_at: el lead aún no se conocía; envíe un as_of posterior",
    ),
    "rule.no_created_at": (
        "is missing; this model looks at times, so it must know when the lead was created",
        "falta; este modelo mira las fechas, así que debe saber cuándo se creó el lead",
    ),
    "rule.stage_before_creation": (
        "lies before lead.created_at; mend one of the two times",
        "es anterior a lead.created_at; corrija una de las dos fechas",
    ),
    "rule.unknown_lead": (
        "{lead_id} is not among account.leads; list every colleague there",
        "{lead_id} no está en account.leads; enumere ahí a todos los colegas",
    ),
    "rule.duplicate_lead": (
        "{lead_id} is listed twice in account.leads; list each colleague once",
        "{lead_id} figura dos veces en account.leads; enumere a cada colega una vez",
    ),
}
"""English and Spanish of each text; braces are filled by `say`."""

_POSITION: Final = {"en": 0, "es": 1}
_SPANISH: Final = {ord(","): ".", ord("."): ","}


def say(key: str, language: str, /, **values: object) -> str:
    """Return a text in a language.

    Parameters
    ----------
    key : str
        One of `TEXTS`.
    language : {"en", "es"}
    **values
        What the text's braces are filled with.

    Examples
    --------
    >>> say("component.interest", "es")
    'Interés'
    """
    return TEXTS[key][_POSITION[language]].format(**values)


def percent(share: float, language: str) -> str:
    """Return a share as a whole percentage; below one per cent with a decimal.

    Examples
    --------
    >>> percent(0.412, "en"), percent(0.004, "es")
    ('41 %', '0,4 %')
    """
    hundredths = 100.0 * share
    digits = 1 if 0.0 < hundredths < 0.95 else 0
    return f"{number(hundredths, language, digits)} %"


def number(value: float, language: str, digits: int = 0) -> str:
    """Return a number with the separators of a language.

    Examples
    --------
    >>> number(1234.5, "en", 1), number(1234.5, "es", 1), number(12345, "es")
    ('1,234.5', '1234,5', '12.345')
    """
    if language == "en":
        return f"{value:,.{digits}f}"
    text = (
        f"{value:,.{digits}f}" if abs(value) >= 10_000 else f"{value:.{digits}f}"
    )  # Spanish groups from five digits on
    return text.translate(_SPANISH)


def language_of(header: str | None) -> str:
    """Return the language that an ``Accept-Language`` header asks for; English unless Spanish is preferred.

    Examples
    --------
    >>> language_of("es-MX,es;q=0.9,en;q=0.8"), language_of("de, en;q=0.5, es;q=0.1"), language_of(None)
    ('es', 'en', 'en')
    """
    if not header:
        return "en"
    wishes = {"en": 0.0, "es": 0.0}
    for part in header.lower().split(","):
        tag, _, rest = part.strip().partition(";")
        language = tag.split("-")[0]
        if language in wishes:
            wishes[language] = max(wishes[language], _quality(rest))
    return "es" if wishes["es"] > wishes["en"] else "en"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
