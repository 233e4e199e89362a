"""Exact SHAP values of LightGBM models at about the price of a prediction.

`TreeShap` takes a model's text and explains rows. In the order of the work: `forest` reads the text, `paths` has the
mathematics and traces every path, `splits` lays out the decisions; `row_plan` and `row` explain one row, `batch_plan`,
`block` and `batch` many, `predict` gives raw outputs alone; `lanes` are the vectors that all of them compute with, and
`warm` compiles everything once. Nothing here imports another room of Leadlight.
"""

if __name__ != "leadlight.treeshap":
    raise ImportError(
        "import this package as leadlight.treeshap; the bare name would load a second copy of every class"
    )

from leadlight.treeshap.explainer import Explained, TreeShap
from leadlight.treeshap.forest import Unsupported

__all__ = ["Explained", "TreeShap", "Unsupported"]
