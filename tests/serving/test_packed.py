"""What is packed comes back, from many threads too, and damage is noticed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.serving.store.packed import NOTHING, DamagedReceipt, packed, unpacked

TEXT = json.dumps({"reasons": [{"code": f"source_{i}", "impact": i / 7} for i in range(60)]}).encode()


@given(st.binary())
def test_what_was_packed_comes_back(text: bytes) -> None:
    assert unpacked(packed(text)) == text
    assert packed(text) != NOTHING


def test_many_threads_pack_at_once() -> None:
    texts = [TEXT * (number % 50) + str(number).encode() for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert [unpacked(found) for found in pool.map(packed, texts)] == texts


def test_no_flipped_bit_makes_another_text() -> None:
    """A few of the frame's bits say nothing; any other is noticed."""
    whole, noticed = packed(TEXT), 0
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            try:
                assert unpacked(bytes(damaged)) == TEXT
            except DamagedReceipt:
                noticed += 1
    assert noticed > 0.95 * 8 * len(whole)


def test_a_part_is_no_whole() -> None:
    with pytest.raises(DamagedReceipt):
        unpacked(packed(TEXT)[:-1])
