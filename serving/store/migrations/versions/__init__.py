"""One module a step, numbered; a step that has landed is never changed."""

if __name__ != "leadlight.serving.store.migrations.versions":
    raise ImportError("import this package as leadlight.serving.store.migrations.versions")
