"""Receipts as a failing disk leaves them."""

from __future__ import annotations

from fastapi import FastAPI
from sqlalchemy import select

from leadlight.serving.store.schema import RECEIPTS

__all__ = ["damage"]


def damage(app: FastAPI, receipt_id: str) -> None:
    """Flip one bit of a receipt in the store of a running service."""
    one = RECEIPTS.c.receipt_id == receipt_id
    with app.state.desk.memory.database.writing() as connection:
        stored = connection.execute(select(RECEIPTS.c.packed).where(one)).scalar_one()
        connection.execute(RECEIPTS.update().where(one).values(packed=stored[:-1] + bytes([stored[-1] ^ 1])))
