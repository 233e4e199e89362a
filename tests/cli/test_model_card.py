"""The model card of a registered version: as a command gives it, as MLflow keeps it, as a person sees it."""

import mlflow
import pytest

from browser import Watch, chromium, launched, page_of
from leadlight.core import settings
from leadlight.core.registry import Registry


@pytest.fixture(scope="module")
def page(demo, run):
    done = run("models", "show", "champion", "--html", home=demo[0])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_given_on_standard_output_and_tells_of_the_gate(page):
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "Model card: version 1" in page
    assert "passed" in page.lower()
    assert "with no champion before it" in page


def test_mlflow_keeps_the_same_card(page, demo):
    registry = Registry(settings.load(home=demo[0]))
    run_id = registry.versions()[-1].run_id
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/model_card.html") == page


def test_it_goes_to_a_file_where_one_is_named(page, demo, run, tmp_path):
    done = run("models", "show", "1", "--html", "--out", tmp_path / "card.html", home=demo[0])
    assert done.returncode == 0
    assert done.stdout == ""
    assert (tmp_path / "card.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--html", "--json"], 2, "give one of them"),
        (["--out", "card.html"], 2, "give --html as well"),
        (["--html", "--out", "no/such/folder/card.html"], 3, "no such file or directory"),
    ],
)
def test_what_can_not_be_is_said(demo, run, arguments, code, said):
    done = run("models", "show", "1", *arguments, home=demo[0])
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.browser
@pytest.mark.parametrize("width", [380, 1280])
def test_a_browser_shows_it_whole_without_a_script_and_asks_nobody(page, tmp_path, width):
    chromium()
    (tmp_path / "card.html").write_text(page, encoding="utf-8")
    seen = Watch()
    with launched() as browser, page_of(browser, width, seen) as shown:
        shown.goto((tmp_path / "card.html").as_uri())
        script_free = shown.locator("figure img").count()
        widths = [shown.locator("figure img").nth(i).bounding_box()["width"] for i in range(script_free)]
        assert len(widths) == 5
        assert min(widths) > 200
        assert shown.locator("body").bounding_box()["width"] <= width
        assert all(box["x"] + box["width"] <= width + 1 for box in boxes(shown, "section, .tile, p, h2, dl, ul"))
    assert seen.complaints == []
    assert [url for url in seen.outside if not url.startswith("file:")] == []


def boxes(shown, what):
    found = shown.locator(what)
    return [box for i in range(found.count()) if (box := found.nth(i).bounding_box()) is not None]
