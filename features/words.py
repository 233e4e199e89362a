"""The words for activities, stages, channels and attributes in English and Spanish, and who does what.

What stands in the tables is worded with care; everything else gets a tidy label made from its own name. The
sentences made
of these words are in `features.topics`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from leadlight.features.welcome import is_welcome, words_of

__all__ = [
    "ACTIVITIES",
    "Noun",
    "attribute_label",
    "channel_name",
    "deed",
    "doer",
    "in_sentence",
    "is_voluntary",
    "level_name",
    "noun",
    "stage_name",
    "tidy",
    "type_name",
]


class Noun(NamedTuple):
    """How an activity is called, who does it, and whether it surely is a person's voluntary act towards us."""

    en: str
    en_many: str
    es: str
    es_many: str
    feminine: bool = True
    doer: str = "lead"
    voluntary: bool = True


ACTIVITIES: Final[Mapping[str, Noun]] = {
    # Bots, mail scanners and privacy relays visit, click and open as often as people do: no voluntary acts.
    "web_visit": Noun("web visit", "web visits", "visita web", "visitas web", voluntary=False),
    "page_view": Noun("page view", "page views", "página vista", "páginas vistas", voluntary=False),
    "email_click": Noun(
        "email click", "email clicks", "clic en correo", "clics en correo", feminine=False, voluntary=False
    ),
    "email_open": Noun(
        "email open", "email opens", "apertura de correo", "aperturas de correo", voluntary=False
    ),
    "pricing_view": Noun("pricing page view", "pricing page views", "visita a precios", "visitas a precios"),
    "form_fill": Noun("form fill", "form fills", "formulario enviado", "formularios enviados", feminine=False),
    "demo_request": Noun("demo request", "demo requests", "solicitud de demo", "solicitudes de demo"),
    "contact_request": Noun("contact request", "contact requests", "solicitud de contacto", "solicitudes de contacto"),
    "trial_start": Noun("trial start", "trial starts", "inicio de prueba", "inicios de prueba", feminine=False),
    "content_download": Noun(
        "content download", "content downloads", "descarga de contenido", "descargas de contenido"
    ),
    "webinar": Noun("webinar", "webinars", "webinar", "webinars", feminine=False),
    "webinar_registered": Noun(
        "webinar registration", "webinar registrations", "inscripción a webinar", "inscripciones a webinar"
    ),
    "webinar_attended": Noun(
        "webinar attended", "webinars attended", "asistencia a webinar", "asistencias a webinar"
    ),
    "event_attended": Noun("event attended", "events attended", "asistencia a evento", "asistencias a evento"),
    "chat": Noun("chat", "chats", "chat", "chats", feminine=False),
    "email_reply": Noun("email reply", "email replies", "respuesta por correo", "respuestas por correo"),
    "inbound_call": Noun("inbound call", "inbound calls", "llamada recibida", "llamadas recibidas"),
    "unsubscribe": Noun("unsubscribe", "unsubscribes", "baja", "bajas", voluntary=False),
    "email_unsubscribe": Noun("unsubscribe", "unsubscribes", "baja", "bajas", voluntary=False),
    "job_page_view": Noun(
        "careers page view", "careers page views", "visita a empleo", "visitas a empleo", voluntary=False
    ),
    "call": Noun("call", "calls", "llamada", "llamadas", doer="rep", voluntary=False),
    "call_attempt": Noun(
        "call attempt", "call attempts", "intento de llamada", "intentos de llamada", False, "rep", False
    ),
    "meeting": Noun("meeting", "meetings", "reunión", "reuniones", doer="rep", voluntary=False),
    "demo": Noun("demo", "demos", "demo", "demos", doer="rep", voluntary=False),
    "email_sent": Noun("email sent", "emails sent", "correo enviado", "correos enviados", False, "rep", False),
    "sales_email": Noun("sales email", "sales emails", "correo de ventas", "correos de ventas", False, "rep", False),
    "sms_sent": Noun("text message sent", "text messages sent", "SMS enviado", "SMS enviados", False, "rep", False),
    "linkedin_message": Noun(
        "LinkedIn message", "LinkedIn messages", "mensaje de LinkedIn", "mensajes de LinkedIn", False, "rep", False
    ),
    "note": Noun("note", "notes", "nota", "notas", doer="rep", voluntary=False),
    "task": Noun("task", "tasks", "tarea", "tareas", doer="rep", voluntary=False),
    "email_delivered": Noun(
        "email delivered", "emails delivered", "correo entregado", "correos entregados", False, "system", False
    ),
    "email_bounce": Noun(
        "email bounce", "email bounces", "correo devuelto", "correos devueltos", False, "system", False
    ),
    "(other)": Noun(
        "activity of another kind", "activities of another kind", "actividad de otro tipo", "actividades de otro tipo",
        voluntary=False,
    ),
    "(any)": Noun(
        "activity by the lead", "activities by the lead", "actividad del lead", "actividades del lead", voluntary=False
    ),
}  # fmt: skip

