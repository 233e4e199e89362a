"""Receipts as the stores' rows hold them: compressed here, for a database does it slower or not at all.

A receipt repeats its columns' names and its reasons' words; Zstandard leaves a quarter of it. PostgreSQL's own
compression takes five times as long and leaves more, and SQLite has none.
"""

from __future__ import annotations

from typing import Final

from backports import zstd

from leadlight.core.errors import LeadlightError

__all__ = ["NOTHING", "DamagedReceipt", "packed", "unpacked"]

NOTHING: Final = b""
"""What stands in the place of a receipt that was emptied; nothing is packed into so little."""

_COMPRESSOR: Final = zstd.ZstdCompressor(
    options={
        zstd.CompressionParameter.compression_level: 1,  # the next ones take longer for a fiftieth of the room
        zstd.CompressionParameter.checksum_flag: 1,
    }
)
"""Made once, for it takes time to make. It locks itself while it works."""


class DamagedReceipt(LeadlightError):
    """What is stored is not what was written: the disk, or somebody, changed it."""

    code = "damaged_receipt"


def packed(text: bytes) -> bytes:
    """Compress a text; damage done to it later is noticed when it is unpacked."""
    return _COMPRESSOR.compress(text, _COMPRESSOR.FLUSH_FRAME)


def unpacked(stored: bytes) -> bytes:
    """Return what was packed.

    Raises
    ------
    DamagedReceipt

    Examples
    --------
    >>> unpacked(packed("ñ".encode())).decode()
    'ñ'
    """
    try:
        return zstd.decompress(stored)
    except zstd.ZstdError as error:
        raise DamagedReceipt(
            f"A receipt in the database is damaged ({error}). Restore a backup from before, and check the disk."
        ) from error
