from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadlight.core.artifact import TrainedModel
from leadlight.serving.rescoring.rescorer import Rescorer
from two_services import TwoServices


@pytest.fixture
def services(url: str, tmp_path: Path, model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoServices]:
    """Two services on one store; scores are made anew when the test says so, not by a thread."""
    monkeypatch.setattr(Rescorer, "start", lambda _: None)
    with TwoServices(url, tmp_path, model) as made:
        yield made
