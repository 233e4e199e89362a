"""The pages over HTTP, without a browser: what is on them, and what every answer forbids."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from leadlight.core.errors import LeadlightError, NoChampion, RegistryUnavailable
from leadlight.serving import pages_data
from leadlight.serving.champion import Starting
from leadlight.serving.web.chart import Axis
from leadlight.serving.web.links import Filters, Links
from leadlight.serving.web.render import Window, _environment, render_lead, render_queue
from leadlight.serving.web.texts import TEXTS
from pages import AS_OF, LEADS, StillPages, app_of, components

NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"
LINKS = Links("", "/leads")


class Seen(HTMLParser):
    """Elements, texts and attributes of a page, as a browser would take them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def values(self, tag, name):
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]


def client_of(pages=None, **changes):
    return TestClient(app_of(pages or StillPages(**changes)), raise_server_exceptions=True)


def seen(client, address, status=200, **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == status
    return Seen(answer.text)


@pytest.fixture(scope="module")
def client():
    return client_of()


EVERY_PAGE = ("/leads", "/leads?band=cold&owner=rep-02&page=1", "/leads/L-1042", "/leads/nobody", "/leads?min=x")


@pytest.mark.parametrize("address", EVERY_PAGE)
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_forbids_scripts_and_anything_from_outside(client, address, language):
    answer = client.get(address, headers={"accept-language": language})
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self' data:;")
    assert "unsafe" not in policy
    assert "script" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-language"] == language
    page = Seen(answer.text)
    assert page.elements["script"] == page.elements["style"] == page.elements["iframe"] == 0
    assert [a for a in page.attributes if a[1] == "style" or a[1].startswith("on")] == []
    addresses = [value for _, name, value in page.attributes if name in ("href", "src", "action")]
    assert [a for a in addresses if not a.startswith(("/", "#"))] == []
    assert page.values("html", "lang") == [language]
    assert page.elements["h1"] == 1
    assert "set-cookie" not in answer.headers


def test_home_leads_to_the_queue_and_keeps_the_language(client):
    answer = client.get("/?lang=es", follow_redirects=False)
    assert answer.headers["location"] == "/leads?lang=es"


def test_the_stylesheet_and_the_mark_are_served(client):
    page = seen(client, "/leads")
    for address in page.values("link", "href"):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("address", "header", "language"),
    [
        ("/leads", "", "en"),
        ("/leads", "es-MX,es;q=0.9,en;q=0.4", "es"),
        ("/leads?lang=en", "es", "en"),
        ("/leads?lang=es", "en", "es"),
        ("/leads?lang=xx", "es", "es"),
    ],
)
def test_the_address_comes_before_the_browser_in_choosing_the_language(client, address, header, language):
    assert client.get(address, headers={"accept-language": header}).headers["content-language"] == language


def test_the_switch_keeps_the_page_and_its_filters(client):
    page = seen(client, "/leads?band=hot&min=50&lang=en")
    assert "/leads?band=hot&min=50&lang=es" in page.values("a", "href")


def test_a_language_that_was_asked_for_travels_along_and_a_browsers_does_not(client):
    asked = seen(client, "/leads?lang=es").values("a", "href")
    assert all("lang=" in address for address in asked if not address.startswith("#"))
    told = seen(client, "/leads", **{"accept-language": "es"})
    assert "/leads/L-1042" in told.values("a", "href")
    assert "lang" not in told.values("input", "name")


def test_the_list_says_what_a_rep_needs(client):
    text = seen(client, "/leads").text
    for said in (
        "L-1042",
        "Software, 250 employees",
        "A-77 · engaged",
        "34 % within 90 days",
        "Requested a demo 3 days ago",
        "Not known: title",
        "No. 34 ▲ 33 higher here",
        "same place",
        "23 Nov 2026, 08:00 UTC",
        "leadlight, version 7",
        "Grades not agreed: quartiles of the score are used",
        "120 leads a week",
        "boosted trees",
        f"{LEADS} leads · Showing 1 to 50",
        "Page 1 of 3",
    ):
        assert said in text


def test_the_demo_clock_stands_on_every_page_even_where_the_lead_is_unknown(client):
    for address, status in (("/leads", 200), ("/leads/L-1042", 200), ("/leads/nobody", 404)):
        assert "it stands still at 23 Nov 2026, 08:00 UTC" in seen(client, address, status).text


