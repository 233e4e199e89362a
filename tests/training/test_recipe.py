"""A recipe taught again gives what it gave, from what was known on that day alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companies import as_it_was, recipe, simulated, upside_down
from leadlight.core.artifact import save
from leadlight.core.clock import DAY
from leadlight.core.errors import UsageError
from leadlight.training.recipe import Recipe, last_day, taught_as_of
from leadlight.training.run import train

LOGISTIC = recipe("logistic")


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("company"), leads=700, world="linear")


def bytes_of(model, folder):
    """What the model's folder holds, but for what is only told of its making."""
    save(replace(model, facts={}, catalog=replace(model.catalog, left_out={})), folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.proof
def test_the_recipe_of_a_trained_model_gives_the_same_model_again(company, tmp_path):
    history, agreement = company
    trained = train(history, agreement, seed=3)
    assert trained.model is not None
    found = Recipe.of(trained.model, seed=3)
    again = taught_as_of(history, agreement, found, as_of=last_day(history))
    assert bytes_of(again, tmp_path / "again") == bytes_of(trained.model, tmp_path / "first")


def test_what_came_later_and_the_order_of_rows_teach_nothing(company, tmp_path):
    history, agreement = company
    day = last_day(history) - 200 * DAY
    everything = taught_as_of(history, agreement, LOGISTIC, as_of=day)
    changed = replace(history, stage_changes=history.stage_changes[history.stage_changes["recorded_at"] < at(day)])
    turned = upside_down(replace(changed, stage_changes=changed.stage_changes.reset_index(drop=True)))
    without = taught_as_of(turned, agreement, LOGISTIC, as_of=day)
    assert bytes_of(without, tmp_path / "one") == bytes_of(everything, tmp_path / "two")


def at(day):
    return pd.Timestamp(day, unit="us", tz="UTC")


def test_an_attribute_that_its_making_left_out_stays_out(company):
    history, agreement = company
    kept = replace(LOGISTIC, attributes=("source",))
    model = taught_as_of(history, agreement, kept, as_of=last_day(history))
    looked_at = {f.params["attribute"] for f in model.catalog.features if f.primitive.startswith("attribute_")}
    assert looked_at == {"source"}
    assert Recipe.of(model).attributes == ("source",)


def test_a_day_by_which_nothing_had_matured_is_refused(company):
    history, agreement = company
    first = int(pd.Timestamp(history.leads["created_at"].min()).value // 1000)
    with pytest.raises(UsageError, match="both outcomes"):
        taught_as_of(history, agreement, LOGISTIC, as_of=first + 30 * DAY)


def test_the_reference_are_the_leads_open_on_that_day(company):
    history, agreement = company
    day = last_day(history) - 150 * DAY
    then = taught_as_of(as_it_was(history, day), agreement, LOGISTIC, as_of=day)
    now = taught_as_of(history, agreement, LOGISTIC, as_of=day)
    assert len(then.reference) == len(now.reference)
    assert np.abs(then.reference - now.reference).mean() < 0.1  # only the masking of accounts is drawn otherwise
