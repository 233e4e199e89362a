"""Answers together: what all requests in flight ask is answered in one go, for many leads cost little more than one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from leadlight.serving.scorer import Answer, Question, Scorer

__all__ = ["AnsweredTogether"]

_MOST: Final = 16
"""Leads that are scored before anything else gets a turn: a few milliseconds."""


class _Asked(NamedTuple):
    """A request that waits."""

    scorer: Scorer
    read: Callable[[], Question]
    answered: asyncio.Future[Answer]


class AnsweredTogether:
    """Gathers the questions of one turn of the event loop and answers them together, step by step.

    A question alone waits for nothing. Nothing is handed to a thread: scoring a lead takes less than that would.
    Many together get the same bits as each alone.
    """

    def __init__(self) -> None:
        self._waiting: list[_Asked] = []

    async def answer(self, scorer: Scorer, read: Callable[[], Question]) -> Answer:
        """Answer one question.

        Parameters
        ----------
        scorer : Scorer
        read : callable
            Returns the question, or raises what is told to the caller.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(loop.call_soon, self._answer)  # a turn later: answers just sent bring the next questions
        self._waiting.append(_Asked(scorer, read, answered))
        return await answered

    def _answer(self) -> None:
        group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        read = [(asked, question) for asked in group if (question := _question(asked)) is not None]
        if len({id(asked.scorer) for asked, _ in read}) == 1 and _answer_all(read):
            return
        for pair in read:  # a new model came in between, or one fails: which one, each alone will tell
            _answer_alone(*pair)


def _question(asked: _Asked) -> Question | None:
    try:
        return asked.read()
    except Exception as error:  # whoever asked must learn of it
        _fail(asked.answered, error)
        return None


def _answer_all(read: list[tuple[_Asked, Question]]) -> bool:
    """Answer all, or none; return whether it was done."""
    try:
        answers = read[0][0].scorer.answer_all([question for _, question in read])
    except Exception:
        return False
    for (asked, _), answer in zip(read, answers, strict=True):
        _settle(asked.answered, answer)
    return True


def _answer_alone(asked: _Asked, question: Question) -> None:
    try:
        _settle(asked.answered, asked.scorer.answer_all([question])[0])
    except Exception as error:
        _fail(asked.answered, error)


def _settle(answered: asyncio.Future[Answer], answer: Answer) -> None:
    if not answered.done():  # who has gone does not wait
        answered.set_result(answer)


def _fail(answered: asyncio.Future[Answer], error: Exception) -> None:
    if not answered.done():
        answered.set_exception(error)
