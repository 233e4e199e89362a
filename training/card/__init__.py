"""The model card: one self-contained page that says what a version learned from, how it did, and where it ends.

Here: words, charts and page. Next door: `leadlight.training.report` holds what is told, as data.
"""
