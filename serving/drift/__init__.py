"""Whether the leads that are scored still look like those that the model was taught for, as the metrics tell it."""

if __name__ != "leadlight.serving.drift":
    raise ImportError(
        "import this package as leadlight.serving.drift; the bare name would load a second copy of every class"
    )
