"""``leadlight demo``: the whole path on a simulated company, from nothing to a served ranking."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption, read_agreement, read_history
from leadlight.cli.serve import tell
from leadlight.cli.train import VERDICT_SAYS_NO
from leadlight.core.clock import Clock, FixedClock, to_micros
from leadlight.core.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from leadlight.agreement.terms import Agreement
    from leadlight.core.artifact import TrainedModel
    from leadlight.core.history import History
    from leadlight.core.registry import Registry
    from leadlight.core.settings import Settings
    from leadlight.training.run import Trained
    from leadlight.training.simulate import Simulated

__all__ = ["demo"]

_LABEL: Final = "demo"
"""Of the demo's key: a demo that is run once more revokes the one before, which nobody can be shown again."""

_SHOWN: Final = 12


def demo(
    leads: Annotated[int, typer.Option("--leads", min=200, help="Size of the simulated company.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same company.")] = 0,
    folder: Annotated[Path, typer.Option("--dir", help="Becomes the home; the history lies in its history/.")] = Path(
        "demo"
    ),
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop after the ranking.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where to serve on 127.0.0.1.")] = 8000,
    as_json: JsonOption = False,
) -> None:
    """Simulate a company, train, promote, score its open leads, print the ranking, then serve its store.

    The clock of the service stands at the end of the simulated history, so leads are as they were then.
    """
    from leadlight.core import settings
    from leadlight.core.registry import cached_champion

    # all of its own: a demo must not put its key and its models where a company keeps its own
    setting = settings.load(home=folder).model_copy(update={"database_url": None, "tracking_uri": None})
    screen.note(f"Home: {setting.home_path}")
    steps = screen.Steps()
    data = setting.home_path / "history"
    history = _company(setting, data, leads, seed, steps)
    trained, version = _train(history, data, seed, setting, steps)
    if version is None:
        screen.note(trained.report.verdict.text)
        if as_json:
            screen.emit({"verdict": trained.verdict, "seconds": steps.seconds})
        raise typer.Exit(VERDICT_SAYS_NO)
    model, _ = cached_champion(setting)
    with steps.step("score", "Scoring the open leads"):
        ranking = _ranking(model, history, version, data)
    _show(ranking)
    figures = _figures(trained, data)
    assert history.ended_at is not None  # a simulated company has dates
    clock = FixedClock(history.ended_at.to_pydatetime())
    with steps.step("import", "Taking the history into the store"):
        _fill(setting, history, clock)
    with steps.step("rescore", "Scoring what the store holds"):  # else the queue is short for the first seconds
        _score_stored(setting, model, version, clock)
    _say(figures)
    api_key = _key(setting)
    _say_key(api_key, port)
    if as_json:
        told = {"verdict": trained.verdict, **figures, "model_version": version, "seconds": steps.seconds}
        screen.emit({**told, "api_key": api_key})
    if not no_serve:
        from leadlight.serving.run import serve

        serve(setting, clock=clock, host="127.0.0.1", port=port, tell=tell)


def _refuse_others(setting: Settings, simulated: Simulated) -> None:
    """Refuse to mix a company into a store that holds another's leads, whose ids are the same; nothing is written."""
    from leadlight.cli.store import opened
    from leadlight.serving.ledger.importing import is_empty, was_taken
    from leadlight.training.simulate import write

    with opened(setting) as database, database.reading() as connection:
        if is_empty(connection):
            return
        with tempfile.TemporaryDirectory() as scratch:
            write(simulated, Path(scratch))
            history = read_history(Path(scratch), None)
        if not was_taken(connection, history):
            raise UsageError(
                f"{setting.home_path} holds the leads of another company, for example of a demo with another --seed or "
                "--leads. Name another folder with --dir, or delete this one."
            )


def _fill(setting: Settings, history: History, clock: Clock) -> None:
    """Take the history into the demo's store; in a demo that is run once more it is there already."""
    from leadlight.cli.store import opened
    from leadlight.core.secret import secret_of
    from leadlight.serving.ledger.importing import import_history

    with opened(setting) as database:
        now = to_micros(clock.now())
        import_history(database, secret_of(setting), history, now=now, progress=lambda *_: None)


def _score_stored(setting: Settings, model: TrainedModel, version: int, clock: Clock) -> None:
    """Score the store's open leads as the service does."""
    from leadlight.cli.store import opened
    from leadlight.serving.champion import Champion
    from leadlight.serving.rescoring.rescorer import Rescorer

    champion = Champion(lambda: (model, version), None)
    champion.load()
    with opened(setting) as database:
        rescorer = Rescorer(database, champion, clock)
        while rescorer.turn():
            pass


def _key(setting: Settings) -> str:
    """Make the key that opens the demo's service, instead of the one of an earlier run."""
    from leadlight.cli.keys import keys_of, made

    text, key = made("admin", label=_LABEL)
    with keys_of(setting) as keys:
        keys.replace_labelled(key)
    return text


