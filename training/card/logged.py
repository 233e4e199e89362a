"""Keeps the card of a registered version in MLflow, and makes it anew when the gate or a promotion adds to it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from leadlight.core.errors import ModelContractError
from leadlight.training.card.page import Standing, render

if TYPE_CHECKING:
    from leadlight.core.registry import Registry

__all__ = ["CARD", "card_of", "log_card"]

CARD: Final = "model_card.html"
"""Artifact of a version's run."""


def card_of(registry: Registry, version: int) -> str:
    """Return a version's card with what the gate and promotions have made of it so far."""
    name = str(version)
    standing = Standing(version, registry.aliases(name), registry.decisions(name), registry.promotions(name))
    return render(registry.report(name), registry.texts(name, "plots"), standing)


def log_card(registry: Registry, version: int) -> None:
    """Keep a version's card with its run, in place of an earlier one.

    A version without a report of its training has no card, which must not stop anybody from promoting it; asking for
    the card says why.
    """
    with suppress(ModelContractError):
        registry.attach(str(version), CARD, card_of(registry, version))
