"""The `leadlight` command: thin, and each command imports what it needs when it runs.

Above all rooms: it may import any of them, and none of them imports it.
"""

if __name__ != "leadlight.cli":
    raise ImportError("import this package as leadlight.cli; the bare name would load a second copy of every class")
