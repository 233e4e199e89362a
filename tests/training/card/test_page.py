"""The model card of real training runs: flat, points only, nothing to learn; and what a hostile name does to it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from leadlight.agreement.terms import parse
from leadlight.core.errors import ModelContractError
from leadlight.training.card.page import Standing, render
from leadlight.training.run import train
from planted import company, export

NASTY = "<script>alert(1)</script>"
CARD = parse(
    """
[segments]
by = ["need"]
[[scorecard]]
name = "much need"
when = { attribute = "need", at_least = 0.5 }
points = 10
"""
)
FIELDS = {"need": lambda c: c.numbers(c.need), NASTY: lambda c: c.words(np.where(c.need > 0, NASTY, "no"))}


class Read(HTMLParser):
    """Text, tags and addresses of a page."""

    def __init__(self, page):
        super().__init__()
        self.text, self.tags, self.addresses, self.ids = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        told = dict(attrs)
        self.addresses += [told[name] for name in ("src", "href") if name in told]
        self.ids += [told["id"]] if "id" in told else []

    def handle_data(self, data):
        self.text.append(data)

    @property
    def said(self):
        return " ".join(" ".join(self.text).split())


def history(n=700, signal=True, seed=4):
    made = company(n=n, base_rate=0.3, seed=seed)
    if not signal:
        made = replace(made, won=np.random.default_rng(seed).random(n) < 0.3)
    return export(made, FIELDS)


@pytest.fixture(scope="module")
def trained():
    return train(history(), CARD)


@pytest.fixture(scope="module")
def page(trained):
    return Read(render(trained.report.to_dict(), trained.plots, Standing(3, ("challenger",))))


def test_it_is_one_file_that_asks_nobody_and_runs_nothing(page, trained):
    html = render(trained.report.to_dict(), trained.plots, Standing(3))
    assert "script" not in page.tags
    assert not {"link", "iframe", "object", "embed"} & set(page.tags)
    for address in page.addresses:
        assert address.startswith("data:image/svg+xml;base64,") or address.lstrip("#") in page.ids
    assert "http" not in re.sub(r"base64,[^\"]*", "", html)
    assert page.tags.count("img") == len(trained.plots) == 5


def test_it_tells_the_figures_of_the_report(page, trained):
    report = trained.report
    assert trained.verdict == "signal"
    assert "Model card: version 3" in page.said
    assert report.verdict.text in page.said
    for candidate in report.candidates:
        auc = candidate.ranking["auc"]
        assert f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})" in page.said
    for section in ("purpose", "results", "chances", "drivers", "points", "leaks", "data", "gate", "limits", "again"):
        assert section in page.ids
    assert report.data["fingerprint"] in page.said
    assert "much need" in page.said
    chances = report.closer.reliability
    segments = [*chances.segments, *chances.too_small]
    assert any(segment.name.startswith("need") for segment in segments)
    assert all(segment.name in page.said for segment in segments)
    assert all(word in page.said for word in report.words)
    assert "no horizon" in page.said


def test_names_from_data_are_text_and_nothing_else(page):
    assert NASTY in page.said


def test_what_became_of_it_is_told(trained):
    decision = {"word": "refuse", "reasons": ["Ranking: worse."], "champion_version": 2, "recorded_at": "2026-11-02T"}
    forced = {"how": "promoted", "at": "2026-11-03T", "by": "ada", "before": 2, "forced": "new goal <agreed>"}
    standing = Standing(3, ("champion",), (decision,), (forced,))
    said = Read(render(trained.report.to_dict(), trained.plots, standing)).said
    assert "Refused against version 2 2026-11-02" in said
    assert "Ranking: worse." in said
    assert "promoted, instead of version 2, by ada forced new goal <agreed>" in said


def test_points_alone_have_a_card_that_promises_nothing():
    run = train(history(n=100), CARD, points_only=True)
    page = Read(render(run.report.to_dict(), run.plots, Standing(1)))
    assert run.verdict == "points_only"
    assert "points only: nothing was learned, no chance is shown" in page.said
    assert "Nothing was learned: it is the agreement's hand-picked points as they are." in page.said
    assert "results" not in page.ids
    assert "drivers" in page.ids


def test_a_run_without_a_model_has_a_page_too():
    run = train(history(signal=False), parse(""))
    assert run.model is None
    page = Read(render(run.report.to_dict(), run.plots, Standing()))
    assert "Report of a training run" in page.said
    assert "nothing was registered" in page.said
    assert run.report.verdict.text in page.said
    assert "drivers" not in page.ids


def test_a_report_of_an_earlier_release_tells_what_it_has(trained):
    told = trained.report.to_dict()
    for part in ("audit", "closer", "drivers", "monotone", "searched", "seed", "release"):
        del told[part]
    page = Read(render(told, trained.plots, Standing(1)))
    assert "results" in page.ids
    assert "leaks" not in page.ids


def test_what_is_no_report_is_refused_by_what_it_lacks():
    with pytest.raises(ModelContractError, match=r"Version 5 has no report of a training run.*candidates"):
        render({"verdict": {}}, {}, Standing(5))
