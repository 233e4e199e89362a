from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core.errors import MappingError, NothingThere
from leadlight.core.history import TABLES
from leadlight.core.mapping import DEFAULT_MISSING, DatasetMapping, load, parse


def problems(text: str) -> set[tuple[str, str]]:
    with pytest.raises(MappingError) as caught:
        parse(text)
    return {(problem.where, problem.rule) for problem in caught.value.problems}


def test_an_empty_mapping_has_every_default() -> None:
    mapping = parse("")
    assert set(mapping.tables) == set(TABLES)
    assert mapping.tables["leads"].dialect.missing == DEFAULT_MISSING
    assert (mapping.outcome, mapping.order, mapping.ended_at) == (None, None, None)


def test_all_wrong_keys_are_listed_with_the_likeliest() -> None:
    text = """
        [histroy]
        [history]
        laeds = "x.csv"
        separator = ";;"
        encoding = "utf-9"
        decimal = "x"
        time_zone = "Europe/Atlantis"
        ended_at = 2024-01-01
        [leads]
        colunms = { lead_id = "Id" }
        columns = { id = "Id" }
        [leads.outcome]
        column = "won"
        [leads.order]
        by = "chance"
        [leads.attributes]
        "A" = { exlude = "typo" }
        "B" = "web"
        "C" = { known = "never" }
        "D" = { name = "lead_id" }
        [stage_changes]
        before_creation = "ignore"
        [activities.doers]
        call = "robot"
        """
    assert problems(text) == {
        ("top level", "unknown_key"),
        ("[history]", "unknown_key"),
        ("[history]", "separator"),
        ("[history]", "encoding"),
        ("[history]", "decimal"),
        ("[history]", "time_zone"),
        ("[history]", "no_zone"),
        ("[leads]", "unknown_key"),
        ("[leads.columns]", "unknown_key"),
        ("[leads.outcome]", "incomplete"),
        ("[leads.order]", "not_a_choice"),
        ("[leads.order]", "incomplete"),
        ("[leads.attributes.A]", "unknown_key"),
        ("[leads.attributes.B]", "not_a_section"),
        ("[leads.attributes.C]", "not_a_choice"),
        ("[leads.attributes.D]", "name"),
        ("[stage_changes]", "not_a_choice"),
        ("[activities.doers]", "not_a_choice"),
    }


def test_the_likeliest_key_is_offered() -> None:
    with pytest.raises(MappingError, match="did you mean 'history'"):
        parse("[histroy]")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2024-06-01T00:00:00Z", datetime(2024, 6, 1, tzinfo=UTC)),
        ('"2024-06-01T02:00:00+02:00"', datetime(2024, 6, 1, tzinfo=UTC)),
        ('2024-06-01\ntime_zone = "Europe/Madrid"', datetime(2024, 5, 31, 22, tzinfo=UTC)),
    ],
)
def test_the_end_of_the_history(said: str, expected: datetime) -> None:
    assert parse(f"[history]\nended_at = {said}").ended_at == expected


def test_a_table_may_differ_from_the_rest() -> None:
    mapping = parse('[history]\nseparator = ";"\ntime_zone = "UTC"\n[activities]\nseparator = "|"')
    assert mapping.tables["activities"].dialect.separator == "|"
    assert mapping.tables["activities"].dialect.time_zone == "UTC"
    assert mapping.tables["leads"].dialect.separator == ";"


def test_values_are_spelled_as_cells() -> None:
    mapping = parse('[leads.outcome]\ncolumn = "won"\npositive = [1, 2.0, true, " yes "]')
    assert mapping.outcome is not None
    assert mapping.outcome.positive == ("1", "2", "true", "yes")


def test_the_digest_is_of_what_is_said_not_of_its_spelling() -> None:
    one = parse("[history]\nmissing = ['x']\nended_at = 2024-01-01T00:00:00Z")
    other = parse('# why\n[history]\nended_at = 2024-01-01T00:00:00Z\nmissing=["x"]')
    assert one.digest == other.digest != parse("").digest


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert problems("[history") == {("dataset.toml", "not_toml")}
    (tmp_path / "m.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(MappingError, match="not UTF-8"):
        load(tmp_path / "m.toml")
    (tmp_path / "m.toml").write_bytes("[history]\n".encode("utf-8-sig"))
    assert isinstance(load(tmp_path / "m.toml"), DatasetMapping)


@pytest.mark.parametrize(
    "key",
    [
        'time_format = "%Q"',
        'time_format = "%"',
        'time_format = "%Y%Y"',
        'time_format = "mixed"',
        'time_format = "ISO8601"',
        'time_format = "DD/MM/YYYY"',
        'separator = "§"',
        "separator = '\"'",
        'separator = "a"',
        'separator = "\\n"',
        'separator = ";;"',
        'encoding = "klingon"',
        'time_zone = "Mars"',
        'decimal = "-"',
    ],
)
def test_a_spelling_that_no_file_can_have_is_named_once(key: str) -> None:
    rule = "encoding" if key.startswith("enc") else key.split(" ")[0]
    with pytest.raises(MappingError) as caught:
        parse(f"[history]\n{key}")
    assert [(problem.where, problem.rule) for problem in caught.value.problems] == [("[history]", rule)]
    with pytest.raises(MappingError) as caught:
        parse(f"[activities]\n{key}")
    assert [(problem.where, problem.rule) for problem in caught.value.problems] == [("[activities]", rule)]


def test_a_folder_is_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(NothingThere, match="can't be read"):
        load(tmp_path)


words = st.sampled_from([*TABLES, "history", "columns", "missing", "outcome", "order", "attributes", "x", "lead_id"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(timedelta(1)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=6,
)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return f"'{''.join(char for char in str(value) if char.isalnum())}'"


@given(st.dictionaries(words, values, max_size=4))
def test_any_mapping_is_read_or_refused_by_name(data: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in data.items())
    with suppress(MappingError):  # the only error that it may raise
        assert isinstance(parse(text), DatasetMapping)