def _say_key(text: str, port: int) -> None:
    screen.note("The service asks for a key, shown this once. In a browser enter it at /login; programs send a header:")
    typer.echo(f"  export LEADLIGHT_KEY={text}", err=True)  # not by note, which breaks lines in a narrow terminal
    typer.echo(f'  curl -H "Authorization: Bearer $LEADLIGHT_KEY" http://127.0.0.1:{port}/v1/model', err=True)


def _company(setting: Settings, data: Path, leads: int, seed: int, steps: screen.Steps) -> History:
    from leadlight.training.simulate import simulate, write

    with steps.step("simulate", f"Simulating a company with {leads:,} leads"):
        simulated = simulate(leads=leads, seed=seed)
        _refuse_others(setting, simulated)
        write(simulated, data)
    with steps.step("read", "Reading and checking its history"):
        return read_history(data, None)


def _train(
    history: History, data: Path, seed: int, setting: Settings, steps: screen.Steps
) -> tuple[Trained, int | None]:
    from leadlight.core.registry import Registry
    from leadlight.training.register import register
    from leadlight.training.run import train

    with steps.step("train", "Training the candidates"):
        terms = read_agreement(data, None)
        trained = train(
            history,
            terms,
            seed=seed,
            progress=lambda step: screen.note(f"  {step}"),
            notice=lambda said: screen.note(f"  Leak: {said}"),
        )
    with steps.step("register", "Registering and promoting in MLflow"):
        registry = Registry(setting)
        version = register(registry, trained)[1]
        if version is not None:
            _promote(registry, version, history, terms)
    return trained, version


def _promote(registry: Registry, version: int, history: History, terms: Agreement) -> None:
    """Let the gate decide on a first model; a demo that is run once more shows what it has just trained."""
    from leadlight.training.gate.registry import judge_version, promote

    again = registry.champion() is not None
    judge_version(registry, version, history, terms)
    promote(registry, version, forced="the demo shows the model that it has just trained" if again else None)


def _ranking(model: TrainedModel, history: History, version: int, data: Path) -> pd.DataFrame:
    """Score the open leads, write them beside the history, and rank them by model and by points."""
    import pandas as pd

    from leadlight.serving.batch import score_history

    scored = pd.concat(score_history(model, history, version=version, reasons=3), ignore_index=True)
    ranked = scored.sort_values(["log_odds", "lead_id"], ascending=[False, True], ignore_index=True)
    ranked["rank"] = range(1, len(ranked) + 1)
    ranked["scorecard_rank"] = ranked["scorecard_points"].rank(ascending=False, method="min").astype("Int64")
    ranked.to_csv(data.parent / "ranking.csv", index=False)
    return ranked


def _show(ranking: pd.DataFrame) -> None:
    shown = ranking.head(_SHOWN)
    chances = [screen.percent(None if p != p else p) for p in shown["probability"].tolist()]
    columns = ["rank", "scorecard_rank", "lead_id", "score"], ["grade", "why"]
    words = [shown[names].astype("str").to_numpy().tolist() for names in columns]
    rows = [(*before, chance, *after) for before, chance, after in zip(words[0], chances, words[1], strict=True)]
    head = ("rank", "card's rank", "lead", "score", "chance", "grade", "why")
    screen.table(f"The first {len(rows)} of {len(ranking):,} open leads", head, rows, numbers_from=7)


def _figures(trained: Trained, data: Path) -> dict[str, Any]:
    """Compare scorecard, champion and what could be known at all, on the same later moments."""
    from leadlight.training.ceiling import ceiling_auc

    chosen = trained.model.kind if trained.model is not None else "scorecard"
    areas = {c.kind: c.ranking for c in trained.report.candidates}
    return {
        "champion": chosen,
        "auc": {
            "scorecard": areas["scorecard"]["auc"].value,
            "champion": areas[chosen]["auc"].value,
            "ceiling": ceiling_auc(trained.looked_at, data / "truth.parquet"),
        },
        "caught_in_top_10_percent": {
            "scorecard": areas["scorecard"]["top_10"].value,
            "champion": areas[chosen]["top_10"].value,
        },
    }


def _say(figures: dict[str, Any]) -> None:
    areas, caught = figures["auc"], figures["caught_in_top_10_percent"]
    screen.note(
        f"On later moments that none had seen: AUC {screen.number(areas['scorecard'])} by the hand-picked points, "
        f"{screen.number(areas['champion'])} by the champion ({figures['champion']}), "
        f"{screen.number(areas['ceiling'])} is the most that could be known."
    )
    screen.note(
        f"The best tenth of the list holds {screen.percent(caught['scorecard'])} of the conversions by points, "
        f"{screen.percent(caught['champion'])} by the champion."
    )
