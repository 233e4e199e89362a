"""The promise that a model can be used from a clean environment, made from the model's own requirements alone."""

import json
import os
import subprocess
import sys
import venv

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.proof

SCRIPT = """
import json, sys
import mlflow.pyfunc
import pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
example = json.load(open(sys.argv[1] + "/serving_input_example.json"))["dataframe_split"]
frame = pd.DataFrame(example["data"], columns=example["columns"])
print(model.predict(frame)[["score", "log_odds"]].to_json(double_precision=15))
"""


def test_a_model_scores_from_an_environment_made_of_its_own_requirements(demo, tmp_path):
    home, _ = demo
    model = next((home / "mlruns" / "artifacts").rglob("MLmodel")).parent
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]
    subprocess.run(install, cwd=model, check=True, timeout=900)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    answers = [
        subprocess.run(
            [interpreter, "-W", "ignore", "-c", SCRIPT, str(model)],
            capture_output=True, text=True, check=True, cwd=tmp_path, env=environment,
        ).stdout.splitlines()[-1]
        for interpreter in (python, sys.executable)
    ]  # fmt: skip
    clean, ours = (pd.DataFrame(json.loads(answer)) for answer in answers)
    np.testing.assert_allclose(clean["log_odds"], ours["log_odds"], rtol=1e-12)
    assert clean["score"].tolist() == ours["score"].tolist()
