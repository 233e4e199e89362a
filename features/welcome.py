"""Which names of activities speak of a plainly welcome act: the more of it, the likelier that the lead wants to buy.

A sign is a promise that the data cannot overrule, so a name has to be understood word for word, in English or Spanish:
"demo_requested" is, "demo_request_cancelled" and "do_not_contact" are not. What is not understood is left to the data.
Clicks, and visits and views other than of prices, are never on the list: bots and mail scanners make too many of them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

__all__ = ["is_welcome", "words_of"]


class _Act(NamedTuple):
    """A welcome act: one word of each of the first two, and none that is not here or a small word."""

    what: frozenset[str]
    done: frozenset[str]
    more: frozenset[str] = frozenset()


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ACTS: Final = (
    _Act(
        _set("form formulario"),
        _set("fill filled submit submitted submission completed enviado rellenado relleno cumplimentado completado"),
        _set("contact demo trial quote price pricing event webinar request contacto prueba precio evento solicitud"),
    ),
    _Act(
        _set("demo contact call callback meeting quote quotation price pricing proposal consultation information info")
        | _set("brochure catalog catalogue contacto llamada reunion presupuesto precio oferta informacion catalogo"),
        _set("request requested asked solicitud solicitado solicitada pedido pedida"),
        _set("form formulario"),
    ),
    _Act(
        _set("pricing price precio tarifa"),
        _set("view viewed visit visited visita visitado vista visto"),
        _set("page pagina"),
    ),
    _Act(
        _set("webinar event workshop seminar evento taller seminario"),
        _set("attend attended attendance joined register registered registration sign signup")
        | _set("asistencia asistido asistio inscripcion inscrito inscrita registro registrado"),
        _set("up"),
    ),
    _Act(
        _set("content whitepaper paper ebook guide brochure report study catalog catalogue datasheet checklist")
        | _set("contenido guia folleto informe estudio catalogo"),
        _set("download downloaded descarga descargado descargada"),
        _set("white case caso"),
    ),
    _Act(
        _set("trial prueba"),
        _set("start started begun sign signup registered registration activated")
        | _set("inicio iniciado iniciada empezada alta"),
        _set("up free gratis gratuita"),
    ),
    _Act(
        _set("meeting demo call appointment consultation reunion llamada cita"),
        _set("book booked booking schedule scheduled reserva reservado reservada agendado agendada concertada"),
    ),
)

_SMALL: Final = _set("a an the for of on in at from via by with to us they lead web website online") | _set(
    "el la un una de del en para por con su al"
)
"""Words that change nothing; "not", "no" and "sin" do."""


def words_of(kind: str) -> tuple[str, ...]:
    """Return the words of a name, plain: without accents, capitals and the plural's s.

    Examples
    --------
    >>> words_of("Form Fills"), words_of("demoRequested"), words_of("reunión-reservada")
    (('form', 'fill'), ('demo', 'requested'), ('reunion', 'reservada'))
    """
    apart = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind))
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter)).lower()
    return tuple(word.removesuffix("s") if len(word) > 3 else word for word in re.findall(r"[^\W_]+", plain))


def is_welcome(kind: str) -> bool:
    """Whether every word of a name is understood, and all together say a plainly welcome act.

    Examples
    --------
    >>> is_welcome("Requested a demo"), is_welcome("solicitud_de_demo"), is_welcome("demo_request_cancelled")
    (True, True, False)
    """
    words = frozenset(words_of(kind)) - _SMALL
    return any(words & act.what and words & act.done and words <= act.what | act.done | act.more for act in _ACTS)
