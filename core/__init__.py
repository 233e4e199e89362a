"""Words and contracts that every room shares.

Here: errors, settings, the clock, the history's tables and how they are read, the catalog and the trained
model as data, and the registry (the only module that talks to MLflow). Nothing here imports another room.
Next door: how features are computed (`features`), what the teams agreed (`agreement`).
"""

if __name__ != "leadlight.core":
    raise ImportError("import this package as leadlight.core; the bare name would load a second copy of every class")
