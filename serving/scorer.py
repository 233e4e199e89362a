"""The scorer: one lead's record in, score and reasons out.

Pure: what it says depends on the record and the model alone. It remembers nothing and knows no clock, so the same
record gives the same bits in a request, in a batch and when a receipt is replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadlight.core.artifact import Scored, TrainedModel, decode
from leadlight.features import online, wording
from leadlight.features.build import build, check_primitives
from leadlight.features.timeline import Moments
from leadlight.serving.pages_data import Band, Confidence
from leadlight.serving.reasons import Explainer, Reason, Shares
from leadlight.serving.store.receipts import Receipt

__all__ = ["DEFAULT_REASONS", "Answer", "Ignored", "Record", "Scorer"]

DEFAULT_REASONS: Final = 6
"""How many reasons an answer shows unless it is asked for more or fewer."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """What a record held that did not count, so that nothing is dropped in silence.

    Attributes
    ----------
    later_activities, later_stage_changes, later_attribute_changes : int
        How many lie at or after ``as_of`` by either clock: they were not known yet.
    duplicates : int
        How many events were sent more than once.
    unknown_attributes : tuple of str
        Attributes that the model does not look at.
    other_activity_types, other_stages : tuple of str
        Types and stages that the model's history did not have or hardly had: they count as "other".
    """

    later_activities: int = 0
    later_stage_changes: int = 0
    later_attribute_changes: int = 0
    duplicates: int = 0
    unknown_attributes: tuple[str, ...] = ()
    other_activity_types: tuple[str, ...] = ()
    other_stages: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what an answer carries."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self._items()}

    def _items(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Record:
    """What the caller knows of one lead at one moment, checked.

    Attributes
    ----------
    lead : mapping
        ``lead_id``, ``created_at``, ``recorded_at``, ``account_id``, ``attributes``; times in microseconds.
    activities, stage_changes, attribute_changes : sequence of mapping
        Columns as in `leadlight.core.history`, times in microseconds.
    account : mapping or None
        ``{"leads", "activities", "stage_changes"}`` of colleagues; None: not known.
    as_of : int
        Microseconds.
    ignored : Ignored
    """

    lead: Mapping[str, Any]
    activities: Sequence[Mapping[str, Any]]
    stage_changes: Sequence[Mapping[str, Any]]
    attribute_changes: Sequence[Mapping[str, Any]]
    account: Mapping[str, Any] | None
    as_of: int
    ignored: Ignored = field(default_factory=Ignored)


@dataclass(frozen=True)
class Answer:
    """A scored lead with its reasons; every number unrounded.

    Attributes
    ----------
    lead_id : str
    as_of : int
        Microseconds.
    score : int
        0 to 100.
    grade : str
    band : {"hot", "warm", "cold"}
    probability : float
        Whether it may be shown is ``model.probability_status``; `shown_probability` is what pages and answers give.
    base_log_odds, log_odds : float
        ``base_log_odds`` plus all impacts, shown or not, is ``log_odds``.
    shares : Shares
    reasons : list of Reason
        The strongest, in order.
    missing : list of str
        Attributes that are not known of the lead.
    confidence : {"high", "medium", "low"}
    scorecard_points : float or None
        None where the agreement has no points.
    row : array of shape (n_features,)
        What the model looked at.
    language : str
    ignored : Ignored
    """

    lead_id: str
    as_of: int
    score: int
    grade: str
    band: Band
    probability: float
    base_log_odds: float
    log_odds: float
    shares: Shares
    reasons: list[Reason]
    missing: list[str]
    confidence: Confidence
    scorecard_points: float | None
    row: NDArray[np.float64]
    language: str
    ignored: Ignored

    @property
    def other_reasons_impact(self) -> float:
        """Log-odds of all reasons that are not among ``reasons``."""
        return self.shares.rest(len(self.reasons))

    @cached_property
    def reason_documents(self) -> Sequence[Mapping[str, Any]]:
        """The reasons as answer and receipt carry them, made once for both."""
        return [reason.as_dict() for reason in self.reasons]


class Scorer:
    """Scores leads with one model.

    Parameters
    ----------
    model : TrainedModel
    name, version : str, int
        As registered.

    Raises
    ------
    UnknownPrimitive
        If the model needs features that this code can't compute.
    """

    def __init__(self, model: TrainedModel, version: int, *, name: str = "leadlight") -> None:
        check_primitives(model.catalog, f"{name} version {version}")
        self.model = model
        self.version = version
        self.name = name
        self._explainer = Explainer(model)

    def features(self, record: Record) -> NDArray[np.float64]:
        """Return the record's catalog columns, shape (1, n_features)."""
        timeline = online.timeline_of(
            self.model.catalog.vocabulary,
            record.lead,
            record.activities,
            record.stage_changes,
            record.attribute_changes,
            record.account,
        )
        moments = Moments(np.zeros(1, np.int64), np.array([record.as_of], np.int64))
        return build(self.model.catalog, timeline, moments)

    def answer(self, record: Record, *, language: str = "en", reasons: int | None = DEFAULT_REASONS) -> Answer:
        """Score one record.

        Parameters
        ----------
        record : Record
        language : {"en", "es"}
        reasons : int or None
            How many to put in words; None: all.
        """
        return self.explain(
            self.features(record)[0],
            str(record.lead["lead_id"]),
            record.as_of,
            language=language,
            reasons=reasons,
            ignored=record.ignored,
        )

    def explain(
        self,
        row: NDArray[np.float64],
        lead_id: str,
        as_of: int,
        *,
        language: str = "en",
        reasons: int | None = DEFAULT_REASONS,
        ignored: Ignored | None = None,
    ) -> Answer:
        """Score one row of catalog columns, shape (n_features,); the other parameters as in `answer`."""
        answers = self.explain_all(
            row[None, :], [lead_id], as_of, language=language, reasons=reasons, ignored=ignored or Ignored()
        )
        return answers[0]

    def explain_all(
        self,
        matrix: NDArray[np.float64],
        lead_ids: Sequence[str],
        as_of: int,
        *,
        language: str = "en",
        reasons: int | None = DEFAULT_REASONS,
        ignored: Ignored = Ignored(),
    ) -> list[Answer]:
        """Score rows of catalog columns at one moment, shape (n_leads, n_features)."""
        scored = self.model.score(matrix)
        points = self.model.scorecard_points(matrix)
        return [
            self._answer(matrix[i], scored, i, float(points[i]), lead_ids[i], as_of, language, reasons, ignored)
            for i in range(len(matrix))
        ]

    def _answer(
        self,
        row: NDArray[np.float64],
        scored: Scored,
        place: int,
        points: float,
        lead_id: str,
        as_of: int,
        language: str,
        reasons: int | None,
        ignored: Ignored,
    ) -> Answer:
        model, contributions, score = self.model, scored.contributions[place], int(scored.score[place])
        shares = self._explainer.shares(contributions)
        return Answer(
            lead_id=lead_id,
            as_of=as_of,
            score=score,
            grade=model.grade(score),
            band=model.band(score),
            probability=float(scored.probability[place]),
            base_log_odds=float(scored.base_log_odds),
            log_odds=float(scored.log_odds[place]),
            shares=shares,
            reasons=self._explainer.reasons(row, contributions, shares, as_of=as_of, limit=reasons, language=language),
            missing=wording.missing_attributes(model.catalog, row.tolist()),
            confidence=scored.confidence(place),
            scorecard_points=points if model.points else None,
            row=row,
            language=language,
            ignored=ignored,
        )

    def shown_probability(self, answer: Answer) -> float | None:
        """Return the probability where it may be shown: only of a calibrated model."""
        return answer.probability if self.model.probability_status == "calibrated" else None

    def receipt(self, answer: Answer, receipt_id: str, made_at: int) -> Receipt:
        """Return the receipt of an answer.

        Parameters
        ----------
        answer : Answer
        receipt_id : str
        made_at : int
            Microseconds.
        """
        model = self.model
        return Receipt(
            receipt_id=receipt_id,
            lead_id=answer.lead_id,
            as_of=answer.as_of,
            made_at=made_at,
            model_name=self.name,
            model_version=self.version,
            model_kind=model.kind,
            agreement_version=str(model.agreement["version"]),
            catalog_fingerprint=model.catalog.fingerprint,
            probability_status=model.probability_status,
            values=decode(model.catalog, answer.row),
            score=answer.score,
            probability=answer.probability,
            log_odds=answer.log_odds,
            base_log_odds=answer.base_log_odds,
            components=answer.shares.components,
            reasons=answer.reason_documents,
            other_reasons_impact=answer.other_reasons_impact,
            language=answer.language,
        )
