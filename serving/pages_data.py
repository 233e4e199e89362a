"""What the pages for reps show: one frozen dataclass a page, complete, with every text in the page's language.

A page renders these and computes nothing: numbers are final, sentences are whole, bars carry the running totals
from which they are drawn. Log-odds are shown to people as "points of log-odds" at most; a chance is shown only
where ``probability`` is set. `Pages` is what the web app asks for them; `leadlight.serving.queue`
answers for a history, `leadlight.serving.stored_pages` for the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from leadlight.core.artifact import Confidence
from leadlight.core.catalog import Component

__all__ = [
    "AgreementFacts",
    "Band",
    "ComponentBars",
    "Confidence",
    "Deciding",
    "Decision",
    "DecisionEntry",
    "Direction",
    "LeadMoved",
    "LeadPage",
    "LeadUnscored",
    "ModelFacts",
    "Pages",
    "QueuePage",
    "QueueRow",
    "ReasonBar",
    "TimelineEntry",
]

Band = Literal["hot", "warm", "cold"]
Decision = Literal["accept", "recycle", "reject", "dispute"]
Direction = Literal["raises", "lowers"]


@dataclass(frozen=True, slots=True)
class AgreementFacts:
    """What marketing and sales signed, as far as a page shows it.

    Attributes
    ----------
    version : str
        Short enough to show, long enough to find it again.
    goal_stage : str
        The stage whose reaching is the conversion: ``"sql"``.
    horizon_days : float or None
        Within how many days; None for a model of an undated export: then no page says "within N days".
    leads_per_week : int or None
        The capacity that cuts "hot".
    grades : mapping of str to int
        Lowest score of A, B and C.
    defaults : tuple of str
        What was never agreed and stands at its default; pages name them.
    """

    version: str
    goal_stage: str
    horizon_days: float | None
    leads_per_week: int | None
    grades: Mapping[str, int]
    defaults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model answers.

    Attributes
    ----------
    name, version : str, int
        As registered.
    kind : {"scorecard", "logistic", "lightgbm"}
    kind_label : str
        The same in words of the page's language.
    probability_status : {"calibrated", "rank_only", "points_only"}
        With the last two no chance is shown anywhere.
    probability_note : str
        The status as a sentence of the page's language.
    """

    name: str
    version: int
    kind: str
    kind_label: str
    probability_status: str
    probability_note: str


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One lead of the ranked list.

    Attributes
    ----------
    rank : int or None
        1 is the lead to call first; ties in log-odds are in order of lead id. None where the lead is not in the queue.
    lead_id : str
        Also its address: ``/leads/{lead_id}``, to be quoted for the URL.
    account_id : str or None
    stage : str or None
        Where it stands, as the history spells it; None where no stage is known.
    score : int
        0 to 100, percentile among the reference leads.
    probability : float or None
        Chance of conversion, 0 to 1; None unless the model is calibrated.
    grade : {"A", "B", "C", "D"}
    band : {"hot", "warm", "cold"}
    why : str
        The two strongest reasons that raise the score, else the strongest of all; whole phrases.
    why_direction : {"raises", "lowers"} or None
        None where the model had nothing to say.
    confidence : {"high", "medium", "low"}
    scorecard_rank : int or None
        Rank by the hand-picked points, ties share the best rank; None where the agreement has no points, and in the
        store, whose leads are never all looked at.
    scorecard_points : float or None
        None where the agreement has no points.
    receipt_id : str or None
        None where receipts are degraded.
    headline : str
        What the lead is, from its attributes: ``"VP Operations, software"``; empty where nothing fits. Never a name.
    owner_id : str or None
        Whose lead it is; None for nobody's.
    missing : tuple of str
        What is not known of the lead, as people call it, weightiest first.
    """

    rank: int | None
    lead_id: str
    account_id: str | None
    stage: str | None
    score: int
    probability: float | None
    grade: str
    band: Band
    why: str
    why_direction: Direction | None
    confidence: Confidence
    scorecard_rank: int | None
    scorecard_points: float | None
    receipt_id: str | None
    headline: str = ""
    owner_id: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The ranked list, one page of it.

    Attributes
    ----------
    rows : tuple of QueueRow
        By rank.
    total : int
        Open leads that pass the filter.
    offset, limit : int
        Which part ``rows`` is: ranks ``offset + 1`` to ``offset + len(rows)`` of the filtered list.
    band : {"hot", "warm", "cold"} or None
        The filter; None shows all.
    counts : mapping of band to int
        Of all open leads that the reader may see, whatever the filter; always the three keys in order hot, warm, cold.
    as_of : datetime
        Aware, UTC: the moment of all scores on the page, of stored ones that of the oldest.
    fixed_clock : bool
        Whether the service stands still at that moment (a demo); shown on every page.
    model : ModelFacts
    agreement : AgreementFacts
    language : {"en", "es"}
    degraded : tuple of str
        What does not work at present: ``("receipts",)``.
    minimum_score : int
        The filter; 0 shows all.
    owner : str or None
        The filter; None shows all.
    owners : tuple of str
        All owners of open leads, sorted; empty hides the filter.
    nothing_told : bool
        Whether the store holds no lead at all: then the page says how to fill it.
    """

    rows: tuple[QueueRow, ...]
    total: int
    offset: int
    limit: int
    band: Band | None
    counts: Mapping[str, int]
    as_of: datetime
    fixed_clock: bool
    model: ModelFacts
    agreement: AgreementFacts
    language: str
    degraded: tuple[str, ...]
    minimum_score: int = 0
    owner: str | None = None
    owners: tuple[str, ...] = ()
    nothing_told: bool = False


