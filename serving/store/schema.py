"""The store's tables, as the newest migration leaves them.

Times are microseconds since 1970 UTC. What happened is only ever appended: a correction ends the row before it
(``superseded_at``) and adds one, so that a past moment can be asked about as it was known then. What is derived
(`scores`, `rescoring`) is written over.

`migrations/` holds the way here from every earlier form; a test holds both together.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

__all__ = [
    "ACTIVITIES",
    "API_KEYS",
    "ATTRIBUTES",
    "ATTRIBUTE_CHANGES",
    "DECISIONS",
    "ERASURES",
    "IDEMPOTENCY_KEYS",
    "LEADS",
    "LEAD_MOVES",
    "META",
    "METADATA",
    "OUTBOX",
    "RECEIPTS",
    "RESCORING",
    "RESCORING_ACCOUNTS",
    "SCORES",
    "STAGE_CHANGES",
]

METADATA: Final = MetaData()

_Number: Final = BigInteger().with_variant(Integer, "sqlite")
"""Row numbers: SQLite counts up by itself only in a plain INTEGER."""

_CURRENT: Final = text("superseded_at IS NULL")


def _one_current(name: str) -> Index:
    """Of each event one version counts at a time."""
    return Index(name, "identity", unique=True, sqlite_where=_CURRENT, postgresql_where=_CURRENT)


META: Final = Table(
    "meta",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""A few facts about the store itself."""

LEADS: Final = Table(
    "leads",
    METADATA,
    Column("lead_id", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("account_id", Text),
    Column("owner_id", Text),
    Column("attributes", Text, nullable=False, comment="JSON: as the lead first came"),
    Column("attributes_at", BigInteger, nullable=False, comment="since when those are known"),
    Column("merged_into", Text),
    Column("merged_at", BigInteger),
    Column("objected_at", BigInteger, comment="since when the person objects to profiling"),
    Column("touched_at", BigInteger, nullable=False, comment="when anything was last told of the lead"),
    Index("leads_by_account", "account_id"),
    Index("leads_by_merged", "merged_into"),
    Index("leads_by_touch", "touched_at"),
)

ATTRIBUTES: Final = Table(
    "attributes",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False, comment="number or category"),
    Column("known", Text, nullable=False, comment="creation, moment or exported, as the import's mapping said"),
    Column("label", Text, nullable=False),
)
"""What an imported history's mapping said of its attributes."""

