"""A history without the fields that the audit leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadlight.core.history import History
    from leadlight.training.audit.findings import Audit

__all__ = ["without_leaks"]


def without_leaks(history: History, audit: Audit) -> History:
    """Return the history with the leaks among its excluded columns, each with its reason; the input stays as it is.

    Parameters
    ----------
    history : History
    audit : Audit
        Of this history.
    """
    reasons = audit.left_out
    out = [attribute for attribute in history.attributes if attribute.name in reasons]
    if not out:
        return history
    names = [attribute.name for attribute in out]
    changes = history.attribute_changes
    return replace(
        history,
        leads=history.leads.drop(columns=[name for name in names if name in history.leads]),
        attribute_changes=changes[~changes["attribute"].isin(names)].reset_index(drop=True),
        attributes=tuple(attribute for attribute in history.attributes if attribute.name not in reasons),
        excluded={**history.excluded, **{a.column or a.label: reasons[a.name] for a in out}},
    )
