"""The leak audit: which fields know the outcome before it happened, and on what evidence each verdict rests.

Here: signs, verdicts and what to do with a suspected field. Next door: `leadlight.core.source` decides what may be read at
all (personal data, identifiers), `leadlight.features` what was known at a moment.
"""