LEAD_MOVES: Final = Table(
    "lead_moves",
    METADATA,
    Column("move_id", _Number, primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("field", Text, nullable=False, comment="account_id or owner_id"),
    Column("before", Text),
    Column("after", Text),
    Column("recorded_at", BigInteger, nullable=False),
    Index("lead_moves_by_lead", "lead_id"),
)
"""Leads that went to another account or owner."""

ACTIVITIES: Final = Table(
    "activities",
    METADATA,
    Column("row_id", _Number, primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("identity", Text, nullable=False, comment="the id, else a digest of the row less recorded_at"),
    Column("activity_id", Text),
    Column("type", Text, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("campaign", Text),
    Column("channel", Text),
    Column("value", Float(53)),
    Column("actor", Text),
    Column("superseded_at", BigInteger, comment="until when this version counted"),
    Index("activities_by_lead", "lead_id"),
    Index("activities_by_identity", "identity"),
    _one_current("activities_current"),
)

STAGE_CHANGES: Final = Table(
    "stage_changes",
    METADATA,
    Column("row_id", _Number, primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("identity", Text, nullable=False, comment="the id, else a digest of the row less recorded_at"),
    Column("change_id", Text),
    Column("stage", Text, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("reason", Text),
    Column("amount", Float(53)),
    Column("actor", Text),
    Column("superseded_at", BigInteger, comment="until when this version counted"),
    Index("stage_changes_by_lead", "lead_id"),
    Index("stage_changes_by_identity", "identity"),
    _one_current("stage_changes_current"),
)

ATTRIBUTE_CHANGES: Final = Table(
    "attribute_changes",
    METADATA,
    Column("row_id", _Number, primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("identity", Text, nullable=False, comment="a digest of the row less recorded_at"),
    Column("attribute", Text, nullable=False),
    Column("value", Text, nullable=False, comment="JSON"),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("superseded_at", BigInteger, comment="until when this version counted"),
    Index("attribute_changes_by_lead", "lead_id"),
    _one_current("attribute_changes_current"),
)

DECISIONS: Final = Table(
    "decisions",
    METADATA,
    Column("decision_id", Text, primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("decision", Text, nullable=False, comment="accept, reject, recycle or dispute"),
    Column("reason", Text),
    Column("actor", Text),
    Column("receipt_id", Text, comment="the score that was decided on"),
    Column("decided_at", BigInteger, nullable=False),
    Index("decisions_by_lead", "lead_id"),
)

SCORES: Final = Table(
    "scores",
    METADATA,
    Column("lead_id", Text, primary_key=True),
    Column("as_of", BigInteger, nullable=False),
    Column("is_open", Boolean, nullable=False, comment="whether the lead is in the queue"),
    Column("log_odds", Float(53), nullable=False),
    Column("score", Integer, nullable=False),
    Column("band", Text, nullable=False),
    Column("stage", Text),
    Column("account_id", Text),
    Column("owner_id", Text),
    Column("model_version", Integer, nullable=False),
    Column("features", LargeBinary, nullable=False, comment="the model's input: float64, little endian"),
    Column("receipt_id", Text, comment="once the score was shown or sent"),
    Column("told_score", Integer, comment="what the CRM was last told"),
    Column("told_band", Text),
    Index("scores_by_rank", "is_open", "score", "log_odds", "lead_id"),
    Index("scores_by_owner", "is_open", "owner_id", "score", "log_odds", "lead_id"),
    Index("scores_by_account", "is_open", "account_id", "score", "log_odds", "lead_id"),
    Index("scores_by_stage", "is_open", "stage", "score", "log_odds", "lead_id"),
    Index("scores_by_age", "is_open", "as_of"),
    Index("scores_by_model", "model_version"),
)
"""The last score of each lead."""

RESCORING: Final = Table(
    "rescoring",
    METADATA,
    Column("lead_id", Text, primary_key=True),
    Column(
        "urgency", Integer, nullable=False, comment="0 the lead changed, 1 its account, 2 time passed or a new model"
    ),
    Column("since", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False, comment="counts changes that came meanwhile"),
    Column("claimed_until", BigInteger, nullable=False, comment="0: by nobody"),
    Index("rescoring_by_urgency", "urgency", "since"),
)
"""Leads whose score is out of date."""

RESCORING_ACCOUNTS: Final = Table(
    "rescoring_accounts",
    METADATA,
    Column("account_id", Text, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Index("rescoring_accounts_by_since", "since"),
)
"""Accounts of which something changed: their leads are still to be put into `RESCORING`."""

RECEIPTS: Final = Table(
    "receipts",
    METADATA,
    Column("receipt_id", Text, primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("as_of", BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
    Column("made_at", BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
    Column("model_version", Integer, nullable=False),
    Column("agreement_version", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("score", Integer, comment="what is left of an erased receipt"),
    Column("erased_at", BigInteger),
    Column("packed", LargeBinary, nullable=False, comment="the whole receipt as JSON, Zstandard; empty once erased"),
    Index("receipts_by_lead", "lead_id", "made_at"),
)

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("number", _Number, primary_key=True),
    Column("message_id", Text, nullable=False, unique=True),
    Column("lead_id", Text, nullable=False),
    Column("payload", Text, nullable=False, comment="JSON"),
    Column("state", Text, nullable=False, comment="waiting, delivered or dead"),
    Column("created_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Column("last_error", Text),
    Column("delivered_at", BigInteger),
    Index("outbox_by_turn", "state", "next_attempt_at"),
    Index("outbox_by_lead", "lead_id", "number"),
)
"""What the CRM is still to be told."""

IDEMPOTENCY_KEYS: Final = Table(
    "idempotency_keys",
    METADATA,
    Column("key", Text, primary_key=True, comment="digest of the caller, the call and its key"),
    Column("body_digest", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("idempotency_keys_by_age", "created_at"),
)

API_KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("secret_digest", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("owner_id", Text, comment="a rep sees the leads of this owner only"),
    Column("label", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)

ERASURES: Final = Table(
    "erasures",
    METADATA,
    Column("token", Text, primary_key=True, comment="keyed digest of the lead's id"),
    Column("erased_at", BigInteger, nullable=False),
    Column(
        "models", Text, nullable=False, comment="JSON: versions that scored the lead, hence may have learned from it"
    ),
)
"""Whom we forgot: enough to know the id when it comes again, not enough to tell it."""
