"""How a lead is scored, explained and remembered.

Here: the scorer, the reasons and their words, the API, the pages and the receipts.
Next door: `training` makes the model that is served here, and neither imports the other.
"""

if __name__ != "leadlight.serving":
    raise ImportError("import this package as leadlight.serving; the bare name would load a second copy of every class")
