"""What the service remembers: receipts, in the embedded SQLite by default."""

if __name__ != "leadlight.serving.store":
    raise ImportError(
        "import this package as leadlight.serving.store; the bare name would load a second copy of every class"
    )
