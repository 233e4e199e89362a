"""Receipts are kept compressed."""

from __future__ import annotations

import sys

import sqlalchemy as sa
from alembic import op

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 500


def upgrade() -> None:
    """Compress what every receipt says; those that were emptied stay empty."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.add_column(
        "receipts",
        sa.Column(
            "packed",
            sa.LargeBinary,
            nullable=False,
            server_default=sa.text("''" if postgresql else "x''"),  # SQLite takes the first for a text
            comment="the whole receipt as JSON, Zstandard; empty once erased",
        ),
    )
    if postgresql:
        op.execute("ALTER TABLE receipts ALTER COLUMN packed SET STORAGE EXTERNAL")  # it is not to try as well
    _pack()
    with op.batch_alter_table("receipts") as table:
        table.drop_column("receipt")


def _pack() -> None:
    receipts = sa.table("receipts", sa.column("receipt_id"), sa.column("receipt"), sa.column("packed", sa.LargeBinary))
    fill = receipts.update().where(receipts.c.receipt_id == sa.bindparam("id")).values(packed=sa.bindparam("to"))
    whole = sa.select(receipts.c.receipt_id, receipts.c.receipt).where(receipts.c.receipt != "")
    part_of = whole.order_by(receipts.c.receipt_id).limit(_AT_ONCE)
    connection, last = op.get_bind(), ""
    while part := connection.execute(part_of.where(receipts.c.receipt_id > last)).all():
        connection.execute(fill, [{"id": one.receipt_id, "to": zstd.compress(one.receipt.encode(), 1)} for one in part])
        last = part[-1].receipt_id
