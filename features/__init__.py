"""What was known about a lead at a moment: pure, tables in and columns out, no clock, no files.

Three rules of time hold for all that lives here: what we learn later changes nothing, the order of rows
changes nothing, and one lead alone gets what it gets in a crowd (an account alone, for account features).
Next door: which moments to ask about is decided in `training`; the catalog as data lives in `core`.
"""

if __name__ != "leadlight.features":
    raise ImportError(
        "import this package as leadlight.features; the bare name would load a second copy of every class"
    )
