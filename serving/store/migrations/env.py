"""What Alembic runs for a migration; `leadlight.serving.store.upgrade` hands in the connection, with its lock taken."""

from __future__ import annotations

from alembic import context

from leadlight.serving.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
