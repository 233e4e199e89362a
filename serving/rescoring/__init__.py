"""Keeping scores up to date: what is out of date is claimed, scored and written."""

if __name__ != "leadlight.serving.rescoring":
    raise ImportError(
        "import this package as leadlight.serving.rescoring; the bare name would load a second copy of every class"
    )
