from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlight.core.attributes import tidy
from leadlight.core.errors import BrokenHistory
from leadlight.core.history import History
from leadlight.core.mapping import parse
from leadlight.core.source import history_from_tables

N = 60


def door(values: list[Any], name: str = "thing", said: str = "") -> History:
    frame = pd.DataFrame({"lead_id": [f"l{row}" for row in range(len(values))], name: values})
    frame["created_at"] = pd.Timestamp("2024-01-01", tz="UTC")
    mapping = parse(f'[leads.attributes]\n"{name}" = {{ {said} }}\n' if said else "")
    return history_from_tables({"leads": frame}, now=datetime(2025, 1, 1, tzinfo=UTC), mapping=mapping)


def kept(values: list[Any], name: str = "thing", said: str = "") -> str | None:
    attributes = door(values, name, said).attributes
    return attributes[0].kind if attributes else None


def some(*values: Any) -> list[Any]:
    return [values[row % len(values)] for row in range(N)]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Lead Source", "lead_source"),
        ("ProductRelated_Duration", "product_related_duration"),
        ("nr.employed", "nr_employed"),
        ("¿Cuántos años?", "cuantos_anos"),
        ("年齢", "年齢"),
        ("UTM source (first)", "utm_source_first"),
    ],
)
def test_tidy(label: str, name: str) -> None:
    assert tidy(label) == name
    assert tidy(name) == name


@pytest.mark.parametrize(
    ("values", "name", "kind"),
    [
        (some("1", "2.5", ""), "size", "number"),
        (some(1, 2, None), "size", "number"),
        (some("02139", "10001"), "area", "category"),
        (some("2139", "10001"), "zip_code", "category"),
        (some(11, 12), "store_id", "category"),
        (some(True, False), "is_partner", "category"),
        (some("Yes", "No"), "partner", "category"),
        (some("1", "2", "many"), "size", "category"),
        (list(np.random.default_rng(1).normal(50_000, 9_000, N).round(2)), "revenue", "number"),
        (list(np.random.default_rng(1).integers(1, 10**9, N)), "revenue", "number"),
    ],
)
def test_kinds(values: list[Any], name: str, kind: str) -> None:
    assert kept(values, name) == kind


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ([f"{row:08x}-aa" for row in range(N)], "thing", "identifier"),
        (list(range(1000, 1000 + N)), "thing", "identifier"),
        (list(np.random.default_rng(1).permutation(N) + 1000), "Lead Number", "identifier"),
        (some("x"), "thing", "one value only"),
        (some(None), "thing", "no value"),
        (some("2024-01-01", "2024-05-07"), "thing", "date"),
        (some("1/2/2024", "3.4.2024"), "thing", "date"),
        (some(pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="UTC")), "thing", "date"),
        (some(["a"], ["b", "c"]), "thing", "lists"),
        (some("ann@example.org", "bob@example.com", ""), "contact", "e-mail"),
        ([f"+34 600 {row:03d} {row:03d}" for row in range(N)], "contact", "phone"),
        ([f"0{600123000 + row}" for row in range(N)], "contact", "phone"),
        (some("Ann", "Bob"), "First Name", "personal data"),
        (some("Ann Ash", "Bob Bell"), "Nombre completo", "personal data"),
        ([str(600123000 + 7 * row % 41) for row in range(N)], "Mobile", "personal data"),
    ],
)
def test_what_is_kept_out_is_said_with_the_reason(values: list[Any], name: str, reason: str) -> None:
    history = door(values, name)
    assert not history.attributes
    assert reason in history.excluded[name]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (some("Yes", "No"), "Do Not Email"),
        (some("telephone", "cellular"), "contact"),
        (some("home", "work", ""), "phone_type"),
        ([row % 20 for row in range(N)], "email_opens"),
        (some("spring", "autumn"), "campaign_name"),
        (some("0.01", "0.0512345", "0.2"), "exit_rates"),
        (some("x", None), "thing"),  # one value, or not known: that tells something
    ],
)
def test_what_only_looks_personal_or_empty_is_kept(values: list[Any], name: str) -> None:
    assert kept(values, name) is not None


def test_a_stray_address_is_blanked_and_counted() -> None:
    history = door([*some("Lima", "Quito"), "ann@example.org"], "city")
    assert history.leads["city"].isna().sum() == 1
    assert "'city': 1 cells hold an e-mail address and are taken as not known" in history.notes


