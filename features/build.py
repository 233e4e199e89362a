"""Compute a catalog's columns at moments: one implementation for training, batch and online.

A catalog is compiled once into a `Plan` (tables of numbers for the compiled loops), so that a batch of one costs tens
of microseconds. Many moments are cut into chunks for threads; each moment is worked out on its own, so the cut changes
no bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadlight.core.catalog import Catalog
from leadlight.core.errors import ModelContractError, UnknownPrimitive
from leadlight.features import account, activity, cycle, profile
from leadlight.features.memo import by_identity
from leadlight.features.order import Ints, Numbers
from leadlight.features.timeline import Moments, Timeline

__all__ = ["PRIMITIVES", "Plan", "build", "check_primitives", "compile_plan"]

PRIMITIVES: Final[Mapping[str, int]] = {
    name: 1 for family in (profile, activity, cycle, account) for name in sorted(family.OPERATIONS)
}
"""Each computation that this code knows, with its version."""

_CHUNK: Final = 8192


class Plan(NamedTuple):
    """A catalog compiled for the loops; a family without features is None."""

    n_features: int
    profile: profile.ProfilePlan | None
    activity: activity.ActivityPlan | None
    cycle: cycle.CyclePlan | None
    account: account.AccountPlan | None


@by_identity
def compile_plan(catalog: Catalog) -> Plan:
    """Compile a catalog; kept for the catalogs used last.

    Raises
    ------
    UnknownPrimitive
        If the catalog needs a computation that this code does not know.
    """
    check_primitives(catalog, "The catalog")
    families = (family.compile_plan(catalog) for family in (profile, activity, cycle, account))
    return Plan(len(catalog.features), *families)


def check_primitives(catalog: Catalog, model: str) -> None:
    """Refuse a catalog that this code can't compute.

    Parameters
    ----------
    catalog : Catalog
    model : str
        What the message calls it.

    Raises
    ------
    UnknownPrimitive
        Naming each primitive and version that is missing.
    """
    if any(PRIMITIVES.get(name) != version for name, version in catalog.primitives):
        raise UnknownPrimitive.among(catalog.primitives, PRIMITIVES.items(), model=model)


def build(
    catalog: Catalog,
    timeline: Timeline,
    moments: Moments,
    *,
    account_known: NDArray[np.bool_] | None = None,
) -> Numbers:
    """Return what was known about leads at moments.

    Parameters
    ----------
    catalog : Catalog
    timeline : Timeline
        Encoded by this catalog's vocabulary.
    moments : Moments
        The questions; only what happened and was recorded strictly before ``as_of`` counts.
    account_known : ndarray of shape (n_moments,), dtype bool, optional
        Where False the account is treated as not known: training hides it on a share of moments, so that a model
        learns what "not known" means.

    Returns
    -------
    ndarray of shape (n_moments, n_features), dtype float64
        Row i is moment i; columns in the catalog's order; NaN where a number is not known.

    Raises
    ------
    UnknownPrimitive
        If the catalog needs a computation that this code does not know.
    ModelContractError
        If the timeline was encoded by another vocabulary, or a moment names a lead that is not in it.
    """
    plan = compile_plan(catalog)
    moments = Moments(_writable(moments.lead), _writable(moments.as_of))
    _check_fit(catalog, timeline, moments)
    out = np.empty((moments.lead.size, plan.n_features))
    asks_accounts = plan.account if timeline.accounts.start.size > 1 else None
    if plan.account is not None and asks_accounts is None:  # no lead's account is known: nothing to walk through
        out[:, plan.account.operations[:, 3]] = np.nan
    known = np.ones(moments.lead.size, np.bool_) if account_known is None else np.asarray(account_known, np.bool_)
    prepared = asks_accounts and asks_accounts.prepare(timeline)

    def work(rows: slice) -> None:
        asked = Moments(moments.lead[rows], moments.as_of[rows])
        for family in (plan.profile, plan.activity, plan.cycle):
            if family is not None:
                family.write(timeline, asked, out[rows])
        if asks_accounts is not None and prepared is not None:
            asks_accounts.write(timeline, asked, known[rows], prepared, out[rows])

    _spread(work, moments.lead.size)
    return out


def _writable(numbers: Ints) -> Ints:
    """Return int64 in one piece: read-only or strided arrays would make numba compile again for each kind."""
    return np.require(numbers, np.int64, ["C", "W"])


def _check_fit(catalog: Catalog, timeline: Timeline, moments: Moments) -> None:
    mine, theirs = catalog.vocabulary, timeline.vocabulary
    if mine is not theirs and mine != theirs:
        raise ModelContractError("The timeline was encoded by another catalog's vocabulary; encode it with this one's.")
    leads = moments.lead
    if leads.size and not 0 <= int(leads.min()) <= int(leads.max()) < timeline.n_leads:
        raise ModelContractError(f"A moment names a lead outside the timeline's {timeline.n_leads} leads.")


def _spread(work: Callable[[slice], None], n: int) -> None:
    """Do the work in chunks on all cores; a single chunk stays in this thread."""
    if n <= _CHUNK:
        work(slice(0, n))
        return
    with ThreadPoolExecutor(os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()) as threads:
        for done in [threads.submit(work, slice(i, i + _CHUNK)) for i in range(0, n, _CHUNK)]:
            done.result()
