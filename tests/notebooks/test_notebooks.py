"""Runs every notebook from top to bottom in a fresh kernel, as a reader would."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def _from_history_to_promoted_model(said):
    assert "Chosen:" in said
    assert "reasons =" in said


def _audit_my_export(said):
    assert "Planted leaks under quarantine: Lead quality, Deal amount, Reason closed" in said
    assert "Honest fields under quarantine: none" in said
    asked, left = _numbers(r"Questions: (\d+) before, (\d+) now", said)
    assert asked > left == 0
    trusting, honest = _numbers(r"on the test part: ([\d.]+) with every column trusted, ([\d.]+) with", said)
    assert trusting > 0.95 > 0.9 > honest
    (gain,) = _numbers(r"Honest less trusting, AUC in use: (\S+)", said)
    assert gain > 0


def _why_did_the_ranking_change(said):
    leads, gap = _numbers(r"The split adds up for all ([\d,]+) open leads; the largest gap is (\S+) in", said)
    assert leads > 100
    assert gap < 1e-9
    assert re.search(r"The gate, as known on 2026-01-01, against version 1: (pass|refuse|not_yet)", said)
    assert "Ranking: area under the ROC curve" in said


FACTS = {
    "01_from_history_to_promoted_model": (_from_history_to_promoted_model, 2),
    "02_audit_my_export": (_audit_my_export, 4),
    "03_why_did_the_ranking_change": (_why_did_the_ranking_change, 5),
}
"""What a notebook must have said, and how many pictures it must have drawn."""


def _numbers(pattern, said):
    found = re.search(pattern, said)
    assert found, pattern
    return [float(number.replace(",", "")) for number in found.groups()]


def test_every_notebook_has_its_facts():
    assert [path.stem for path in NOTEBOOKS] == sorted(FACTS)


def test_notebooks_differ_in_their_cells_alone():
    first, *others = (nbformat.read(path, as_version=4) for path in NOTEBOOKS)
    for notebook in others:
        assert notebook.metadata == first.metadata
        assert (notebook.nbformat, notebook.nbformat_minor) == (first.nbformat, first.nbformat_minor)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the kernel's own messaging libraries
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_reads_well(path, tmp_path, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_NOTEBOOK_HOME", str(tmp_path))
    monkeypatch.setenv("LEADLIGHT_NOTEBOOK_LEADS", "900")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    tells, pictures = FACTS[path.stem]
    tells("".join(output.get("text", "") for output in outputs))
    assert sum("image/svg+xml" in output.get("data", {}) for output in outputs) == pictures
