import inspect
import json
import re

import pytest

from leadlight.core import errors
from leadlight.core.errors import BrokenHistory, LeadlightError, NoChampion, Problem, UnknownPrimitive

FAMILY = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, LeadlightError) and not kind.__name__.startswith("_")
]


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_is_public_drawn_and_has_a_code_of_its_own(kind: type[LeadlightError]) -> None:
    assert kind.__name__ in errors.__all__
    assert kind.__name__ in str(errors.__doc__)
    assert re.fullmatch(r"[a-z_]+", kind.code)
    assert [other for other in FAMILY if other.code == kind.code] == [kind]


def test_a_problem_says_where_what_and_which_rule() -> None:
    problem = Problem("activities", "not_a_time", "can't be read", row=7, column="when", count=3)
    assert str(problem) == "activities, column 'when', row 7: can't be read (3 rows) [not_a_time]"
    assert str(Problem("leads", "no_rows", "has no rows")) == "leads: has no rows [no_rows]"


def test_a_problem_is_ready_for_json_and_leaves_out_what_is_not_set() -> None:
    assert json.loads(json.dumps(Problem("leads", "no_rows", "has no rows").as_dict())) == {
        "where": "leads",
        "rule": "no_rows",
        "message": "has no rows",
        "count": 1,
    }


def test_all_problems_are_listed_and_carried() -> None:
    problems = [Problem("leads", f"rule_{number}", f"message {number}") for number in range(30)]
    error = BrokenHistory.listing("the folder", iter(problems))
    assert error.problems == tuple(problems)
    assert str(error).startswith("the folder has 30 problems:\n")
    assert all(str(problem) in str(error) for problem in problems)


def test_context_is_kept_for_logs() -> None:
    assert NoChampion.at("sqlite:///x").context == {"place": "sqlite:///x"}
    assert "leadlight models promote challenger" in str(NoChampion.at("x"))


def test_missing_primitives_are_named_with_what_is_here_instead() -> None:
    error = UnknownPrimitive.among([("count", 1), ("decay", 2), ("decay", 2)], [("count", 1), ("decay", 1)], model="v3")
    assert str(error).startswith("v3 needs decay version 2 (here: version 1).")
    assert error.context["missing"] == [("decay", 2), ("decay", 2)]
