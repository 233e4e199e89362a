"""Two models on the leads that are open now: `moves` says which leads move and why, `making` how they were made."""

if __name__ != "leadlight.training.compare":
    raise ImportError(
        "import this package as leadlight.training.compare; the bare name would load a second copy of every class"
    )
