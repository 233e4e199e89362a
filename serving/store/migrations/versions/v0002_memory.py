"""The service's memory: leads and what happened to them, scores, what is to be sent, who may, whom we forgot."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CURRENT = sa.text("superseded_at IS NULL")
_AT_ONCE = 500


def upgrade() -> None:
    """Make the tables, and give receipts what outlives an erasure."""
    op.create_table(
        "activities",
        sa.Column("row_id", _NUMBER, primary_key=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False, comment="the id, else a digest of the row less recorded_at"),
        sa.Column("activity_id", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("campaign", sa.Text),
        sa.Column("channel", sa.Text),
        sa.Column("value", sa.Float(53)),
        sa.Column("actor", sa.Text),
        sa.Column("superseded_at", sa.BigInteger, comment="until when this version counted"),
    )
    op.create_index("activities_by_identity", "activities", ["identity"])
    op.create_index("activities_by_lead", "activities", ["lead_id"])
    op.create_index(
        "activities_current", "activities", ["identity"], unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("secret_digest", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("owner_id", sa.Text, comment="a rep sees the leads of this owner only"),
        sa.Column("label", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_table(
        "attribute_changes",
        sa.Column("row_id", _NUMBER, primary_key=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False, comment="a digest of the row less recorded_at"),
        sa.Column("attribute", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False, comment="JSON"),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("superseded_at", sa.BigInteger, comment="until when this version counted"),
    )
    op.create_index("attribute_changes_by_lead", "attribute_changes", ["lead_id"])
    op.create_index(
        "attribute_changes_current",
        "attribute_changes",
        ["identity"],
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    )
    op.create_table(
        "attributes",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False, comment="number or category"),
        sa.Column(
            "known", sa.Text, nullable=False, comment="creation, moment or exported, as the import's mapping said"
        ),
        sa.Column("label", sa.Text, nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Text, primary_key=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False, comment="accept, reject, recycle or dispute"),
        sa.Column("reason", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("receipt_id", sa.Text, comment="the score that was decided on"),
        sa.Column("decided_at", sa.BigInteger, nullable=False),
    )
    op.create_index("decisions_by_lead", "decisions", ["lead_id"])
    op.create_table(
        "erasures",
        sa.Column("token", sa.Text, primary_key=True, comment="keyed digest of the lead's id"),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
        sa.Column(
            "models",
            sa.Text,
            nullable=False,
            comment="JSON: versions that scored the lead, hence may have learned from it",
        ),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text, primary_key=True, comment="digest of the caller, the call and its key"),
        sa.Column("body_digest", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["created_at"])
    op.create_table(
        "lead_moves",
        sa.Column("move_id", _NUMBER, primary_key=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False, comment="account_id or owner_id"),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_index("lead_moves_by_lead", "lead_moves", ["lead_id"])
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.Text, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.Text),
        sa.Column("owner_id", sa.Text),
        sa.Column("attributes", sa.Text, nullable=False, comment="JSON: as the lead first came"),
        sa.Column("attributes_at", sa.BigInteger, nullable=False, comment="since when those are known"),
        sa.Column("merged_into", sa.Text),
        sa.Column("merged_at", sa.BigInteger),
        sa.Column("objected_at", sa.BigInteger, comment="since when the person objects to profiling"),
        sa.Column("touched_at", sa.BigInteger, nullable=False, comment="when anything was last told of the lead"),
    )
    op.create_index("leads_by_account", "leads", ["account_id"])
    op.create_index("leads_by_merged", "leads", ["merged_into"])
    op.create_index("leads_by_touch", "leads", ["touched_at"])
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("number", _NUMBER, primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False, unique=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False, comment="JSON"),
        sa.Column("state", sa.Text, nullable=False, comment="waiting, delivered or dead"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claimed_until", sa.BigInteger, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("delivered_at", sa.BigInteger),
    )
    op.create_index("outbox_by_lead", "outbox", ["lead_id", "number"])
    op.create_index("outbox_by_turn", "outbox", ["state", "next_attempt_at"])
    op.create_table(
        "rescoring",
        sa.Column("lead_id", sa.Text, primary_key=True),
        sa.Column(
            "urgency",
            sa.Integer,
            nullable=False,
            comment="0 the lead changed, 1 its account, 2 time passed or a new model",
        ),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False, comment="counts changes that came meanwhile"),
        sa.Column("claimed_until", sa.BigInteger, nullable=False, comment="0: by nobody"),
    )
    op.create_index("rescoring_by_urgency", "rescoring", ["urgency", "since"])
    op.create_table(
        "rescoring_accounts",
        sa.Column("account_id", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("claimed_until", sa.BigInteger, nullable=False),
    )
    op.create_index("rescoring_accounts_by_since", "rescoring_accounts", ["since"])
    op.create_table(
        "scores",
        sa.Column("lead_id", sa.Text, primary_key=True),
        sa.Column("as_of", sa.BigInteger, nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False, comment="whether the lead is in the queue"),
        sa.Column("log_odds", sa.Float(53), nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("band", sa.Text, nullable=False),
        sa.Column("stage", sa.Text),
        sa.Column("account_id", sa.Text),
        sa.Column("owner_id", sa.Text),
        sa.Column("model_version", sa.Integer, nullable=False),
        sa.Column("features", sa.LargeBinary, nullable=False, comment="the model's input: float64, little endian"),
        sa.Column("receipt_id", sa.Text, comment="once the score was shown or sent"),
        sa.Column("told_score", sa.Integer, comment="what the CRM was last told"),
        sa.Column("told_band", sa.Text),
    )
    op.create_index("scores_by_account", "scores", ["is_open", "account_id", "score", "log_odds", "lead_id"])
    op.create_index("scores_by_age", "scores", ["is_open", "as_of"])
    op.create_index("scores_by_model", "scores", ["model_version"])
    op.create_index("scores_by_owner", "scores", ["is_open", "owner_id", "score", "log_odds", "lead_id"])
    op.create_index("scores_by_rank", "scores", ["is_open", "score", "log_odds", "lead_id"])
    op.create_index("scores_by_stage", "scores", ["is_open", "stage", "score", "log_odds", "lead_id"])
    op.create_table(
        "stage_changes",
        sa.Column("row_id", _NUMBER, primary_key=True),
        sa.Column("lead_id", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False, comment="the id, else a digest of the row less recorded_at"),
        sa.Column("change_id", sa.Text),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("amount", sa.Float(53)),
        sa.Column("actor", sa.Text),
        sa.Column("superseded_at", sa.BigInteger, comment="until when this version counted"),
    )
    op.create_index("stage_changes_by_identity", "stage_changes", ["identity"])
    op.create_index("stage_changes_by_lead", "stage_changes", ["lead_id"])
    op.create_index(
        "stage_changes_current",
        "stage_changes",
        ["identity"],
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    )
    op.add_column("receipts", sa.Column("score", sa.Integer, comment="what is left of an erased receipt"))
    op.add_column("receipts", sa.Column("erased_at", sa.BigInteger))
    _fill_scores()


def _fill_scores() -> None:
    """Lift each receipt's score out of its JSON."""
    receipts = sa.table("receipts", sa.column("receipt_id"), sa.column("receipt"), sa.column("score"))
    fill = receipts.update().where(receipts.c.receipt_id == sa.bindparam("id")).values(score=sa.bindparam("found"))
    connection, last = op.get_bind(), ""
    rows = sa.select(receipts.c.receipt_id, receipts.c.receipt).order_by(receipts.c.receipt_id).limit(_AT_ONCE)
    while part := connection.execute(rows.where(receipts.c.receipt_id > last)).all():
        connection.execute(fill, [{"id": receipt_id, "found": json.loads(text)["score"]} for receipt_id, text in part])
        last = part[-1][0]
