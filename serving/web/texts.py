"""Every text of the pages, in every language, in one table.

Sentences that belong to a lead (why it ranks where it does, the evidence) come with the page's data, already in the
reader's language; here is what stands around them. Two words are banned on purpose: a share of a score tells what the
model used, not what an action would change, so no text says "because" or "if you".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from leadlight.core.catalog import LANGUAGES

__all__ = ["LANGUAGE_NAMES", "TEXTS", "Words", "words"]

LANGUAGE_NAMES: Final = {"en": "English", "es": "Español"}

TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    # --- around every page
    "skip": {"en": "Skip to the content", "es": "Ir al contenido"},
    "brand.home": {"en": "Leadlight: back to the queue", "es": "Leadlight: volver a la cola"},
    "nav.label": {"en": "Main", "es": "Principal"},
    "nav.queue": {"en": "Lead queue", "es": "Cola de leads"},
    "nav.logout": {"en": "Sign out", "es": "Salir"},
    "language.label": {"en": "Language", "es": "Idioma"},
    "clock.fixed": {
        "en": "Demo clock: it stands still at {at}, where this history ends.",
        "es": "Reloj de demostración: está detenido en {at}, donde termina este historial.",
    },
    "degraded": {
        "en": "Working with what is at hand; not reachable right now: {what}.",
        "es": "Se trabaja con lo disponible; ahora no responde: {what}.",
    },
    "degraded.receipts": {"en": "receipts", "es": "los recibos"},
    "degraded.receipt_spool": {"en": "the spool of receipts", "es": "la cola de recibos"},
    "footer": {
        "en": "A reason tells what the model used. It does not tell what an action would change.",
        "es": "Un motivo dice qué usó el modelo. No dice qué cambiaría con una acción.",
    },
    "unknown": {"en": "not known", "es": "no se sabe"},
    # --- facts that both pages give
    "facts.label": {"en": "What these figures rest on", "es": "En qué se apoyan estas cifras"},
    "facts.model": {"en": "Model", "es": "Modelo"},
    "facts.version": {"en": "version {version}", "es": "versión {version}"},
    "facts.as_of": {"en": "As of", "es": "A fecha de"},
    "facts.agreement": {"en": "Agreement", "es": "Acuerdo"},
    "facts.capacity": {"en": "{count} leads a week", "es": "{count} leads por semana"},
    "facts.capacity.one": {"en": "1 lead a week", "es": "1 lead por semana"},
    "facts.grades": {"en": "Grades from", "es": "Notas desde"},
    "facts.defaults": {"en": "Defaults in use", "es": "Valores por defecto en uso"},
    # --- the agreement's defaults, which it names in English sentences
    "default.Conversion stage not agreed: customer is used": {
        "en": "Conversion stage not agreed: customer is used",
        "es": "Etapa de conversión sin acordar: se usa cliente",
    },
    "default.Horizon not agreed: 90 days are used": {
        "en": "Horizon not agreed: 90 days are used",
        "es": "Horizonte sin acordar: se usan 90 días",
    },
    "default.Capacity not agreed: hot are the best tenth of open leads": {
        "en": "Capacity not agreed: hot are the best tenth of open leads",
        "es": "Capacidad sin acordar: es caliente la mejor décima parte de los leads abiertos",
    },
    "default.Grades not agreed: quartiles of the score are used": {
        "en": "Grades not agreed: quartiles of the score are used",
        "es": "Notas sin acordar: se usan los cuartiles de la puntuación",
    },
    "default.No hand-picked points were given": {
        "en": "No hand-picked points were given",
        "es": "No se dieron puntos elegidos a mano",
    },
    "default.No segments were agreed": {
        "en": "No segments were agreed",
        "es": "No se acordaron segmentos",
    },
    # --- chance, in words
    "chance.within": {"en": "within {days} days", "es": "en {days} días"},
    "chance.within.one": {"en": "within 1 day", "es": "en 1 día"},
    "chance.unlimited": {"en": "no time limit", "es": "sin plazo"},
    "chance.rank_only": {"en": "rank only", "es": "solo orden"},
    "chance.points_only": {"en": "points only", "es": "solo puntos"},
    # --- bands, grades, confidence
    "band.hot": {"en": "Hot", "es": "Caliente"},
    "band.warm": {"en": "Warm", "es": "Templado"},
    "band.cold": {"en": "Cold", "es": "Frío"},
    "band.capacity": {
        "en": "Hot is cut at the capacity of {count} leads a week",
        "es": "Caliente se corta en la capacidad de {count} leads por semana",
    },
    "band.capacity.one": {
        "en": "Hot is cut at the capacity of 1 lead a week",
        "es": "Caliente se corta en la capacidad de 1 lead por semana",
    },
    "grade": {"en": "Grade {grade}", "es": "Nota {grade}"},
    "confidence.label": {"en": "Confidence", "es": "Confianza"},
    "confidence.high": {"en": "high", "es": "alta"},
    "confidence.medium": {"en": "medium", "es": "media"},
    "confidence.low": {"en": "low", "es": "baja"},
    # --- the queue
    "queue.title": {"en": "Lead queue", "es": "Cola de leads"},
    "queue.intro": {
        "en": "Open leads in the order of their chance to reach {goal} within {days} days.",
        "es": "Leads abiertos por orden de su probabilidad de llegar a {goal} en {days} días.",
    },
    "queue.intro.one": {
        "en": "Open leads in the order of their chance to reach {goal} within 1 day.",
        "es": "Leads abiertos por orden de su probabilidad de llegar a {goal} en 1 día.",
    },
    "queue.intro.open": {
        "en": "Open leads in the order of their chance to reach {goal}.",
        "es": "Leads abiertos por orden de su probabilidad de llegar a {goal}.",
    },
    "queue.intro.points_only": {
        "en": "Open leads in the order of the agreed points.",
        "es": "Leads abiertos por orden de los puntos acordados.",
    },
    "queue.table": {"en": "Ranked leads", "es": "Leads por orden"},
    "queue.found": {"en": "{count} leads", "es": "{count} leads"},
    "queue.found.one": {"en": "1 lead", "es": "1 lead"},
    "queue.shown": {"en": "Showing {first} to {last}", "es": "Se muestran del {first} al {last}"},
    "column.rank": {"en": "Rank", "es": "Orden"},
    "column.lead": {"en": "Lead", "es": "Lead"},
    "column.score": {"en": "Score", "es": "Puntuación"},
    "column.chance": {"en": "Chance", "es": "Probabilidad"},
    "column.grade": {"en": "Grade", "es": "Nota"},
    "column.band": {"en": "Band", "es": "Franja"},
    "column.why": {"en": "Why", "es": "Por qué"},
    "column.points": {"en": "By points", "es": "Por puntos"},
    "score.meter": {"en": "Score {score} of 100", "es": "Puntuación {score} de 100"},
    "score.of": {"en": "of 100", "es": "de 100"},
    "points.rank": {"en": "No. {rank}", "es": "N.º {rank}"},
    "points.higher": {"en": "{count} higher here", "es": "{count} más arriba"},
    "points.lower": {"en": "{count} lower here", "es": "{count} más abajo"},
    "points.same": {"en": "same place", "es": "mismo puesto"},
    "points.none": {"en": "no scorecard", "es": "sin puntos"},
    "points.value": {"en": "{points} points", "es": "{points} puntos"},
    "points.value.one": {"en": "1 point", "es": "1 punto"},
    "missing.hint": {"en": "Not known: {what}", "es": "No se sabe: {what}"},
    "missing.more": {"en": "{count} more", "es": "{count} más"},
    "filters.label": {"en": "Filter the queue", "es": "Filtrar la cola"},
    "filters.band": {"en": "Band", "es": "Franja"},
    "filters.band.any": {"en": "All", "es": "Todas"},
    "filters.minimum": {"en": "Minimum score", "es": "Puntuación mínima"},
    "filters.owner": {"en": "Owner", "es": "Responsable"},
    "filters.owner.any": {"en": "All", "es": "Todos"},
    "filters.apply": {"en": "Apply", "es": "Aplicar"},
    "filters.clear": {"en": "Clear filters", "es": "Quitar filtros"},
    "pager.label": {"en": "Pages of the queue", "es": "Páginas de la cola"},
    "pager.previous": {"en": "Previous", "es": "Anterior"},
    "pager.next": {"en": "Next", "es": "Siguiente"},
    "pager.here": {"en": "Page {page} of {pages}", "es": "Página {page} de {pages}"},
    "empty.none.title": {"en": "No open leads yet", "es": "Todavía no hay leads abiertos"},
    "empty.none.text": {
        "en": "Leads appear here as soon as the CRM sends them and they are scored.",
        "es": "Los leads aparecen aquí en cuanto el CRM los envía y se puntúan.",
    },
    "empty.store.title": {"en": "No lead has been told yet", "es": "Todavía no se ha comunicado ningún lead"},
    "empty.store.text": {
        "en": "Leads appear here once they are in the store. Take in the history that the model was trained on:",
        "es": "Los leads aparecen aquí en cuanto están en el almacén. Importe el historial con el que se entrenó el "
        "modelo:",
    },
    "empty.store.api": {
        "en": "Or let the CRM tell each lead with this call:",
        "es": "O deje que el CRM comunique cada lead con esta llamada:",
    },
    "empty.filtered.title": {"en": "No lead matches these filters", "es": "Ningún lead cumple estos filtros"},
    "empty.filtered.text": {
        "en": "Lower the minimum score, choose another band or owner, or clear the filters.",
        "es": "Baje la puntuación mínima, elija otra franja u otro responsable, o quite los filtros.",
    },
    "empty.page.title": {"en": "The queue ends before this page", "es": "La cola termina antes de esta página"},
    "empty.page.text": {
        "en": "There are {pages} pages with these filters.",
        "es": "Con estos filtros hay {pages} páginas.",
    },
    "empty.page.text.one": {"en": "There is 1 page with these filters.", "es": "Con estos filtros hay 1 página."},
    "empty.page.link": {"en": "To the first page", "es": "A la primera página"},
    # --- the lead
    "lead.title": {"en": "Lead {lead}", "es": "Lead {lead}"},
    "lead.back": {"en": "Back to the queue", "es": "Volver a la cola"},
    "lead.about": {"en": "About this lead", "es": "Sobre este lead"},
    "lead.account": {"en": "Account", "es": "Cuenta"},
    "lead.owner.none": {"en": "nobody yet", "es": "nadie todavía"},
    "lead.stage": {"en": "Stage", "es": "Etapa"},
    "lead.created": {"en": "Created", "es": "Creado"},
    "lead.summary": {"en": "Where it stands", "es": "Dónde está"},
    "lead.grade_band": {"en": "Grade and band", "es": "Nota y franja"},
    "lead.rank": {"en": "Rank in the queue", "es": "Puesto en la cola"},
    "lead.rank.of": {"en": "of {total} open leads", "es": "de {total} leads abiertos"},
    "lead.rank.none": {"en": "Not in the queue", "es": "Fuera de la cola"},
    "lead.rank.left": {
        "en": "It is closed, or has converted.",
        "es": "Está cerrado o ya se convirtió.",
    },
    "lead.rank.left.stage": {
        "en": "It has left the queue. Stage: {stage}",
        "es": "Ha salido de la cola. Etapa: {stage}",
    },
    "lead.chance": {"en": "Chance to reach {goal}", "es": "Probabilidad de llegar a {goal}"},
    "lead.score.note": {
        "en": "Higher than about {score} of 100 open leads",
        "es": "Más alta que la de unos {score} de cada 100 leads abiertos",
    },
    "lead.score.top": {
        "en": "Higher than nearly all open leads",
        "es": "Más alta que la de casi todos los leads abiertos",
    },
    "lead.score.bottom": {
        "en": "Lower than nearly all open leads",
        "es": "Más baja que la de casi todos los leads abiertos",
    },
    "reasons.title": {"en": "What the score is made of", "es": "De qué se compone la puntuación"},
    "reasons.how": {
        "en": "Read from top to bottom: each bar begins where the one above it ends, from the starting point of every "
        "lead down to this one. Bars to the right raise the chance, bars to the left lower it. The numbers are "
        "log-odds, the scale on which shares add up.",
        "es": "Se lee de arriba abajo: cada barra empieza donde acaba la anterior, desde el punto de partida de todos "
        "los leads hasta este. Hacia la derecha sube la probabilidad y hacia la izquierda baja. Los números son "
        "log-odds, la escala en la que las partes se suman.",
    },
    "reasons.rounded": {
        "en": "Shown with two decimals; the receipt has all of them.",
        "es": "Se muestran dos decimales; el recibo los tiene todos.",
    },
    "reasons.column": {"en": "Reason", "es": "Motivo"},
    "reasons.column.chart": {"en": "From start to this lead", "es": "Desde el inicio hasta este lead"},
    "reasons.column.impact": {"en": "Log-odds", "es": "Log-odds"},
    "reasons.axis": {
        "en": "Scale: log-odds, and the chance that each stands for",
        "es": "Escala: log-odds y la probabilidad que corresponde",
    },
    "reasons.axis.plain": {"en": "Scale: log-odds", "es": "Escala: log-odds"},
    "reasons.total": {"en": "This lead", "es": "Este lead"},
    "reasons.sum": {"en": "The sum", "es": "La suma"},
    "reasons.sum.chance": {"en": "a chance of {chance}", "es": "una probabilidad del {chance}"},
    "reasons.base.chance": {"en": "A chance of {chance}", "es": "Una probabilidad del {chance}"},
    "reasons.rest.note": {"en": "Each too small to list", "es": "Cada uno demasiado pequeño para detallarlo"},
    "reasons.rest.note.one": {"en": "Too small to list", "es": "Demasiado pequeño para detallarlo"},
    "reasons.bar": {
        "en": "{label}: {impact}, from {start} to {end}",
        "es": "{label}: {impact}, de {start} a {end}",
    },
    "reasons.point": {"en": "{label}: {at}", "es": "{label}: {at}"},
    "direction.raises": {"en": "raises", "es": "sube"},
    "direction.lowers": {"en": "lowers", "es": "baja"},
    "component.subtotal": {"en": "{component} in all", "es": "{component} en total"},
    "missing.title": {"en": "What is missing", "es": "Lo que falta"},
    "missing.note": {
        "en": "The score counts these as not known, which is not the same as low. Asking for them makes it surer.",
        "es": "La puntuación los cuenta como no conocidos, que no es lo mismo que bajos. Preguntarlos la hace más "
        "segura.",
    },
    "missing.nothing": {
        "en": "Nothing: everything that the model looks at is known.",
        "es": "Nada: se conoce todo lo que mira el modelo.",
    },
    "timeline.title": {"en": "Timeline", "es": "Cronología"},
    "timeline.order": {"en": "Newest first", "es": "Lo más reciente primero"},
    "timeline.empty": {"en": "Nothing is on record for this lead yet.", "es": "Todavía no hay nada registrado."},
    "timeline.kind.activity": {"en": "Activity", "es": "Actividad"},
    "timeline.kind.stage": {"en": "Stage", "es": "Etapa"},
    "timeline.kind.created": {"en": "Created", "es": "Creación"},
    "timeline.earlier": {"en": "{count} earlier entries", "es": "{count} entradas anteriores"},
    "timeline.earlier.one": {"en": "1 earlier entry", "es": "1 entrada anterior"},
    "timeline.more": {
        "en": "{count} older entries are not shown",
        "es": "Hay {count} entradas anteriores que no se muestran",
    },
    "timeline.more.one": {
        "en": "1 older entry is not shown",
        "es": "Hay 1 entrada anterior que no se muestra",
    },
    "receipt.title": {"en": "Receipt", "es": "Recibo"},
    "receipt.note": {
        "en": "Shows again, digit by digit, what was scored and why.",
        "es": "Muestra de nuevo, cifra por cifra, qué se puntuó y por qué.",
    },
    # --- signing in
    "login.title": {"en": "Sign in", "es": "Entrar"},
    "login.text": {
        "en": "Enter your key. This browser then stays signed in for twelve hours.",
        "es": "Escriba su clave. Este navegador queda dentro durante doce horas.",
    },
    "login.key": {"en": "Key", "es": "Clave"},
    "login.enter": {"en": "Sign in", "es": "Entrar"},
    "login.needless": {
        "en": "This service has no key yet, so everybody on this machine may see everything.",
        "es": "Este servicio aún no tiene ninguna clave, así que todos en esta máquina pueden verlo todo.",
    },
    "login.wrong_key": {
        "en": "This key is not known here, was revoked or has expired.",
        "es": "Esta clave no se conoce aquí, se revocó o caducó.",
    },
    "login.too_many_wrong_keys": {
        "en": "Too many wrong keys came from here. Please try again in a minute.",
        "es": "Llegaron demasiadas claves erróneas desde aquí. Inténtelo de nuevo en un minuto.",
    },
    "login.unavailable": {
        "en": "Keys can't be checked right now. Please try again shortly.",
        "es": "Ahora no se pueden comprobar las claves. Inténtelo de nuevo en un momento.",
    },
    "login.cross_site": {
        "en": "Another site sent this form. Enter your key here.",
        "es": "Otro sitio envió este formulario. Escriba su clave aquí.",
    },
    "login.too_slow": {
        "en": "The key did not arrive in time. Please try again.",
        "es": "La clave no llegó a tiempo. Inténtelo de nuevo.",
    },
    "login.not_kept": {
        "en": "You were no longer signed in, so what you sent was not kept. Please sign in and send it again.",
        "es": "Ya no había entrado, así que no se guardó lo que envió. Entre y envíelo de nuevo.",
    },
    "login.too_large": {
        "en": "This is too long to be a key.",
        "es": "Esto es demasiado largo para ser una clave.",
    },
    # --- deciding on a lead
    "decide.title": {"en": "Decide", "es": "Decidir"},
    "decide.reason": {"en": "Reason (optional)", "es": "Motivo (opcional)"},
    "decide.accept": {"en": "Accept", "es": "Aceptar"},
    "decide.recycle": {"en": "Recycle", "es": "Reciclar"},
    "decide.reject": {"en": "Reject", "es": "Rechazar"},
    "decide.dispute": {"en": "Dispute the score", "es": "Discutir la puntuación"},
    "decide.accept.means": {"en": "Accept: sales takes it.", "es": "Aceptar: ventas se hace cargo."},
    "decide.recycle.means": {"en": "Recycle: back to marketing.", "es": "Reciclar: vuelve a marketing."},
    "decide.reject.means": {"en": "Reject: it is closed.", "es": "Rechazar: queda cerrado."},
    "decide.dispute.means": {
        "en": "Dispute: noted beside the score; the stage stays.",
        "es": "Discutir: se anota junto a la puntuación; la etapa no cambia.",
    },
    "decide.made": {"en": "Decided so far", "es": "Decidido hasta ahora"},
    "decided.accept": {"en": "Accepted", "es": "Aceptado"},
    "decided.recycle": {"en": "Recycled", "es": "Reciclado"},
    "decided.reject": {"en": "Rejected", "es": "Rechazado"},
    "decided.dispute": {"en": "Score disputed", "es": "Puntuación discutida"},
    # --- when a page can't be given
    "problem.not_allowed.title": {"en": "Your key does not open this page", "es": "Su clave no abre esta página"},
    "problem.not_allowed.text": {
        "en": "It was made for programs. Sign in with the key of a rep, an analyst or an admin.",
        "es": "Se hizo para programas. Entre con la clave de un comercial, un analista o un administrador.",
    },
    "problem.wrong_key.title": {"en": "This key opens nothing", "es": "Esta clave no abre nada"},
    "problem.wrong_key.text": {
        "en": "It is not known here, was revoked or has expired.",
        "es": "No se conoce aquí, se revocó o caducó.",
    },
    "problem.too_many.title": {"en": "Too many requests", "es": "Demasiadas peticiones"},
    "problem.too_many.text": {
        "en": "Please try again in a moment.",
        "es": "Inténtelo de nuevo en un momento.",
    },
    "problem.no_csrf_token.title": {
        "en": "This was not sent by a page of ours",
        "es": "Esto no lo envió una página nuestra",
    },
    "problem.no_csrf_token.text": {
        "en": "Nothing was changed. Open the page anew and try again.",
        "es": "No se cambió nada. Abra de nuevo la página e inténtelo otra vez.",
    },
    "problem.not_found.title": {"en": "There is no such lead", "es": "Ese lead no existe"},
    "problem.not_found.text": {
        "en": "No lead has the id {lead}. It may have been erased, or the link may be incomplete.",
        "es": "Ningún lead tiene el identificador {lead}. Quizá se borró o el enlace está incompleto.",
    },
    "problem.no_champion.title": {"en": "No model serves yet", "es": "Todavía no hay ningún modelo en servicio"},
    "problem.no_champion.text": {
        "en": "Leads are ranked as soon as a model has been trained and promoted:",
        "es": "Los leads se ordenan en cuanto se entrena y se promueve un modelo:",
    },
    "problem.erased.title": {"en": "This lead was erased", "es": "Este lead fue borrado"},
    "problem.erased.text": {
        "en": "The person asked to be forgotten. Nothing is kept of lead {lead}, and it can't be brought back.",
        "es": "La persona pidió ser olvidada. No se conserva nada del lead {lead} y no puede recuperarse.",
    },
    "problem.objected.title": {
        "en": "This person objects to profiling",
        "es": "Esta persona se opone al perfilado",
    },
    "problem.objected.text": {
        "en": "Lead {lead} gets no score and no reasons. Only an admin can note that the person objects no longer.",
        "es": "El lead {lead} no recibe puntuación ni motivos. Solo un administrador puede anotar que la persona ya no "
        "se opone.",
    },
    "problem.unscored.title": {"en": "This lead is being scored", "es": "Este lead se está puntuando"},
    "problem.unscored.text": {
        "en": "Lead {lead} is known, and its first score is being worked out. This page tries again by itself.",
        "es": "El lead {lead} es conocido y se está calculando su primera puntuación. Esta página vuelve a intentarlo "
        "sola.",
    },
    "problem.bad_form.title": {"en": "This form can't be read", "es": "Este formulario no se entiende"},
    "problem.bad_form.text": {
        "en": "Nothing was kept. Open the lead again and decide there; a reason has 2,000 characters at most.",
        "es": "No se guardó nada. Abra el lead otra vez y decida allí; un motivo tiene como máximo 2000 caracteres.",
    },
    "problem.not_decided.title": {"en": "The decision was not kept", "es": "La decisión no se guardó"},
    "problem.not_decided.text": {
        "en": "The database does not answer. Go back and send it again shortly; it counts once, however often it is "
        "sent.",
        "es": "La base de datos no responde. Vuelva atrás y envíela de nuevo en un momento; cuenta una sola vez, por "
        "muchas que se envíe.",
    },
    "problem.bad_filter.title": {"en": "These filters can't be read", "es": "Estos filtros no se entienden"},
    "problem.bad_filter.text": {
        "en": "The minimum score is a whole number from 0 to 100, the band is hot, warm or cold, pages count from 1.",
        "es": "La puntuación mínima es un número entero de 0 a 100, la franja es caliente, templado o frío (hot, warm, "
        "cold en la dirección) y las páginas cuentan desde 1.",
    },
    "problem.unavailable.title": {"en": "This can't be shown right now", "es": "Esto no se puede mostrar ahora"},
    "problem.unavailable.text": {
        "en": "Something that this page needs does not answer. What was accepted is kept; please try again shortly.",
        "es": "Algo que esta página necesita no responde. Lo aceptado se conserva; inténtelo de nuevo en un momento.",
    },
    "problem.starting.title": {"en": "Leadlight is starting", "es": "Leadlight está arrancando"},
    "problem.starting.text": {
        "en": "The model is being loaded and the open leads are being scored. This page tries again by itself.",
        "es": "Se está cargando el modelo y se están puntuando los leads abiertos. Esta página vuelve a intentarlo "
        "sola.",
    },
    "problem.broken.title": {"en": "This page could not be made", "es": "No se pudo preparar esta página"},
    "problem.broken.text": {
        "en": "The fault is ours and stands in the service's log. The other leads may still open.",
        "es": "El fallo es nuestro y consta en el registro del servicio. Puede que los demás leads sí se abran.",
    },
    "problem.queue": {"en": "To the queue", "es": "A la cola"},
    "problem.status": {"en": "Status {status}", "es": "Estado {status}"},
}
"""Text by key and language; ``.one`` is the singular of a key that counts."""


@dataclass(frozen=True, slots=True)
class Words:
    """The texts in one language.

    Attributes
    ----------
    language : {"en", "es"}
    """

    language: str

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text with its values filled in; an unknown key is a mistake of ours, so it raises KeyError."""
        return TEXTS[key][self.language].format(**values)

    def counted(self, key: str, number: float, /, **values: object) -> str:
        """Return the singular (``key.one``) for exactly one, else the plural.

        Examples
        --------
        >>> words("en").counted("chance.within", 1, days="1"), words("es").counted("chance.within", 90, days="90")
        ('within 1 day', 'en 90 días')
        """
        return self(f"{key}.one" if number == 1 else key, **values)

    def named(self, prefix: str, name: str) -> str:
        """Return the text of ``prefix.name``, or the name itself where it has no text here."""
        text = TEXTS.get(f"{prefix}.{name}")
        return name if text is None else text[self.language]


def words(language: str) -> Words:
    """Return the texts in a language.

    Raises
    ------
    ValueError
        If the pages do not speak it.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no texts in {language!r}; there are {', '.join(LANGUAGES)}")
    return Words(language)
