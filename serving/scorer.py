"""The scorer: one lead's record in, score and reasons out.

Pure: what it says depends on the record and the model alone. It remembers nothing and knows no clock, so the same
record gives the same bits in a request, in a batch and when a receipt is replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadlight.core.artifact import Confidence, ScoredOne, TrainedModel, decode
from leadlight.core.errors import ModelContractError
from leadlight.features import online, wording
from leadlight.features.build import build, check_primitives
from leadlight.features.timeline import Moments
from leadlight.serving.json_text import spliced
from leadlight.serving.pages_data import Band
from leadlight.serving.reasons import Explainer, Reason, Shares
from leadlight.serving.store.packed import packed
from leadlight.serving.store.receipts import SCHEMA_VERSION, Slip

__all__ = ["DEFAULT_REASONS", "Answer", "Ignored", "Question", "Record", "Scorer"]

_EXACT: Final = 1e-6
"""How far the sum of all reasons may be from the log-odds, which is rounding only."""

DEFAULT_REASONS: Final = 6
"""How many reasons an answer shows unless it is asked for more or fewer."""


class Ignored(NamedTuple):
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


NOTHING_IGNORED: Final = Ignored()
"""All that the record held counts."""


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
    ignored: Ignored = NOTHING_IGNORED


class Question(NamedTuple):
    """A record, and how it is to be answered.

    Attributes
    ----------
    record : Record
    language : {"en", "es"}
    reasons : int or None
        How many to put in words; None: all.
    """

    record: Record
    language: str
    reasons: int | None


class _Asked(NamedTuple):
    """What is asked about one row of catalog columns."""

    lead_id: str
    as_of: int
    language: str
    reasons: int | None
    ignored: Ignored = NOTHING_IGNORED


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
    def reasons_json(self) -> bytes:
        """The reasons as answer, file and receipt carry them, written once for all."""
        return b"[%b]" % b",".join([reason.json() for reason in self.reasons])


def _check_sum(scored: ScoredOne, shares: Shares) -> None:
    """Refuse to answer with reasons that don't add up, or with what is no number."""
    found = scored.base_log_odds + sum(shares.components.values())
    if not abs(found - scored.log_odds) <= _EXACT * max(1.0, abs(scored.log_odds)):  # not so either where one is NaN
        raise ModelContractError(
            f"The model's log-odds are {scored.log_odds}, and its reasons add up to {found}. Retrain, or roll back."
        )


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
        self.agreement_version = str(model.agreement["version"])
        self._explainer = Explainer(model)

    @cached_property
    def refused(self) -> str | None:
        """Why LightGBM itself explains this model's scores; None where the fast way does."""
        return self.model.ranker.refused

    def features(self, records: Sequence[Record]) -> NDArray[np.float64]:
        """Return the records' catalog columns, shape (n_records, n_features)."""
        timeline = online.timeline_of_all(self.model.catalog.vocabulary, records)
        as_of = np.array([record.as_of for record in records], np.int64)
        return build(self.model.catalog, timeline, Moments(np.arange(len(records)), as_of))

    def answer(self, record: Record, *, language: str = "en", reasons: int | None = DEFAULT_REASONS) -> Answer:
        """Score one record.

        Parameters
        ----------
        record : Record
        language : {"en", "es"}
        reasons : int or None
            How many to put in words; None: all.
        """
        return self.answer_all([Question(record, language, reasons)])[0]

    def answer_all(self, questions: Sequence[Question]) -> list[Answer]:
        """Score many records together: the same bits as one by one, at a fraction of the price."""
        matrix = self.features([question.record for question in questions])
        asked = [
            _Asked(str(record.lead["lead_id"]), record.as_of, language, reasons, record.ignored)
            for record, language, reasons in questions
        ]
        return self._answers(matrix, asked)

    def explain(
        self,
        row: NDArray[np.float64],
        lead_id: str,
        as_of: int,
        *,
        language: str = "en",
        reasons: int | None = DEFAULT_REASONS,
    ) -> Answer:
        """Score one row of catalog columns, shape (n_features,); the other parameters as in `answer`."""
        return self.explain_all(row[None, :], [lead_id], as_of, language=language, reasons=reasons)[0]

    def explain_all(
        self,
        matrix: NDArray[np.float64],
        lead_ids: Sequence[str],
        as_of: int,
        *,
        language: str = "en",
        reasons: int | None = DEFAULT_REASONS,
    ) -> list[Answer]:
        """Score rows of catalog columns at one moment, shape (n_leads, n_features)."""
        return self._answers(matrix, [_Asked(lead_id, as_of, language, reasons) for lead_id in lead_ids])

    def explain_each(
        self,
        rows: Sequence[tuple[NDArray[np.float64], str, int]],
        *,
        language: str = "en",
        reasons: int | None = DEFAULT_REASONS,
    ) -> list[Answer]:
        """Score rows of catalog columns, each (row, lead_id, as_of) with a moment of its own."""
        if not rows:
            return []
        asked = [_Asked(lead_id, as_of, language, reasons) for _, lead_id, as_of in rows]
        return self._answers(np.stack([row for row, _, _ in rows]), asked)

    def _answers(self, matrix: NDArray[np.float64], asked: Sequence[_Asked]) -> list[Answer]:
        """Score rows and put them in words; rows and questions belong together."""
        if len(asked) == 0:
            return []
        scored, contributions = self.model.score_each(matrix)
        shares = self._explainer.shares(contributions)
        return [
            self._answer(*parts)
            for parts in zip(matrix, matrix.tolist(), scored, contributions.tolist(), shares, asked, strict=True)
        ]

    def _answer(
        self,
        row: NDArray[np.float64],
        values: list[float],
        scored: ScoredOne,
        parts: list[float],
        shares: Shares,
        asked: _Asked,
    ) -> Answer:
        model, explainer = self.model, self._explainer
        _check_sum(scored, shares)
        return Answer(
            lead_id=asked.lead_id,
            as_of=asked.as_of,
            score=scored.score,
            grade=model.grade(scored.score),
            band=model.band(scored.score),
            probability=scored.probability,
            base_log_odds=scored.base_log_odds,
            log_odds=scored.log_odds,
            shares=shares,
            reasons=explainer.reasons(
                values, parts, shares, as_of=asked.as_of, limit=asked.reasons, language=asked.language
            ),
            missing=wording.missing_attributes(model.catalog, values),
            confidence=scored.confidence,
            scorecard_points=model.scorecard_points_of_one(values) if model.points else None,
            row=row,
            language=asked.language,
            ignored=asked.ignored,
        )

    def shown_probability(self, answer: Answer) -> float | None:
        """Return the probability where it may be shown: only of a calibrated model."""
        return answer.probability if self.model.probability_status == "calibrated" else None

    def slip(self, answer: Answer, receipt_id: str, made_at: int) -> Slip:
        """Return the receipt of an answer, ready to be stored.

        Parameters
        ----------
        answer : Answer
        receipt_id : str
        made_at : int
            Microseconds.
        """
        model = self.model
        head = {
            "receipt_id": receipt_id,
            "lead_id": answer.lead_id,
            "as_of": answer.as_of,
            "made_at": made_at,
            **self._signature,
            "values": decode(model.catalog, answer.row),
            "score": answer.score,
            "probability": answer.probability,
            "log_odds": answer.log_odds,
            "base_log_odds": answer.base_log_odds,
            "components": answer.shares.components,
        }
        rest = {
            "other_reasons_impact": answer.other_reasons_impact,
            "language": answer.language,
            "schema_version": SCHEMA_VERSION,
        }
        return Slip(
            receipt_id,
            answer.lead_id,
            answer.as_of,
            made_at,
            self.version,
            self.agreement_version,
            packed(spliced(head, "reasons", answer.reasons_json, rest)),
            answer.score,
        )

    @cached_property
    def _signature(self) -> dict[str, Any]:
        """What all receipts of this model have in common."""
        return {
            "model_name": self.name,
            "model_version": self.version,
            "model_kind": self.model.kind,
            "agreement_version": self.agreement_version,
            "catalog_fingerprint": self.model.catalog.fingerprint,
            "probability_status": self.model.probability_status,
        }
