"""After the promotion: have chances come true, is there enough new to teach, do the leads still look the same.

`look` is the job; `matured`, `fresh` and `drift` answer the three questions.
"""

if __name__ != "leadlight.training.watch":
    raise ImportError(
        "import this package as leadlight.training.watch; the bare name would load a second copy of every class"
    )
