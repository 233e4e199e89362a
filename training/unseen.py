"""Values that are missing although none was while learning: they go with most leads.

Where a column has no missing value in what was learned, LightGBM writes trees that take one for 0: a lead whose size is
not known would be scored as one of no employees. Each split on such a column gets a direction for what is missing here:
the side on which most of the learned moments lie, so that such a lead is taken as the usual one in this respect.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["follow_most"]

_TREE: Final = "\nTree="
_END: Final = "end of trees"

_CATEGORY: Final = 1
_DEFAULT_LEFT: Final = 2
_MISSING_IS_NAN: Final = 8
_MISSING_TYPE: Final = 12
"""Bits of LightGBM's ``decision_type``: of the last two, 0 means that nothing was missing."""


def follow_most(text: str) -> str:
    """Return a LightGBM model's text in which what was never missing goes with most; all else stays as it is.

    Parameters
    ----------
    text : str
        ``Booster.model_to_string()``.
    """
    if _TREE not in text:
        return text
    forest, end, rest = text.partition(_END)
    head, *trees = forest.split(_TREE)
    mended = [_mended(tree) for tree in trees]
    sizes = [len(f"{_TREE}{tree}".encode()) for tree in mended]  # each with one line break: the one before it
    sizes[-1] -= 1  # its own stands in its text
    told = re.sub(r"(?m)^tree_sizes=.*$", "tree_sizes=" + " ".join(map(str, sizes)), head)
    return _TREE.join([told, *mended]) + end + rest


def _mended(tree: str) -> str:
    """Give a tree's splits their direction."""
    lines = tree.split("\n")
    told = {name: place for place, line in enumerate(lines) for name, mark, _ in [line.partition("=")] if mark}
    if "decision_type" not in told:
        return tree
    read = {name: _numbers(lines[told[name]]) for name in ("decision_type", "left_child", "right_child")}
    counts = {name: _numbers(lines[told[name]]) for name in ("internal_count", "leaf_count")}

    def size(child: int) -> int:
        return counts["internal_count"][child] if child >= 0 else counts["leaf_count"][~child]

    kinds = [
        kind
        if kind & _CATEGORY or kind & _MISSING_TYPE
        else _MISSING_IS_NAN | (_DEFAULT_LEFT if size(left) >= size(right) else 0)
        for kind, left, right in zip(read["decision_type"], read["left_child"], read["right_child"], strict=True)
    ]
    lines[told["decision_type"]] = "decision_type=" + " ".join(map(str, kinds))
    return "\n".join(lines)


def _numbers(line: str) -> list[int]:
    return [int(number) for number in line.partition("=")[2].split()]
