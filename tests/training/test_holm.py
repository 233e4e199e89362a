import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadlight.training.holm import holm

LEVELS = (0.01, 0.05, 0.1)
many = st.lists(st.floats(0.0, 1.0), max_size=8)


def rejected(chances, level):
    """Holm's own words: reject the smallest while it is at most level / (how many are left)."""
    left, out = sorted(range(len(chances)), key=lambda i: chances[i]), set()
    while left and chances[left[0]] <= level / len(left):
        out.add(left.pop(0))
    return out


@given(many, st.sampled_from(LEVELS))
def test_adjusted_chances_reject_what_holm_s_steps_reject(chances, level):
    adjusted = holm(chances)
    assert {i for i, p in enumerate(adjusted) if p < level * (1 - 1e-9)} <= rejected(chances, level)
    assert rejected(chances, level) <= {i for i, p in enumerate(adjusted) if p <= level * (1 + 1e-9)}


def test_under_the_null_one_run_in_twenty_finds_something():
    runs = np.random.default_rng(0).random((4000, 12))
    found = np.mean([min(holm(run.tolist())) < 0.05 for run in runs])
    assert 0.035 < found < 0.065
