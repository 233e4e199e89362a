"""Runs every notebook from top to bottom in a fresh kernel, as a reader would."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the kernel's own messaging libraries
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_reads_well(path, tmp_path, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_NOTEBOOK_HOME", str(tmp_path))
    monkeypatch.setenv("LEADLIGHT_NOTEBOOK_LEADS", "1500")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("Chosen:" in output.get("text", "") for output in printed)
    assert any("reasons =" in output.get("text", "") for output in printed)
    assert not [output for output in printed if output.get("name") == "stderr"]
