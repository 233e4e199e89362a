"""How the service is operated: backup and restore, logs, the state of its neighbours, several processes.

What is kept, and how, belongs next door in `leadlight.serving.store`.
"""

if __name__ != "leadlight.serving.operate":
    raise ImportError(
        "import this package as leadlight.serving.operate; the bare name would load a second copy of every class"
    )