_DEEDS: Final[Mapping[str, tuple[str, str]]] = {
    "web_visit": ("visited the website", "visitado la web"),
    "page_view": ("viewed a page", "visto una página"),
    "pricing_view": ("viewed the pricing page", "visto los precios"),
    "form_fill": ("filled in a form", "enviado un formulario"),
    "demo_request": ("asked for a demo", "pedido una demo"),
    "contact_request": ("asked to be contacted", "pedido que se les contactara"),
    "trial_start": ("started a trial", "empezado una prueba"),
    "content_download": ("downloaded content", "descargado contenido"),
    "webinar": ("taken part in a webinar", "participado en un webinar"),
    "webinar_registered": ("registered for a webinar", "hecho una inscripción a un webinar"),
    "webinar_attended": ("attended a webinar", "asistido a un webinar"),
    "event_attended": ("attended an event", "asistido a un evento"),
    "chat": ("chatted with us", "chateado con nosotros"),
    "email_click": ("clicked in an email", "hecho clic en un correo"),
    "email_reply": ("replied to an email", "respondido a un correo"),
    "inbound_call": ("called us", "llamado por teléfono"),
    "email_open": ("opened an email", "abierto un correo"),
    "unsubscribe": ("unsubscribed", "pedido la baja"),
    "email_unsubscribe": ("unsubscribed", "pedido la baja"),
    "job_page_view": ("viewed the careers page", "visto la página de empleo"),
    "call": ("been called", "recibido una llamada"),
    "call_attempt": ("had a call attempt", "tenido un intento de llamada"),
    "meeting": ("met with us", "tenido una reunión"),
    "demo": ("been shown a demo", "visto una demo"),
    "email_sent": ("been sent an email", "recibido un correo nuestro"),
    "sales_email": ("been sent a sales email", "recibido un correo de ventas"),
    "sms_sent": ("been sent a text message", "recibido un SMS"),
    "linkedin_message": ("been sent a LinkedIn message", "recibido un mensaje de LinkedIn"),
    "note": ("had a note written", "tenido una nota"),
    "task": ("had a task", "tenido una tarea"),
    "email_delivered": ("had an email delivered", "tenido un correo entregado"),
    "email_bounce": ("had an email bounce", "tenido un correo devuelto"),
    "(other)": ("had an activity of another kind", "tenido una actividad de otro tipo"),
    "(any)": ("been active", "mostrado actividad"),
}
"""What leads had done or met with, after "had" and «habían»."""

_STAGES: Final[Mapping[str, tuple[str, str]]] = {
    "new": ("new", "nuevo"),
    "engaged": ("engaged", "interesado"),
    "mql": ("MQL", "MQL"),
    "sal": ("SAL", "SAL"),
    "sql": ("SQL", "SQL"),
    "opportunity": ("opportunity", "oportunidad"),
    "customer": ("customer", "cliente"),
    "recycled": ("recycled", "reciclado"),
    "disqualified": ("disqualified", "descartado"),
}

_CHANNELS: Final[Mapping[str, tuple[str, str]]] = {
    "web": ("the web", "web"),
    "email": ("email", "correo"),
    "phone": ("phone", "teléfono"),
    "event": ("an event", "evento"),
    "social": ("social media", "redes sociales"),
    "paid_search": ("paid search", "búsqueda de pago"),
    "organic_search": ("organic search", "búsqueda orgánica"),
    "organic": ("organic search", "búsqueda orgánica"),
    "referral": ("referral", "recomendación"),
    "partner": ("a partner", "socio"),
    "direct": ("direct", "directo"),
    "meeting": ("a meeting", "reunión"),
    "paid_social": ("paid social media", "redes sociales de pago"),
}

_ATTRIBUTES: Final[Mapping[str, tuple[str, str]]] = {
    "source": ("Source", "Origen"),
    "lead_source": ("Lead source", "Origen del lead"),
    "origin": ("Origin", "Origen"),
    "campaign": ("Campaign", "Campaña"),
    "channel": ("Channel", "Canal"),
    "industry": ("Industry", "Sector"),
    "employees": ("Employees", "Empleados"),
    "company_size": ("Company size", "Tamaño de la empresa"),
    "revenue": ("Revenue", "Facturación"),
    "annual_revenue": ("Annual revenue", "Facturación anual"),
    "budget": ("Budget", "Presupuesto"),
    "country": ("Country", "País"),
    "region": ("Region", "Región"),
    "city": ("City", "Ciudad"),
    "language": ("Language", "Idioma"),
    "title": ("Title", "Cargo"),
    "job_title": ("Job title", "Cargo"),
    "role": ("Role", "Función"),
    "seniority": ("Seniority", "Nivel jerárquico"),
    "department": ("Department", "Departamento"),
    "occupation": ("Occupation", "Ocupación"),
    "job": ("Job", "Profesión"),
    "age": ("Age", "Edad"),
    "education": ("Education", "Estudios"),
    "product": ("Product", "Producto"),
    "free_mail": ("Free e-mail address", "Correo gratuito"),
    "technology": ("Technology", "Tecnología"),
}