@dataclass(frozen=True, slots=True)
class ReasonBar:
    """One bar of the chart from base to score.

    ``end - start == impact``, and the next bar starts where this one ends: the first starts at
    `LeadPage.base_log_odds`, the last ends at `LeadPage.log_odds`.

    Attributes
    ----------
    code : str
        The reason group; ``"other"`` for the bar that sums a component's small rest.
    component : {"fit", "interest", "cycle"}
    text : str
        In plain words: "Requested a demo 3 days ago".
    impact, start, end : float
        Log-odds.
    direction : {"raises", "lowers"}
    direction_text : str
        In words: "raises the score", or "raises here, given the rest" where past leads alone point the other way.
    evidence : str
        A whole sentence on past leads, or that they are too few to say. Empty for ``"other"``.
    definition : str
        Which past leads the sentence counts; empty where there is no sentence.
    not_known : bool
        Whether the reason is that something is not known.
    folded : int
        For ``"other"``: how many reasons it sums; else 0.
    """

    code: str
    component: Component
    text: str
    impact: float
    start: float
    end: float
    direction: Direction
    direction_text: str
    evidence: str
    definition: str
    not_known: bool
    folded: int = 0


@dataclass(frozen=True, slots=True)
class ComponentBars:
    """One component of the score, with its bars.

    Attributes
    ----------
    component : {"fit", "interest", "cycle"}
    label, question : str
        "Fit" and "Do they suit the offer?".
    impact : float
        Log-odds; the sum of its bars, and of all its reasons.
    bars : tuple of ReasonBar
        By impact, strongest first; the small rest last.
    """

    component: Component
    label: str
    question: str
    impact: float
    bars: tuple[ReasonBar, ...]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened to the lead before ``as_of``, as it was known then.

    Attributes
    ----------
    when : datetime
        Aware, UTC.
    kind : {"activity", "stage", "created"}
    name : str
        The activity type or the stage, as the history spells it; empty for ``"created"``.
    text : str
        A phrase: "Web visit", "Moved to mql", "Lead created".
    detail : str
        Campaign, channel, value or reason where known, joined by commas; else empty.
    """

    when: datetime
    kind: Literal["activity", "stage", "created"]
    name: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """What sales decided on the lead.

    Attributes
    ----------
    when : datetime
        Aware, UTC.
    decision : {"accept", "recycle", "reject", "dispute"}
    reason : str or None
    """

    when: datetime
    decision: Decision
    reason: str | None


@dataclass(frozen=True, slots=True)
class Deciding:
    """The form by which a rep decides on a lead, and what was decided so far.

    Attributes
    ----------
    decision_id : str
        The form's own: however often it is sent, it is one decision.
    made : tuple of DecisionEntry
        Newest first.
    """

    decision_id: str
    made: tuple[DecisionEntry, ...]


@dataclass(frozen=True, slots=True)
class LeadPage:
    """One lead: score, reasons that add up, what is missing, what happened.

    Attributes
    ----------
    row : QueueRow
        The same as in the list: rank, score, probability, grade, band, scorecard.
    open_leads : int
        Among how many the ranks are.
    created_at : datetime or None
        Aware, UTC; None in an undated export.
    base_log_odds, log_odds : float
        Where the chart starts and ends.
    base_text : str
        What the base is, in words.
    base_probability : float or None
        Chance at the base; None unless the model is calibrated.
    components : tuple of ComponentBars
        Always fit, interest, cycle, in this order; their bars follow one another from base to log-odds.
    missing : tuple of str
        What is not known of the lead, as people call it.
    timeline : tuple of TimelineEntry
        Newest first.
    timeline_left_out : int
        How many older entries are not in ``timeline``.
    attributes : tuple of (label, value)
        What is known of the lead, in the order of the history's columns.
    as_of, fixed_clock, model, agreement, language, degraded
        As in `QueuePage`.
    deciding : Deciding or None
        None where nothing can be decided, for the lead comes from a file.
    """

    row: QueueRow
    open_leads: int
    created_at: datetime | None
    base_log_odds: float
    log_odds: float
    base_text: str
    base_probability: float | None
    components: tuple[ComponentBars, ...]
    missing: tuple[str, ...]
    timeline: tuple[TimelineEntry, ...]
    timeline_left_out: int
    attributes: tuple[tuple[str, str], ...]
    as_of: datetime
    fixed_clock: bool
    model: ModelFacts
    agreement: AgreementFacts
    language: str
    degraded: tuple[str, ...]
    deciding: Deciding | None = None


@dataclass(frozen=True, slots=True)
class LeadMoved:
    """The lead was merged into another.

    Attributes
    ----------
    lead_id : str
        The id that both go by.
    """

    lead_id: str


@dataclass(frozen=True, slots=True)
class LeadUnscored:
    """Why there is nothing to show of a lead that was told.

    Attributes
    ----------
    reason : {"erased", "objected", "unscored"}
        The person asked to be forgotten; or objects to profiling; or the score is still being worked out.
    """

    reason: Literal["erased", "objected", "unscored"]


class Pages(Protocol):
    """Where the web app gets its pages from; the app keeps it at ``app.state.pages``.

    With ``own`` a reader sees the leads of one owner only, and no others exist for them.
    """

    def queue(
        self,
        *,
        language: str,
        offset: int = 0,
        limit: int = 50,
        band: Band | None = None,
        minimum_score: int = 0,
        owner: str | None = None,
        own: str | None = None,
    ) -> QueuePage:
        """Return one page of the ranked list."""
        ...

    def lead(
        self, lead_id: str, *, language: str, own: str | None = None
    ) -> LeadPage | LeadMoved | LeadUnscored | None:
        """Return a lead's page; None if there is no lead of this id to show."""
        ...
