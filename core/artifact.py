"""A trained model: data only, no code and no pickles.

A folder with ``model.json`` (everything that reads well), ``booster.txt`` (LightGBM's own text, where the model has
trees), ``reference.npy`` and ``calibration.npy``. The same folder is an MLflow pyfunc: `_load_pyfunc` is what
MLflow calls, so that ``mlflow.pyfunc.load_model`` and ``mlflow models serve`` work wherever this package is
installed. Its bytes carry no time and no path.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Catalog, Feature
from leadlight.core.contributions import Additive, Boosted
from leadlight.core.errors import ModelContractError
from leadlight.core.stability import Spread

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "CONFIDENCE_WIDTHS",
    "FORMAT",
    "Calibration",
    "Cell",
    "Confidence",
    "Evidence",
    "Kind",
    "ProbabilityStatus",
    "Scored",
    "ScoredOne",
    "TrainedModel",
    "decode",
    "encode_frame",
    "encode_values",
    "load",
    "save",
]

FORMAT: Final = 2
"""Version of the folder's layout; another one is refused by name."""

CONFIDENCE_WIDTHS: Final = (0.35, 0.8)
"""Width of the 95 % interval of the calibrated log-odds: up to the first "high", up to the second "medium"."""

MIN_LEADS: Final = 30
MIN_EITHER: Final = 5
"""Under so many leads, or conversions, or leads that did not convert, there are too few to say."""

_NORMAL_95: Final = 1.959964
"""Half the width of a 95 % interval in standard deviations."""

Kind = Literal["scorecard", "logistic", "lightgbm"]
ProbabilityStatus = Literal["calibrated", "rank_only", "points_only"]
Confidence = Literal["high", "medium", "low"]