def test_a_moving_clock_is_no_news():
    page = seen(client_of(queue_changes={"fixed_clock": False}), "/leads")
    assert "Demo clock" not in page.text


def test_filters_narrow_the_list_and_stay_in_the_form(client):
    page = seen(client, "/leads?band=warm&min=70&owner=rep-07")
    assert {("input", "value", "70"), ("option", "selected", "")} <= set(page.attributes)
    assert re.search(r'value="warm" checked', client.get("/leads?band=warm").text)
    assert "Clear filters" in page.text
    bands = set(re.findall(r'class="band (\w+)', client.get("/leads?band=warm").text.split("<table", 1)[1]))
    assert bands == {"warm"}


def test_an_emptied_form_asks_for_everything(client):
    assert f"{LEADS} leads" in seen(client, "/leads?band=&min=&owner=&page=").text


def test_pages_follow_one_another_without_gap_or_overlap(client):
    ids: list[str] = []
    address: str | None = "/leads"
    while address:
        page = client.get(address)
        ids += re.findall(r'<a href="/leads/([^"?]+)">', page.text)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = following[1].replace("&amp;", "&") if following else None
    assert ids == [row.lead_id for row in StillPages().rows("en")]


@pytest.mark.parametrize(
    "query",
    ["band=boiling", "min=-1", "min=101", "min=ten", "min=٣", "page=0", "page=x", "page=99999999999", "min=1e1"],
)
def test_filters_that_make_no_sense_are_named_not_guessed(client, query):
    assert "These filters can't be read" in seen(client, f"/leads?{query}", 422).text


@pytest.mark.parametrize(
    ("changes", "address", "said"),
    [
        ({"rows": (), "total": 0}, "/leads", "No open leads yet"),
        ({"rows": (), "total": 0}, "/leads?band=hot", "No lead matches these filters"),
        ({}, "/leads?page=9", "There are 3 pages with these filters"),
        ({"rows": (), "total": 7}, "/leads?page=2", "There is 1 page with these filters"),
    ],
)
def test_an_empty_list_says_why_it_is_empty(changes, address, said):
    page = seen(client_of(queue_changes=changes), address)
    assert said in page.text
    assert page.elements["table"] == 0


@pytest.mark.parametrize(("status", "said"), [("rank_only", "rank only"), ("points_only", "points only")])
@pytest.mark.parametrize("address", ["/leads", "/leads/L-1042"])
def test_without_calibration_no_chance_is_shown_anywhere(status, said, address):
    page = seen(client_of(status=status), address)
    assert said in page.text
    without_evidence = re.sub(r"Of \d+ earlier leads.*?of all\.", "", page.text)
    assert "%" not in without_evidence


def test_a_chance_in_the_data_stays_hidden_where_the_model_is_not_calibrated():
    pages = StillPages(status="rank_only", row_changes={"L-1042": {"probability": 0.9137}})
    pages.rows = lambda language: [replace(r, probability=0.9137) for r in StillPages().rows(language)]
    page = seen(client_of(pages), "/leads/L-1042")
    assert "91" not in re.sub(r"L-\d+|A-\d+", "", page.text)


def test_an_undated_model_promises_no_days():
    agreement = replace(StillPages().queue(language="en").agreement, horizon_days=None)
    client = client_of(
        queue_changes={"agreement": agreement}, lead_changes={"agreement": agreement, "created_at": None}
    )
    assert "within" not in seen(client, "/leads").text
    assert "no time limit" in seen(client, "/leads/L-1042").text


def test_the_lead_gives_reasons_evidence_and_what_is_missing(client):
    text = seen(client, "/leads/L-1042").text
    for said in (
        "Where every lead starts",
        "Fit Do they suit the offer?",
        "Interest What do they do?",
        "Cycle Where do they stand in buying?",
        "41 % (35–48) became SQL within 90 days; 9 % of all.",
        "Too few earlier leads to say.",
        "lowers here, given the rest",
        "4 smaller reasons together",
        "+1.12",
        "= −0.66",
        "What is missing title",
        "By points: No. 34 (43 points)",
        "3 older entries are not shown",
        "01JDDZ0001T8Q4X9V2M7KHNB3W",
        "Stage: engaged",
    ):
        assert said in text


