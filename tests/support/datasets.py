"""Where the public data sets are: beside the repository, never in it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DATA = ROOT.parent / "shared" / "data"


def dataset(name: str) -> Path:
    """Return the folder of a data set, or skip the test and say why."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"needs the data set ../shared/data/{name}, which is not here (see examples/README.md)")
    return folder


def mapping(name: str) -> Path:
    """Return the example's mapping of a data set."""
    return EXAMPLES / name / "dataset.toml"
