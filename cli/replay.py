"""``leadlight replay``: a score shown again from its receipt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption
from leadlight.cli.store import missing_file
from leadlight.core.errors import NothingThere, UsageError

if TYPE_CHECKING:
    from leadlight.core.artifact import TrainedModel
    from leadlight.core.settings import Settings
    from leadlight.serving.replay import Replayed
    from leadlight.serving.store.receipts import ErasedReceipt, Receipt

__all__ = ["replay"]

_DIFFERS: Final = 1


def replay(
    receipt_id: Annotated[str, typer.Argument(help="As it was answered with the score.", metavar="RECEIPT_ID")],
    as_json: JsonOption = False,
) -> None:
    """Score a receipt's stored values again with the model version that made it.

    Exit 0 where score, log-odds and reasons come out with the same bits; 1 with what differs, and where the receipt
    was erased; 3 where there is no such receipt, or its model is nowhere any more.
    """
    from leadlight.core import settings
    from leadlight.serving.store.receipts import ErasedReceipt

    setting = settings.load()
    found = _find(setting, receipt_id)
    if isinstance(found, ErasedReceipt):
        _tell_erased(found, as_json=as_json)
    else:
        _tell(found, *_replayed(setting, found), as_json=as_json)


def _find(setting: Settings, receipt_id: str) -> Receipt | ErasedReceipt:
    """Look in the spool first, for a home whose database was never made; nothing is made here."""
    from leadlight.serving.store.database import Database
    from leadlight.serving.store.ids import is_receipt_id
    from leadlight.serving.store.keeper import ReceiptKeeper
    from leadlight.serving.store.receipt_table import ReceiptTable
    from leadlight.serving.store.spool import SPOOL_FILE, Spool

    if not is_receipt_id(receipt_id):
        raise UsageError(f"{receipt_id[:100]!r} is no receipt's id: those have 26 digits and capital letters.")
    spool, missing = Spool(setting.home_path / SPOOL_FILE), missing_file(setting.database)
    if missing is not None:
        found: Receipt | ErasedReceipt | None = spool.find(receipt_id)
    else:
        keeper = ReceiptKeeper(ReceiptTable(Database(setting.database)), spool)
        try:
            found = keeper.get(receipt_id)
        finally:
            keeper.close()
    if found is None:
        where = f"there is no database at {missing}" if missing else "the database has none of this id"
        raise NothingThere(f"There is no receipt {receipt_id}: {where}. Is LEADLIGHT_HOME the service's?")
    return found


def _replayed(setting: Settings, receipt: Receipt) -> tuple[Replayed, str]:
    """Replay with the model of the receipt's version; where numbers began anew, with the one that made it."""
    from leadlight.core.errors import ModelContractError
    from leadlight.serving.replay import replay as replay_receipt

    best: tuple[Replayed, str] | None = None
    trouble: ModelContractError | None = None
    for model, place in _models(setting, receipt.model_version):
        try:
            now = replay_receipt(receipt, model), place
        except ModelContractError as error:  # another model of the same number
            trouble = error
            continue
        if now[0].same_bits:
            return now
        best = best or now
    if best is None:
        assert trouble is not None  # there is a model, and it was refused
        raise trouble
    return best


def _models(setting: Settings, version: int) -> Iterator[tuple[TrainedModel, str]]:
    """Yield what bears this number: from the shelf, the newest first; from MLflow where the shelf has none."""
    from leadlight.core import artifact
    from leadlight.core.shelf import Shelf

    shelf = Shelf(setting)
    there = shelf.folders(version)
    for folder in reversed(there):
        yield artifact.load(folder), str(folder)
    if not there:
        yield _from_mlflow(setting, version), "MLflow"


def _from_mlflow(setting: Settings, version: int) -> TrainedModel:
    lost = f"Model version {version} is neither kept in {setting.model_shelf} nor in MLflow at {setting.tracking}"
    if missing_file(setting.tracking) if setting.artifact_root else None:
        raise NothingThere(f"{lost}, which is not there. Restore one of the two from a backup.")
    from leadlight.core.registry import Registry

    screen.note(f"Model version {version} is not kept in {setting.model_shelf}; asking MLflow ...")
    try:
        return Registry(setting).load(str(version))[0]
    except UsageError:
        raise NothingThere(f"{lost}. Restore one of the two from a backup.") from None


def _tell_erased(left: ErasedReceipt, *, as_json: bool) -> None:
    screen.note(
        f"Receipt {left.receipt_id} was erased on {_time(left.erased_at)}, so it can't be replayed. Left of it: made "
        f"on {_time(left.made_at)} by model version {left.model_version}, score {left.score}."
    )
    if as_json:
        screen.emit({"ok": False, "error": "erased_receipt", **_erased(left)})
    raise typer.Exit(_DIFFERS)


def _erased(left: ErasedReceipt) -> dict[str, Any]:
    return {
        "receipt_id": left.receipt_id,
        "made_at": left.made_at,
        "erased_at": left.erased_at,
        "model_version": left.model_version,
        "score": left.score,
    }


def _tell(receipt: Receipt, now: Replayed, place: str, *, as_json: bool) -> None:
    rows = [(found.what, _said(found.receipt), _said(found.now)) for found in now.differences]
    if rows:
        screen.table(f"Receipt {receipt.receipt_id}", ("what", "receipt", "now"), rows)
    screen.note(
        f"Receipt {receipt.receipt_id}, made on {_time(receipt.made_at)} by {receipt.model_name} version "
        f"{receipt.model_version} ({place}): {_verdict(receipt, now)}"
    )
    if as_json:
        screen.emit(_document(receipt, now, place))
    if not now.same_bits:
        raise typer.Exit(_DIFFERS)


def _verdict(receipt: Receipt, now: Replayed) -> str:
    if now.same_bits:
        count = len(receipt.reasons)
        return f"same bits: score {now.score}, log-odds {now.log_odds!r}, {count} reason{'s' * (count != 1)}."
    if now.is_rounding:
        return "last digits differ, as they do on another release or family of processors."
    return f"not the same; what differs is listed ({len(now.differences)})."


def _document(receipt: Receipt, now: Replayed, place: str) -> dict[str, Any]:
    differences = [{"what": one.what, "receipt": one.receipt, "now": one.now} for one in now.differences]
    return {
        "ok": now.same_bits,
        "receipt_id": receipt.receipt_id,
        "made_at": receipt.made_at,
        "model_version": receipt.model_version,
        "model_from": place,
        "same_bits": now.same_bits,
        "rounding_only": now.is_rounding and not now.same_bits,
        "score": now.score,
        "log_odds": now.log_odds,
        "differences": differences,
    }


def _said(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else repr(value)


def _time(micros: int) -> str:
    from leadlight.core.clock import time_text

    return time_text(micros, "seconds")
