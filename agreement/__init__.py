"""What marketing and sales agreed: pure, no files, no clock.

Here: the signed terms, the stages of the revenue cycle and the hand-picked points.
Next door: the features that the points look at are computed in `features`.
"""

if __name__ != "leadlight.agreement":
    raise ImportError(
        "import this package as leadlight.agreement; the bare name would load a second copy of every class"
    )