def test_personal_columns_do_not_pass_the_door_at_all() -> None:
    assert "first_name" not in door(some("Ann", "Bob"), "first_name").leads


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('kind = "category"', ("category", "exported", "Shop")),
        ('known = "creation", label = "Branch"', ("number", "creation", "Branch")),
        ('known = "after"', None),
        ('exclude = "no use"', None),
        ("personal = true", None),
    ],
)
def test_the_owner_has_the_last_word(said: str, expected: tuple[str, str, str] | None) -> None:
    history = door(some(1, 2, 3), "Shop", said)
    found = [(one.kind, one.known, one.label) for one in history.attributes]
    assert found == ([expected] if expected else [])
    assert ("Shop" in history.excluded) == (expected is None)


def test_the_owner_may_say_that_a_name_is_no_person() -> None:
    assert kept(some("basic", "pro"), "name", "personal = false") == "category"


def test_a_declared_number_must_be_one() -> None:
    with pytest.raises(BrokenHistory, match="not_a_number"):
        door(some("1", "many"), "size", 'kind = "number"')


def test_whole_numbers_are_one_level_however_written() -> None:
    values = door(some("3", "3.0", "4"), "shop_id").leads["shop_id"]
    assert sorted(values.unique()) == ["3", "4"]


def test_two_columns_of_one_name_are_refused() -> None:
    frame = pd.DataFrame({"lead_id": ["a"], "created_at": pd.Timestamp("2024-01-01", tz="UTC"), "A b": [1], "a_B": [2]})
    with pytest.raises(BrokenHistory, match="same_name"):
        history_from_tables({"leads": frame}, now=datetime(2025, 1, 1, tzinfo=UTC))


def test_columns_that_are_left_out_need_no_names_of_their_own() -> None:
    frame = pd.DataFrame({"lead_id": ["a", "b"], "A b": [1, 2], "a_B": [2, 3], "a b": [1, 3], "Owner ID": ["x", "y"]})
    frame["created_at"] = pd.Timestamp("2024-01-01", tz="UTC")
    said = (
        '[leads.attributes]\n"A b" = { exclude = "old" }\n"a_B" = { exclude = "older" }\n"Owner ID" = { exclude = "x" }'
    )
    history = history_from_tables({"leads": frame}, now=datetime(2025, 1, 1, tzinfo=UTC), mapping=parse(said))
    assert history.excluded == {"A b": "old", "a_B": "older", "Owner ID": "x"}
    assert [one.name for one in history.attributes] == ["a_b"]


def test_a_column_that_looks_like_ours_is_asked_about() -> None:
    with pytest.raises(BrokenHistory, match="ours_or_not"):
        door(some("x", "y"), "Owner ID")


def test_an_attribute_that_is_not_there_is_named() -> None:
    mapping = parse('[leads.attributes]\n"Sorce" = { known = "creation" }')
    frame = pd.DataFrame({"lead_id": ["a"], "created_at": pd.Timestamp("2024-01-01", tz="UTC"), "Source": ["x"]})
    with pytest.raises(BrokenHistory, match="did you mean 'Source'"):
        history_from_tables({"leads": frame}, now=datetime(2025, 1, 1, tzinfo=UTC), mapping=mapping)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([f"{row + 1},{row:03d}.50" for row in range(N)], "marks of thousands"),
        ([f"{row + 1}.{row:03d},50 €" for row in range(N)], "marks of thousands"),
        ([f"$ {row + 1}" for row in range(N)], "marks of thousands"),
        ([f"{row},5" for row in range(N)], 'decimal = ","'),
    ],
)
def test_numbers_written_for_people_are_left_out_with_the_way_to_mend_them(values: list[str], says: str) -> None:
    history = door(values, "revenue")
    assert not history.attributes
    assert says in history.excluded["revenue"]
    assert kept(values, "revenue", 'kind = "category"') == "category"


def test_numbers_with_a_few_words_among_them_are_categories_and_said_to_be() -> None:
    history = door([*(f"{row}.5" for row in range(1, N)), "n/k"], "size")
    assert [one.kind for one in history.attributes] == ["category"]
    (note,) = [said for said in history.notes if "size" in said]
    assert "1 cells" in note
    assert "'n/k'" in note
    assert not [said for said in door(some("1", "2", "many"), "size").notes if "size" in said]


def test_a_float_column_with_infinity_is_refused_not_made_a_category() -> None:
    with pytest.raises(BrokenHistory, match="infinity"):
        door([1e308, float("inf"), *map(float, range(N))], "size")


def test_a_few_levels_of_numbers_written_for_people_stay_a_category_and_are_noted() -> None:
    history = door(some("10 %", "20 %", "1.000 %"), "discount")
    assert [one.kind for one in history.attributes] == ["category"]
    assert [said for said in history.notes if "discount" in said and "units" in said]
