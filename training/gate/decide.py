"""The gate: whether a challenger may become champion.

Only if it is not worse than the champion in ranking and chances, and harms no segment that can be judged, on moments
that neither was taught. The champion is measured as it stands. The challenger knows these moments, so it is its recipe
that is measured, taught as of the champion's training day. Moments that an earlier decision used are not used again:
asked often enough, the same moments would let anything pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import to_micros
from leadlight.core.errors import ModelContractError, UsageError
from leadlight.features.build import build, check_primitives
from leadlight.features.timeline import Moments as Asked
from leadlight.features.timeline import Timeline
from leadlight.training.bootstrap import DRAWS, Accounts
from leadlight.training.chances.segments import segments_left_out, segments_of
from leadlight.training.gate import flat as gate_flat
from leadlight.training.gate.checks import MARGIN, Pair, Segments, judge_segments, not_worse
from leadlight.training.gate.moments import ENOUGH, ENOUGH_TO_TEACH, Known, New, known_by
from leadlight.training.gate.words import compared_on, day_text, markdown, on_measure, on_segments
from leadlight.training.moments import by_lead_id
from leadlight.training.recipe import Recipe, last_day, taught_as_of
from leadlight.training.report import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.moments import Moments

__all__ = ["Decision", "Word", "decide", "first_model"]

Word = Literal["pass", "refuse", "not_yet"]


@dataclass(frozen=True)
class Decision:
    """What the gate says of a challenger.

    Attributes
    ----------
    word : {"pass", "refuse", "not_yet"}
    reasons : tuple of str
        Sentences with figures.
    checks : mapping
        The figures, JSON-ready.
    champion_version : int or None
        The champion it was held against; None where there was none.
    used_until : int or None
        The last moment that was looked at, microseconds; later decisions use later ones. None where none was.
    used_data : str or None
        Fingerprint of the flat export that was looked at.
    at : str or None
        The day from which the history was looked at; None for a flat export without dates.
    """

    word: Word
    reasons: tuple[str, ...]
    checks: Mapping[str, Any] = field(default_factory=dict)
    champion_version: int | None = None
    used_until: int | None = None
    used_data: str | None = None
    at: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON-ready data."""
        told = plain(self)
        assert isinstance(told, dict)
        return told

    def markdown(self) -> str:
        """Return the decision as a page for people."""
        return markdown(self.to_dict())


def decide(
    history: History,
    agreement: Agreement,
    *,
    champion: TrainedModel | None,
    challenger: TrainedModel,
    used_until: int | None,
    seed: int,
    as_of: int | None = None,
    used_data: Collection[str] = (),
    champion_version: int | None = None,
) -> Decision:
    """Decide whether a challenger may become champion.

    Parameters
    ----------
    history : History
    agreement : Agreement
        The one that the challenger was trained for; its segments are judged.
    champion, challenger : TrainedModel
        Without a champion the challenger's own verdict decides.
    used_until : int or None
        The last moment that an earlier decision looked at, microseconds.
    seed : int
        Of the draws; also of a recipe whose model does not say its own.
    as_of : int, optional
        Microseconds; what was recorded then or later is not known. Default: the history's end.
    used_data : collection of str
        For a flat export: the fingerprints of those that earlier decisions looked at.
    champion_version : int, optional
        As registered; goes into the decision.

    Raises
    ------
    UsageError
        If the agreement's goal or horizon is not the challenger's.
    """
    if champion is None:
        return first_model(challenger)
    case = _Case(by_lead_id(history), agreement, champion, challenger, seed, champion_version)
    _refuse_another_agreement(challenger, agreement, flat=history.is_flat)
    differ = _another_question(champion, challenger)
    if differ is not None:
        return case.say("refuse", differ)
    with threadpool_limits(1):  # as in training: the last bit must not depend on the number of cores
        if history.is_flat:
            return _on_flat(case, used_data)
        return _on_dated(case, used_until, last_day(history, as_of))


