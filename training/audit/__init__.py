"""The leak audit: which fields know the outcome before it happened, and on what evidence each verdict rests.

Here: signs, verdicts and what to do with a suspected field. Next door: `leadlight.core.source` decides what may be read
at all (personal data, identifiers), `leadlight.features` what was known at a moment.
"""

if __name__ != "leadlight.training.audit":
    raise ImportError("import this package as leadlight.training.audit; the bare name would load a second copy")
