"""Whether chances came true: by height, band and segment (`reliability`), and over time (`base_rate`)."""

if __name__ != "leadlight.training.chances":
    raise ImportError(
        "import this package as leadlight.training.chances; the bare name would load a second copy of every class"
    )
