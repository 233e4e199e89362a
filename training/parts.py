"""What the steps of the training job hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from leadlight.core.artifact import Kind
from leadlight.core.contributions import Additive, Boosted
from leadlight.training.calibration import Fitted
from leadlight.training.candidates import CrossFitted, Lesson
from leadlight.training.choice import Choice, Verdict
from leadlight.training.measure import Examined
from leadlight.training.moments import AsDrawn, Moments
from leadlight.training.splits import Fold, Split
from leadlight.training.worked.learning import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadlight.training.closer import Closer

__all__ = ["Contest", "Ground", "Outcome"]


@dataclass(frozen=True)
class Ground:
    """What is learned from and measured on."""

    drawn: AsDrawn
    mature: Moments
    split: Split

    @property
    def learn(self) -> Moments:
        """The learning part."""
        return self.mature.take(self.split.learn)

    @property
    def test(self) -> Moments:
        """The test part."""
        return self.mature.take(self.split.test)


@dataclass(frozen=True)
class Contest:
    """What the inner folds gave, and the rankers that the whole lesson gave with it.

    ``predictions`` are those of the inner folds. ``since`` is when the first validated moment is: from then on moments
    give chances their level. ``searched`` says what a search for better settings gave.
    """

    lesson: Lesson
    folds: list[Fold]
    params: Mapping[Kind, Mapping[str, float]]
    rankers: Mapping[Kind, Additive | Boosted]
    tuning: Mapping[Kind, dict[str, float]]
    predictions: Mapping[Kind, CrossFitted]
    areas: Mapping[Kind, NDArray[np.float64]]
    fitted: Mapping[Kind, Fitted]
    since: int
    choice: Choice
    searched: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chosen(self) -> Estimate:
        """The chosen candidate, as the learning part taught it."""
        kind = self.choice.kind
        return Estimate(kind, self.params[kind], self.rankers[kind], self.fitted[kind].line)


@dataclass(frozen=True)
class Outcome:
    """What the test part gave."""

    verdict: Verdict
    contest: Contest | None = None
    examined: Mapping[Kind, Examined] = field(default_factory=dict)
    constant: Mapping[str, float] = field(default_factory=dict)
    probability: Mapping[str, Any] = field(default_factory=dict)
    deployed: Mapping[str, Any] = field(default_factory=dict)
    monotone: Mapping[str, Any] = field(default_factory=dict)
    closer: Closer | None = None
