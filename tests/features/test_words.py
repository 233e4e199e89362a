"""Which activities may only raise a chance: plainly welcome acts of the lead, not what machines do in its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadlight.features.welcome import is_welcome
from leadlight.features.words import ACTIVITIES, is_voluntary

BOUND = {
    "pricing_view",
    "form_fill",
    "demo_request",
    "contact_request",
    "trial_start",
    "content_download",
    "webinar",
    "webinar_registered",
    "webinar_attended",
    "event_attended",
    "chat",
    "email_reply",
    "inbound_call",
}


def by_lead(kind: str) -> bool:
    return is_voluntary(kind, {kind: "lead"})


def test_of_the_usual_words_these_may_only_raise() -> None:
    assert {kind for kind in ACTIVITIES if by_lead(kind)} == BOUND


@pytest.mark.parametrize("kind", ["web_visit", "page_view", "email_click", "email_open"])
def test_what_bots_and_mail_scanners_do_in_a_lead_s_name_may_push_either_way(kind: str) -> None:
    assert not by_lead(kind)


UNWELCOME = [
    "not_interested",
    "do_not_contact",
    "stop_emails",
    "opted_out",
    "refund_request",
    "churn_request",
    "auto_reply",
    "out_of_office",
    "wrong_number",
    "support_ticket",
    "price_complaint",
    "downgrade",
    "trial_expired",
    "competitor_mention",
    "unsubscribed_all",
    "no_show",
    "webinar_no_show",
    "meeting_declined",
    "meeting_cancelled",
    "demo_request_cancelled",
    "demo_request_declined",
    "no_demo_requested",
    "asked_us_not_to_contact",
    "unsubscribe_form_submitted",
    "support_form_filled",
    "job_application_form_submitted",
    "form_abandoned",
    "no_interesado",
    "no_contactar",
    "baja_solicitada",
    "solicitud_de_baja",
    "solicitud_de_reembolso",
    "cancelación",
    "reunión cancelada",
    "respuesta automática",
    "fuera de oficina",
    "número equivocado",
]


@pytest.mark.parametrize("kind", UNWELCOME)
def test_an_act_that_tells_us_to_stay_away_may_push_either_way(kind: str) -> None:
    assert not by_lead(kind)


@pytest.mark.parametrize(
    "kind", ["website_visit", "Page Viewed", "demo_request_page_view", "link clicked", "visita web"]
)
def test_views_visits_and_clicks_may_push_either_way_whatever_they_are_called(kind: str) -> None:
    assert not by_lead(kind)


@pytest.mark.parametrize("kind", ["mystery", "w_nabellen", "Modified", "newsletter", "step 4", "_", "", "解約"])
def test_a_word_that_nobody_knows_may_push_either_way(kind: str) -> None:
    assert not by_lead(kind)


WELCOME = [
    "form_submitted",
    "Form Submitted on Website",
    "ContactFormFilled",
    "demo-requested",
    "Requested a demo",
    "quote_request",
    "callback.requested",
    "asked_us_to_contact",
    "pricing_page_viewed",
    "visited_pricing",
    "webinar_attendance",
    "Webinar signup",
    "registered_for_event",
    "whitepaper_download",
    "Downloads: case study",
    "trial_signup",
    "free_trial_started",
    "trial sign-up",
    "meeting_booked",
    "Meeting booked by lead",
    "demo_scheduled",
    "formulario_enviado",
    "solicitud_de_demo",
    "Presupuesto solicitado",
    "visita a precios",
    "asistencia_webinar",
    "Inscripción a evento",
    "descarga de contenido",
    "inicio_prueba_gratuita",
    "reunión reservada",
    "cita agendada",
]


@pytest.mark.parametrize("kind", WELCOME)
def test_a_plainly_welcome_act_may_only_raise_where_the_mapping_says_that_the_lead_does_it(kind: str) -> None:
    assert by_lead(kind)
    assert not is_voluntary(kind, {kind: "rep"})
    assert not is_voluntary(kind, {kind: "system"})
    assert not is_voluntary(kind, {})


@pytest.mark.parametrize("kind", WELCOME)
@pytest.mark.parametrize("more", ["cancelled", "not", "failed", "reminder", "rechazada", "sin"])
def test_one_word_more_than_is_understood_leaves_it_to_the_data(kind: str, more: str) -> None:
    assert not by_lead(f"{kind}_{more}")
    assert not by_lead(f"{more} {kind}")


def spellings(kind: str) -> list[str]:
    words = kind.split("_")
    return [" ".join(words).capitalize(), "-".join(words).upper(), "".join(word.title() for word in words)]


@pytest.mark.parametrize("kind", sorted(set(ACTIVITIES) - {"(any)", "(other)"}))
def test_a_usual_word_in_another_spelling_means_the_same(kind: str) -> None:
    assert [by_lead(spelling) for spelling in spellings(kind)] == [by_lead(kind)] * 3


def test_a_usual_word_that_is_plainly_welcome_is_understood_without_the_table_too() -> None:
    without_a_verb = {"webinar", "chat", "email_reply", "inbound_call"}
    assert {kind for kind in ACTIVITIES if is_welcome(kind)} == BOUND - without_a_verb


def test_the_manual_lists_the_usual_words_that_may_only_raise() -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs/dataset-toml.md").read_text(encoding="utf-8")
    listed = manual.partition("a plainly welcome act only raise its chance: ")[2].partition(", and names")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == BOUND