def first_model(challenger: TrainedModel) -> Decision:
    """Decide where there is no champion: the challenger's own verdict stands."""
    data, verdict = challenger.facts.get("data", {}), challenger.facts.get("verdict", {})
    flat = challenger.horizon_days is None
    data_seen = data.get("fingerprint") if flat else None
    at = None if flat or not data.get("as_of") else str(data["as_of"])[:10]
    if challenger.probability_status == "points_only":
        said = "First model: the hand-picked points, labelled so; there is too little data yet to learn from."
        return Decision("pass", (said,), used_data=data_seen, at=at)
    if verdict.get("word") == "signal":
        said = f"First model: signal on its test part. {verdict.get('text', '')}".strip()
        return Decision("pass", (said,), used_data=data_seen, at=at)
    text = verdict.get("text") or "it does not say how it did on its test part"
    return Decision("refuse", (f"There is no champion to compare with, and its own verdict is no signal: {text}",))


@dataclass(frozen=True)
class _Case:
    """What is to be decided."""

    history: History
    agreement: Agreement
    champion: TrainedModel
    challenger: TrainedModel
    seed: int
    champion_version: int | None

    def say(self, word: Word, *reasons: str, **found: Any) -> Decision:
        return Decision(word, reasons, champion_version=self.champion_version, **found)

    @property
    def recipe(self) -> Recipe:
        return Recipe.of(self.challenger, seed=self.seed)

    @property
    def learned_nothing(self) -> bool:
        """Whether the challenger is the hand-picked points alone: no moment was taught to it."""
        return self.challenger.probability_status == "points_only"


def _refuse_another_agreement(challenger: TrainedModel, agreement: Agreement, *, flat: bool) -> None:
    of_model, given = _question(challenger), ("", None) if flat else (agreement.stage, agreement.within_days)
    if of_model != given:
        raise UsageError(
            f"The challenger foresees {_in_words(*of_model)}, but this history and agreement are about "
            f"{_in_words(*given)}. Name the agreement that it was trained with, or train it again."
        )


def _another_question(champion: TrainedModel, challenger: TrainedModel) -> str | None:
    """Say that the two models foresee different things, so that no moment can tell which is better."""
    one, two = _question(champion), _question(challenger)
    if one == two:
        return None
    return (
        f"The gate can't compare them: the champion foresees {_in_words(*one)}, the challenger {_in_words(*two)}. "
        "If the new goal is agreed, promote it with --force and that reason."
    )


def _question(model: TrainedModel) -> tuple[str, float | None]:
    """Return goal stage and horizon; of a flat export neither."""
    return ("", None) if model.horizon_days is None else (model.catalog.goal_stage, model.horizon_days)


def _in_words(stage: str, within_days: float | None) -> str:
    return "the outcome of a flat export" if within_days is None else f"{stage!r} within {within_days:g} days"


def _on_dated(case: _Case, used_until: int | None, day: int) -> Decision:
    known = known_by(case.history, case.agreement, day)
    cut, why_not = _cut(case, known, used_until)
    if why_not is not None:
        return case.say("not_yet", why_not, at=day_text(day))
    new = known.after(cut, used_until)
    pair, segments = _measured(case, new, cut)
    lines = {"taught_until": day_text(cut), "seed": case.seed, "draws": DRAWS, "new_conversions": new.conversions}
    word, reasons, checks = _judged(pair, segments, lines)
    told = f"Compared on {compared_on(new.moments, new.conversions, flat=False)}; the challenger's recipe " + (
        "is the points as they stand." if case.learned_nothing else f"was taught as of {day_text(cut)}."
    )
    until = int(new.moments.when.max())
    return case.say(word, told, *reasons, checks=checks, used_until=until, at=day_text(day))


def _cut(case: _Case, known: Known, used_until: int | None) -> tuple[int, str | None]:
    """Return after which instant both are compared, and what keeps them from being compared yet.

    It is the champion's training day, unless too little was known then to teach the challenger's recipe at all: then
    the latest day that leaves enough to compare on.
    """
    cut = _cut_of(case.champion)
    new = known.after(cut, used_until)
    if new.conversions < ENOUGH:
        return cut, _too_few(new, known.enough_by(cut, used_until), used_until)
    if case.learned_nothing or known.teaches(cut):
        return cut, None
    later = known.latest_cut(cut, used_until)
    if later is None or not known.teaches(later):
        return cut, _too_little_to_teach(known)
    return later, None


