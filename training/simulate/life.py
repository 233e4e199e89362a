"""The course of things: all leads, week by week, with the perfect observer looking on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leadlight.agreement.exploration import draw
from leadlight.training.simulate.behaviour import MOST_POINTS, Behaviour, Week, behaviour_of, draw_week
from leadlight.training.simulate.calendar import START_SECOND, WEEK, WEEKS
from leadlight.training.simulate.company import BOT, Company
from leadlight.training.simulate.need import AFTER_SALE, first_states, need_index, step_tables
from leadlight.training.simulate.pipeline import Pipeline
from leadlight.training.simulate.sales import MQL_POINTS, STOPPED, Outcomes, fit_tier, outcomes_of, picked_with
from leadlight.training.simulate.sessions import Sessions, office_hours, place_sessions
from leadlight.training.simulate.traits import BANDS, TITLES
from leadlight.training.simulate.truth import Oracle
from leadlight.training.simulate.worlds import World

__all__ = ["Drawn", "Lived", "Seen", "StageRows", "live"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNBORN, OPEN, SOLD, OUT = range(4)
NEW, ENGAGED, QUALIFIED, ACCEPTED, RECYCLED = range(5)


@dataclass(frozen=True)
class StageRows:
    """Some stage changes at once: of ``leads`` at ``seconds`` to ``stage``, for ``reason``."""

    leads: Ints
    seconds: Ints
    stage: str
    reason: str = ""


@dataclass(frozen=True)
class Seen:
    """What some leads were seen to do in one week."""

    week: int
    leads: Ints
    did: Week
    sessions: Sessions
    worked: Flags


@dataclass(frozen=True)
class Drawn:
    """The leads in one week's queue and the chance that each had of being picked up."""

    week: int
    leads: Ints
    chances: Floats


@dataclass
class Lived:
    """All that happened, still in seconds and numbers.

    Attributes
    ----------
    weeks : list of Seen
    stages : list of StageRows
    filled : list of (leads, seconds)
        When reps filled in the size that was not known.
    pipeline : Pipeline
        What became of qualified leads.
    queues : list of Drawn
        Empty where reps pick for themselves.
    """

    weeks: list[Seen] = field(default_factory=list)
    stages: list[StageRows] = field(default_factory=list)
    filled: list[tuple[Ints, Ints]] = field(default_factory=list)
    pipeline: Pipeline = field(default_factory=Pipeline)
    queues: list[Drawn] = field(default_factory=list)


@dataclass(frozen=True)
class Streams:
    """One random stream for each concern, so that one does not disturb the others."""

    state: np.random.Generator
    activity: np.random.Generator
    timing: np.random.Generator
    sales: np.random.Generator
    outcome: np.random.Generator
    queue: np.random.Generator


class _Leads:
    """Where every lead stands; arrays of shape (n_leads,)."""

    def __init__(self, company: Company) -> None:
        n = company.n_leads
        self.status = np.full(n, UNBORN)
        self.state = np.zeros(n, dtype=np.int64)
        self.stage = np.full(n, NEW)
        self.worked = np.zeros(n, dtype=bool)
        self.points = np.zeros(n, dtype=np.int64)
        self.excited = np.zeros(n, dtype=bool)
        self.between = np.zeros(n, dtype=bool)
        self.size_known = company.size_known.copy()
        self.back_in_week = np.full(n, WEEKS + 1)


def live(
    company: Company,
    world: World,
    *,
    streams: Sequence[np.random.Generator],
    constant: Floats | None,
    head_start: Ints,
    explore: float = 0.0,
) -> tuple[Lived, Oracle]:
    """Let two years pass.

    Parameters
    ----------
    company : Company
    world : World
    streams : sequence of six Generator
        For hidden states, activities, times, sales, outcomes and the queue.
    constant : ndarray of shape (n_leads,), optional
        Weekly chance of conversion where need does not decide.
    head_start : ndarray of shape (n_leads,)
        Points as practised on arrival.
    explore : float
        The least chance a week of being picked up that every open lead has; 0: reps pick by points alone.
    """
    course = _Course(company, world, Streams(*streams), constant, explore)
    course.leads.points[:] = head_start
    for week in range(WEEKS):
        course.pass_week(week)
    return course.lived, course.oracle


