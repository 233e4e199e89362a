"""What the other tests lean on: a command says the same from cold as where its libraries were loaded before."""

import re

import pytest

LEADS = "lead_id,created_at,source\n" + "".join(f"L{i},2025-01-{i % 28 + 1:02d}T00:00:00Z,web\n" for i in range(40))


def without_seconds(text):
    return re.sub(r'"seconds": {[^}]*}', "", text)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--help",), 0),
        (("no-such-command", "--json"), 2),
        (("check", "--data", ".", "--json"), 0),
        (("train", "--data", "nowhere", "--json"), 3),
        (("keys", "list", "--json"), 3),
    ],
)
def test_a_command_says_the_same_from_cold(run, cold, tmp_path, arguments, code):
    (tmp_path / "leads.csv").write_text(LEADS)
    warmed, alone = (how(*arguments, home=tmp_path / "home", cwd=tmp_path) for how in (run, cold))
    assert (alone.returncode, warmed.returncode) == (code, code), alone.stderr
    assert without_seconds(warmed.stdout) == without_seconds(alone.stdout)
    assert warmed.stderr == alone.stderr


def test_of_two_commands_the_second_knows_nothing_of_the_first(run, tmp_path):
    made = [run("keys", "create", "--role", "crm", home=tmp_path / name).stdout for name in "ab"]
    assert all(key.startswith("ll_") for key in made)
    assert made[0] != made[1]
    for name, theirs, others in (("a", *made), ("b", *reversed(made))):
        listed = run("keys", "list", home=tmp_path / name).stdout
        assert theirs.split("_")[1] in listed
        assert others.split("_")[1] not in listed
