"""What if you had used it: months of the past replayed, every method on the same open leads.

`replay` is the job; `periods` draws up the months, `methods` has who ranks, `odoo` the rival's method and `rival` gives
it our data, `weekly` counts what lists of the best would have caught.
"""

if __name__ != "leadlight.training.backtest":
    raise ImportError(
        "import this package as leadlight.training.backtest; the bare name would load a second copy of every class"
    )
