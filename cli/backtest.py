"""``leadlight backtest``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import AgreementOption, DataOption, JsonOption, MappingOption, read_agreement, read_history
from leadlight.core.errors import AgreementError

__all__ = ["backtest", "print_backtest"]

MonthsOption = Annotated[
    int | None, typer.Option("--months", min=1, help="At most so many months, the newest; default: all that can be.")
]
TopOption = Annotated[
    int | None, typer.Option("--top", min=1, help="Leads on a week's list; default: the agreed capacity, else a tenth.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same figures.")]

_MAIN: Final = ("scorecard", "logistic", "lightgbm", "leadlight", "odoo", "odoo_our_label")
"""What the large tables show; Odoo's other ways are a footnote."""


def backtest(
    data: DataOption,
    mapping: MappingOption = None,
    agreement: AgreementOption = None,
    months: MonthsOption = None,
    top: TopOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Replay a history as if you had used it: month after month, learn what was known, rank who was open.

    The hand-picked points, each candidate, what Leadlight would have served, and Odoo's lead scoring are shown the same
    leads; what each one's weekly list of the best would have caught is counted. Nothing is registered.
    """
    from leadlight.agreement.fit import goal_problem, misfits
    from leadlight.training.backtest.replay import backtest as run

    history, terms = read_history(data, mapping), read_agreement(data, agreement)
    if (goal := goal_problem(terms, history)) is not None:
        raise AgreementError.listing(str(data), [goal])
    for said in misfits(terms, history):
        screen.note(f"Note: {said}")
    done = run(history, terms, months=months, top=top, seed=seed, progress=lambda step: screen.note(f"{step} ..."))
    print_backtest(done.found)
    screen.note(done.sentence)
    for said in (*done.found["words"], *done.found["left_out"], *history.notes):
        screen.note(f"Note: {said}")
    if as_json:
        screen.emit({"ok": True, "sentence": done.sentence, **done.found})


def print_backtest(found: Mapping[str, Any]) -> None:
    """Print a backtest as `leadlight.training.backtest.replay.Backtest.found` gives it."""
    named = found["methods"]
    shown = [name for name in _MAIN if name in named]
    rest = [name for name in named if name not in shown]
    _lists(
        found,
        [*shown, "random"],
        f"The best {found['top']['room_words']}, each lead once (95 % interval below each figure)",
    )
    _pooled(found, shown, "All open leads, on later weeks than anything that was learned")
    _periods(found, [name for name in shown if name != "odoo_our_label"])
    if rest:
        _pooled(found, rest, "Footnote: other ways to run Odoo's lead scoring (stock: the fields of its settings page)")
        _lists(found, rest, "Footnote: what their lists would have held")


def _words(found: Mapping[str, Any], name: str) -> str:
    return str(found["methods"].get(name, "by lot (on average)"))


def _lists(found: Mapping[str, Any], names: list[str], title: str) -> None:
    top, against = found["top"], found["against"].get("scorecard", {})
    head = ["list", "listed", f"caught of {top['converted']:,}", "share caught", "precision", "times by lot"]
    if against:
        head += ["caught, less the points'"]
    rows = []
    for name in names:
        mine = top["methods"][name]
        row = [_words(found, name), f"{mine['listed']:,.0f}", f"{mine['caught']:,.0f}"]
        row += [_share(mine["share_caught"]), _share(mine["precision"]), _figure(mine["lift_against_random"], 2)]
        if against:
            row += [_figure(against[name]["caught"], 0) if name in against else ""]
        rows.append(row)
    screen.table(title, head, rows)


def _pooled(found: Mapping[str, Any], names: list[str], title: str) -> None:
    pooled, against = found["pooled"]["methods"], found["against"].get("odoo", {})
    head = ["method", "AUC in weeks", "less Odoo's", "log loss raw", "recalibrated", "calibration error"]
    rows = []
    for name in names:
        mine = pooled[name]
        gain = _figure(against[name]["auc"]) if name in against else ""
        figures = (mine[key] for key in ("log_loss", "log_loss_recalibrated", "calibration_error"))
        rows.append([_words(found, name), _figure(mine["auc"]), gain, *(_figure(one) for one in figures)])
    screen.table(title, head, rows)


def _periods(found: Mapping[str, Any], names: list[str]) -> None:
    head = [found["unit"], "known", "leads", "won", "served", *names]
    rows = []
    for period in found["periods"]:
        asked, methods = period["asked"], period["methods"]
        row = [
            period["name"],
            f"{period['known']['conversions']:,}",
            f"{asked['leads']:,}",
            f"{asked['conversions']:,}",
        ]
        row += [period["chosen"], *(_month(methods[name]) for name in names)]
        rows.append(row)
    title = f"By {found['unit']}: conversions known, leads asked about, won; then AUC, its interval, caught of listed"
    screen.table(title, head, rows)


def _month(method: Mapping[str, Any]) -> str:
    return f"{_figure(method['auc'], 2)}\n{method['caught']:,.0f} of {method['listed']:,.0f}"


def _figure(figure: Mapping[str, float | None], digits: int = 3) -> str:
    value, low, high = (screen.number(figure[end], digits) for end in ("value", "low", "high"))
    return f"{value}\n{low}..{high}"


def _share(figure: Mapping[str, float | None]) -> str:
    value, low, high = (None if (found := figure[end]) is None else 100 * found for end in ("value", "low", "high"))
    return f"{screen.number(value, 0)} %\n{screen.number(low, 0)}..{screen.number(high, 0)} %"
