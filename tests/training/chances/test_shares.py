import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadlight.training.bootstrap import Accounts, interval
from leadlight.training.chances.shares import effective_number, in_words, share_among, wilson


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_its_share_and_stays_a_share(n, data):
    found = wilson(data.draw(st.integers(0, n)) / n, n)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 10_000))
def test_saying_the_same_again_adds_nothing(n, times, seed):
    won = np.random.default_rng(seed).random(n) < 0.4
    once, again = (
        effective_number(won, np.arange(n)),
        effective_number(np.repeat(won, times), np.repeat(np.arange(n), times)),
    )
    np.testing.assert_allclose(once, again)
    assert once <= n + 1e-9


def test_the_interval_agrees_with_resampling_whole_accounts():
    rng = np.random.default_rng(1)
    owner = np.repeat(np.arange(800), rng.integers(1, 12, 800))
    won = rng.random(len(owner)) < np.repeat(rng.beta(1, 4, 800), np.bincount(owner))
    accounts = Accounts.draw(owner, 0)
    resampled = interval(accounts.sums(won.astype(float)) / accounts.sums(np.ones(len(won))))
    np.testing.assert_allclose(share_among(won, owner), resampled, atol=0.004)
    assert effective_number(won, owner) < 0.7 * len(won)


@given(st.floats(1e-6, 1.0))
def test_a_share_is_told_to_two_figures(share):
    assert abs(float(in_words(share)) - share) <= 0.0051 * max(share / 0.1, 0.1) * 10
