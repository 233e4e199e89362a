"""The pages for reps: rendered on the server, complete without JavaScript, nothing from outside."""

if __name__ != "leadlight.serving.web":
    raise ImportError(
        "import this package as leadlight.serving.web; the bare name would load a second copy of every class"
    )
