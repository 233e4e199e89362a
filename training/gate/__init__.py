"""Whether a challenger may become champion, on moments that neither was taught.

`decide` is the job; `moments` draws what both are measured on, `checks` has the tests, `flat` the case of an export
without dates, `words` says what was found, `registry` does it with registered versions and has it kept.
"""

if __name__ != "leadlight.training.gate":
    raise ImportError(
        "import this package as leadlight.training.gate; the bare name would load a second copy of every class"
    )
