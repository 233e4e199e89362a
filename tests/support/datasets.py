"""Where the public data sets are: beside the repository, never in it; and how they look to someone who trusts them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlight.core.history import History
from leadlight.core.mapping import parse
from leadlight.core.source import history_from_tables, read_history

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DATA = ROOT.parent / "shared" / "data"
NOW = pd.Timestamp("2026-11-23", tz="UTC")


def dataset(name: str) -> Path:
    """Return the folder of a data set, or skip the test and say why."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"needs the data set ../shared/data/{name}, which is not here (see examples/README.md)")
    return folder


def mapping(name: str) -> Path:
    """Return the example's mapping of a data set."""
    return EXAMPLES / name / "dataset.toml"


def trusting_mapping(name: str, *, answered: bool = True) -> str:
    """Return the example's mapping without its exclusions; with ``answered=False`` also without what was known when."""
    lines = [line for line in mapping(name).read_text().splitlines() if "{ exclude" not in line]
    if not answered:
        for known in ("creation", "moment"):
            said = f'known = "{known}"'
            lines = [line.replace(f", {said}", "").replace(f"{said}, ", "").replace(said, "") for line in lines]
    return "\n".join(lines) + "\n"


def trusting_history(name: str, folder: Path, *, answered: bool = True) -> History:
    """Read a data set by that mapping, which is written to ``folder``."""
    path = folder / f"{name}.toml"
    path.write_text(trusting_mapping(name, answered=answered))
    return read_history(dataset(name), mapping=path, now=NOW)


def olist_joined() -> History:
    """Return Olist's leads with the columns of the deals joined in, as an export from a CRM would have them."""
    folder = dataset("olist_funnel")
    leads = pd.read_csv(folder / "olist_marketing_qualified_leads_dataset.csv", dtype="str")
    deals = pd.read_csv(folder / "olist_closed_deals_dataset.csv", dtype="str")
    text = trusting_mapping("olist_funnel").replace("[leads.columns]", '[leads.columns]\nowner_id = "sr_id"')
    tables = {"leads": leads.merge(deals.drop(columns=["won_date", "seller_id"]), on="mql_id", how="left")}
    return history_from_tables({**tables, "stage_changes": deals}, now=NOW, mapping=parse(text))


def meaningless(history: History, seed: int = 0) -> tuple[History, dict[str, str]]:
    """Return the history with rows and columns shuffled and no names nor words left, and each new name's old one."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(history.leads))
    leads = history.leads.iloc[order].reset_index(drop=True)
    outcome = history.outcome
    if outcome is not None:
        converted, rank = (part.iloc[order].reset_index(drop=True) for part in (outcome.converted, outcome.order))
        outcome = replace(outcome, converted=converted, order=rank)
    names, attributes = {}, []
    for place, at in enumerate(rng.permutation(len(history.attributes))):
        attribute = history.attributes[at]
        name = f"c{place:02d}"
        names[name] = attribute.name
        attributes.append(replace(attribute, name=name, label=name, column=name))
        values = leads.pop(attribute.name)
        if attribute.kind == "category":
            words = values.dropna().unique()
            values = values.map(
                {word: f"v{code}" for code, word in zip(rng.permutation(len(words)), words, strict=True)}
            )
            values = values.astype("str")
        leads[name] = values
    return replace(history, leads=leads, outcome=outcome, attributes=tuple(attributes)), names
