"""Tables stay readable whatever the terminal's width."""

import pytest

from leadlight.cli import screen

RUN = "67f2882a21f74a4ca172aa8ee5a369c2"
HEAD = ("version", "kind", "test AUC", "aliases", "gate", "MLflow run")
ROWS = [
    ("2", "scorecard", "0.700", "champion, challenger", "refused; forced: sales asked for it", RUN),
    ("1", "lightgbm", "0.712", "", "-", RUN[::-1]),
]


@pytest.fixture
def printed(monkeypatch, capsys):
    """The lines below a table's title, as a terminal of some width gets them."""

    def of(width, head=HEAD, rows=ROWS, **options):
        monkeypatch.setenv("COLUMNS", str(width))
        screen.table("Title", head, rows, **options)
        title, *lines = capsys.readouterr().out.splitlines()
        assert title == "Title"
        return lines

    return of


@pytest.mark.parametrize("width", [20, 60, 79, 80, 100, 120, 121, 300])
def test_nothing_is_lost_and_no_word_is_cut_however_narrow_the_terminal(printed, width):
    everything = [word for line in printed(width) for word in line.split()]
    assert sorted(everything) == sorted(word for row in (HEAD, *ROWS) for cell in row for word in cell.split())


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_table_is_no_wider_than_the_terminal_where_its_words_allow_that(printed, width):
    assert max(len(line.rstrip()) for line in printed(width)) <= width


@pytest.mark.parametrize("width", [121, 200])
def test_where_there_is_room_every_row_is_one_line(printed, width):
    lines = printed(width)
    assert len(lines) == 3
    assert "refused; forced: sales asked for it  " + RUN in lines[1]


def test_long_text_goes_on_below_itself_and_what_is_short_stays_together(printed):
    head, rows = ("lead", "band", "why"), [("ada", "cold > warm", "asked for a demo three days ago, as colleagues did")]
    lines = printed(40, head, rows, numbers_from=3)
    start = lines[0].index("why")
    assert lines[1].startswith("ada   cold > warm  asked for")
    assert all(not line[:start].strip() for line in lines[2:])
    assert " ".join(line[start:].strip() for line in lines[1:]) == rows[0][2]


def test_two_long_columns_share_the_room(printed):
    text = "word " * 30
    lines = printed(80, ("one", "two"), [(text, text)], numbers_from=2)
    assert {(line[:39].split().count("word"), line[39:].split().count("word")) for line in lines[1:-1]} == {(8, 8)}


def test_letters_that_are_twice_as_wide_are_counted_so(printed):
    lines = printed(32, ("lead", "city"), [("ada", "東京都千代田区丸の内一丁目"), ("bob", "x")], numbers_from=2)
    assert lines[1].rstrip() == "ada   東京都千代田区丸の内一丁目"


def test_a_table_without_rows_shows_its_head(printed):
    assert printed(80, ("lead", "why"), []) == ["lead  why"]


def test_numbers_stand_below_each_other(printed):
    lines = printed(80, ("part", "leads"), [("learn", "12,000"), ("test", "7")])
    assert [line.rstrip() for line in lines] == ["part    leads", "learn  12,000", "test        7"]
