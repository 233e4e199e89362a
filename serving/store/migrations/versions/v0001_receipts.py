"""Receipts: also what databases hold that were made before there were migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of receipts, unless it is there from before."""
    op.create_table(
        "receipts",
        sa.Column("receipt_id", sa.Text, primary_key=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("as_of", sa.BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
        sa.Column("made_at", sa.BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
        sa.Column("model_version", sa.Integer, nullable=False),
        sa.Column("agreement_version", sa.Text, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("receipt", sa.Text, nullable=False, comment="the whole receipt as JSON"),
        if_not_exists=True,
    )
    op.create_index("receipts_by_lead", "receipts", ["lead_id", "made_at"], if_not_exists=True)
