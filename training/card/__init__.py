"""The model card: one self-contained page that says what a version learned from, how it did, and where it ends.

`page` renders it, `charts` draws; next door `leadlight.training.report` holds what is told, as data.
"""

if __name__ != "leadlight.training.card":
    raise ImportError(
        "import this package as leadlight.training.card; the bare name would load a second copy of every class"
    )
