"""What a row gets depends on nothing but the row: not on how many others there are, how they lie, or who counts."""

import numpy as np
import pytest

from forests import EXPLAINED, forest, scale

SIZES = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 511, 512, 513, 1025)


def many(name: str, n: int) -> np.ndarray:
    rows = forest(name).rows
    return np.resize(rows, (n, rows.shape[1]))  # over and over


def assert_same(found, expected) -> None:
    np.testing.assert_array_equal(found.raw, expected.raw, strict=True)
    np.testing.assert_array_equal(found.shares, expected.shares, strict=True)


@pytest.mark.parametrize("name", EXPLAINED)
def test_one_row_is_the_same_alone_and_among_many(kernel, name):
    rows = forest(name).rows[-40:]
    together = kernel(name).explain(rows)
    for i, row in enumerate(rows):
        alone = kernel(name).explain(row[None, :])
        assert alone.raw[0] == together.raw[i]
        np.testing.assert_allclose(alone.shares[0], together.shares[i], rtol=0, atol=1e-13 * scale(together.raw))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", SIZES)
def test_any_number_of_rows(kernel, n, dtype):
    one, limit = forest("categorical"), 1e-12 if dtype is np.float64 else 1e-5
    found = kernel("categorical").explain(many("categorical", n), dtype=dtype)
    assert found.raw.shape == (n,)
    assert found.shares.shape == (n, 10)
    assert found.shares.dtype == dtype
    np.testing.assert_array_equal(found.raw, np.resize(one.raw, n) if n else [])
    np.testing.assert_allclose(found.shares, np.resize(one.shares, (n, 10)), rtol=0, atol=limit * scale(one.raw))
    np.testing.assert_array_equal(kernel("categorical").raw(many("categorical", n)), found.raw)


@pytest.mark.parametrize("ways", ["row", "batch"])
@pytest.mark.parametrize("name", ["categorical", "continued", "thousand_features", "stumps"])
def test_a_kernel_that_is_asked_for_by_name_gives_a_row_the_same_bits_in_any_company(kernel, name, ways):
    rows = many(name, 530)
    together = kernel(name).explain(rows, kernel=ways)
    for n in (1, 2, 7, 8, 17, 513):
        some = kernel(name).explain(rows[-n:], kernel=ways)
        np.testing.assert_array_equal(some.shares, together.shares[-n:], strict=True)
        np.testing.assert_array_equal(some.raw, together.raw[-n:], strict=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [5, 40, 1030])
def test_neighbours_change_no_bit(kernel, n, dtype):
    rows = many("categorical", n)
    order = np.random.default_rng(n).permutation(n)
    found, turned = (kernel("categorical").explain(r, dtype=dtype) for r in (rows, rows[order]))
    np.testing.assert_array_equal(found.shares[order], turned.shares, strict=True)
    np.testing.assert_array_equal(found.raw[order], turned.raw, strict=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [0, 1, 3, 9, 600, 2100])
def test_the_number_of_threads_changes_no_bit(kernel, n, dtype):
    rows = many("continued", n)
    alone = kernel("continued").explain(rows, dtype=dtype, threads=1)
    for threads in (2, 3, 8):
        assert_same(kernel("continued").explain(rows, dtype=dtype, threads=threads), alone)
        np.testing.assert_array_equal(kernel("continued").raw(rows, threads=threads), alone.raw, strict=True)


@pytest.mark.parametrize("n", [1, 4, 100, 700])
def test_any_layout_in_memory(kernel, n):
    rows = many("categorical", n)
    expected = kernel("categorical").explain(rows)
    wide = np.full((2 * n, 30), 7.0)
    wide[::2, 5:25:2] = rows
    read_only = rows.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(rows), wide[::2, 5:25:2], rows[::-1].copy()[::-1], read_only, rows.tolist()):
        assert_same(kernel("categorical").explain(same), expected)
        np.testing.assert_array_equal(kernel("categorical").raw(same), expected.raw)


@pytest.mark.parametrize("n", [1, 100])
@pytest.mark.parametrize("kind", [np.float32, np.int64, np.int8, np.uint16, np.bool_, ">f8", np.float16])
def test_any_kind_of_number(kernel, n, kind):
    with np.errstate(over="ignore"):
        rows = np.nan_to_num(many("defaults", n)).clip(0, 100).astype(kind)
    expected = kernel("defaults").explain(rows.astype(np.float64))
    assert_same(kernel("defaults").explain(rows), expected)
    np.testing.assert_array_equal(kernel("defaults").raw(rows), expected.raw)


@pytest.mark.parametrize("n", [1, 100])
def test_the_input_is_left_as_it_was(kernel, n):
    for layout in (np.ascontiguousarray, np.asfortranarray):
        rows = layout(many("continued", n))
        before = rows.copy()
        kernel("continued").explain(rows)
        kernel("continued").raw(rows)
        np.testing.assert_array_equal(rows, before, strict=True)


@pytest.mark.parametrize("n", [1, 100])
def test_an_answer_is_not_changed_by_the_next_one(kernel, n):
    rows = many("continued", n)
    first = kernel("continued").explain(rows)
    kept = first.raw.copy(), first.shares.copy()
    kernel("continued").explain(rows[::-1] + 1.0)
    np.testing.assert_array_equal(first.raw, kept[0])
    np.testing.assert_array_equal(first.shares, kept[1])


@pytest.mark.parametrize("method", ["explain", "raw"])
@pytest.mark.parametrize("n", [0, 1, 100])
def test_extra_columns_are_not_looked_at_and_missing_ones_are_named(kernel, n, method):
    ask = getattr(kernel("categorical"), method)
    rows = many("categorical", n)
    more = ask(np.hstack([rows, np.full((n, 2), np.nan)]))
    np.testing.assert_array_equal(more if method == "raw" else more.raw, kernel("categorical").raw(rows))
    with pytest.raises(ValueError, match=r"\b9\b.*\b10\b|\b10\b.*\b9\b"):
        ask(rows[:, :9])


@pytest.mark.parametrize("method", ["explain", "raw"])
@pytest.mark.parametrize("shape", [(), (10,), (2, 10, 1)])
def test_what_is_no_matrix_is_refused(kernel, shape, method):
    with pytest.raises(ValueError, match=r"dimension|matrix|shape|\(n"):
        getattr(kernel("categorical"), method)(np.zeros(shape))


@pytest.mark.parametrize("n", [1, 100])
def test_other_mistakes_are_refused(kernel, n):
    with pytest.raises(ValueError, match="float"):
        kernel("categorical").explain(many("categorical", n), dtype=np.int64)
    with pytest.raises(ValueError, match="rows"):
        kernel("categorical").explain(many("categorical", n), kernel="rows")
    with pytest.raises((ValueError, TypeError)):
        kernel("categorical").explain(np.full((n, 10), "webinar"))
