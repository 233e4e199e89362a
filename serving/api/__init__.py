"""The JSON API, version 1: what it accepts, what it answers, and how it refuses."""

if __name__ != "leadlight.serving.api":
    raise ImportError(
        "import this package as leadlight.serving.api; the bare name would load a second copy of every class"
    )