def test_the_timeline_runs_from_newest_to_oldest(client):
    html = client.get("/leads/L-1042").text.split('class="timeline"', 1)[1].split("</ol>")[0]
    times = re.findall(r'datetime="([^"]+)"', html)
    assert times == sorted(times, reverse=True)
    assert len(times) == 9
    assert max(times) < AS_OF.isoformat()


def test_a_long_history_is_folded_but_whole():
    first = StillPages().lead("L-1042", language="en")
    assert first is not None
    long = tuple(replace(first.timeline[0], text=f"Visit {number}") for number in range(40))
    html = client_of(lead_changes={"timeline": long}).get("/leads/L-1042").text
    unfolded, folded = html.split('<details class="earlier">')
    assert "28 earlier entries" in folded
    assert re.findall(r"Visit \d+", unfolded) == [f"Visit {number}" for number in range(12)]
    assert re.findall(r"Visit \d+", folded) == [f"Visit {number}" for number in range(12, 40)]


def test_a_lead_of_which_nothing_is_known_still_has_a_page():
    client = client_of(
        lead_changes={
            "components": components((), "en"),
            "log_odds": -2.5137,
            "timeline": (),
            "timeline_left_out": 0,
            "attributes": (),
            "missing": (),
            "created_at": None,
        },
        row_changes={
            "L-1042": {
                "account_id": None, "stage": None, "owner_id": None, "headline": "", "why_direction": None,
                "scorecard_rank": None, "scorecard_points": None, "receipt_id": None, "missing": (),
            }
        },
    )  # fmt: skip
    text = seen(client, "/leads/L-1042").text
    assert "Nothing is on record for this lead yet." in text
    assert "no scorecard" in text
    assert "nobody yet" in text
    assert "Receipt" not in text


def test_texts_from_the_crm_are_shown_as_texts():
    lead = StillPages().lead("L-1042", language="en")
    assert lead is not None
    entry = replace(lead.timeline[0], text=NASTY, detail=NASTY)
    client = client_of(
        row_changes={"L-1042": {"account_id": NASTY, "stage": NASTY, "headline": NASTY, "why": NASTY, "owner_id": NASTY,
                                "missing": (NASTY,)}},
        lead_changes={"attributes": ((NASTY, NASTY),), "missing": (NASTY,), "timeline": (entry,)},
    )  # fmt: skip
    for address in ("/leads", "/leads/L-1042"):
        answer = client.get(address)
        page = Seen(answer.text)
        assert page.elements["script"] == page.elements["img"] == 0
        assert [a for a in page.attributes if a[1].startswith("on")] == []
        assert "<script>alert(1)</script>" in page.text
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize("lead_id", ["a/b c", "50%", "é?x=1#y", NASTY, "L&amp;1", "a+b", "L-1?lang=es"])
def test_any_lead_id_finds_its_page_by_the_link_of_the_list(lead_id):
    pages = StillPages(row_changes={"L-1042": {"lead_id": lead_id}})
    client = client_of(pages)
    link = next(a for a in seen(client, "/leads").values("a", "href") if a.startswith("/leads/"))
    page = seen(client, link)
    assert lead_id in page.text
    switch = next(a for a in page.values("a", "href") if a.endswith("?lang=es"))
    assert " ".join(lead_id.split()) in seen(client, switch).text


def test_an_unknown_lead_is_named_as_text(client):
    page = seen(client, "/leads/%3Cscript%3Ealert(1)%3C%2Fscript%3E", 404)
    assert "There is no such lead" in page.text
    assert "No lead has the id <script>alert(1)</script>." in page.text
    assert page.elements["script"] == 0


@pytest.mark.parametrize("address", ["/leads", "/leads/L-1042"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoChampion.at("the registry"), "leadlight models promote challenger"),
        (RegistryUnavailable("the database at db:5432 did not answer"), "This can't be shown right now"),
        (LeadlightError("anything"), "This can't be shown right now"),
        (Starting("the model is being loaded"), "Leadlight is starting"),
    ],
)
def test_what_is_not_there_is_said_without_inner_details(address, error, said):
    text = seen(client_of(fails=error), address, 503).text
    assert said in text
    assert "db:5432" not in text


