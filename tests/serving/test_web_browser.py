"""The pages as people meet them: in Debian's Chromium, without JavaScript."""

from __future__ import annotations

import pytest

from browser import Watch, chromium, launched, page_of, served
from pages import BASE, LOG_ODDS, StillPages, app_of

pytestmark = pytest.mark.browser

LEAD = "/leads/L-1042"
NASTY = "<script>document.title='owned'</script><b onmouseover=alert(1)>"

CONTRAST = """() => {
  const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parse = s => { const n = s.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c[3] === 1) return c;
    }
    return [255, 255, 255, 1];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let checked = 0;
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || e.closest('option')) continue;
    const style = getComputedStyle(e);
    const text = parse(e instanceof SVGElement ? style.fill : style.color), back = ground(e);
    const [a, b] = [light(text), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    checked += 1;
    if (ratio < 4.5) poor.push([walk.currentNode.data.trim(), ratio.toFixed(2)]);
  }
  return {poor, checked};
}"""

TOO_WIDE = """width => [...document.querySelectorAll('main *')]
  .filter(e => !e.closest('.unseen, .long, thead, svg') && e.getBoundingClientRect().right > width + 0.5)
  .map(e => e.outerHTML.slice(0, 100))"""

UNNAMED = """() => [...document.querySelectorAll('svg, img, input, select, button, nav, table')].filter(e => {
  if (e.closest('[aria-hidden=true]') || e.parentElement.closest('svg') || e.type === 'hidden') return false;
  const label = e.getAttribute('aria-label') || e.alt || (e.labels && e.labels.length && e.labels[0].textContent)
    || (e.tagName === 'BUTTON' && e.textContent)
    || (e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby')).textContent);
  return !(label && label.trim()) || (e.tagName === 'svg' && e.getAttribute('role') !== 'img');
}).map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def browser():
    chromium()
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def address():
    with served(app_of(StillPages())) as url:
        yield url


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("path", ["/leads", LEAD])
def test_a_page_is_whole_without_scripts_and_asks_nobody_else(browser, address, path, language):
    watch = Watch()
    with page_of(browser, watch=watch, locale=language) as page:
        answer = page.goto(address + path)
        assert answer is not None
        assert answer.status == 200
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.styleSheets.length") == 1
    assert watch.outside == []
    assert watch.complaints == []


@pytest.mark.parametrize("path", ["/leads", LEAD])
def test_with_scripts_switched_on_a_page_says_nothing_to_the_console(browser, address, path):
    watch = Watch()
    with page_of(browser, watch=watch, java_script_enabled=True) as page:
        page.goto(address + path, wait_until="networkidle")
    assert watch.outside == []
    assert watch.complaints == []


@pytest.mark.parametrize("path", ["/leads?lang=es", LEAD + "?lang=es", "/leads/nobody", "/leads?band=hot&owner=none"])
def test_nothing_runs_out_of_the_side(browser, address, path):
    with page_of(browser) as page:
        page.goto(address + path)
        for width in (360, 390, 768, 993, 1024, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(TOO_WIDE, width) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_bars_add_up_where_they_are_drawn(browser, address, width):
    with page_of(browser, width) as page:
        page.goto(address + LEAD)
        bars = page.locator("rect.step").all()
        boxes = [bar.bounding_box() for bar in bars]
        data = [(float(b.get_attribute("data-start") or 0), float(b.get_attribute("data-end") or 0)) for b in bars]
        points = [box for p in page.locator("path.point").all() if (box := p.bounding_box())]
    assert len(bars) == 12
    assert data[0][0] == BASE
    assert data[-1][1] == pytest.approx(LOG_ODDS, abs=1e-9)
    assert [end for _, end in data[:-1]] == pytest.approx([start for start, _ in data[1:]], abs=1e-9)

    def edges(box, start, end):
        left, right = box["x"], box["x"] + box["width"]
        return (left, right) if end > start else (right, left)

    drawn = [edges(box, *ends) for box, ends in zip(boxes, data, strict=True) if box]
    assert len(drawn) == len(bars)
    assert [end for _, end in drawn[:-1]] == pytest.approx(
        [start for start, _ in drawn[1:]], abs=0.7
    )  # a dashed outline adds .6
    centres = [box["x"] + box["width"] / 2 for box in points]
    assert centres == pytest.approx([drawn[0][0], drawn[-1][1]], abs=0.6)
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(tops)


def test_the_numbers_on_the_page_add_up_as_far_as_they_are_rounded(browser, address):
    with page_of(browser) as page:
        page.goto(address + LEAD)

        def numbers(selector):
            return [
                float(t.strip().split()[-1].replace("\u2212", "-")) for t in page.locator(selector).all_inner_texts()
            ]

        ends, subtotals = numbers("tr.end td.number"), numbers("tr.subtotal td.number")
        shares = [numbers(f"tbody.component:nth-of-type({place}) tr.reason-row td.number") for place in range(2, 5)]
    base, total = ends
    assert base + sum(subtotals) == pytest.approx(total, abs=0.005 * 5)
    for subtotal, parts in zip(subtotals, shares, strict=True):
        assert parts
        assert sum(parts) == pytest.approx(subtotal, abs=0.005 * (len(parts) + 1))


@pytest.mark.parametrize("path", ["/leads", "/leads?band=hot&owner=none", LEAD, "/leads/nobody"])
def test_every_text_stands_out_from_its_ground(browser, address, path):
    with page_of(browser) as page:
        page.goto(address + path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate(CONTRAST)
            assert found["checked"] > 8
            assert found["poor"] == []


@pytest.mark.parametrize("path", ["/leads", LEAD])
def test_everything_that_is_seen_has_a_name(browser, address, path):
    with page_of(browser) as page:
        page.goto(address + path)
        assert page.evaluate(UNNAMED) == []
        assert page.locator("th:not([scope])").count() == 0
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [390, 1280])
def test_tables_stay_tables_for_a_screen_reader(browser, address, width):
    with page_of(browser, width) as page:
        page.goto(address + "/leads")
        table = page.get_by_role("table", name="Ranked leads")
        assert table.get_by_role("row").count() == 51
        assert table.get_by_role("columnheader").count() == 8
        assert table.get_by_role("rowheader").count() == 50
        page.goto(address + LEAD)
        chart = page.get_by_role("table", name="What the score is made of")
        assert chart.get_by_role("rowheader").count() == 12 + 3 + 2


def test_a_rep_filters_opens_a_lead_and_comes_back_by_keyboard_alone(browser, address):
    with page_of(browser, locale="en") as page:
        page.goto(address + "/leads?lang=es")
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "Ir al contenido"
        page.locator("input[name=min]").fill("90")
        page.locator("select[name=owner]").select_option("rep-02")
        page.keyboard.press("Enter")
        page.locator("button").press("Enter")
        page.wait_for_url("**owner=rep-02**")
        assert "lang=es" in page.url
        first = page.locator("table.queue th.lead a").first
        name = first.inner_text()
        first.press("Enter")
        page.wait_for_url("**/leads/L-*")
        assert page.locator("h1").inner_text() == f"Lead {name}"
        assert page.locator("html").get_attribute("lang") == "es"
        page.get_by_role("link", name="Volver a la cola", exact=True).press("Enter")
        page.wait_for_url("**/leads?lang=es")


def test_bands_are_told_by_word_and_shape_not_colour_alone(browser, address):
    with page_of(browser) as page:
        page.goto(address + "/leads?page=2")
        shapes = {}
        for band in page.locator("table.queue .band").all():
            shape = band.locator("svg > *")
            shapes.setdefault(band.inner_text(), set()).add(
                shape.get_attribute("d") or shape.evaluate("e => e.tagName")
            )
    assert set(shapes) == {"Warm", "Cold"}
    assert shapes["Warm"].isdisjoint(shapes["Cold"])


def test_what_the_crm_sends_is_never_run(browser):
    pages = StillPages(
        row_changes={"L-1042": {"account_id": NASTY, "why": NASTY, "headline": NASTY}},
        lead_changes={"attributes": ((NASTY, NASTY),), "missing": (NASTY,)},
    )
    with served(app_of(pages)) as url, page_of(browser, java_script_enabled=True) as page:
        for path in ("/leads", LEAD):
            page.goto(url + path)
            assert "owned" not in page.title()
            assert page.get_by_text(NASTY).first.is_visible()


def test_ids_and_words_without_a_space_do_not_break_the_phone(browser):
    long = "W" * 120
    pages = StillPages(
        row_changes={"L-1042": {"lead_id": long, "account_id": long, "why": long, "headline": long, "owner_id": long,
                                "missing": (long,)}},
        lead_changes={"attributes": ((long, long),), "missing": (long,)},
    )  # fmt: skip
    with served(app_of(pages)) as url, page_of(browser, 360) as page:
        for path in ("/leads", f"/leads/{long}"):
            page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_on_paper_the_controls_are_gone_and_the_list_stays(browser, address):
    with page_of(browser, 800) as page:
        page.emulate_media(media="print")
        page.goto(address + "/leads")
        assert not page.locator("form.filters").is_visible()
        assert page.locator("table.queue").is_visible()


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_browser_skips_with_the_reason_but_fails_in_ci(monkeypatch, tmp_path, ci, outcome):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="make browser"):
        chromium()
