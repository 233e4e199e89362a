"""A model meets files that look different from those it learned from: small, of one value, of digits only."""

from dataclasses import replace

import numpy as np
import pandas as pd

from histories import history
from leadlight.core.catalog import Vocabulary
from leadlight.core.history import Attribute
from leadlight.features.timeline import Timeline

VOCABULARY = Vocabulary(
    attributes={"zip": "category", "source": "category"}, levels={"zip": ("28013", "8001"), "source": ("web",)}
)


def base_of(leads, attributes):
    made = replace(history(leads=[{"lead_id": f"L{i}"} for i in range(len(leads))]), attributes=tuple(attributes))
    columns = pd.DataFrame(leads, index=made.leads.index)
    return Timeline.from_history(replace(made, leads=pd.concat([made.leads, columns], axis=1)), VOCABULARY).base


def test_codes_that_a_small_file_shows_as_numbers_are_the_same_levels():
    words = pd.DataFrame({"zip": pd.Series(["28013", "8001", None], dtype="str")})
    digits = pd.DataFrame({"zip": [28013.0, 8001.0, np.nan]})
    known = Attribute("zip", "category", "creation", "zip")
    np.testing.assert_array_equal(base_of(words, [known])[:, 0], [2, 3, 0])
    np.testing.assert_array_equal(base_of(digits, [replace(known, kind="number")])[:, 0], [2, 3, 0])


def test_a_column_of_one_value_is_still_a_value_to_score():
    leads = pd.DataFrame({"source": pd.Series(["web", "web"], dtype="str")})
    np.testing.assert_array_equal(base_of(leads, [])[:, 1], [2, 2])
