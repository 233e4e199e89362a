"""Compile the kernels once, so that no later process waits for it (numba keeps the machine code beside the modules)."""

from __future__ import annotations

from typing import Final

import numpy as np

from leadlight.treeshap.explainer import TreeShap

__all__ = ["warm"]

_MODEL: Final = """tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
tree_sizes=300

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
threshold=0.5 0
decision_type=10 1
left_child=1 -1
right_child=-2 -3
leaf_value=0.1 -0.2 0.3
leaf_count=3 4 5
internal_count=12 8
cat_boundaries=0 1
cat_threshold=2
is_linear=0
shrinkage=1


end of trees
"""


def warm() -> None:
    """Run every compiled function once with the types that training and serving use."""
    model, rows = TreeShap(_MODEL), np.array([[0.0, 1.0], [1.0, np.nan]])
    model.explain(rows, kernel="row")
    model.explain(rows, kernel="batch")
    model.explain(rows, kernel="batch", dtype=np.float32)
    model.raw(rows)
