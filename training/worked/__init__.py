"""The feedback loop: chances under today's practice, and chances if worked, from logged chances of being worked.

`estimate` is the job; `moments` tells which moments were worked, `learning` learns from them, `facts` and `words` say
how far that can be believed.
"""

if __name__ != "leadlight.training.worked":
    raise ImportError(
        "import this package as leadlight.training.worked; the bare name would load a second copy of every class"
    )