@dataclass(frozen=True)
class Calibration:
    """An affine map of the raw log-odds, which scales the reasons along.

    Attributes
    ----------
    intercept, slope : float
        ``log_odds = intercept + slope * raw``; slope >= 0.
    draws : array of shape (n_draws, 2)
        The same pair in bootstrap samples of accounts, for intervals.
    """

    intercept: float
    slope: float
    draws: NDArray[np.float64] = field(repr=False)

    def interval(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the 95 % interval of the calibrated log-odds, shape (n, 2).

        The draws are sums over many accounts, so their own mean and spread say what their quantiles would, at the
        cost of a sum per moment instead of a sort of all draws.
        """
        if len(self.draws) == 0:
            return np.full((len(raw), 2), np.nan)
        mean_a, mean_b, var_a, var_b, cov = self._spread
        middle = mean_a + mean_b * raw
        half = _NORMAL_95 * np.sqrt(np.maximum(var_a + raw * (2.0 * cov + raw * var_b), 0.0))
        return np.stack([middle - half, middle + half], axis=1)

    def width(self, raw: float) -> float:
        """Return how wide `interval` is for one moment, to the same bits."""
        if len(self.draws) == 0:
            return math.nan
        mean_a, mean_b, var_a, var_b, cov = self._spread
        middle = mean_a + mean_b * raw
        half = _NORMAL_95 * math.sqrt(max(var_a + raw * (2.0 * cov + raw * var_b), 0.0))
        return (middle + half) - (middle - half)

    @cached_property
    def _spread(self) -> tuple[float, float, float, float, float]:
        """Means of intercept and slope over the draws; their variances and covariance."""
        mean = self.draws.mean(axis=0)
        gap = self.draws - mean
        both = gap.T @ gap / len(gap)
        return float(mean[0]), float(mean[1]), float(both[0, 0]), float(both[1, 1]), float(both[0, 1])


@dataclass(frozen=True, slots=True)
class Cell:
    """Distinct past leads in one cell of a topic's partition, and how many of them converted."""

    leads: int
    conversions: int

    @property
    def enough(self) -> bool:
        """Whether there are enough of them, and of either outcome, to say anything."""
        return self.leads >= MIN_LEADS and min(self.conversions, self.leads - self.conversions) >= MIN_EITHER

    @property
    def rate(self) -> float:
        """Share that converted; there are some."""
        return self.conversions / self.leads

    def speaks_against(self, impact: float, baseline: Cell) -> bool:
        """Whether their share lies on the other side of all leads' than the impact of zero; False where too few."""
        return self.enough and baseline.leads > 0 and (self.rate - baseline.rate) * impact < 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What became of past leads, by the value of one feature.

    Attributes
    ----------
    feature : str
        The column that partitions them.
    edges : tuple of float
        For a number: cell ``i`` holds values v with ``edges[i-1] <= v < edges[i]``. Empty for a category, whose
        cells are its level codes.
    cells : tuple of Cell
        For a number ``len(edges) + 1`` cells; for a category one a level code.
    missing : Cell
        Leads without a value (numbers only).
    """

    feature: str
    edges: tuple[float, ...]
    cells: tuple[Cell, ...]
    missing: Cell = Cell(0, 0)

    def cell_number(self, value: float) -> int | None:
        """Return which cell a value falls in; None for a missing number."""
        if np.isnan(value):
            return None
        by_edges = self.edges or len(self.cells) == 1  # a category has two cells at least: not known and other
        return int(np.searchsorted(self.edges, value, side="right")) if by_edges else int(value)

    def cell(self, value: float) -> Cell:
        """Return the cell that a value falls in; an empty one for a level never seen."""
        number = self.cell_number(value)
        if number is None:
            return self.missing
        return self.cells[number] if number < len(self.cells) else Cell(0, 0)


@dataclass(frozen=True)
class Scored:
    """The answer for n moments; every array has n rows.

    Attributes
    ----------
    score : array of shape (n,), dtype int64
        Percentile among the reference population, 0 to 100.
    probability : array of shape (n,)
        Sigmoid of the log-odds; whether it may be shown is the model's `probability_status`.
    log_odds, base_log_odds : array of shape (n,), float
        ``base_log_odds + contributions.sum(axis=1) == log_odds``.
    contributions : array of shape (n, n_features)
        Calibrated log-odds by catalog column.
    interval : array of shape (n, 2)
        95 % interval of the log-odds from calibration.
    """

    score: NDArray[np.int64]
    probability: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    base_log_odds: float
    contributions: NDArray[np.float64]
    interval: NDArray[np.float64]

    def each(self) -> list[ScoredOne]:
        """Return the moments one by one."""
        columns = self.score.tolist(), self.probability.tolist(), self.log_odds.tolist(), self.interval.tolist()
        return [
            ScoredOne(score, probability, log_odds, self.base_log_odds, _confidence(high - low))
            for score, probability, log_odds, (low, high) in zip(*columns, strict=True)
        ]


class ScoredOne(NamedTuple):
    """The answer for one moment; the fields are those of `Scored`."""

    score: int
    probability: float
    log_odds: float
    base_log_odds: float
    confidence: Confidence


def _confidence(width: float) -> Confidence:
    """Say how sure the calibrated chance is, by the width of its interval."""
    if width != width or width > CONFIDENCE_WIDTHS[1]:
        return "low"
    return "high" if width <= CONFIDENCE_WIDTHS[0] else "medium"


@dataclass(frozen=True)
class TrainedModel:
    """All that a score needs: catalog, ranker, calibration, reference population, evidence.

    Attributes
    ----------
    kind : {"scorecard", "logistic", "lightgbm"}
    catalog : Catalog
    ranker : Additive or Boosted
    calibration : Calibration
    reference : array of shape (n_reference,)
        Log-odds of the open leads at the model's as-of, sorted; frozen, so that a score means the same all along.
    evidence : mapping of topic to Evidence
    baseline : Cell
        All distinct past leads behind the evidence.
    horizon_days : float or None
        None for a flat export.
    probability_status : {"calibrated", "rank_only", "points_only"}
    points : mapping of column to float
        The hand-picked points of the catalog's card columns.
    agreement : mapping
        ``{"version": ..., "grades": {...}, "leads_per_week": ..., "defaults": [...]}``, as it was signed when training.
    hot_score, warm_score : int
        Lowest score of the bands "hot" and "warm" among the reference population.
    facts : mapping
        What reports say of the training: counts, cut-offs, fingerprints, verdict. No time of day, no path.
    spreads : tuple of Spread
        How those open leads spread over the inputs that move scores most; empty in models of earlier releases.
    """

    kind: Kind
    catalog: Catalog
    ranker: Additive | Boosted
    calibration: Calibration
    reference: NDArray[np.float64] = field(repr=False)
    evidence: Mapping[str, Evidence] = field(repr=False)
    baseline: Cell
    horizon_days: float | None
    probability_status: ProbabilityStatus
    points: Mapping[str, float]
    agreement: Mapping[str, Any]
    hot_score: int
    warm_score: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    spreads: tuple[Spread, ...] = ()

    def score(self, matrix: NDArray[np.float64]) -> Scored:
        """Score moments.

        Parameters
        ----------
        matrix : array of shape (n_moments, n_features)
            Catalog columns.
        """
        base, shares, raw = self.ranker.contributions(matrix)
        slope, intercept = self.calibration.slope, self.calibration.intercept
        log_odds = intercept + slope * raw
        return Scored(
            score=self.percentile(log_odds),
            probability=np.exp(-np.logaddexp(0.0, -log_odds)),  # the sigmoid, without overflow
            log_odds=log_odds,
            base_log_odds=intercept + slope * base,
            contributions=slope * shares,
            interval=self.calibration.interval(raw),
        )

    def score_each(self, matrix: NDArray[np.float64]) -> tuple[list[ScoredOne], NDArray[np.float64]]:
        """Score moments; return them one by one, and the contributions, shape (n_moments, n_features).

        The same bits as `score`; one moment alone does not pay the price of arrays of one.
        """
        if len(matrix) == 1:
            return self._score_one(matrix)
        scored = self.score(matrix)
        return scored.each(), scored.contributions

    def _score_one(self, matrix: NDArray[np.float64]) -> tuple[list[ScoredOne], NDArray[np.float64]]:
        base, shares, raws = self.ranker.contributions(matrix)
        slope, intercept = self.calibration.slope, self.calibration.intercept
        raw = float(raws[0])
        log_odds = intercept + slope * raw
        # numpy's own functions for the sigmoid: those of math may differ in the last bit
        probability = float(np.exp(-np.logaddexp(0.0, -log_odds)))
        confidence = _confidence(self.calibration.width(raw))
        score = self._percentile_of_one(log_odds)
        return [ScoredOne(score, probability, log_odds, intercept + slope * base, confidence)], slope * shares

    def percentile(self, log_odds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each value's percentile among the reference, mid-rank for ties, rounded to a whole number.

        Values are compared to nine decimals, so that a last bit never moves a lead past its equals.
        """
        seen = np.round(log_odds, 9)
        below = np.searchsorted(self._rounded_reference, seen, side="left")
        upto = np.searchsorted(self._rounded_reference, seen, side="right")
        share = (below + upto) / (2.0 * max(len(self.reference), 1))
        return np.floor(100.0 * share + 0.5).astype(np.int64)

    def _percentile_of_one(self, log_odds: float) -> int:
        seen = round(log_odds * 1e9) / 1e9 if math.isfinite(log_odds) else log_odds  # as np.round does
        reference = self._sorted_reference
        share = (bisect_left(reference, seen) + bisect_right(reference, seen)) / (2.0 * max(len(reference), 1))
        return math.floor(100.0 * share + 0.5)

    @cached_property
    def _sorted_reference(self) -> list[float]:
        reference: list[float] = self._rounded_reference.tolist()
        return reference

    @cached_property
    def _rounded_reference(self) -> NDArray[np.float64]:
        return np.round(self.reference, 9)

    def band(self, score: int) -> Literal["hot", "warm", "cold"]:
        """Return the band of a score."""
        return "hot" if score >= self.hot_score else "warm" if score >= self.warm_score else "cold"

    def grade(self, score: int) -> str:
        """Return the agreement's grade of a score: A, B, C or D."""
        return next((grade for grade in "ABC" if score >= self.agreement["grades"][grade]), "D")

    def scorecard_points(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the hand-picked points, shape (n,); zeros where the agreement has none."""
        total = np.zeros(len(matrix))
        for column, points in self._card:  # in their order, so that one row alone gets the same bits
            total += matrix[:, column] * points
        return total

    def scorecard_points_of_one(self, values: Sequence[float]) -> float:
        """Return the hand-picked points of one row of catalog columns."""
        return sum((values[column] * points for column, points in self._card), 0.0)

    @cached_property
    def _card(self) -> tuple[tuple[int, float], ...]:
        return tuple((self.catalog.position[name], float(points)) for name, points in self.points.items())


def encode_values(catalog: Catalog, values: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return one matrix row from values by column name: the reverse of `decode`."""
    return np.array([_code(feature, values.get(feature.name)) for feature in catalog.features])


def _code(feature: Feature, value: Any) -> float:
    if feature.kind == "number":
        return np.nan if value is None else float(value)
    if value is None or value != value:
        return CODE_NOT_KNOWN
    name = str(value)
    return 2 + feature.levels.index(name) if name in feature.levels else CODE_OTHER


def decode(catalog: Catalog, row: NDArray[np.float64]) -> dict[str, float | str | None]:
    """Return one matrix row as values by column name, fit for JSON; missing is None."""
    found = row.tolist()
    values: dict[str, float | str | None] = dict(
        zip(catalog.columns, [None if x != x else x for x in found], strict=True)
    )
    for column, feature in catalog.categories:
        code = found[column]
        values[feature.name] = None if code == CODE_NOT_KNOWN else feature.level_name(code)
    return values


def encode_frame(catalog: Catalog, frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return the model's matrix from a frame of catalog columns; categories are words there.

    Raises
    ------
    ModelContractError
        Naming every column that is missing.
    """
    absent = [column for column in catalog.columns if column not in frame.columns]
    if absent:
        raise ModelContractError(
            f"The input lacks {len(absent)} of the model's columns: {', '.join(absent[:10])}"
            f"{' ...' if len(absent) > 10 else ''}. Send one row a moment with all catalog columns.",
            missing=absent,
        )
    matrix = np.empty((len(frame), len(catalog.features)))
    for i, feature in enumerate(catalog.features):
        column = frame[feature.name]
        if feature.kind == "number":
            matrix[:, i] = column.astype("float64").to_numpy()
        else:
            codes = {level: 2 + code for code, level in enumerate(feature.levels)}
            known = column.map(codes).fillna(CODE_OTHER)
            matrix[:, i] = known.where(column.notna(), CODE_NOT_KNOWN).astype("float64").to_numpy()
    return matrix


def save(model: TrainedModel, folder: Path) -> None:
    """Write the model's folder; the same model gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    trees = isinstance(model.ranker, Boosted)
    data = {
        "format": FORMAT,
        "kind": model.kind,
        "catalog": model.catalog.to_dict(),
        "ranker": _ranker_data(model.ranker),
        "trees": trees,
        "calibration": {"intercept": model.calibration.intercept, "slope": model.calibration.slope},
        "evidence": {topic: asdict(evidence) for topic, evidence in model.evidence.items()},
        "baseline": asdict(model.baseline),
        "horizon_days": model.horizon_days,
        "probability_status": model.probability_status,
        "points": dict(model.points),
        "agreement": dict(model.agreement),
        "hot_score": model.hot_score,
        "warm_score": model.warm_score,
        "facts": dict(model.facts),
        "spreads": [asdict(spread) for spread in model.spreads],
    }
    text = json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")
    np.save(folder / "reference.npy", model.reference, allow_pickle=False)
    np.save(folder / "calibration.npy", model.calibration.draws, allow_pickle=False)
    if isinstance(model.ranker, Boosted):
        (folder / "booster.txt").write_text(model.ranker.text, encoding="utf-8")


def load(folder: Path) -> TrainedModel:
    """Read a model's folder.

    Raises
    ------
    ModelContractError
        If the folder is not whole or has another format. Whether its primitives can be computed is checked by
        `leadlight.features.build.check_primitives`.
    """
    try:
        data = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        reference = np.load(folder / "reference.npy", allow_pickle=False)
        draws = np.load(folder / "calibration.npy", allow_pickle=False)
        text = (folder / "booster.txt").read_text(encoding="utf-8") if data.get("trees") else ""
    except (OSError, ValueError) as error:
        raise ModelContractError(f"The model in {folder.name} is not whole: {error}. Promote it again.") from None
    if data["format"] != FORMAT:
        raise ModelContractError(
            f"The model has format {data['format']}, this release reads format {FORMAT}. "
            "Retrain with this release, or serve the release that trained it."
        )
    ranker = _boosted(text, data["ranker"]) if data["trees"] else Additive.from_dict(data["ranker"])
    return TrainedModel(
        kind=data["kind"],
        catalog=Catalog.from_dict(data["catalog"]),
        ranker=ranker,
        calibration=Calibration(**data["calibration"], draws=draws),
        reference=reference,
        evidence={topic: _evidence(found) for topic, found in data["evidence"].items()},
        baseline=Cell(**data["baseline"]),
        horizon_days=data["horizon_days"],
        probability_status=data["probability_status"],
        points=data["points"],
        agreement=data["agreement"],
        hot_score=data["hot_score"],
        warm_score=data["warm_score"],
        facts=data["facts"],
        spreads=tuple(Spread(s["feature"], tuple(s["edges"]), tuple(s["leads"])) for s in data.get("spreads", ())),
    )


def _ranker_data(ranker: Additive | Boosted) -> dict[str, Any]:
    if isinstance(ranker, Additive):
        return ranker.to_dict()
    offset = None if ranker.offset is None else ranker.offset.to_dict()
    return {"inputs": list(ranker.inputs), "offset": offset}


def _boosted(text: str, data: Mapping[str, Any]) -> Boosted:
    offset = None if data["offset"] is None else Additive.from_dict(data["offset"])
    return Boosted(text, tuple(data["inputs"]), offset)


def _evidence(data: Mapping[str, Any]) -> Evidence:
    cells = tuple(Cell(**cell) for cell in data["cells"])
    return Evidence(data["feature"], tuple(data["edges"]), cells, Cell(**data["missing"]))


class PyfuncModel:
    """The model as MLflow's generic Python function: one row a moment of catalog columns in.

    Out comes one row a moment: ``score``, ``probability`` (missing unless it may be shown), ``log_odds``,
    ``base_log_odds`` and ``contribution.<column>``.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - MLflow passes it
        """Score the rows; MLflow's calling convention."""
        import pandas as pd

        scored = self.model.score(encode_frame(self.model.catalog, model_input))
        shown = self.model.probability_status == "calibrated"
        head = {
            "score": scored.score.astype(float),  # MLflow warns of whole numbers: they can't be missing
            "probability": scored.probability if shown else np.full(len(scored.score), np.nan),
            "log_odds": scored.log_odds,
            "base_log_odds": np.full(len(scored.score), scored.base_log_odds),
        }
        shares = {f"contribution.{c}": scored.contributions[:, i] for i, c in enumerate(self.model.catalog.columns)}
        return pd.DataFrame(head | shares, index=model_input.index)


def _load_pyfunc(path: str) -> PyfuncModel:
    """Load for MLflow, which finds this function by its name."""
    return PyfuncModel(load(Path(path)))
