import functools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadlight.agreement.stages import Standing, follow, left_queue
from leadlight.core.stages import CLOSED, LADDER, RECYCLED, reached

STAGES = (*LADDER, "recycled", "disqualified", "a_step_of_their_own")
changes = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STAGES)), max_size=25)


@given(changes, st.sampled_from(["sql", "customer", "a_step_of_their_own"]))
def test_all_leads_at_once_are_as_each_followed_by_itself(drawn, stage):
    goal = reached(stage)
    drawn = sorted(drawn, key=lambda change: change[0])
    expected = []
    for lead in sorted({lead for lead, _ in drawn}):
        own = [stage for of, stage in drawn if of == lead]
        standing = functools.reduce(lambda before, now: follow(before, now, goal), own, Standing())
        if standing.converted or not standing.open:
            expected.append(lead)
    leads = np.array([lead for lead, _ in drawn], dtype=np.int64)
    stages = np.array([stage for _, stage in drawn], dtype=object)
    assert left_queue(leads, stages, goal).tolist() == expected


def test_detours_are_no_steps_of_the_ladder():
    assert not set(LADDER) & (RECYCLED | CLOSED)
    assert not RECYCLED & CLOSED