_LEVELS: Final[Mapping[str, tuple[str, str]]] = {
    "yes": ("yes", "sí"),
    "no": ("no", "no"),
    "true": ("yes", "sí"),
    "false": ("no", "no"),
}


def tidy(name: str) -> str:
    """Return a name as a label; braces would be taken for a template's and become parentheses.

    Examples
    --------
    >>> tidy("whitepaper_read"), tidy("lastPageSeen"), tidy("  ")
    ('Whitepaper read', 'Last page seen', 'unnamed')
    """
    parts = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", name.translate({123: "(", 125: ")"}))
    spaced = re.sub(r"[\s_\-]+", " ", parts).strip() or "unnamed"
    if parts != name and not name.isupper():
        spaced = " ".join(word if word.isupper() else word.lower() for word in spaced.split(" "))
    return spaced if spaced == "unnamed" else spaced[0].upper() + spaced[1:]


def doer(kind: str) -> str | None:
    """Return who usually does an activity: lead, rep or system; None where its name says nothing."""
    if kind in ACTIVITIES:
        return ACTIVITIES[kind].doer
    return "rep" if re.search(r"(^|_)(sent|outbound)($|_)", kind) else None


def is_voluntary(kind: str, doers: Mapping[str, str]) -> bool:
    """Whether a type is surely a lead's own voluntary act towards us, so that more of it may only raise.

    A usual word means the same however it is spelled; of any other every word has to be understood.
    """
    if doers.get(kind) != "lead":
        return False
    usual = ACTIVITIES.get(kind) or ACTIVITIES.get("_".join(words_of(kind)))
    return usual.voluntary if usual else is_welcome(kind)


def type_name(kind: str, language: str) -> str:
    """Return an activity type as it reads within a sentence."""
    called = noun(kind)
    return called.es if language == "es" else called.en


def deed(kind: str, language: str) -> str:
    """Return what leads of an activity type had done or met with, as it follows "had".

    Examples
    --------
    >>> deed("demo_request", "en"), deed("demo_request", "es"), deed("whitepaper_read", "en")
    ('asked for a demo', 'pedido una demo', 'had an activity of type “Whitepaper read”')
    """
    if kind in _DEEDS:
        return _DEEDS[kind][language == "es"]
    called = type_name(kind, language)
    return f"tenido una {called}" if language == "es" else f"had an {called}"


def stage_name(stage: str, language: str) -> str:
    """Return a stage as it reads within a sentence."""
    return _pick(_STAGES, stage, language) or _plain(stage)


def channel_name(channel: str, language: str) -> str:
    """Return a channel as it reads within a sentence."""
    return _pick(_CHANNELS, channel, language) or _plain(channel)


def level_name(level: str, language: str) -> str:
    """Return an attribute's level: as the company writes it, but yes and no in the reader's language."""
    return _pick(_LEVELS, level.lower(), language) or level


def _plain(word: str) -> str:
    """Return a company's own word as it stands, fit for a template."""
    return word.translate({95: " ", 123: "(", 125: ")"}).strip() or "unnamed"


def _pick(table: Mapping[str, tuple[str, str]], word: str, language: str) -> str | None:
    return table[word][language == "es"] if word in table else None


def noun(kind: str) -> Noun:
    """Return how an activity is called; a type without words of its own is named in quotes."""
    if kind in ACTIVITIES:
        return ACTIVITIES[kind]
    label = tidy(kind)
    return Noun(
        f"activity of type “{label}”",
        f"activities of type “{label}”",
        f"actividad de tipo «{label}»",
        f"actividades de tipo «{label}»",
    )


def attribute_label(attribute: str, label: str) -> tuple[str, str]:
    """Return an attribute's label in English and Spanish; one that the owner chose is used in both."""
    if label in ("", attribute) and attribute.lower() in _ATTRIBUTES:
        return _ATTRIBUTES[attribute.lower()]
    return tidy(label or attribute), tidy(label or attribute)


def in_sentence(attribute: str, label: str, language: str) -> str:
    """Return a label as it reads within a sentence: our own words plain, an owner's in quotes.

    Examples
    --------
    >>> in_sentence("title", "Title", "en"), in_sentence("x12", "Deals won?", "en"), in_sentence("x12", "Visto", "es")
    ('title', '“Deals won?”', '«Visto»')
    """
    own = _ATTRIBUTES.get(attribute.lower())
    if own is not None and own[language == "es"] == label:
        return label[0].lower() + label[1:]
    return f"«{label}»" if language == "es" else f"“{label}”"
