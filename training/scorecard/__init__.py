"""The hand-picked points beside the data: weight by weight, and the card that a model would write.

`review` is the job; `weights` and `learned` are its two halves. The points as a candidate are in
`leadlight.training.points`.
"""

if __name__ != "leadlight.training.scorecard":
    raise ImportError(
        "import this package as leadlight.training.scorecard; the bare name would load a second copy of every class"
    )
