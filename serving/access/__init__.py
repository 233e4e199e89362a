"""Who may call the service: keys, sessions, roles and limits.

`gate` stands before every call and asks `table`; nothing else in the service decides who may do what.
"""

if __name__ != "leadlight.serving.access":
    raise ImportError(
        "import this package as leadlight.serving.access; the bare name would load a second copy of every class"
    )
