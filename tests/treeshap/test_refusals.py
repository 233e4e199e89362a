"""What can't be explained exactly is refused by name; nothing is explained wrongly in silence."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forests import forest, scale
from leadlight.treeshap import TreeShap, Unsupported
from tree_texts import Leaf, Split, chain, chain_rows, model_text

SPLIT = Split(0, frozenset({1, 40}), Split(1, 0.5, Leaf(1.0, 5), Leaf(2.0, 6)), Leaf(3.0, 7))
OTHER = Split(1, 0.25, Leaf(-1.0, 9), Split(0, frozenset({2}), Leaf(0.25, 4), Leaf(0.5, 5)))
WRITTEN = model_text([SPLIT, OTHER, Leaf(0.125, 18), OTHER], 2)
ROWS = np.array([[a, b] for a in (1.0, 2.0, 40.0, np.nan) for b in (0.0, 0.3, 1.0, np.nan)])


def refused(text: str) -> str:
    """Return why."""
    with pytest.raises(Unsupported) as error:
        TreeShap(text)
    message = str(error.value)
    assert 10 < len(message) < 300  # a sentence, not a model
    assert "\n" not in message
    return message


def assert_refused_or_the_same(text: str) -> None:
    try:
        found = TreeShap(text).explain(ROWS)
    except Unsupported:
        return
    expected = TreeShap(WRITTEN).explain(ROWS)
    np.testing.assert_array_equal(found.raw, expected.raw)
    np.testing.assert_array_equal(found.shares, expected.shares)


def test_unsupported_is_a_value_error():
    assert issubclass(Unsupported, ValueError)


def test_the_written_model_is_taken():
    assert TreeShap(WRITTEN).explain(ROWS).shares.any()


def test_linear_trees():
    assert "linear" in refused(forest("linear").text)


def test_several_classes():
    assert re.search(r"\b3 classes", refused(forest("several_classes").text))


@pytest.mark.parametrize("version", ["v3", "v5", "v41", ""])
def test_unknown_version(version):
    assert f"version {version}".strip() in refused(WRITTEN.replace("version=v4", f"version={version}"))


@pytest.mark.parametrize("decision", [12, 14, 16, 64, -1, 255])
def test_unknown_decision_type(decision):
    text = re.sub(r"decision_type=(\d+)", f"decision_type={decision}", WRITTEN, count=1)
    assert str(decision) in refused(text)


@pytest.mark.parametrize("text", ["", "tree", "hello", "\0" * 50, "{}", "tree\nversion=v4\n", "Tree=0\nnum_leaves=1\n"])
def test_what_is_no_model_text(text):
    refused(text)


def test_the_json_form_of_a_model():
    refused(json.dumps(forest("stumps").booster.dump_model()))


@pytest.mark.parametrize("key", ["version", "num_class", "num_tree_per_iteration", "max_feature_idx"])
def test_a_head_that_lacks_a_line_says_which(key):
    assert key in refused(re.sub(rf"^{key}=.*\n", "", WRITTEN, count=1, flags=re.MULTILINE))


@pytest.mark.parametrize(
    "key",
    ["num_leaves", "split_feature", "threshold", "decision_type", "left_child", "right_child", "leaf_value",
     "leaf_count", "internal_count", "cat_boundaries", "cat_threshold"],
)  # fmt: skip
def test_a_tree_that_lacks_a_line_says_which(key):
    lacking = re.sub(rf"^{key}=.*\n", "", WRITTEN, count=1, flags=re.MULTILINE)
    assert key in refused(lacking)
    shorter = re.sub(rf"^({key}=.*) \S+\n", r"\1\n", WRITTEN, count=1, flags=re.MULTILINE)
    if shorter != WRITTEN:
        refused(shorter)
    garbled = re.sub(rf"^({key}=)\S+", r"\g<1>1x", WRITTEN, count=1, flags=re.MULTILINE)
    assert key in refused(garbled)


def test_leaving_out_any_line_is_noticed_where_it_matters():
    lines = WRITTEN.split("\n")
    for i in range(len(lines)):
        assert_refused_or_the_same("\n".join(lines[:i] + lines[i + 1 :]))


def test_leaving_out_a_tree_is_noticed():
    parts = re.split(r"(?=^Tree=|^end of trees)", WRITTEN, flags=re.MULTILINE)
    for i in range(1, len(parts) - 1):
        refused("".join(parts[:i] + parts[i + 1 :]))


@pytest.mark.parametrize("where", np.linspace(0.02, 0.98, 25))
def test_a_text_cut_off_anywhere_before_its_end(where):
    text = forest("continued").text
    refused(text[: int(where * text.index("end of trees"))])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_number_changed_in_what_holds_a_tree_together_is_noticed_or_does_no_harm(data):
    """Children, counts and sizes are told twice over in a text; a changed one must not lead a kernel astray."""
    keys = "num_leaves|left_child|right_child|internal_count|leaf_count|cat_boundaries|num_cat"
    found = list(re.finditer(rf"^({keys})=(\S.*)$", WRITTEN, flags=re.MULTILINE))
    line = data.draw(st.sampled_from(found))
    words = line[2].split()
    words[data.draw(st.integers(0, len(words) - 1))] = str(data.draw(st.integers(-5, 30)))
    text = WRITTEN[: line.start(2)] + " ".join(words) + WRITTEN[line.end(2) :]
    if text != WRITTEN:
        assert_refused_or_the_same(text)


@pytest.mark.parametrize("feature", [-1, 2, 999999999])
def test_a_feature_that_the_head_does_not_know(feature):
    refused(WRITTEN.replace("split_feature=0 1", f"split_feature={feature} 1", 1))


def test_a_threshold_that_is_no_number():
    refused(WRITTEN.replace("threshold=0.25", "threshold=nan", 1))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_leaf_that_is_no_number(value):
    refused(WRITTEN.replace("leaf_value=-1.0", f"leaf_value={value}", 1))


def test_counts_that_do_not_add_up():
    assert "count" in refused(WRITTEN.replace("internal_count=18 11", "internal_count=18 12", 1))


def test_a_split_that_no_row_reached():
    """Nothing weighs its sides."""
    empty = Split(1, 0.5, Leaf(1.0, 0), Leaf(2.0, 0))
    assert "row" in refused(model_text([Split(0, 0.5, empty, Leaf(3.0, 5))], 2))


def test_a_path_of_too_many_features_names_how_many():
    message = refused(chain(300, 0.98))
    assert "300" in message
    limit = next(int(n) for n in re.findall(r"\d+", message) if 60 <= int(n) < 300)
    assert str(limit + 1) in refused(chain(limit + 1, 0.98))
    kernel, rows = TreeShap(chain(limit, 0.98)), chain_rows(limit)
    found = kernel.explain(rows)
    np.testing.assert_allclose(kernel.base + found.shares.sum(axis=1), found.raw, rtol=0, atol=1e-12 * scale(found.raw))


def test_many_levels_with_few_features_are_no_obstacle():
    kernel = TreeShap(chain(3000, 0.999, features=3))
    rows = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [np.nan] * 3])
    found = kernel.explain(rows)
    np.testing.assert_allclose(kernel.base + found.shares.sum(axis=1), found.raw, rtol=0, atol=1e-12)
