"""How conversion likelihood is learned from a history.

Here: the simulated company, moments, labels, splits, candidates, calibration, metrics and the job itself.
Next door: `serving` scores with what is registered here, and neither imports the other.
"""

if __name__ != "leadlight.training":
    raise ImportError(
        "import this package as leadlight.training; the bare name would load a second copy of every class"
    )
