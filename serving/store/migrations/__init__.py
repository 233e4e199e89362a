"""The store's way from every earlier form to the newest; `leadlight.serving.store.upgrade` has Alembic walk it."""

if __name__ != "leadlight.serving.store.migrations":
    raise ImportError("import this package as leadlight.serving.store.migrations")
