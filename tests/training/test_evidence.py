import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.catalog import Catalog, Feature, Topic, Vocabulary
from leadlight.training.evidence import fifths, gather, roundest
from leadlight.training.moments import Moments, scrambled

FEATURES = (
    Feature("source", "attribute_category", 1, {}, "category", "fit", "source", "source", levels=("web", "fair")),
    Feature("demo.days_since", "activity_days_since", 1, {}, "number", "interest", "demo", "demo"),
    Feature("visits", "activity_count", 1, {}, "number", "interest", "visits", "visits"),
)
CATALOG = Catalog(
    FEATURES,
    {f.topic: Topic(f.topic, f.component, {}, (), f.name) for f in FEATURES},
    Vocabulary(),
    True,
    "sql",
)


def world(seed, n_leads=300, moments_each=6):
    rng = np.random.default_rng(seed)
    lead = np.repeat(np.arange(n_leads), moments_each)
    n = len(lead)
    source = rng.integers(0, 4, n).astype(float)
    days = np.where(rng.random(n) < 0.4, np.nan, rng.exponential(40, n))
    visits = rng.poisson(2, n).astype(float)
    when = np.tile(np.arange(moments_each), n_leads) * 604_800_000_000
    nothing = np.zeros(n, bool)
    moments = Moments(lead, when, when, rng.random(n) < 0.3, ~nothing, nothing, lead)
    return np.column_stack([source, days, visits]), moments


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_cells_count_distinct_leads_once_as_pandas_does(seed):
    matrix, moments = world(seed)
    evidence, baseline = gather(CATALOG, matrix, moments)
    table = pd.DataFrame(matrix, columns=CATALOG.columns)
    table["lead"], table["converted"] = moments.lead, moments.converted
    table["order"] = scrambled(moments.lead, moments.as_of)
    table = table.sort_values("order")
    assert baseline.leads == 300
    assert baseline.conversions == table.drop_duplicates("lead")["converted"].sum()
    for topic, found in evidence.items():
        column = CATALOG.topics[topic].evidence
        table["cell"] = [found.cell_number(v) for v in table[column]]
        for number, cell in [*enumerate(found.cells), (None, found.missing)]:
            here = table["cell"].isna() if number is None else table["cell"] == number
            once = table[here].drop_duplicates("lead")
            assert (cell.leads, cell.conversions) == (len(once), once["converted"].sum())


def test_waiting_times_are_cut_where_people_would_cut_them():
    matrix, moments = world(0)
    evidence, _ = gather(CATALOG, matrix, moments)
    assert set(evidence["demo"].edges) <= {1, 3, 7, 14, 30, 60, 90, 180, 365, 730}
    assert len(evidence["demo"].edges) > 3


def test_zero_stands_alone_where_it_is_frequent():
    matrix, moments = world(0)
    evidence, _ = gather(CATALOG, matrix, moments)
    assert evidence["visits"].edges[0] == 1.0
    assert evidence["visits"].cell_number(0.0) == 0


def test_a_column_that_is_never_known_has_only_its_missing_cell():
    matrix, moments = world(0)
    matrix[:, 1] = np.nan
    evidence, _ = gather(CATALOG, matrix, moments)
    assert evidence["demo"].edges == ()
    assert evidence["demo"].missing.leads == 300


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_rounder_number_never_leaves_its_bounds(near, below, above):
    assert near - below <= roundest(near - below, near, near + above) <= near + above


def test_sizes_are_cut_at_round_numbers_near_the_fifths():
    size = np.round(np.exp(np.random.default_rng(0).normal(5, 1.4, 5000)))
    assert fifths(size) == (50.0, 100.0, 200.0, 500.0)  # the fifths themselves are 45, 104, 211 and 484
    shares = np.diff(np.r_[0, [(size < edge).mean() for edge in fifths(size)], 1])
    assert shares.min() > 0.1
    assert fifths(1e6 + size) != ()


def test_every_cell_of_numbers_holds_thirty_leads_however_many_their_moments():
    rng = np.random.default_rng(1)
    lead = np.repeat(np.arange(70), 40)  # a moment count of 2,800 hides that there are 70 leads
    days = np.repeat(rng.permutation(np.linspace(0, 360, 70)), 40)
    nothing = np.zeros(2800, bool)
    moments = Moments(lead, lead, lead, nothing, ~nothing, nothing, lead)
    evidence, _ = gather(CATALOG, np.column_stack([nothing, days, nothing]).astype(float), moments)
    assert len(evidence["demo"].edges) == 1
    assert min(cell.leads for cell in evidence["demo"].cells) >= 30
