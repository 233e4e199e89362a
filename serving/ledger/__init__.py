"""What the service knows of leads: what it was told, appended and never changed, and how it is read back."""

if __name__ != "leadlight.serving.ledger":
    raise ImportError(
        "import this package as leadlight.serving.ledger; the bare name would load a second copy of every class"
    )