class _Course:
    """The weekly loop's state and its steps, in the order of the week."""

    def __init__(
        self, company: Company, world: World, streams: Streams, constant: Floats | None, explore: float
    ) -> None:
        self.company, self.world, self.rng, self.constant = company, world, streams, constant
        self.explores, self.picked = explore > 0, picked_with(explore)
        self.behaviour: Behaviour = behaviour_of(world)
        self.outcomes: Outcomes = outcomes_of()
        self.steps = step_tables()
        index = need_index(company, world)
        combo = company.driver[company.account] * len(BANDS) + company.band[company.account]
        self.index = index[np.arange(company.n_leads), combo]
        self.tier = fit_tier(company)
        self.closing = np.array([t.closing for t in TITLES])[company.title]
        self.within, kinds = first_states(company, world)
        self.leads, self.lived = _Leads(company), Lived()
        self.oracle = Oracle(
            company=company,
            world=world,
            index=index,
            true_index=self.index,
            within=self.within,
            kinds=kinds,
            steps=self.steps,
            behaviour=self.behaviour,
            outcomes=self.outcomes,
            cell=(self.closing, self.tier),
            constant=constant,
            picked=self.picked,
        )

    def pass_week(self, week: int) -> None:
        """Take every lead through one week."""
        monday = START_SECOND + week * WEEK
        self._reopen(week)
        open_now = np.flatnonzero(self.leads.status == OPEN)
        self._tell_truth(week, open_now)
        born = np.flatnonzero(self.company.born == week)
        self._arrive(born)
        rows = np.concatenate([open_now, born])
        is_new = np.arange(len(rows)) >= len(open_now)
        before = self.leads.worked[rows]
        likelihood = self._work(rows, is_new, week)
        let_go = before & ~self.leads.worked[rows]
        won, out, fate = self._fate(rows, is_new, week)
        likelihood *= fate * self._act(rows, week, monday, untouched=~(won | out | let_go))
        self._fill_size(rows[self.leads.worked[rows] & ~won & ~out], monday, share=0.5)
        self._fill_size(rows[won], monday, share=1.0)  # before there is an opportunity with an amount
        self.oracle.see(rows, likelihood, moves=~won)
        self._win(rows[won], monday)
        self._drop(rows[out], monday)
        self._move(rows[~won & ~out])

    def _reopen(self, week: int) -> None:
        back = np.flatnonzero((self.leads.status == SOLD) & (self.leads.back_in_week == week))
        leads = self.leads
        leads.status[back], leads.stage[back], leads.between[back] = OPEN, RECYCLED, True
        leads.worked[back], leads.excited[back] = False, False
        leads.points[back] = 0
        leads.state[back] = AFTER_SALE[leads.state[back]]
        self.oracle.restart(back)

    def _tell_truth(self, week: int, rows: Ints) -> None:
        leads = self.leads
        self.oracle.tell(
            week,
            rows,
            state=leads.state[rows],
            worked=leads.worked[rows],
            points=leads.points[rows],
            excited=leads.excited[rows],
            between=leads.between[rows],
        )

    def _arrive(self, born: Ints) -> None:
        chances = self.within[self.index[born]]  # (n, 8)
        of_kind = np.repeat(np.arange(3), [4, 2, 2])
        chances = np.cumsum(chances * (of_kind == self.company.kind[born][:, None]), axis=1)
        draw = self.rng.state.random(len(born)) * chances[:, -1]
        self.leads.state[born] = (draw[:, None] >= chances).sum(axis=1)
        self.leads.status[born] = OPEN
        self.leads.excited[born] = True
        self.oracle.learn_band(born[self.leads.size_known[born]])

    def _work(self, rows: Ints, is_new: Flags, week: int) -> Floats:
        """Settle whom reps work this week; return how likely that is under each state."""
        leads, monday = self.leads, START_SECOND + week * WEEK
        before = leads.worked[rows]
        uniform = self.rng.sales.random(len(rows))
        chances = np.where(before | is_new, 0.0, self.picked[leads.points[rows] + self.tier[rows]])
        picked = self._draw_queue(rows, chances, week) if self.explores else uniform < chances
        stopped = before & (uniform < STOPPED[leads.state[rows]])
        leads.worked[rows] = (before & ~stopped) | picked
        leads.points[rows[stopped]] = 0
        self._accept(rows[picked], office_hours(self.rng.timing, int(picked.sum()), monday=monday, days=(0, 1)))
        self._let_go(rows[stopped], monday)
        likely: Floats = np.where(
            before[:, None], np.where(stopped[:, None], STOPPED, 1.0 - STOPPED), np.ones(len(STOPPED))
        )
        return likely

    def _draw_queue(self, rows: Ints, chances: Floats, week: int) -> Flags:
        """Draw whom the queue gives to the reps, and log the chances; whom they work already isn't in it.

        Each chance depends on the lead's own points alone, so that a lead's weeks stay a Markov chain of its own and
        the truth exact.
        """
        queued = chances > 0
        self.lived.queues.append(Drawn(week, rows[queued], chances[queued]))
        return draw(chances, self.rng.queue, by=-chances)

    def _accept(self, rows: Ints, seconds: Ints) -> None:
        leads = self.leads
        unqualified = leads.stage[rows] != QUALIFIED
        self._stage(rows[unqualified], seconds[unqualified] - 600, "mql", "picked by sales")
        self._stage(rows, seconds, "sal")
        leads.stage[rows] = ACCEPTED

    def _let_go(self, rows: Ints, monday: int) -> None:
        reasons = np.array(["no reply", "not now", "no budget"])
        chosen = self.rng.timing.integers(0, len(reasons), size=len(rows))
        seconds = office_hours(self.rng.timing, len(rows), monday=monday, days=(0, 1))
        for number, reason in enumerate(reasons):
            self._stage(rows[chosen == number], seconds[chosen == number], "recycled", str(reason))
        self.leads.stage[rows] = RECYCLED

    def _fate(self, rows: Ints, is_new: Flags, week: int) -> tuple[Flags, Flags, Floats]:
        """Settle who reaches the goal and who is disqualified this week, with the likelihood of that by state."""
        reach, invalid = self._chances(rows, week)
        at = np.arange(len(rows)), self.leads.state[rows]
        won = ~is_new & (self.rng.outcome.random(len(rows)) < reach[at])
        out = ~is_new & ~won & (self.rng.outcome.random(len(rows)) < invalid[at])
        fate = np.where(won[:, None], reach, (1 - reach) * np.where(out[:, None], invalid, 1 - invalid))
        return won, out, np.where(is_new[:, None], 1.0, fate)

    def _act(self, rows: Ints, week: int, monday: int, *, untouched: Flags) -> Floats:
        """Let leads do what their state makes them do; return how likely that is under each state."""
        leads = self.leads
        worked = leads.worked[rows]
        did, likelihood = draw_week(self.rng.activity, self.behaviour, leads.state[rows], leads.excited[rows], worked)
        sessions = place_sessions(
            self.rng.timing,
            did,
            monday=monday,
            earliest=self.company.created[rows],
            sleepless=self.company.kind[rows] == BOT,
        )
        self.lived.weeks.append(Seen(week, rows, did, sessions, worked))
        leads.points[rows] = np.minimum(leads.points[rows] + did.gain, MOST_POINTS)
        leads.excited[rows] = did.excites
        self._raise_stage(rows, did.excites & ~worked & untouched, sessions)
        return likelihood

    def _raise_stage(self, rows: Ints, eligible: Flags, sessions: Sessions) -> None:
        """Set marketing's own stages: engaged by any session, qualified by points.

        Eligible are leads whose stage sales has not touched this week, so that the order of stages is never in doubt.
        """
        leads = self.leads
        awake = eligible & np.isin(leads.stage[rows], [NEW, RECYCLED])
        self._stage(rows[awake], sessions.first[awake] + 60, "engaged")
        leads.stage[rows[awake]] = ENGAGED
        enough = leads.points[rows] + self.tier[rows] >= MQL_POINTS
        ripe = eligible & (leads.stage[rows] == ENGAGED) & enough
        self._stage(rows[ripe], sessions.last[ripe] + 900, "mql", "points")
        leads.stage[rows[ripe]] = QUALIFIED

    def _chances(self, rows: Ints, week: int) -> tuple[Floats, Floats]:
        """Return the chances of reaching the goal and of being disqualified, by state, shapes (n, 8)."""
        if self.constant is not None:
            reach = np.repeat(self.constant[rows][:, None], len(STOPPED), axis=1)
            return reach, np.zeros_like(reach)
        shift = self.world.shift_week
        era = int(shift is not None and week >= shift)
        worked = self.leads.worked[rows].astype(np.int64)
        reach = self.outcomes.reach[era][:, worked, self.closing[rows]]  # (8, n)
        return reach.T, self.outcomes.invalid[:, worked].T

    def _fill_size(self, worked: Ints, monday: int, *, share: float) -> None:
        unknown = worked[~self.leads.size_known[worked]]
        asked = unknown[self.rng.sales.random(len(unknown)) < share]
        self.lived.filled.append((asked, office_hours(self.rng.timing, len(asked), monday=monday, days=(2, 4))))
        self.leads.size_known[asked] = True
        self.oracle.learn_band(asked)

    def _win(self, rows: Ints, monday: int) -> None:
        seconds = office_hours(self.rng.timing, len(rows), monday=monday, days=(2, 4))
        early = self.leads.stage[rows] != ACCEPTED
        self._accept(rows[early], seconds[early] - 7200)
        self._stage(rows, seconds, "sql")
        band = self.company.band[self.company.account[rows]]
        lost_at = self.lived.pipeline.add(self.rng.outcome, rows, seconds, band)
        self.leads.status[rows] = np.where(lost_at > 0, SOLD, OUT)
        back = (lost_at - START_SECOND) // WEEK + 1
        self.leads.back_in_week[rows] = np.where(lost_at > 0, back, WEEKS + 1)

    def _drop(self, rows: Ints, monday: int) -> None:
        seconds = office_hours(self.rng.timing, len(rows), monday=monday, days=(3, 4))
        buyer = self.company.kind[rows] == 0
        self._stage(rows[buyer], seconds[buyer], "disqualified", "not a fit")
        self._stage(rows[~buyer], seconds[~buyer], "disqualified", "not a buyer")
        self.leads.status[rows] = OUT

    def _move(self, rows: Ints) -> None:
        chances = np.cumsum(self.steps[self.index[rows], self.leads.state[rows]], axis=1)
        draw = self.rng.state.random(len(rows)) * chances[:, -1]
        self.leads.state[rows] = (draw[:, None] >= chances).sum(axis=1)

    def _stage(self, rows: Ints, seconds: Ints, stage: str, reason: str = "") -> None:
        if len(rows):
            self.lived.stages.append(StageRows(rows, seconds, stage, reason))
            if stage != "recycled":
                self.leads.between[rows] = False
