"""Receipts are kept compressed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from backports import zstd

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 500
_PARAMETERS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.checksum_flag: 1,
}


def upgrade() -> None:
    """Write all receipts into a new table: the old one goes whole, and leaves no room taken and no text behind."""
    new = op.create_table(
        "packed_receipts",
        sa.Column("receipt_id", sa.Text, nullable=False),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
        sa.Column("made_at", sa.BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
        sa.Column("model_version", sa.Integer, nullable=False),
        sa.Column("agreement_version", sa.Text, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("score", sa.Integer, comment="what is left of an erased receipt"),
        sa.Column("erased_at", sa.BigInteger),
        sa.Column(
            "packed", sa.LargeBinary, nullable=False, comment="the whole receipt as JSON, Zstandard; empty once erased"
        ),
        sa.PrimaryKeyConstraint("receipt_id", name="packed_receipts_pkey"),
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute("ALTER TABLE packed_receipts ALTER COLUMN packed SET STORAGE EXTERNAL")  # it is not to try as well
    _pack(new)
    op.drop_table("receipts")
    op.rename_table("packed_receipts", "receipts")
    if postgresql:
        op.execute("ALTER INDEX packed_receipts_pkey RENAME TO receipts_pkey")
    op.create_index("receipts_by_lead", "receipts", ["lead_id", "made_at"])


def _pack(new: sa.Table) -> None:
    compressor = zstd.ZstdCompressor(options=_PARAMETERS)
    same = [column.name for column in new.columns if column.name != "packed"]
    old = sa.table("receipts", *[sa.column(name) for name in (*same, "receipt")])
    part_of = sa.select(old).order_by(old.c.receipt_id).limit(_AT_ONCE)
    connection, last = op.get_bind(), ""
    while part := connection.execute(part_of.where(old.c.receipt_id > last)).mappings().all():
        rows = [dict(row) for row in part]
        for row in rows:
            text = row.pop("receipt").encode()
            row["packed"] = compressor.compress(text, compressor.FLUSH_FRAME) if text else b""
        connection.execute(new.insert(), rows)
        last = rows[-1]["receipt_id"]
