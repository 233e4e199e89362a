"""The online path starts and answers without pandas."""

from __future__ import annotations

import subprocess
import sys

ONLINE = """
import sys
from leadlight.features import build, online, wording, warm
warm.warm()
print(sorted({name.split(".")[0] for name in sys.modules} & {"pandas", "pyarrow", "lightgbm", "mlflow"}))
print("scipy.linalg" in sys.modules)
import scipy.linalg.cython_blas
"""


def test_scoring_one_lead_loads_no_pandas() -> None:
    done = subprocess.run([sys.executable, "-c", ONLINE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "[]"


def test_linear_algebra_is_not_loaded_for_loops_that_do_without_and_can_be_later() -> None:
    done = subprocess.run([sys.executable, "-c", ONLINE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "False"
