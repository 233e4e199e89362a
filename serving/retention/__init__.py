"""Keeping personal data no longer than was said: what is due is found, and one process erases it bit by bit."""

if __name__ != "leadlight.serving.retention":
    raise ImportError(
        "import this package as leadlight.serving.retention; the bare name would load a second copy of every class"
    )
