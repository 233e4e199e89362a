"""The online path starts and answers without pandas."""

from __future__ import annotations

import subprocess
import sys

ONLINE = """
import sys
from leadlight.features import build, online, wording, warm
warm.warm()
print(sorted({name.split(".")[0] for name in sys.modules} & {"pandas", "pyarrow", "lightgbm", "mlflow"}))
"""


def test_scoring_one_lead_loads_no_pandas() -> None:
    done = subprocess.run([sys.executable, "-c", ONLINE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
