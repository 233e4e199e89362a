"""What requests in flight share: one scoring, one transaction; and what each keeps for itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from leadlight.core.artifact import TrainedModel
from leadlight.serving.api.reading import Reader
from leadlight.serving.scorer import Answer, Question, Scorer
from leadlight.serving.store.keeper import KeepsNothing
from leadlight.serving.store.receipts import Slip
from leadlight.serving.store.together import KeptTogether
from leadlight.serving.together import AnsweredTogether
from models import request_body

NOW = 1_796_000_000_000_000


class Slow(KeepsNothing):
    """A keeper that takes as long as it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.go = threading.Event()
        self.groups: list[list[str]] = []
        self.fails = fails

    def keep(self, receipts: Sequence[Slip]) -> tuple[str, ...]:
        assert self.go.wait(10)
        if self.fails:
            raise RuntimeError("the disk is gone")
        self.groups.append([receipt.receipt_id for receipt in receipts])
        return ("receipts",)


def slip(name: str) -> Slip:
    return Slip(name, "L", 0, 0, 1, "a", b"{}", 50)


async def started(keeping: KeptTogether, names: Sequence[str]) -> list[asyncio.Task[tuple[str, ...]]]:
    tasks = [asyncio.create_task(keeping.keep([slip(name)])) for name in names]
    await asyncio.sleep(0.05)
    return tasks


def test_receipts_that_come_while_others_are_written_go_together() -> None:
    async def run() -> list[list[str]]:
        keeper = Slow()
        keeping = KeptTogether(keeper)
        first = await started(keeping, ["a"])
        rest = await started(keeping, ["b", "c", "d"])
        assert not any(task.done() for task in (*first, *rest))  # nobody goes on before the disk has it
        keeper.go.set()
        assert await asyncio.gather(*first, *rest) == [("receipts",)] * 4
        assert await keeping.keep([slip("e")]) == ("receipts",)
        keeping.close()
        return keeper.groups

    assert asyncio.run(run()) == [["a"], ["b", "c", "d"], ["e"]]


def test_whoever_leaves_while_waiting_harms_no_other() -> None:
    async def run() -> list[list[str]]:
        keeper = Slow()
        keeping = KeptTogether(keeper)
        (first,) = await started(keeping, ["a"])
        gone, stays = await started(keeping, ["b", "c"])
        first.cancel()
        gone.cancel()
        await asyncio.sleep(0)
        keeper.go.set()
        assert await stays == ("receipts",)
        keeping.close()
        return keeper.groups

    assert asyncio.run(run()) == [["a"], ["b", "c"]]  # what was handed over is kept


def test_a_failure_is_told_to_all_who_wait_and_ends_nothing() -> None:
    async def run() -> None:
        keeper = Slow(fails=True)
        keeper.go.set()
        keeping = KeptTogether(keeper)
        found = await asyncio.gather(*await started(keeping, ["a", "b"]), return_exceptions=True)
        assert [str(error) for error in found] == ["the disk is gone"] * 2
        keeper.fails = False
        assert await keeping.keep([slip("c")]) == ("receipts",)
        keeping.close()

    asyncio.run(run())


def questions(model: TrainedModel, count: int) -> list[Question]:
    reader = Reader(model.catalog, NOW, "en")
    asked = []
    for i in range(count):
        body = request_body()
        body["lead"].update(lead_id=f"L-{i}", attributes={"employees": 7 * i, "source": ("ads", None)[i % 2]})
        asked.append(Question(reader.read(body), ("en", "es")[i % 2], (None, 3, 0)[i % 3]))
    return asked


def told(answer: Answer) -> dict[str, Any]:
    return {name: repr(getattr(answer, name)) for name in answer.__dataclass_fields__} | {"row": answer.row.tobytes()}


def _told(question: Question | Exception) -> Question:
    if isinstance(question, Exception):
        raise question
    return question


async def answer_all(scorers: Sequence[Scorer], asked: Sequence[Question | Exception]) -> list[Any]:
    answering = AnsweredTogether()
    return await asyncio.gather(
        *(answering.answer(scorer, partial(_told, one)) for scorer, one in zip(scorers, asked, strict=True)),
        return_exceptions=True,
    )


@pytest.mark.parametrize("count", [1, 2, 7, 80])
def test_many_at_once_are_answered_as_each_alone(model: TrainedModel, count: int) -> None:
    scorer, asked = Scorer(model, 7), questions(model, count)
    together = asyncio.run(answer_all([scorer] * count, asked))
    alone = [scorer.answer(one.record, language=one.language, reasons=one.reasons) for one in asked]
    assert [told(answer) for answer in together] == [told(answer) for answer in alone]


def test_two_models_in_one_turn_are_told_apart(model: TrainedModel) -> None:
    scorers, asked = [Scorer(model, 1), Scorer(model, 2)], questions(model, 2)
    found = asyncio.run(answer_all(scorers, asked))
    assert [answer.lead_id for answer in found] == ["L-0", "L-1"]


def test_one_that_fails_fails_alone(model: TrainedModel) -> None:
    scorer, asked = Scorer(model, 7), questions(model, 3)
    broken = asked[1]._replace(language="fr")
    found = asyncio.run(answer_all([scorer] * 3, [asked[0], broken, asked[2]]))
    assert isinstance(found[1], KeyError)
    assert [answer.lead_id for answer in (found[0], found[2])] == ["L-0", "L-2"]
    refused = ValueError("no such lead")
    found = asyncio.run(answer_all([scorer] * 3, [asked[0], refused, asked[2]]))
    assert found[1] is refused
    assert [answer.lead_id for answer in (found[0], found[2])] == ["L-0", "L-2"]