def _cut_of(champion: TrainedModel) -> int:
    text = champion.facts.get("data", {}).get("as_of")
    if text is None:
        raise ModelContractError("The champion does not say when it was trained, so no moment is known to be later.")
    return to_micros(datetime.fromisoformat(text))


def _too_few(new: New, enough_by: int | None, used_until: int | None) -> str:
    since = "the champion was trained" + (" and the last decision was made" if used_until is not None else "")
    when = "when can't be told yet" if enough_by is None else f"at the pace so far about {day_text(enough_by)}"
    return (
        f"Not yet: since {since}, {new.conversions} new leads converted from moments whose outcome is known by now; "
        f"{ENOUGH} are needed, {when}."
    )


def _too_little_to_teach(known: Known) -> str:
    return (
        f"Not yet: the challenger's recipe must be taught by {ENOUGH_TO_TEACH} converted leads and as many others, and "
        f"then be held against {ENOUGH} later ones; there are {known.mature.conversions} in all."
    )


def _measured(case: _Case, new: New, cut: int) -> tuple[Pair, Segments]:
    """Return what both say of the new moments, and what that means for each segment."""
    history, agreement = case.history, case.agreement
    check_primitives(case.champion.catalog, "The champion")
    taught = case.challenger
    if not case.learned_nothing:
        taught = taught_as_of(history, agreement, case.recipe, as_of=cut)
    matrix = _columns(taught, history, new.moments)
    accounts = Accounts.draw(new.moments.owner, case.seed)
    said = _log_odds(case.champion, _columns(case.champion, history, new.moments))
    pair = Pair(new.moments, said, _log_odds(taught, matrix), accounts)
    masks = segments_of(agreement, taught.catalog, matrix)
    return pair, judge_segments(pair, masks, segments_left_out(agreement, taught.catalog))


def _columns(model: TrainedModel, history: History, moments: Moments) -> NDArray[np.float64]:
    timeline = Timeline.from_history(history, model.catalog.vocabulary)
    return build(model.catalog, timeline, Asked(moments.lead, moments.as_of))


def _log_odds(model: TrainedModel, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return model.calibration.intercept + model.calibration.slope * model.ranker.raw(matrix)


def _on_flat(case: _Case, used_data: Collection[str]) -> Decision:
    history = case.history
    if history.fingerprint in used_data:
        said = "Not yet: the export is one that an earlier decision looked at; only other data can tell more."
        return case.say("not_yet", said)
    recipes = Recipe.of(case.champion, seed=case.seed), case.recipe
    found = gate_flat.measured(history, case.agreement, recipes, case.seed)
    if found.pair is None or found.pair.moments.conversions < ENOUGH:
        return case.say("not_yet", found.too_few)
    word, reasons, checks = _judged(found.pair, found.segments, {"way": found.way, "seed": case.seed, "draws": DRAWS})
    told = f"Compared on {compared_on(found.pair.moments, found.pair.moments.conversions, flat=True)}. {found.told}"
    return case.say(word, told, *reasons, checks=checks, used_data=history.fingerprint)


def _judged(pair: Pair, segments: Segments, lines: Mapping[str, Any]) -> tuple[Word, tuple[str, ...], dict[str, Any]]:
    """Return the word, its reasons, and the figures."""
    ranking, chances = not_worse(pair)
    fine = ranking.passed and chances.passed and not segments.harmed
    moments = pair.moments
    counts = {
        "moments": len(moments),
        "leads": len(np.unique(moments.lead)),
        "accounts": len(np.unique(moments.owner)),
        "conversions": moments.conversions,
        "base_rate": float(moments.converted.mean()),
    }
    checks = {"compared_on": counts, "margin": MARGIN, "ranking": ranking, "chances": chances, "segments": segments}
    reasons = (on_measure(ranking), on_measure(chances), *on_segments(segments))
    return "pass" if fine else "refuse", reasons, {**plain(checks), **lines}
