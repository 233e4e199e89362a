"""The figures of ../shared/data/README.md, on the same rows as a reference model that is rebuilt here.

A figure is met where ours is not below the reference model's by more than the paired 95 % interval.

How often these rows were looked at: about ten times each (Olist and BPI at these protocols: six) while training was
written. Meanwhile, for speed, the rate of trees went from .05 to .06, and both lists of settings shrank. One change
came from here: on bank's whole 80 % the inner folds, which contradict each other, had chosen a penalty so large that
nothing was left (area .500), and since then settings are judged after each fold was calibrated on itself
(`candidates.tune`). That the slope is held to at most 1 in it came from the simulated world "linear".
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from datasets import dataset, mapping
from leadlight.agreement.terms import parse
from leadlight.core.clock import DAY
from leadlight.core.source import read_history
from leadlight.features.encode import micros_of
from leadlight.training.bootstrap import Accounts, areas, interval
from leadlight.training.candidates import Lesson, fit, tune
from leadlight.training.features_at import FeaturesAt
from leadlight.training.labels import read_stages
from leadlight.training.moments import Moments, draw_flat, owners
from leadlight.training.run import train
from leadlight.training.splits import forward_folds

NOW = pd.Timestamp("2026-11-23", tz="UTC")


def history_of(name):
    return read_history(dataset(name), mapping=mapping(name), now=NOW)


def reference(kind, frame, converted, learn, test):
    """Fit an untuned scikit-learn model on raw columns; return its scores of the test rows."""
    words = [c for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])]
    numbers = [c for c in frame.columns if c not in words]
    frame = frame.assign(**{c: frame[c].astype(object).where(frame[c].notna(), "(missing)") for c in words})
    if kind == "logistic":
        columns = ColumnTransformer(
            [
                ("words", OneHotEncoder(handle_unknown="ignore"), words),
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ]
        )
        model = make_pipeline(columns, LogisticRegression(max_iter=3000))
    else:
        encode = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=5, max_categories=200
        )
        columns = ColumnTransformer([("words", encode, words), ("numbers", "passthrough", numbers)])
        native = [True] * len(words) + [False] * len(numbers)
        model = make_pipeline(columns, HistGradientBoostingClassifier(categorical_features=native, random_state=0))
    with threadpool_limits(1):  # on a busy machine OpenMP's threads wait for each other a hundred times over
        model.fit(frame[learn], converted[learn])
        return model.predict_proba(frame[test])[:, 1]


def compare(ours, theirs, converted, owner):
    """Return our area, theirs, and the paired interval of the difference."""
    accounts = Accounts.draw(owner, 0)
    mine, reference_area = (areas(scores, converted, accounts) for scores in (ours, theirs))
    return mine[0], reference_area[0], interval(mine - reference_area)


def flat_part(history, share):
    """Return moments of a flat export and the masks of its first part and the rest."""
    moments = draw_flat(history).moments
    cut = round(share * len(moments))
    return moments, moments.when < cut, moments.when >= cut


def candidate_scores(kind, history, moments, learn, test, *, gap, before=None):
    """Tune on forward folds of the learning rows, refit on all of them, score the test rows."""
    at = FeaturesAt.drawn_up(history, parse(""), moments, learn, before)
    taught = moments.take(learn)
    lesson = Lesson(at.catalog, at.matrix[learn], taught.converted, taught.lead)
    folds = forward_folds(taught, owners(history.leads)[1], gap, by_account=False)
    params, _, _ = tune(kind, lesson, folds)
    return fit(kind, lesson, params).raw(at.matrix[test])


def attributes(history):
    return history.leads[[a.name for a in history.attributes]]


def test_x_education_last_30_percent_by_lead_number():
    history = history_of("xeducation")
    run = train(history, parse(""))
    moments, learn, test = flat_part(history, 0.7)
    looked_at = run.looked_at.set_index("lead_id").loc[history.leads["lead_id"][test]]
    assert len(looked_at) == len(run.looked_at)
    theirs = reference("boosting", attributes(history), moments.converted, learn, test)
    chosen = run.report.choice.kind
    ours, reference_area, gain = compare(
        looked_at[chosen].to_numpy(), theirs, moments.converted[test], moments.owner[test]
    )
    assert reference_area == pytest.approx(0.888, abs=0.01)
    assert gain.high >= 0, f"{chosen} {ours:.3f} against {reference_area:.3f}"


def test_bank_without_duration_last_20_percent_logistic_refitted_on_the_whole_80_percent():
    history = history_of("bank_marketing")
    moments, learn, test = flat_part(history, 0.8)
    theirs = reference("logistic", attributes(history), moments.converted, learn, test)
    scores = candidate_scores("logistic", history, moments, learn, test, gap=0)
    ours, reference_area, gain = compare(scores, theirs, moments.converted[test], moments.owner[test])
    assert reference_area == pytest.approx(0.748, abs=0.006)
    assert gain.high >= 0, f"{ours:.3f} against {reference_area:.3f}"


def intake(history, days_after, goal="customer"):
    """Return one moment a lead, so many days after it came, labelled by conversion within 30 days of coming."""
    created = micros_of(history.leads["created_at"])
    at = created + round(days_after * DAY) + 1
    stages = read_stages(history, goal, int(history.ended_at.value // 1000) + 1)
    lead = np.arange(len(at))
    occurred, _ = stages.conversions.within(lead, at, 30 * DAY)
    open_then = np.zeros(len(at), bool)
    for row, start, end in zip(stages.at_risk.lead, stages.at_risk.start, stages.at_risk.end, strict=True):
        open_then[row] |= start < at[row] <= end
    nothing = np.zeros(len(at), bool)
    moments = Moments(lead, at, at, occurred <= created + 30 * DAY + 1, ~nothing, nothing, lead)
    return moments, open_then


def between(moments, first, last, days_after=0.0):
    came = pd.to_datetime(moments.as_of - round(days_after * DAY), unit="us", utc=True)
    return np.asarray((came >= pd.Timestamp(first, tz="UTC")) & (came < pd.Timestamp(last, tz="UTC")))


@pytest.mark.parametrize(
    ("learn_until", "published"), [("2018-04-01", 0.698), ("2018-03-02", 0.695)], ids=["no gap", "embargo"]
)
def test_olist_won_within_30_days(learn_until, published):
    history = history_of("olist_funnel")
    moments, _ = intake(history, 0.0)
    learn = between(moments, "2018-01-01", learn_until)
    test = between(moments, "2018-04-01", "2018-06-01")
    theirs = reference("logistic", attributes(history), moments.converted, learn, test)
    before = int(pd.Timestamp("2018-04-01", tz="UTC").value // 1000)
    scores = candidate_scores("logistic", history, moments, learn, test, gap=30 * DAY, before=before)
    ours, reference_area, gain = compare(scores, theirs, moments.converted[test], moments.owner[test])
    assert moments.converted[test].mean() == pytest.approx(0.090, abs=0.004)
    assert reference_area == pytest.approx(published, abs=0.02)
    assert gain.high >= 0, f"{ours:.3f} against {reference_area:.3f}"


def test_bpi_2012_activated_within_30_days_at_7_days():
    history = history_of("bpic2012_loan_leads")
    moments, open_then = intake(history, 7.0)
    learn = open_then & between(moments, "2011-10-01", "2011-12-01", 7.0)
    test = open_then & between(moments, "2012-01-01", "2012-02-13", 7.0)
    frame = what_had_happened(history, moments)
    theirs = reference("logistic", frame, moments.converted, learn, test)
    before = int(pd.Timestamp("2011-12-08", tz="UTC").value // 1000)
    scores = candidate_scores("logistic", history, moments, learn, test, gap=30 * DAY, before=before)
    ours, reference_area, gain = compare(scores, theirs, moments.converted[test], moments.owner[test])
    assert moments.converted[test].mean() == pytest.approx(0.350, abs=0.005)
    assert reference_area == pytest.approx(0.700, abs=0.03)
    assert gain.high >= 0, f"{ours:.3f} against {reference_area:.3f}"


def what_had_happened(history, moments):
    """Return amount, last stage, and how often each kind of work had been done by the moment."""
    at = pd.Series(moments.as_of, history.leads["lead_id"])
    done = history.activities[
        micros_of(history.activities["occurred_at"]) < at[history.activities["lead_id"]].to_numpy()
    ]
    counts = done.pivot_table(index="lead_id", columns="type", values="occurred_at", aggfunc="count")
    moved = history.stage_changes[
        micros_of(history.stage_changes["occurred_at"]) < at[history.stage_changes["lead_id"]].to_numpy()
    ]
    last = moved.sort_values("occurred_at", kind="stable").groupby("lead_id")["stage"].last()
    frame = counts.reindex(history.leads["lead_id"]).fillna(0.0).reset_index(drop=True)
    frame["stage"] = last.reindex(history.leads["lead_id"]).to_numpy()
    frame["amount"] = history.leads["amount_requested"]
    return frame


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_online_shoppers_by_five_groups(kind):
    """5-fold, PageValues left out; the reference's own folds were random as well, so the figure flatters."""
    history = history_of("online_shoppers")
    moments = draw_flat(history).moments
    part = np.random.default_rng(0).permutation(len(moments)) % 5
    ours, theirs = np.zeros(len(moments)), np.zeros(len(moments))
    for k in range(5):
        learn, test = part != k, part == k
        at = FeaturesAt.drawn_up(history, parse(""), moments, learn, None)
        lesson = Lesson(at.catalog, at.matrix[learn], moments.converted[learn], moments.lead[learn])
        ours[test] = fit(kind, lesson, {"strength": 8e-4, "trees": 90}).raw(at.matrix[test])
        theirs[test] = reference(
            "logistic" if kind == "logistic" else "boosting", attributes(history), moments.converted, learn, test
        )
    found = [
        np.mean([roc_auc_score(moments.converted[part == k], s[part == k]) for k in range(5)]) for s in (ours, theirs)
    ]
    block = part.astype(np.int64)
    accounts = Accounts.draw(moments.owner, 0)
    draws = [areas(s, moments.converted, accounts, block=block) for s in (ours, theirs)]
    assert found[1] == pytest.approx({"logistic": 0.743, "lightgbm": 0.783}[kind], abs=0.01)
    assert interval(draws[0] - draws[1]).high >= 0, found


def test_bank_says_that_its_rank_evidence_is_unstable_and_lists_the_folds():
    report = train(history_of("bank_marketing"), parse("")).report
    found = report.candidate("logistic").calibration
    assert found.unstable
    assert found.used == "intercept only"
    assert len(found.slope_by_block) == 3
    assert report.probability["status"] == "rank_only"  # the base rate moves from 6 % to 31 %
    assert report.choice.kind == "logistic"  # the simpler one; on this test part trees rank .008 better
    assert len(report.candidates) == 2
