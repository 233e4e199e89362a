"""The gate on registered versions: loads both models, decides, and has the decision kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leadlight.core.errors import GateRefused, ModelContractError, UsageError
from leadlight.training.card.logged import log_card
from leadlight.training.gate.decide import Decision, decide, first_model

if TYPE_CHECKING:
    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.core.registry import Registry

__all__ = ["judge_version", "let_pass", "promote", "standing"]


def judge_version(
    registry: Registry,
    version: int,
    history: History,
    agreement: Agreement,
    *,
    seed: int = 0,
    as_of: int | None = None,
) -> Decision:
    """Hold a registered version against the present champion, and record the decision with it.

    A champion that this release can't read or compute any more is no reason to fail: the decision is to refuse, and
    says why.

    Parameters
    ----------
    registry : Registry
    version : int
        The challenger.
    history : History
    agreement : Agreement
        The one that it was trained for.
    seed : int
        Of the draws.
    as_of : int, optional
        Microseconds; what was recorded then or later is not known. Default: the history's end.

    Raises
    ------
    UsageError
        If the version is the champion itself.
    """
    present = registry.champion()
    if present == version:
        raise UsageError(f"Version {version} is the champion already: there is nothing to hold it against.")
    challenger = registry.load(str(version))[0]
    used = registry.used_by_decisions()
    try:
        decision = decide(
            history,
            agreement,
            champion=None if present is None else registry.load(str(present))[0],
            challenger=challenger,
            used_until=used.until,
            used_data=used.data,
            champion_version=present,
            seed=seed,
            as_of=as_of,
        )
    except ModelContractError as error:
        said = f"The gate can't compare them: {error} To promote it unseen, give --force and that reason."
        decision = Decision("refuse", (said,), champion_version=present)
    _keep(registry, version, decision)
    return decision


def let_pass(registry: Registry, version: int) -> None:
    """Let a version pass on the decision that is kept of it; where there is no champion, on its own verdict.

    Raises
    ------
    GateRefused
        With the gate's reasons, or with what to do where it was never held against the present champion.
    """
    present = registry.champion()
    found = standing(registry.decisions(str(version)), present)
    if found is None and present is None:
        decision = first_model(registry.load(str(version))[0])
        _keep(registry, version, decision)
        found = decision.to_dict()
    if found is None:
        never = f"The gate has not held it against version {present}, the present champion. Name the history to do so: "
        raise GateRefused.because(version, "not_judged", [never + "--data DIR."])
    if found["word"] != "pass":
        raise GateRefused.because(version, found["word"], found["reasons"])


def promote(registry: Registry, version: int, *, forced: str | None = None, by: str | None = None) -> None:
    """Make a version the champion, and tell so on its card; see `leadlight.core.registry.Registry.promote`."""
    registry.promote(str(version), forced=forced, by=by)
    log_card(registry, version)


def _keep(registry: Registry, version: int, decision: Decision) -> None:
    """Have a decision recorded, and told on the version's card."""
    registry.record_decision(version, decision.to_dict(), page=decision.markdown())
    log_card(registry, version)


def standing(decisions: Sequence[Mapping[str, Any]], champion: int | None) -> Mapping[str, Any] | None:
    """Return the decision against a champion that stands; None where there is none.

    It is the latest that compared the two. "Not yet" takes nothing back: it only says that nothing new is known.
    """
    against = [decision for decision in decisions if decision["champion_version"] == champion]
    compared = [decision for decision in against if decision["word"] != "not_yet"]
    found = compared or against
    return found[-1] if found else None
