"""After warming, no model and no matrix makes a request wait for the compiler."""

import subprocess
import sys
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "support"
CODE = """
import importlib, pkgutil
import numpy as np
from numba.core.dispatcher import Dispatcher
import leadlight.treeshap
from leadlight.treeshap import TreeShap
from leadlight.treeshap.warm import warm
from tree_texts import Leaf, Split, chain, chain_rows, model_text

def compiled():
    names = ["leadlight.treeshap." + one.name for one in pkgutil.iter_modules(leadlight.treeshap.__path__)]
    found = [(name, *item) for name in names for item in vars(importlib.import_module(name)).items()]
    return {f"{name}.{key}": len(f.signatures) for name, key, f in found if isinstance(f, Dispatcher)}

warm()
before = compiled()
assert sum(before.values()) > 3, before
category = Split(3, frozenset({1, 70}), Leaf(1.0, 5), Split(1, 0.5, Leaf(2.0, 3), Leaf(3.0, 4)))
rows = np.tile(chain_rows(60), (3, 1))
frozen = rows.copy()
frozen.flags.writeable = False
whole = np.nan_to_num(rows).astype(np.int64)
matrices = [rows, np.asfortranarray(rows), rows[::2, ::-1], frozen, rows.astype(np.float32), whole, rows[:0]]
for text in (chain(60, 0.9), model_text([Leaf(1.0, 3)], 60), model_text([category, category, Leaf(1.0, 3)], 60)):
    for options in ({}, {"columns": list(range(60)), "groups": np.zeros(60, np.int32)}):
        kernel = TreeShap(text, **options)
        for matrix in matrices:
            for some in (matrix[:1], matrix):
                kernel.explain(some)
                kernel.explain(some, dtype=np.float32, threads=2)
                kernel.raw(some, threads=2)
after = compiled()
print({name: count for name, count in after.items() if count != before[name]})
"""


def test_nothing_is_compiled_after_warming():
    environment = {"PYTHONPATH": str(SUPPORT)}
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert run.stderr == ""
    assert run.stdout.strip() == "{}"