def test_while_it_starts_the_page_asks_again_by_itself():
    page = seen(client_of(fails=Starting("the model is being loaded")), "/leads", 503)
    assert ("meta", "http-equiv", "refresh") in page.attributes
    page = seen(client_of(fails=NoChampion.at("the registry")), "/leads", 503)
    assert ("meta", "http-equiv", "refresh") not in page.attributes


def test_a_fault_of_ours_is_a_page_too_and_goes_to_the_log(caplog):
    page = seen(client_of(fails=ZeroDivisionError("in the scorer")), "/leads/L-1042", 500)
    assert "This page could not be made" in page.text
    assert "scorer" not in page.text
    assert "ZeroDivisionError: in the scorer" in caplog.text


def test_under_another_root_every_address_starts_there():
    client = TestClient(app_of(StillPages()), root_path="/ranking")
    page = seen(client, "/ranking/leads?band=hot")
    addresses = [v for _, n, v in page.attributes if n in ("href", "action") and not v.startswith("#")]
    assert [a for a in addresses if not a.startswith("/ranking/")] == []
    assert "/ranking/leads?band=hot&lang=es" in addresses


@pytest.mark.parametrize("address", ["/leads", "/leads/L-1042", "/leads/nobody", "/leads?min=x"])
def test_no_english_text_of_ours_stands_on_a_spanish_page(client, address):
    text = client.get(address, headers={"accept-language": "es"}).text
    shown = Seen(text)
    everything = " ".join([shown.text, *[v for _, n, v in shown.attributes if n in ("aria-label", "placeholder")]])
    english = [t["en"] for t in TEXTS.values() if t["en"] != t["es"]]
    left = [
        said
        for said in english
        if len(said) > 4 and "{" not in said and re.search(rf"\b{re.escape(said)}\b", everything)
    ]
    assert left == []


class Noting:
    """Stands for a dataclass and notes which of its fields a template reads."""

    def __init__(self, value, read):
        self._value, self._read = value, read

    def __getattr__(self, name):
        self._read.add((type(self._value).__name__, name))
        return noting(getattr(self._value, name), self._read)


def noting(value, read):
    if dataclasses.is_dataclass(value):
        return Noting(value, read)
    if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        return tuple(noting(item, read) for item in value)
    return value


NOT_RENDERED = {
    ("ReasonBar", "code"): "for programs; the text says it",
    ("ReasonBar", "component"): "the block it stands in says it",
    ("ReasonBar", "definition"): "the evidence sentence holds it",
    ("ComponentBars", "component"): "its label says it",
    ("ModelFacts", "kind"): "its label says it",
    ("TimelineEntry", "name"): "the text says it in the page's language",
    ("LeadPage", "language"): "chooses the templates",
    ("QueuePage", "language"): "chooses the templates",
    ("QueuePage", "offset"): "becomes the number of the page",
    ("QueuePage", "limit"): "becomes the number of the page",
    ("QueuePage", "nothing_told"): "only where there are no rows",
}


def test_pages_show_every_documented_field_and_no_other():
    read: set[tuple[str, str]] = set()
    for status in ("calibrated", "rank_only"):
        pages = StillPages(status=status)
        queue, lead = pages.queue(language="en"), pages.lead("L-1042", language="en")
        assert lead is not None
        environment = _environment("en")
        environment.get_template("queue.html").render(
            page=noting(queue, read), window=Window.of(queue), filters=Filters(), links=LINKS
        )
        environment.get_template("lead.html").render(
            page=noting(lead, read), axis=Axis.of(lead), links=LINKS, may_decide=True, longest_reason=9
        )
    kinds = (
        "QueuePage",
        "QueueRow",
        "LeadPage",
        "ComponentBars",
        "ReasonBar",
        "TimelineEntry",
        "Deciding",
        "DecisionEntry",
        "ModelFacts",
        "AgreementFacts",
    )
    documented = {(kind, f.name) for kind in kinds for f in dataclasses.fields(getattr(pages_data, kind))}
    assert documented - read == set(NOT_RENDERED)
    assert read <= documented


def test_the_same_page_is_the_same_bytes():
    pages = StillPages()
    first, second = pages.lead("L-1042", language="es"), pages.lead("L-1042", language="es")
    assert first is not None
    assert second is not None
    assert render_lead(first, LINKS) == render_lead(second, LINKS)
    assert render_queue(pages.queue(language="en"), Filters(), LINKS) == render_queue(
        pages.queue(language="en"), Filters(), LINKS
    )
